"""Winds from NOAA ARL's packed meteorology (the files that HYSPLIT reads)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from ingest.arl_grid import SUPPORTED, Grid, grid_of
from ingest.arl_records import (
    DAMAGED,
    LABEL,
    Index,
    checksum,
    length_of_records,
    read_index,
    read_label,
    unpack,
)
from ingest.met_times import enclosing
from pipeline.errors import BadPayload
from pipeline.wind_fields import check_winds

COORDINATES: Final = {1: ("sigma", "1"), 2: ("pressure", "hPa"), 3: ("height", "m")}
"""ARL's kinds of levels as those of WIND_CONTRACT."""

ALOFT: Final = {
    "UWND": ("wind_east", "m s-1", 1.0),
    "VWND": ("wind_north", "m s-1", 1.0),
    "WWND": ("lagrangian_tendency_of_air_pressure", "Pa s-1", 100.0),
    "DZDT": ("upward_air_velocity", "m s-1", 1.0),
    "TEMP": ("air_temperature", "K", 1.0),
    "HGTS": ("geopotential_height", "m", 1.0),
}
"""Name, unit and factor from the file's unit (hPa s-1, hPa) of what is read of the levels."""
AT_GROUND: Final = {
    "PRSS": ("surface_air_pressure", "Pa", 100.0),
    "SHGT": ("surface_altitude", "m", 1.0),
    "PBLH": ("atmosphere_boundary_layer_thickness", "m", 1.0),
    "HPBL": ("atmosphere_boundary_layer_thickness", "m", 1.0),
    "MIXD": ("atmosphere_boundary_layer_thickness", "m", 1.0),
    "MXHT": ("atmosphere_boundary_layer_thickness", "m", 1.0),
}
REMAINDERS: Final = {"DIFW": "WWND"}
"""Fields that hold what the packing of another lost; they are added to it."""
VERTICAL_MOTION: Final = ("lagrangian_tendency_of_air_pressure", "upward_air_velocity")

Fields = dict[str, npt.NDArray[np.float32]]


@dataclass
class _Opened:
    """A file, the indexes of its times, and at which byte each of them begins."""

    name: str
    file: BinaryIO
    length: int
    indexes: list[Index] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)


def is_arl(head: bytes) -> bool:
    """Tell from a file's first 50 characters whether it is ARL-packed.

    >>> is_arl(b"9510160000 0 6INDX   0  .0000000E+00  .0000000E+00"), is_arl(b"CDF")
    (True, False)
    """
    return head[14:18] == b"INDX"


def read_arl(
    path: Path, *, start: np.datetime64 | None = None, end: np.datetime64 | None = None
) -> xr.Dataset:
    """Return the winds of a file over the times that enclose [start, end] (None: all).

    Only the records needed are read. Levels without vertical motion get none (0), as HYSPLIT has it.

    Returns
    -------
    xr.Dataset
        as WIND_CONTRACT; horizontal winds along the axes of the file's own map

    Raises
    ------
    BadPayload
        no ARL file, one that is cut short or damaged, or a kind of grid or level that is not supported
    NoneAsked
        the file has no times around the stretch asked for
    """
    with path.open("rb") as file:
        opened = _Opened(
            path.name, file, length_of_records(_read(file, 0, LABEL + 108, path.name), path.name)
        )
        _scan(opened, path.stat().st_size)
        times = np.array([index.time for index in opened.indexes], "M8[ns]")
        chosen = range(len(times))[enclosing(times, start, end, path.name)]
        first = opened.indexes[chosen[0]]
        grid = grid_of(first, path.name)
        aloft, ground = _empty(first, len(chosen), path.name)
        for k, place in enumerate(chosen):
            for level, name, values in _fields(opened, place):
                _keep(k, level, name, values, aloft, ground)
    for name in VERTICAL_MOTION:
        if name in aloft:
            np.nan_to_num(aloft[name], copy=False, nan=0.0)
    return _dataset(opened, chosen, grid, aloft, ground)


def _read(file: BinaryIO, at: int, size: int, name: str) -> bytes:
    file.seek(at)
    data = file.read(size)
    if len(data) < size:
        raise BadPayload(name, f"ends within a record, at byte {at + len(data)}", remedy=DAMAGED)
    return data


def _scan(opened: _Opened, size: int) -> None:
    """Read the index of every time; all must be of one grid and follow one another."""
    at = 0
    while at < size:
        index = read_index(_read(opened.file, at, opened.length, opened.name), opened.name)
        end = at + opened.length * (1 + len(index.fields))
        if end > size:
            what = f"cut short: the fields of {_hour(index.time)} are not all there"
            raise BadPayload(opened.name, what, remedy=DAMAGED)
        if opened.indexes and not _alike(index, opened.indexes[0]):
            what = f"another grid or other levels from {_hour(index.time)} on"
            raise BadPayload(opened.name, what, field="INDX", remedy=SUPPORTED)
        if opened.indexes and index.time <= opened.indexes[-1].time:
            raise BadPayload(opened.name, f"time does not rise at {_hour(index.time)}", remedy=DAMAGED)
        opened.indexes.append(index)
        opened.begins.append(at)
        at = end


