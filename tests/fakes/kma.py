"""A fake of the KMA API hub: text tables in EUC-KR with comments, JSON where it refuses or forecasts."""

import json
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import numpy as np
import pandas as pd

from ingest.simulated.published import Published
from pipeline.times import from_ns, to_ns
from tests.fakes.server import FakeAnswer

KST = timezone(timedelta(hours=9))
LINE = "#" + "-" * 99
ASOS_HEADER = (
    "# YYMMDDHHMI STN  WD   WS GST  GST  GST     PA     PS PT    PR    TA    TD    HM    PV     RN     RN"
    "     RN     RN     SD     SD     SD WC WP WW                      CA  CA   CH CT        CT  CT  CT"
    "    VS   SS    SI ST    TS    TE    TE    TE    TE  ST   WH BF IR IX"
)
ZONES = (
    "L1000000 200507010000 210012310000 00000001 00000000 전국                                     전국",
    "L1010000 200507010000 210012310000 00000002 L1000000 서울                서울특별시",
    "L1010100 200507010000 202605311329 00000013 L1010000 서울                서울특별시",
    "L1010100 202605311330 210012310000 00000013 L1010000 서울동남권                서울동남권",
)


class DustCommand(NamedTuple):
    """One command about a warning zone; times are instants."""

    issued_at: datetime
    effective_at: datetime
    zone: str
    level: int
    command: int
    about: str = "Y"


def kst(when, pattern="%Y%m%d%H%M"):
    return when.astimezone(KST).strftime(pattern)


def refusal(status, message, http=None):
    body = json.dumps({"result": {"status": status, "message": message}}, ensure_ascii=False).encode()
    return FakeAnswer(http or status, "application/json;charset=UTF-8", body)


def table(rows, header=()):
    text = "\n".join(["#START7777", LINE, *header, *rows, "#7777END", ""])
    return FakeAnswer(200, "text/plain;charset=EUC-KR", text.encode("cp949"))


class KmaFake:
    """The hub at its clock's instant; a key must be ``key``, operations in ``closed`` were not granted."""

    source = "kma"

    def __init__(
        self,
        published: Published,
        clock: Callable[[], datetime],
        commands: Sequence[DustCommand] = (),
        key: str = "k" * 22,
        closed: Sequence[str] = (),
    ) -> None:
        self.published, self.clock, self.commands = published, clock, commands
        self.key, self.closed = key, closed

    def answer(self, method, path, query, form, headers):
        operation = path.rsplit("/", 1)[-1]
        if query.get("authKey") != self.key:
            return refusal(401, "유효한 인증키가 아닙니다.")
        if operation in self.closed:
            return refusal(403, "활용신청이 필요한 API 입니다. 활용신청 후 다시 시도해 주십시오.")
        routes = {
            "/typ01/url/dst_pm10_hr.php": self.dust,
            "/typ01/url/stn_pm10_inf.php": self.dust_stations,
            "/typ01/url/kma_sfctm3.php": self.asos,
            "/typ01/url/stn_inf.php": self.asos_stations,
            "/typ01/url/wrn_met_data.php": self.warnings,
            "/typ01/url/wrn_reg.php": lambda _: table(ZONES),
            "/typ02/openApi/VilageFcstInfoService_2.0/getVilageFcst": self.village,
        }
        if path not in routes or method != "GET":
            return FakeAnswer(404, "text/html", b"<html><body>404</body></html>")
        return routes[path](query)

    def rows(self, network, start, end):
        found = self.published.known(self.clock(), start, end)
        return found[found["station"].str.startswith(network + ":")]

    def stations(self, network):
        found = self.published.stations
        return found[found["station"].str.startswith(network + ":")]

    def dust(self, query):
        when = datetime.strptime(query["tm"], "%Y%m%d%H%M").replace(tzinfo=KST)
        if query.get("org", "'kma'") != "'kma'":
            return refusal(400, "잘못된 요청입니다.")
        lines = []
        for row in self.rows("kma_dust", when - timedelta(hours=1), when).itertuples():
            label = kst(from_ns(np.datetime64(row.time)), "%Y.%m.%d.%H:%M")
            missing = math.isnan(row.value)
            mean = "-999( 0)" if missing else f"{row.value:4.0f}(12)"
            lines.append(f"{label}   kma {row.station.split(':')[1]:>6} {mean:>10} {0:6} {0:6}")
        lines.append(f"{kst(when, '%Y.%m.%d.%H:%M')}   cma  52203     78( 1)     78     78")
        return table(lines, ["# TM                ORG    STN    AVG(CNT)    MIN    MAX"])

    def dust_stations(self, query):
        lines = [
            f"{s.station.split(':')[1]:>5} 210012310000 200304010000 {s.name_:　<12} Name_{i} 00000001 "
            f"{s.longitude:12.8f} {s.latitude:12.8f} {s.altitude:8.2f} 1100000000 11B10101"
            for i, s in enumerate(self.stations("kma_dust").rename(columns={"name": "name_"}).itertuples())
        ]
        return table(lines)

    def asos(self, query):
        first, last = (datetime.strptime(query[k], "%Y%m%d%H%M").replace(tzinfo=KST) for k in ("tm1", "tm2"))
        if last - first > timedelta(days=31):
            return refusal(400, "조회 기간은 최대 31일입니다.")
        found = self.rows("kma_asos", first - timedelta(hours=1), last)
        lines = [asos_line(*key, part) for key, part in found.groupby(["time", "station"])]
        return table(lines, ["#23456789", ASOS_HEADER])

    def asos_stations(self, query):
        lines = [
            f"{s.station.split(':')[1]:>5} {s.longitude:12.8f} {s.latitude:12.8f} 10100     {s.altitude:7.2f}"
            f"   86.50   1.50  10.00   0.60 109 {s.name_} Name_{i} 11B10101"
            for i, s in enumerate(self.stations("kma_asos").rename(columns={"name": "name_"}).itertuples())
        ]
        return table(lines)

    def warnings(self, query):
        first, last = (
            datetime.strptime(query[k], "%Y%m%d%H%M").replace(tzinfo=KST) for k in ("tmfc1", "tmfc2")
        )
        lines = [
            f"{kst(c.issued_at)}, {kst(c.effective_at)}, {kst(c.issued_at)}, 109, {c.zone},   {c.about},   "
            f"{c.level},   {c.command},  00,   4,   101, ="
            for c in self.commands
            if first <= c.issued_at <= min(last, self.clock()) and query.get("wrn", c.about) == c.about
        ]
        head = "#      TM_FC,        TM_EF,        TM_IN, STN,   REG_ID, WRN, LVL, CMD, GRD, CNT,   RPT, ="
        return table(lines, [head])

    def village(self, query):
        label = query["base_date"] + query["base_time"]
        issue = datetime.strptime(label, "%Y%m%d%H%M").replace(tzinfo=KST)
        if issue.hour % 3 != 2 or self.clock() < issue + timedelta(minutes=10):
            return self._village("03", [])
        items = []
        for lead in range(1, 49):
            valid = issue + timedelta(hours=lead)
            for category, value in village_values(issue, lead, int(query["nx"])).items():
                items.append(
                    {
                        "baseDate": query["base_date"],
                        "baseTime": query["base_time"],
                        "category": category,
                        "fcstDate": kst(valid, "%Y%m%d"),
                        "fcstTime": kst(valid, "%H%M"),
                        "fcstValue": value,
                        "nx": int(query["nx"]),
                        "ny": int(query["ny"]),
                    }
                )
        return self._village("00", items[: int(query["numOfRows"])], len(items))

    def _village(self, code, items, total=0):
        header = {"resultCode": code, "resultMsg": "NORMAL_SERVICE" if code == "00" else "NO_DATA"}
        body = {"dataType": "JSON", "items": {"item": items}, "pageNo": 1, "totalCount": total}
        answer = {"response": {"header": header} | ({"body": body} if items else {})}
        return FakeAnswer(
            200, "application/json;charset=UTF-8", json.dumps(answer, ensure_ascii=False).encode()
        )


