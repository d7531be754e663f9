"""Fields of GRIB 2 messages, cut down to an area or as arrays, read by ecCodes where it is installed.

ecCodes comes with the extra ``grib``; without it all that needs it raises Refused, which says so. Messages
pass ``ingest.grib_sections`` first, so that no garbage reaches the library's decoder.
"""

from __future__ import annotations

import importlib
import importlib.util
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.grib_sections import messages
from ingest.wire import REMEDY
from pipeline.errors import BadPayload, Refused

INSTALL: Final = "install the extra: pip install 'sameair[grib]'"
DEGREES_ARE: Final = 1e-6
BITS: Final = 16
LARGEST: Final = 1e9
"""No quantity of ours comes near it; beyond lies what was packed wrongly."""

KIND: Final = {
    "typeOfFirstFixedSurface": 100,
    "iScansNegatively": 0,
    "jPointsAreConsecutive": 0,
    "alternativeRowScanning": 0,
    "stepUnits": 1,
}
"""A field on a pressure level, row by row from the west, with its lead in hours."""
PARAMETERS: Final[dict[tuple[int, ...], str]] = {
    (0, 2, 2): "u",
    (0, 2, 3): "v",
    (0, 2, 8): "w",
    (0, 3, 5): "gh",
}
"""Discipline, category and number (WMO tables 0.0, 4.1, 4.2); ecCodes' own names take it long to find."""
_PARAMETER: Final = ("discipline", "parameterCategory", "parameterNumber")

Floats = npt.NDArray[np.float64]


class Area(NamedTuple):
    """A box [degrees] and how far apart its points are wanted."""

    west: float
    east: float
    south: float
    north: float
    spacing: float


class GridField(NamedTuple):
    """One field: what, on which level [hPa], of which run and lead [h], values over (latitude, longitude)."""

    param: str
    level: int
    run: datetime
    lead: int
    latitude: Floats
    longitude: Floats
    values: Floats


def can_read() -> bool:
    """Tell whether ecCodes is installed.

    >>> can_read() in (True, False)
    True
    """
    return importlib.util.find_spec("eccodes") is not None


def _library(source: str) -> Any:
    """Return ecCodes; imported here because it takes long and is optional."""
    try:
        return importlib.import_module("eccodes")
    except (ImportError, RuntimeError, OSError) as error:
        raise Refused(source, f"GRIB cannot be read here ({type(error).__name__})", remedy=INSTALL) from None


class _Open:
    """A message that ecCodes has open; closed at the end of ``with``."""

    def __init__(self, message: bytes, source: str) -> None:
        self.codes, self._message, self._source = _library(source), message, source

    def __enter__(self) -> _Open:
        self.handle = self.codes.codes_new_from_message(self._message)
        return self

    def __exit__(self, *_: object) -> None:
        self.codes.codes_release(self.handle)

    def whole(self, key: str) -> int:
        return int(self.codes.codes_get_long(self.handle, key))

    def get(self, key: str) -> Any:
        return self.codes.codes_get(self.handle, key)


def read_field(message: bytes, area: Area, source: str) -> GridField:
    """Return the part of a field that lies in an area.

    Raises
    ------
    Refused
        ecCodes is not installed
    BadPayload
        what the library cannot read, another grid, or one outside the area
    """
    library = _library(source)
    messages(message, source)
    try:
        with _Open(message, source) as opened:
            rows, columns, field = _field(opened, area, source)
    except (library.CodesInternalError, ValueError, TypeError, OverflowError) as error:
        raise BadPayload(source, f"a field cannot be read ({type(error).__name__})", remedy=REMEDY) from None
    return field._replace(
        latitude=field.latitude[rows],
        longitude=field.longitude[columns],
        values=field.values[rows][:, columns],
    )


def cut(message: bytes, area: Area, source: str) -> bytes:
    """Return a message cut down to an area and to its spacing, which is some hundredth of the globe's bytes.

    Raises
    ------
    Refused, BadPayload
        as :func:`read_field`
    """
    library = _library(source)
    messages(message, source)
    try:
        with _Open(message, source) as opened:
            rows, columns, field = _field(opened, area, source)
            return _written(opened, field, rows, columns)
    except (library.CodesInternalError, ValueError, TypeError, OverflowError) as error:
        raise BadPayload(source, f"a field cannot be cut ({type(error).__name__})", remedy=REMEDY) from None