def _alike(a: Index, b: Index) -> bool:
    return (a.grid, a.nx, a.ny, a.levels, a.coordinate) == (b.grid, b.nx, b.ny, b.levels, b.coordinate)


def _hour(time: np.datetime64) -> str:
    return f"{np.datetime_as_string(time, 'm')}Z"


def _empty(index: Index, times: int, name: str) -> tuple[Fields, Fields]:
    """Return NaN arrays for what the file holds of our variables."""
    if index.coordinate not in COORDINATES:
        what = f"levels of kind {index.coordinate} (hybrid or unknown) are not supported"
        raise BadPayload(name, what, field="INDX", remedy=SUPPORTED)
    names = {field_name for _, field_name, _ in index.fields}
    levels = len(index.levels) - 1
    if levels < 1 or not {"UWND", "VWND"} <= names:
        raise BadPayload(name, "no UWND and VWND on any level", field="UWND", remedy=SUPPORTED)
    aloft = {
        said[0]: np.full((times, levels, index.ny, index.nx), np.nan, np.float32)
        for key, said in ALOFT.items()
        if key in names
    }
    ground = {
        said[0]: np.full((times, index.ny, index.nx), np.nan, np.float32)
        for key, said in AT_GROUND.items()
        if key in names
    }
    return aloft, ground


def _fields(opened: _Opened, place: int) -> Iterator[tuple[int, str, npt.NDArray[np.float32]]]:
    """Yield level, name and values of the fields of a time that are of use, but for missing ones."""
    index, begin = opened.indexes[place], opened.begins[place]
    for k, (level, name, kept) in enumerate(index.fields, start=1):
        if name not in ALOFT and name not in AT_GROUND and name not in REMAINDERS:
            continue
        record = _read(opened.file, begin + k * opened.length, opened.length, opened.name)
        label = read_label(record, opened.name)
        if label.name != name or label.level != level:
            what = f"{label.name} of level {label.level} where {name} of level {level} should be"
            raise BadPayload(opened.name, what, field=name, remedy=DAMAGED)
        if checksum(record[LABEL:]) != kept:
            what = f"the checksum of {name}, level {level}, {_hour(index.time)} does not fit its bytes"
            raise BadPayload(opened.name, what, field=name, remedy=DAMAGED)
        if label.lead >= 0:
            yield level, name, unpack(record[LABEL:], index.nx, index.ny, label)


def _keep(
    k: int, level: int, name: str, values: npt.NDArray[np.float32], aloft: Fields, ground: Fields
) -> None:
    """Put a field where it belongs, in our units."""
    if level > 0 and name in REMAINDERS:
        out, _, factor = ALOFT[REMAINDERS[name]]
        if out in aloft:
            aloft[out][k, level - 1] += values * np.float32(factor)
    elif level > 0 and name in ALOFT:
        out, _, factor = ALOFT[name]
        aloft[out][k, level - 1] = values * np.float32(factor)
    elif level == 0 and name in AT_GROUND:
        out, _, factor = AT_GROUND[name]
        ground[out][k] = values * np.float32(factor)


def _dataset(opened: _Opened, chosen: range, grid: Grid, aloft: Fields, ground: Fields) -> xr.Dataset:
    index = opened.indexes[chosen[0]]
    components = ("x_wind", "y_wind") if grid.mapping else ("eastward_wind", "northward_wind")
    names = dict(zip(("wind_east", "wind_north"), components, strict=True))
    units = {said[0]: said[1] for said in (*ALOFT.values(), *AT_GROUND.values())}
    vertical, unit = COORDINATES[index.coordinate]
    places = {"units": "m"} if grid.mapping else {"units": "degrees"}
    ds = xr.Dataset(
        {names.get(n, n): (("time", "level", *grid.dims), v, {"units": units[n]}) for n, v in aloft.items()}
        | {n: (("time", *grid.dims), v, {"units": units[n]}) for n, v in ground.items()},
        {
            "time": np.array([opened.indexes[k].time for k in chosen], "M8[ns]"),
            "level": ("level", np.array(index.levels[1:]), {"vertical": vertical, "units": unit}),
            grid.dims[0]: (grid.dims[0], grid.north, places),
            grid.dims[1]: (grid.dims[1], grid.east, places),
        },
        {
            "source": f"{index.source} (ARL-packed, {opened.name})",
            "kind": "forecast" if any(opened.indexes[k].lead > 0 for k in chosen) else "analysis",
            "world": "measured",
        },
    )
    if grid.mapping:
        ds["crs"] = ((), 0, grid.mapping)
    return check_winds(ds)
