"""Answers in the shapes that every reader expects, from the fakes: what damage is done to."""

import gzip
import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

import pandas as pd

from ingest import (
    airkorea_gateway,
    cnemc_wire,
    ecmwf,
    kma_village,
    kma_wire,
    open_meteo_history,
    open_meteo_wire,
    openaq_archive,
    openaq_wire,
    seoul,
)
from ingest.due import grid
from ingest.exchange.text import is_whole
from ingest.feeds import Ask, Due, RawAnswer
from ingest.open_meteo_points import FORECAST_POINTS
from ingest.published.formats import FORMATS, format_of
from ingest.published.mapped import read_mapped
from ingest.published.mapping import parse_mapping
from ingest.published.station_lists import HEADER, parse_list
from ingest.sources import readers
from ingest.wire import station_rows
from pipeline.errors import NotYetAvailable
from pipeline.times import parse_instant
from tests.fakes import openaq as fake_openaq
from tests.fakes.ecmwf import grib_message, step_file
from tests.fakes.exchange import as_csv, as_json
from tests.ingest.fault_cases import CASES, NOW, openaq_fake
from tests.ingest.published_samples import TEXTS
from tests.ingest.test_exchange_files import HEAD, OBSERVED, bulletin_of_the_day

URL = "http://127.0.0.1"
PAGE = Path(__file__).parents[2] / "docs" / "import-files.md"
MAPPINGS = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)
MONTH = datetime(2025, 2, 1, tzinfo=UTC)
MOST_ASKS = 2
CNEMC_COPIES = (
    b'{"type": "FeatureCollection", "features": [{"properties": {"stationcode": "1001A", "timepoint": '
    b'"2018-01-04T08:00:00Z", "pm2_5": "54", "pm10": "-;"}, "geometry": {"coordinates": [116.3, 39.8]}}]}',
    "StationCode,PositionName,Area,TimePoint,PM2_5,PM10,CO\n1001A,万寿西宫,北京市,2022-01-04T08:00:00,54,80,0.5\n"
    "1003A,天坛,北京市,2022-01-04T08:00:00,—,/,NA\n".encode(),
)
STATION = {"station": "1001A", "name": "万寿西宫", "latitude": 39.87, "longitude": 116.36}


class Direct:
    """Stands where the session stands: hands requests to a fake, or gives the same bytes to all of them."""

    def __init__(self, fake=None, payload=b""):
        self.fake, self.payload = fake, payload

    def ask(self, service, request):
        body = self.payload if self.fake is None else self._answer(service, request)
        if request.check is not None:
            request.check(body)
        return body

    def stop(self, service, until, reason):
        """Nobody is asked again."""

    def _answer(self, service, request):
        parts = urlsplit(request.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(request.params)
        form = request.data if isinstance(request.data, dict) else {}
        headers = {name.lower(): value for name, value in request.headers.items()} | {"content-length": "0"}
        found = self.fake.answer(request.method, unquote(parts.path), query, form, headers)
        if found.status in request.absent:
            raise NotYetAvailable(service.source, "absent")
        return found.body


@cache
def recorded(source):
    """Return by feed what its fake answered: the asks and the answers."""
    case = CASES[source]
    fake, found, known = case.fake(lambda: NOW), {}, station_rows([])
    for feed in case.feeds(URL):
        answers = []
        since = NOW - max(timedelta(hours=3), feed.timing.step)
        hours = tuple(grid(feed.timing, since, NOW - feed.timing.delay))[-3:]
        for ask in feed.asks(Due(NOW, dict.fromkeys(feed.units(known), hours)))[:MOST_ASKS]:
            payload = feed.fetch(Direct(fake), ask)
            answer = RawAnswer(source, payload, ask.description, NOW, _asked(ask), feed.name)
            answers.append((ask, answer))
            known = (
                pd.concat([known, feed.parse(answer).stations]) if len(known) else feed.parse(answer).stations
            )
        found[feed.name] = answers
    return found


def _asked(ask):
    return {**ask.parameters, "operation": ask.operation}


@cache
def exchanged():
    """Return exchange files of each kind."""
    kinds = [
        bulletin_of_the_day(),
        HEAD | {"rows": bulletin_of_the_day()["rows"][:3]},
        HEAD | {"kind": "observations", "rows": [OBSERVED | {"value": value} for value in (54, None, -1)]},
        HEAD | {"kind": "stations", "rows": [STATION]},
    ]
    ask = Ask("file", "file a", {"name": "a", "sha256": "0"})
    made = [write(d) for d in kinds for write in (as_json, as_csv)]
    late = parse_instant("2026-01-16T00:00Z")
    return [(ask, RawAnswer("exchange", p, "file a", late, _asked(ask), "exchange.inbox")) for p in made]


def answers_of(feed):
    """Return asks and answers of a feed."""
    source = feed.split(".")[0]
    if source == "exchange":
        return exchanged()
    found = recorded(source)[feed]
    if feed == "cnemc.hourly":
        ask, answer = found[0]
        found = [
            *found,
            *((ask, RawAnswer(source, copy, "copy", NOW, answer.asked, feed)) for copy in CNEMC_COPIES),
        ]
    return found


def _of(*feeds):
    return lambda: [answer.payload for feed in feeds for _, answer in answers_of(feed)]


def _single_forecasts():
    """Return the answers of which KMA's forecast is put together."""
    [found] = _of("kma.village")()[:1]
    return [json.dumps(answer, ensure_ascii=False).encode() for answer in json.loads(found)]


def _archive_days():
    fake = fake_openaq.ArchiveFake(openaq_fake(lambda: NOW).published, lambda: NOW + timedelta(days=5))
    return [gzip.compress(text.encode(), mtime=0) for text in list(fake.files().values())[:3]]


def _archive_months():
    fake = fake_openaq.ArchiveFake(openaq_fake(lambda: NOW).published, lambda: NOW + timedelta(days=5))
    prefix = openaq_archive.month_prefix(101, MONTH)
    return [fake.answer("GET", "/", {"list-type": "2", "prefix": prefix}, {}, {}).body]


def _history(single):
    fake = CASES["open_meteo"].fake(lambda: NOW)
    points = FORECAST_POINTS[:2]
    if single:
        return [open_meteo_history.get_single_run(Direct(fake), NOW.replace(hour=0, minute=0), URL, points)]
    return [open_meteo_history.get_previous_runs(Direct(fake), MONTH, MONTH + timedelta(days=1), URL, points)]


def workbook(rows):
    """Return an .xlsx file of texts, the least that can be one."""
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{escape(c)}</t></is></c>' for c in row) + "</row>"
        for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packed = "http://schemas.openxmlformats.org/package/2006"
    sheet_type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{packed}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet_type}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheet_type}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packed}/relationships">'
        f'<Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}">'
        '<sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packed}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return out.getvalue()