def village_values(issue, lead, nx):
    """What the fake forecasts: temperature by hour of the day, wind by lead, rain at noon."""
    hour = (issue + timedelta(hours=lead)).hour
    return {
        "TMP": str(hour - 5),
        "UUU": f"{lead / 10:.1f}",
        "VVV": "-1.5",
        "VEC": "270",
        "REH": "60",
        "PCP": "30.0~50.0mm" if hour == 12 else "강수없음",
        "SNO": "적설없음",
        "TMX": "-999" if nx == 60 else "12.0",
    }


def asos_line(time, station, rows: pd.DataFrame) -> str:
    """One row of 46 columns."""
    have = dict(zip(rows["quantity"], rows["value"], strict=True))

    def show(quantity, scale=1.0, offset=0.0, missing=-9.0, digits=1):
        value = have.get(quantity, math.nan)
        return f"{missing:.{digits}f}" if math.isnan(value) else f"{(value - offset) / scale:.{digits}f}"

    label = kst(from_ns(to_ns(time) if isinstance(time, datetime) and time.tzinfo else np.datetime64(time)))
    left = [
        label,
        station.split(":")[1],
        show("wind_from_direction", 10, missing=-9, digits=0),
        show("wind_speed"),
        "-9",
        show("wind_speed_of_gust"),
        "-9",
        show("surface_air_pressure", 100),
        show("air_pressure_at_mean_sea_level", 100),
        "-9",
        "-9.0",
        show("air_temperature", offset=273.15, missing=-99.0),
        show("dew_point_temperature", offset=273.15, missing=-99.0),
        show("relative_humidity", 0.01),
        "8.7",
        show("precipitation_amount"),
    ]
    middle = ["-9.0"] * 6 + ["-9", "-9", "-"]
    clouds = [show("cloud_area_fraction", 0.1, missing=-9, digits=0), "9", "10", "Sc", "0", "0", "5"]
    right = [
        show("visibility_in_air", 10, missing=-9, digits=0),
        "0.0",
        show("surface_downwelling_shortwave_flux_in_air", 1e6 / 3600, digits=2),
        "-9",
        *["8.2"] * 5,
        "-9",
        "-9.0",
        "-9",
        "3",
        "2",
    ]
    return " ".join([*left, *middle, *clouds, *right])
