"""KMA's synoptic stations (ASOS, 종관기상관측): hourly surface weather of some 96 stations as a text table.

``kma_sfctm3.php`` gives up to 31 days between ``tm1`` and ``tm2`` (KST). A row has 46 columns apart by
blanks. Compared with our archive of station 108: the label is the instant of the reading (KST), wind
directions are in tens of degrees though the header says 16, ``VS`` is in tens of metres. Missing is -9 or
-9.0, for temperatures -99.0, because -9.0 degrees is a temperature. Rain ``RN`` covers one hour in summer and
three in winter, so it is stored as not evaluated. The station list is ``stn_inf.php?inf=SFC``. As seen in
public programs that use the hub; not tried with a key of ours: unverified.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

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
from pipeline.names import QC_NOT_EVALUATED, QC_PASS
from pipeline.times import from_ns

NETWORK: Final = "kma_asos"
HOURS: Final = "typ01/url/kma_sfctm3.php"
STATIONS: Final = "typ01/url/stn_inf.php"
COLUMNS: Final = 46
CHUNK: Final = timedelta(hours=23)
"""A request spans at most 24 hours of all stations."""
HOURLY: Final = Timing(
    delay=timedelta(minutes=10), keeps=timedelta(days=31), revisit=(timedelta(hours=3), timedelta(days=1))
)
DAILY: Final = Timing(delay=timedelta(0), keeps=timedelta(days=365), step=timedelta(days=1))

NO_NEGATIVES: Final = -0.001
NO_TEMPERATURE: Final = -90.0


class Column(NamedTuple):
    """Where a quantity stands, and how it becomes ours: value · scale + offset."""

    place: int
    field: str
    quantity: str
    scale: float = 1.0
    offset: float = 0.0
    missing_to: float = NO_NEGATIVES


LEFT: Final = (
    Column(2, "WD", "wind_from_direction", 10.0),
    Column(3, "WS", "wind_speed"),
    Column(5, "GST_WS", "wind_speed_of_gust"),
    Column(7, "PA", "surface_air_pressure", 100.0),
    Column(8, "PS", "air_pressure_at_mean_sea_level", 100.0),
    Column(11, "TA", "air_temperature", 1.0, 273.15, NO_TEMPERATURE),
    Column(12, "TD", "dew_point_temperature", 1.0, 273.15, NO_TEMPERATURE),
    Column(13, "HM", "relative_humidity", 0.01),
    Column(15, "RN", "precipitation_amount"),
)
RIGHT: Final = (
    Column(-14, "VS", "visibility_in_air", 10.0),
    Column(-12, "SI", "surface_downwelling_shortwave_flux_in_air", 1e6 / 3600),
)
"""Counted from the end, because the weather and cloud codes between may be several words."""
CLOUD: Final = Column(25, "CA_TOT", "cloud_area_fraction", 0.1)
"""Only of a row that has all 46 columns."""


def get_hours(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for the hours of all stations from ``tm1`` to ``tm2`` (KST) and return the raw answer."""
    return get_answer(http, config, HOURS, {"stn": "0", "help": "0", **query_of(parameters)})