def _airkorea_books():
    head = ["측정망", "측정소명", *(f"{hour}시" for hour in range(1, 25))]
    rows = [["도시대기", f"[서울 {name}]{name}", *(str(n) for n in range(24))] for name in ("강남구", "중구")]
    return [workbook([["초미세먼지(PM2.5) 시간별 측정정보"], head, *rows])]


def _grib():
    return [grib_message("2025021000", 6, param, 850) for param in ("u", "gh")]


MAPPED = (
    "date,hour,code,PM2.5,CO,flag\n20190101,1,부평,35,0.5,\n20190101,24,부평,36,-,0\n20190101,2,elsewhere,-999,1,9\n",
    "time,range,beta\n2019-03-05T01:00,500,2.5\n2019-03-05T01:00,1000,nan\n",
    "start,species,concentration\n2019-01-01 01:00,SO4,5\n2019-01-01 01:00,EC,-999\n2019-01-01 02:00,K,1\n",
)


def _mapped(number):
    mapping = parse_mapping(MAPPINGS[number], "docs")
    return lambda payload: read_mapped(payload, "a.csv", mapping)


def _published(name):
    read = next(f.read for f in FORMATS if f.name == name)
    file = {"airkorea-xls": "airkorea_20221202.xls"}.get(name, "a_20190303.csv")
    return lambda payload: read(payload, file)


def _text(name):
    return lambda: [next(text for read, text in TEXTS.values() if read is _read_of(name)).encode()]


def _samples():
    return [text.encode() for _, text in TEXTS.values()]


def _read_of(name):
    return next(f.read for f in FORMATS if f.name == name)


FEEDS = tuple(name for name in readers() if name != "exchange.sftp")
"""Every feed; of a mirror by SFTP only our own list of names is read."""
OTHERS = {
    "openaq_archive.parse_day": (openaq_archive.parse_day, _archive_days),
    "openaq_archive.parse_month": (lambda p: openaq_archive.parse_month(p, 101, MONTH), _archive_months),
    "open_meteo.previous_runs": (
        lambda p: open_meteo_history.parse_previous_runs(
            p, MONTH, MONTH + timedelta(days=1), FORECAST_POINTS[:2]
        ),
        lambda: _history(single=False),
    ),
    "open_meteo.single_run": (
        lambda p: open_meteo_history.parse_single_run(p, NOW.replace(hour=0, minute=0), FORECAST_POINTS[:2]),
        lambda: _history(single=True),
    ),
    "ecmwf.parse_index": (ecmwf.parse_index, lambda: [step_file("2025021000", 6)[0]]),
    "airkorea.check": (airkorea_gateway.check_answer, _of("airkorea.hourly", "airkorea.weekly")),
    "seoul.check": (seoul.check_answer, _of("seoul.hourly")),
    "kma.check": (kma_wire.check_answer, _of("kma.dust", "kma.village")),
    "kma.check_forecast": (kma_village.check_forecast, _single_forecasts),
    "openaq.check": (openaq_wire.check, _of("openaq.hourly", "openaq.locations")),
    "open_meteo.check": (open_meteo_wire.check_refusal, _of("open_meteo.weather")),
    "cnemc.check": (cnemc_wire.looks_alive, _of("cnemc.city")),
    "exchange.is_whole": (is_whole, _of("exchange.inbox")),
    "published.format": (lambda p: [format_of(n, p) for n in ("airkorea_20190303.xls", "a.csv")], _samples),
    **{
        f"published.{name}": (_published(name), _text(name))
        for name in ("quotsoft", "stateair", "uci-prsa", "seoul-tsv")
    },
    "published.airkorea-xls": (_published("airkorea-xls"), _airkorea_books),
    "published.station_list": (
        lambda p: parse_list(p, "a.csv"),
        lambda: [f"{HEADER}\n1001A,万寿西宫,北京,116.3621,39.8784\n1002A,定陵,北京,-,\n".encode()],
    ),
    **{f"published.mapped{n}": (_mapped(n), lambda n=n: [MAPPED[n].encode("cp949")]) for n in range(3)},
}
"""By name every other reader of foreign bytes, and undamaged ones."""
