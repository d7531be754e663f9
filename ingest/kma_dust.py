"""KMA's PM10 network (황사관측 부유분진): 27 stations with the islands upwind of Seoul, hourly since 2003-04.

Hourly statistics of 5-minute values, ``dst_pm10_hr.php``: ``2026.07.02.17:00  kma  102  14(12)  6  22`` is
label (KST), network, station, mean(number of values), least, greatest [ug m-3]. Unverified: that the label is
the end of the hour, that negative values stand for none, how soon an hour is published, and the columns of
the station list ``stn_pm10_inf.php`` (two public programs read them differently), which are therefore found
by what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ingest.feeds import Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.kma_wire import (
    CITY_OF_STATION,
    SOURCE,
    covered,
    get_answer,
    hours_of,
    label,
    number,
    parse_hour,
    query_of,
    read_table,
    rows_of,
    service,
    whole,
)
from ingest.wire import REMEDY, Parsed, Reading, nothing, station_rows
from pipeline.errors import BadPayload, NotYetAvailable
from pipeline.http import Http
from pipeline.times import from_ns

NETWORK: Final = "kma_dust"
HOURS: Final = "typ01/url/dst_pm10_hr.php"
STATIONS: Final = "typ01/url/stn_pm10_inf.php"
ORG: Final = "kma"
"""Answers may hold rows of other networks (``cma``: Chinese stations), which are not asked for."""
ENOUGH: Final = 9
"""A mean of fewer than three quarters of an hour's twelve 5-minute values is flagged as suspect."""
HOURLY: Final = Timing(
    delay=timedelta(minutes=15), keeps=timedelta(days=31), revisit=(timedelta(hours=3), timedelta(days=1))
)
"""One request gives one hour; the hub has them since 2003, but we ask back for no more than a month."""
DAILY: Final = Timing(delay=timedelta(0), keeps=timedelta(days=365), step=timedelta(days=1))

_ROW = re.compile(r"(\S+)\s+([a-z]+)\s+(\d{1,6})\s+(\S*?)\s*\(\s*(\d{1,4})\s*\)", re.ASCII | re.IGNORECASE)


class Mean(NamedTuple):
    """One hourly mean and whether enough values went into it."""

    reading: Reading
    complete: bool


