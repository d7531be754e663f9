"""Winds from GRIB 2 files on pressure levels and regular latitudes and longitudes, by ecCodes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from ingest.grib import Area, GridField, read_field
from ingest.grib_sections import messages
from ingest.met_times import enclosing
from pipeline.errors import BadPayload, ContractError
from pipeline.times import to_ns
from pipeline.wind_fields import check_winds

EVERYWHERE: Final = Area(-180.0, 180.0, -90.0, 90.0, 0.001)
FIELDS: Final = {
    "u": "eastward_wind",
    "v": "northward_wind",
    "w": "lagrangian_tendency_of_air_pressure",
    "gh": "geopotential_height",
}
Times = npt.NDArray[np.datetime64]

REMEDY: Final = "give a GRIB 2 file with u and v on pressure levels"


def read_grib_winds(
    path: Path, *, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> xr.Dataset:
    """Return the winds of a GRIB 2 file over the times that enclose [start, end] (None: all).

    As WIND_CONTRACT; of two runs for one instant the newer one counts.

    Raises
    ------
    Refused
        ecCodes is not installed
    BadPayload
        no plain GRIB 2 messages, other grids than regular ones, or no winds
    NoneAsked
        the file has no times around the stretch
    """
    name = path.name
    fields = [read_field(message, EVERYWHERE, name) for message in messages(path.read_bytes(), name)]
    fields = sorted((f for f in fields if f.param in FIELDS), key=lambda f: f.run)
    if not {"u", "v"} <= {f.param for f in fields}:
        raise BadPayload(name, "no u and v on pressure levels", field="shortName", remedy=REMEDY)
    first = fields[0]
    if any(not _same_grid(f, first) for f in fields):
        raise BadPayload(name, "fields of different grids", field="latitude", remedy=REMEDY)
    times = np.unique([_valid(f) for f in fields])
    winds = _winds(fields, times[enclosing(times, start, end, name)])
    kind = "forecast" if any(f.lead for f in fields) else "analysis"
    winds.attrs = {"source": f"{name} (GRIB)", "kind": kind, "world": "measured"}
    try:
        return check_winds(winds)
    except ContractError as error:
        raise BadPayload(name, str(error), remedy=REMEDY) from None


def _winds(fields: list[GridField], times: Times) -> xr.Dataset:
    """Return the fields of some times as arrays; heights only where every level has them."""
    levels = np.array(sorted({f.level for f in fields}, reverse=True), np.float64)
    found: dict[str, xr.DataArray] = {}
    for f in fields:
        if _valid(f) in times:
            found.setdefault(f.param, _empty(times, levels, f)).loc[_valid(f), f.level] = f.values
    if "gh" in found and found["gh"].isnull().any():
        del found["gh"]
    if "w" in found:
        found["w"] = found["w"].fillna(0.0)
    winds = xr.Dataset({FIELDS[param]: array for param, array in found.items()}).sortby("latitude")
    winds["level"].attrs = {"vertical": "pressure", "units": "hPa"}
    return winds


def _valid(field: GridField) -> np.datetime64:
    return to_ns(field.run + timedelta(hours=field.lead))


def _same_grid(one: GridField, other: GridField) -> bool:
    return np.array_equal(one.latitude, other.latitude) and np.array_equal(one.longitude, other.longitude)


def _empty(times: Times, levels: npt.NDArray[np.float64], field: GridField) -> xr.DataArray:
    axes: dict[str, npt.NDArray[Any]] = {"time": times, "level": levels}
    axes |= {"latitude": field.latitude, "longitude": field.longitude}
    shape = [len(values) for values in axes.values()]
    return xr.DataArray(np.full(shape, np.nan, np.float32), axes, list(axes))
