"""Winds of ECMWF's open forecast (IFS) on pressure levels over 95–140 E, 20–55 N; needs ecCodes.

A run lies as one file a step, ``<base>/YYYYMMDD/HHz/ifs/0p25/oper/YYYYMMDDHH0000-<step>h-oper-fc.grib2``,
with an ``.index`` beside it: one JSON object a line for each GRIB message, with ``param``, ``levtype``,
``levelist``, ``_offset`` and ``_length``. Only the messages we want are fetched (``Range``), and each is cut
down at once to our area and 0.5 degrees: some 170 MB a run pass the wire, 5 MB are kept. Runs of 00 and 12
UTC are whole about 7 h 35 min later and kept for two to three days (as others observed in October 2026). Of
several runs that are due only the newest is fetched; the others are overtaken. Licence CC BY 4.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr

from ingest.feeds import About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.grib import Area, GridField, can_read, cut, read_field
from ingest.grib_sections import messages
from ingest.wire import REMEDY, Parsed, nothing
from pipeline.errors import BadPayload
from pipeline.http import Http, Limits, Request, Service
from pipeline.times import to_ns
from pipeline.weather_schema import ALOFT, possible_only

SOURCE: Final = "ecmwf"
BASE_URL: Final = "https://data.ecmwf.int/forecasts"
ABOUT: Final = About(
    SOURCE,
    "ECMWF open data (IFS forecast)",
    "winds and heights on pressure levels over East Asia, twice a day; only where ecCodes is installed "
    "(pip install 'sameair[grib]'), some 170 MB a run",
    licence="CC BY 4.0, ECMWF; contains modified data",
)
PARAMS: Final = {
    "u": "eastward_wind",
    "v": "northward_wind",
    "w": "lagrangian_tendency_of_air_pressure",
    "gh": "geopotential_height",
}
LEVELS: Final = (925, 850, 700, 500)
STEPS: Final = tuple(range(0, 103, 6))
"""From 12 UTC the end of local day D+3 in Seoul is 99 h away."""
AREA: Final = Area(west=95.0, east=140.0, south=20.0, north=55.0, spacing=0.5)
RUNS: Final = Timing(delay=timedelta(hours=7, minutes=45), keeps=timedelta(days=2), step=timedelta(hours=12))
INDEX_TYPES: Final = ("application/json", "text/plain", "application/octet-stream", "binary/octet-stream")
GRIB_TYPES: Final = (
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-grib2",
    "application/x-grib",
    "application/grib",
)
"""The index was seen as JSON; what the file is called is unverified, mirrors differ."""
LONGEST_MESSAGE: Final = 8 * 2**20
LONGEST_RANGE: Final = 16 * 2**20


class Place(NamedTuple):
    """Where a message lies in its file [bytes]."""

    offset: int
    length: int


def service(config: SourceConfig) -> Service:
    """Return what must be known of the server to ask it; no key.

    >>> service(SourceConfig()).source
    'ecmwf'
    """
    return Service(SOURCE, Limits(per_minute=200), (config.key,), largest_bytes=LONGEST_RANGE + 2**20)


def parse_index(payload: bytes) -> list[Place]:
    """Return where the messages that we want lie, in the order of the file.

    Raises
    ------
    BadPayload
        a line that is no entry, or no message that we want

    Examples
    --------
    >>> parse_index(b'{"levtype": "pl", "levelist": "850", "param": "u", "_offset": 9, "_length": 700}')
    [Place(offset=9, length=700)]
    """
    found = set()
    for line in payload.splitlines():
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            wanted = (
                entry["levtype"] == "pl" and entry["param"] in PARAMS and int(entry["levelist"]) in LEVELS
            )
            place = Place(entry["_offset"], entry["_length"]) if wanted else None
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
            raise BadPayload(SOURCE, f"{line[:60]!r} is no entry of an index", remedy=REMEDY) from None
        if place is not None:
            found.add(_sane(place))
    if not found:
        raise BadPayload(SOURCE, "the index has no winds on our levels", field="param", remedy=REMEDY)
    return sorted(found)


def _sane(place: Place) -> Place:
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in place)
    if not whole or not 0 <= place.offset < 2**40 or not 0 < place.length <= LONGEST_MESSAGE:
        raise BadPayload(SOURCE, f"a message at {str(place)[:80]}", field="_offset", remedy=REMEDY)
    return place


def ranges(places: Iterable[Place]) -> list[Place]:
    """Return neighbours joined, so that fewer requests are needed.

    >>> ranges([Place(0, 10), Place(10, 5), Place(40, 2)])
    [Place(offset=0, length=15), Place(offset=40, length=2)]
    """
    out: list[Place] = []
    for place in places:
        if out and sum(out[-1]) == place.offset and out[-1].length + place.length <= LONGEST_RANGE:
            out[-1] = Place(out[-1].offset, out[-1].length + place.length)
        else:
            out.append(place)
    return out


def get_run(http: Http, config: SourceConfig, parameters: Mapping[str, str]) -> bytes:
    """Fetch the winds of a run (``run``, YYYYMMDDHH), cut down to our area, as GRIB messages one by one.

    Raises
    ------
    NotYetAvailable
        a step that is not there
    SourceError
        no answer, or what cannot be read
    """
    run = parameters["run"]
    folder = f"{config.base_url or BASE_URL}/{run[:8]}/{run[8:]}z/ifs/0p25/oper"
    parts = []
    for step in STEPS:
        file = f"{folder}/{run}0000-{step}h-oper-fc"
        index = _get(http, config, f"{file}.index", INDEX_TYPES)
        with _keeping(index):
            places = ranges(parse_index(index))
        for place in places:
            body = _get(http, config, f"{file}.grib2", GRIB_TYPES, place)
            with _keeping(body):
                parts += _cut_all(body, place)
    return b"".join(parts)


def _get(
    http: Http, config: SourceConfig, url: str, types: tuple[str, ...], place: Place | None = None
) -> bytes:
    """Fetch a file or a part of it; one that is not there is not there yet."""
    headers = {} if place is None else {"Range": f"bytes={place.offset}-{sum(place) - 1}"}
    request = Request("GET", url, headers=headers, expect=types, absent=(404,))
    return http.ask(service(config), request)


@contextmanager
def _keeping(body: bytes) -> Iterator[None]:
    """Let what cannot be read be kept."""
    try:
        yield
    except BadPayload as error:
        error.payload = body
        raise


def _cut_all(body: bytes, place: Place) -> list[bytes]:
    if len(body) != place.length:
        raise BadPayload(SOURCE, f"{len(body)} bytes instead of {place.length}", remedy=REMEDY)
    return [cut(message, AREA, SOURCE) for message in messages(body, SOURCE)]


def parse_run(payload: bytes) -> Parsed:
    """Read the messages of one run.

    Returns
    -------
    Parsed
        one forecast over (forecast_period, level, latitude, longitude), latitudes from the north

    Raises
    ------
    Refused
        ecCodes is not installed
    BadPayload
        fields of different runs or grids, or none at all
    """
    fields = [read_field(message, AREA, SOURCE) for message in messages(payload, SOURCE)]
    fields = [f for f in fields if f.param in PARAMS and f.level in LEVELS]
    if not fields:
        raise BadPayload(SOURCE, "no winds on our levels", field="shortName", remedy=REMEDY)
    first = fields[0]
    if any(f.run != first.run or not _same_grid(f, first) for f in fields):
        raise BadPayload(SOURCE, "fields of different runs or grids", field="dataDate", remedy=REMEDY)
    empty = nothing()
    lacking = _lacking(fields)
    return Parsed(empty.observations, empty.stations, forecasts=(_dataset(fields),), left_out=lacking)


def _same_grid(one: GridField, other: GridField) -> bool:
    return np.array_equal(one.latitude, other.latitude) and np.array_equal(one.longitude, other.longitude)


def _lacking(fields: list[GridField]) -> tuple[BadPayload, ...]:
    """Return which fields are not there, in one line."""
    have = {(f.param, f.level, f.lead) for f in fields}
    want = {(p, level, lead) for p in PARAMS for level in LEVELS for lead in STEPS}
    missing = sorted(want - have)
    if not missing:
        return ()
    what = f"{len(missing)} fields are not there, such as {missing[0]}"
    return (BadPayload(SOURCE, what, field="levelist", remedy=REMEDY),)


def _dataset(fields: list[GridField]) -> xr.Dataset:
    leads, levels = sorted({f.lead for f in fields}), sorted({f.level for f in fields}, reverse=True)
    first = fields[0]
    shape = (len(leads), len(levels), first.latitude.size, first.longitude.size)
    found: dict[str, Any] = {}
    for field in fields:
        data = found.setdefault(PARAMS[field.param] + ALOFT, np.full(shape, np.nan, dtype="float32"))
        data[leads.index(field.lead), levels.index(field.level)] = field.values
    dataset = xr.Dataset(
        {
            name: (("forecast_period", "level", "latitude", "longitude"), data)
            for name, data in sorted(found.items())
        },
        {
            "forecast_reference_time": to_ns(first.run),
            "forecast_period": np.array(leads, dtype="int64"),
            "level": np.array(levels, dtype="int64"),
            "latitude": first.latitude,
            "longitude": first.longitude,
        },
        {
            "source": "ECMWF IFS open data, 0.25 degrees thinned to 0.5",
            "reference": "run",
            "licence": "CC BY 4.0",
        },
    )
    return possible_only(dataset)


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the winds aloft; none where ecCodes is not installed."""
    if not can_read():
        return []

    def asks(due: Due) -> list[Ask]:
        run = f"{due.instants[-1]:%Y%m%d%H}"
        fills = tuple((unit, when) for unit, hours in due.hours.items() for when in hours)
        return [Ask("ifs/0p25/oper", f"winds aloft of the run of {run} UTC", {"run": run}, fills)]

    def read(answer: RawAnswer) -> Parsed:
        return parse_run(answer.payload)

    return [
        Feed(
            "ecmwf.winds",
            SOURCE,
            RUNS,
            service(config),
            asks,
            lambda http, ask: get_run(http, config, ask.parameters),
            read,
            slow=True,
        )
    ]