def get_hour(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for the hourly statistics of all stations (``tm``, KST) and return the raw answer."""
    return get_answer(
        http, config, HOURS, {"org": f"'{ORG}'", "stn": "", "help": "0", **query_of(parameters)}
    )


def get_stations(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for the station list as of an instant (``tm``, KST) and return the raw answer."""
    return get_answer(http, config, STATIONS, {"inf": ORG, "stn": "", "help": "0", **parameters})


def parse_hours(payload: bytes, asked: Mapping[str, str], fetched_at: datetime) -> Parsed:
    r"""Read ``dst_pm10_hr.php``.

    Parameters
    ----------
    payload : the text as it came
    asked : parameters of the request; ``hours`` says which hours it was for
    fetched_at : when it came [UTC]

    Returns
    -------
    Parsed
        rows of ``pm10`` [ug m-3] of stations ``kma_dust:<number>``; means of fewer than nine 5-minute values
        are suspect

    Raises
    ------
    NotYetAvailable
        a table without the hour that was asked for, while it may still come
    SourceError
        refusals, or nothing that reads

    Examples
    --------
    >>> from pipeline.times import parse_instant
    >>> text = b"#START7777\n2026.07.02.17:00   kma    102     14(12)      6     22\n#7777END"
    >>> rows = parse_hours(text, {}, parse_instant("2026-07-02T08:20")).observations
    >>> rows[["station", "value", "qc"]].to_numpy().tolist()
    [['kma_dust:102', 14.0, 0]]
    """
    table = read_table(payload, _mean)
    means = [mean for mean in table.rows if mean.reading.station]
    rows = rows_of([m.reading for m in means], frozenset(m.reading for m in means if not m.complete))
    present = {from_ns(m.reading.time) for m in means}
    done = covered(asked, table, present, fetched_at)
    if not means and not done:
        raise NotYetAvailable(SOURCE, "no PM10 of this hour so far", remedy="it is asked again later")
    return Parsed(rows, nothing().stations, covered=done, left_out=table.left_out)


def _mean(line: str) -> Mean:
    """Read one line; one of another network has a reading without station."""
    match = _ROW.match(line.replace(",", " "))
    if match is None:
        raise BadPayload(SOURCE, f"{line[:60]!r} is no hourly mean", field="AVG", remedy=REMEDY)
    when, org, station, mean, count = match.groups()
    ours = org.lower() == ORG
    value = number(mean, "AVG", -0.5) if int(count) else float("nan")
    name = f"{NETWORK}:{int(station)}" if ours else ""
    return Mean(Reading(name, "pm10", parse_hour(when), value), int(count) >= ENOUGH)


def parse_stations(payload: bytes) -> Parsed:
    """Read ``stn_pm10_inf.php``: numbers, names and coordinates; the row that is valid longest wins.

    Longitude and latitude are the first two neighbouring numbers that lie in East Asia, the height follows.
    """
    table = read_table(payload, _station)
    listed = station_rows([row for _, row in sorted(table.rows, key=lambda row: row[0])])
    done = None if table.whole else ()
    return Parsed(nothing().observations, listed, covered=done, left_out=table.left_out)


def _station(line: str) -> tuple[str, dict[str, object]]:
    """Return until when a line holds, and its station."""
    parts = line.replace(",", " ").replace("=", " ").split()
    where = next((i for i in range(1, len(parts) - 1) if _in_east_asia(parts[i], parts[i + 1])), None)
    if where is None or not re.fullmatch(r"\d{1,6}", parts[0], re.ASCII):
        raise BadPayload(SOURCE, f"{line[:60]!r} is no station", field="LON", remedy=REMEDY)
    station = str(int(parts[0]))
    altitude = parts[where + 2] if len(parts) > where + 2 else "-"
    row: dict[str, object] = {
        "station": f"{NETWORK}:{station}",
        "name": next((p for p in parts[1:] if re.search("[가-힣]", p)), station),
        "latitude": float(parts[where + 1]),
        "longitude": float(parts[where]),
        "altitude": _number_or_nan(altitude),
        "city": CITY_OF_STATION.get(station, ""),
        "interval_hours": 1,
        "note": "KMA PM10 (beta rays), hourly means of 5-minute values, no PM2.5",
    }
    return max((p for p in parts if re.fullmatch(r"\d{12}", p, re.ASCII)), default=""), row


def _in_east_asia(longitude: str, latitude: str) -> bool:
    east, north = _number_or_nan(longitude), _number_or_nan(latitude)
    return 70 < east < 150 and 15 < north < 60


def _number_or_nan(text: str) -> float:
    """Return a plain decimal number of a list, NaN for anything else.

    >>> _number_or_nan("126.97"), _number_or_nan("20261231")
    (126.97, 20261231.0)
    """
    return float(text) if re.fullmatch(r"-?\d{1,8}(\.\d+)?", text, re.ASCII) else float("nan")


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the hourly means and the station list."""
    hub = service(config)

    def hours(due: Due) -> list[Ask]:
        return [
            Ask(HOURS, f"PM10 at {label(when)} KST", {"tm": label(when), **hours_of((when,))}, fills)
            for when in due.instants
            if (fills := tuple((unit, when) for unit, instants in due.hours.items() if when in instants))
        ]

    def stations(due: Due) -> list[Ask]:
        return [Ask(STATIONS, "stations of the PM10 network", {"tm": label(due.now)}, whole(due))]

    def read_hours(answer: RawAnswer) -> Parsed:
        return parse_hours(answer.payload, answer.asked, answer.fetched_at)

    def read_stations(answer: RawAnswer) -> Parsed:
        return parse_stations(answer.payload)

    return [
        Feed(
            "kma.dust_stations",
            SOURCE,
            DAILY,
            hub,
            stations,
            lambda http, ask: get_stations(http, config, ask.parameters),
            read_stations,
            (NETWORK,),
        ),
        Feed(
            "kma.dust",
            SOURCE,
            HOURLY,
            hub,
            hours,
            lambda http, ask: get_hour(http, config, ask.parameters),
            read_hours,
            (NETWORK,),
        ),
    ]