def _field(
    opened: _Open, area: Area, source: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], GridField]:
    """Return the whole field, and which rows (north first) and columns of it lie in the area."""
    said = {key: opened.whole(key) for key in KIND}
    if said != KIND:
        raise BadPayload(source, f"a field of another kind: {str(said)[:160]}", remedy=REMEDY)
    latitude, longitude = _axes(opened)
    if opened.codes.codes_get_size(opened.handle, "values") != latitude.size * longitude.size:
        raise BadPayload(source, "a field with more or fewer values than points", remedy=REMEDY)
    values = opened.codes.codes_get_values(opened.handle).astype("float64")
    if opened.whole("bitmapPresent"):
        values[values == opened.get("missingValue")] = np.nan
    values[~(np.abs(values) < LARGEST)] = np.nan
    values = values.reshape(latitude.size, longitude.size)
    rows = _within(latitude, area.south, area.north, area.spacing)[::-1]
    columns = _within(longitude, area.west, area.east, area.spacing)
    if not rows.size or not columns.size:
        raise BadPayload(source, "a field that does not reach our area", field="latitude", remedy=REMEDY)
    return rows, columns, _described(opened, latitude, longitude, values)


def _described(opened: _Open, latitude: Floats, longitude: Floats, values: Floats) -> GridField:
    day, clock = opened.whole("dataDate"), opened.whole("dataTime")
    run = datetime.strptime(f"{day:08d}{clock:04d}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    lead = opened.whole("endStep")
    if not 0 <= lead <= 24 * 31 or not 1990 <= run.year <= 2199 or run + timedelta(hours=lead) < run:
        raise ValueError(lead)
    param = PARAMETERS.get(tuple(opened.whole(key) for key in _PARAMETER), "")
    return GridField(param, opened.whole("level"), run, lead, latitude, longitude, values)


def _axes(opened: _Open) -> tuple[Floats, Floats]:
    """Return latitudes and longitudes of the points [degrees], longitudes from -180 to 180."""
    south = 1.0 if opened.whole("jScansPositively") else -1.0
    first_north, first_east = (
        float(opened.get(f"{name}OfFirstGridPointInDegrees")) for name in ("latitude", "longitude")
    )
    north_step, east_step = (float(opened.get(f"{c}DirectionIncrementInDegrees")) for c in "ji")
    if not (0 < north_step <= 30 and 0 < east_step <= 30):
        raise ValueError("increments")
    latitude = first_north + south * north_step * np.arange(opened.whole("Nj"))
    longitude = (first_east + east_step * np.arange(opened.whole("Ni")) + 180.0) % 360.0 - 180.0
    return np.round(latitude, 6), np.round(longitude, 6)


def _within(axis: Floats, low: float, high: float, spacing: float) -> npt.NDArray[np.intp]:
    """Return the places of an axis in [low, high] on multiples of the spacing, from low to high."""
    nearest = np.round(axis / spacing) * spacing
    coarse = axis.size > 1 and abs(axis[1] - axis[0]) >= spacing
    fits = (axis >= low - DEGREES_ARE) & (axis <= high + DEGREES_ARE)
    wanted = fits if coarse else fits & (np.abs(axis - nearest) < DEGREES_ARE)
    places = np.flatnonzero(wanted)
    return places[np.argsort(axis[places], kind="stable")]


def _written(
    opened: _Open, field: GridField, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> bytes:
    """Return the message again with fewer points, packed in the plainest way."""
    codes = opened.codes
    latitude, longitude = field.latitude[rows], field.longitude[columns]
    clone = codes.codes_clone(opened.handle)
    try:
        values = field.values[rows][:, columns]
        holes = bool(np.isnan(values).any())
        for key, value in {
            "packingType": "grid_simple",
            "bitsPerValue": BITS,
            "bitmapPresent": 0,
            "Ni": columns.size,
            "Nj": rows.size,
            "jScansPositively": 0,
            "latitudeOfFirstGridPointInDegrees": latitude[0],
            "latitudeOfLastGridPointInDegrees": latitude[-1],
            "longitudeOfFirstGridPointInDegrees": longitude[0],
            "longitudeOfLastGridPointInDegrees": longitude[-1],
            "iDirectionIncrementInDegrees": _step(longitude),
            "jDirectionIncrementInDegrees": _step(latitude),
        }.items():
            codes.codes_set(clone, key, value if isinstance(value, str) else np.asarray(value).item())
        if holes:
            codes.codes_set(clone, "bitmapPresent", 1)
        missing = float(codes.codes_get(clone, "missingValue"))
        codes.codes_set_values(clone, np.where(np.isnan(values), missing, values).ravel())
        return bytes(codes.codes_get_message(clone))
    finally:
        codes.codes_release(clone)


def _step(axis: Floats) -> float:
    return float(abs(axis[1] - axis[0])) if axis.size > 1 else 1.0