def get_stations(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Ask for the station list as of an instant (``tm``, KST) and return the raw answer."""
    return get_answer(http, config, STATIONS, {"inf": "SFC", "stn": "", "help": "0", **parameters})


def parse_hours(payload: bytes, asked: Mapping[str, str], fetched_at: datetime) -> Parsed:
    """Read ``kma_sfctm3.php`` (or ``kma_sfctm2.php``, one hour).

    Parameters
    ----------
    payload : the text as it came
    asked : parameters of the request; ``hours`` says which hours it was for
    fetched_at : when it came [UTC]

    Returns
    -------
    Parsed
        rows of wind, pressure, temperature, humidity, rain, cloud, visibility and radiation in our units, of
        stations ``kma_asos:<number>``

    Raises
    ------
    NotYetAvailable
        a table without any of the hours, while they may still come
    SourceError
        refusals, or nothing that reads
    """
    table = read_table(payload, _readings)
    readings = [reading for row in table.rows for reading in row]
    present = {from_ns(when) for when in {r.time for r in readings}}
    done = covered(asked, table, present, fetched_at)
    if not readings and not done:
        raise NotYetAvailable(SOURCE, "no weather of these hours so far", remedy="it is asked again later")
    rows = _rain_unjudged(rows_of(readings))
    return Parsed(rows, nothing().stations, covered=done, left_out=table.left_out)


def _readings(line: str) -> list[Reading]:
    """Read one line."""
    parts = line.rstrip("=").replace(",", " ").split()
    if len(parts) < COLUMNS - 3 or not re.fullmatch(r"\d{1,5}", parts[1], re.ASCII):
        raise BadPayload(SOURCE, f"{line[:60]!r} is no row of a station", field="STN", remedy=REMEDY)
    time, station = parse_hour(parts[0]), f"{NETWORK}:{int(parts[1])}"
    columns = (*LEFT, *RIGHT, CLOUD) if len(parts) == COLUMNS else (*LEFT, *RIGHT)
    out = []
    for column in columns:
        value = number(parts[column.place], column.field, column.missing_to)
        if math.isfinite(value):
            out.append(Reading(station, column.quantity, time, value * column.scale + column.offset))
    return out


def _rain_unjudged(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with rain marked as not evaluated: the answer does not say how many hours it covers."""
    rain = (rows["quantity"] == "precipitation_amount") & (rows["qc"] == QC_PASS)
    return rows.assign(qc=np.where(rain, QC_NOT_EVALUATED, rows["qc"]).astype("int8"))


def parse_stations(payload: bytes) -> Parsed:
    """Read ``stn_inf.php``: ``STN_ID LON LAT STN_SP HT … STN_KO STN_EN …``, apart by blanks."""
    table = read_table(payload, _station)
    done = None if table.whole else ()
    return Parsed(nothing().observations, station_rows(table.rows), covered=done, left_out=table.left_out)


def _station(line: str) -> dict[str, object]:
    parts = line.replace(",", " ").split()
    if len(parts) < 5 or not re.fullmatch(r"\d{1,5}", parts[0], re.ASCII):
        raise BadPayload(SOURCE, f"{line[:60]!r} is no station", field="STN_ID", remedy=REMEDY)
    station = str(int(parts[0]))
    longitude, latitude = number(parts[1], "LON", 0.0), number(parts[2], "LAT", 0.0)
    if not (70 < longitude < 150 and 15 < latitude < 60):
        raise BadPayload(SOURCE, f"{line[:60]!r} lies nowhere near Korea", field="LON", remedy=REMEDY)
    return {
        "station": f"{NETWORK}:{station}",
        "name": next((p for p in parts[5:] if re.search("[가-힣]", p)), station),
        "latitude": latitude,
        "longitude": longitude,
        "altitude": number(parts[4], "HT", -900.0),
        "city": CITY_OF_STATION.get(station, ""),
        "interval_hours": 1,
        "note": "KMA ASOS; no rain is published as a missing value",
    }


def chunks(due: Due) -> list[Ask]:
    """Return requests for all hours that are due, each for at most 24 consecutive ones.

    >>> from pipeline.times import parse_instant
    >>> first = parse_instant("2026-07-02")
    >>> hours = tuple(first + timedelta(hours=h) for h in (0, 1, 23, 24, 40))
    >>> [(a.parameters["tm1"], a.parameters["tm2"], len(a.fills)) for a in chunks(Due(first, {"": hours}))]
    [('202607020900', '202607030800', 3), ('202607030900', '202607040100', 2)]
    """
    groups: list[list[datetime]] = []
    for when in due.instants:
        if groups and when - groups[-1][0] <= CHUNK:
            groups[-1].append(when)
        else:
            groups.append([when])
    return [
        Ask(
            HOURS,
            f"weather from {label(group[0])} to {label(group[-1])} KST",
            {"tm1": label(group[0]), "tm2": label(group[-1]), **hours_of(tuple(group))},
            tuple((unit, when) for unit, hours in due.hours.items() for when in hours if when in set(group)),
        )
        for group in groups
    ]


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the hourly weather and the station list."""
    hub = service(config)

    def stations(due: Due) -> list[Ask]:
        return [Ask(STATIONS, "synoptic stations", {"tm": label(due.now)}, whole(due))]

    def read_hours(answer: RawAnswer) -> Parsed:
        return parse_hours(answer.payload, answer.asked, answer.fetched_at)

    def read_stations(answer: RawAnswer) -> Parsed:
        return parse_stations(answer.payload)

    return [
        Feed(
            "kma.asos_stations",
            SOURCE,
            DAILY,
            hub,
            stations,
            lambda http, ask: get_stations(http, config, ask.parameters),
            read_stations,
            (NETWORK,),
        ),
        Feed(
            "kma.asos",
            SOURCE,
            HOURLY,
            hub,
            chunks,
            lambda http, ask: get_hours(http, config, ask.parameters),
            read_hours,
            (NETWORK,),
        ),
    ]
