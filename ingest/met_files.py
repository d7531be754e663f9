"""Meteorology files of any known format, read as winds and joined in time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from ingest.arl import is_arl, read_arl
from ingest.cf_winds import read_cf_winds
from ingest.grib_winds import read_grib_winds
from ingest.met_times import NoneAsked, enclosing
from pipeline.errors import UsageError
from pipeline.wind_fields import check_winds, horizontal

BESIDE: Final = np.timedelta64(24, "h")
"""Times so far beside the stretch are looked at where several files are given."""


def read_met(paths: Sequence[Path], *, start: np.datetime64, end: np.datetime64) -> xr.Dataset:
    """Return the winds of files over the times that enclose [start, end], as WIND_CONTRACT.

    ARL-packed and GRIB 2 files are told by their first bytes, all others are opened as CF datasets. Of an
    instant that two files hold, the one named first counts.

    Raises
    ------
    UsageError
        a file is not there, none holds the times, or they lie on different grids
    BadPayload
        a file is damaged, or no winds can be read from it
    """
    parts, absent = [], []
    # Where the stretch begins or ends between two files, each holds one of the times around it.
    beside = BESIDE if len(paths) > 1 else np.timedelta64(0, "h")
    for path in paths:
        try:
            parts.append(_read(path, start - beside, end + beside))
        except NoneAsked as error:
            absent.append(error)
    if not parts:
        raise absent[0] if absent else UsageError("no --met file is given")
    winds = _joined(parts)
    return winds.isel(time=enclosing(winds["time"].to_numpy(), start, end, winds.attrs["source"]))


def _read(path: Path, start: np.datetime64, end: np.datetime64) -> xr.Dataset:
    if not path.exists():
        raise UsageError(f"--met {path}: there is no such file")
    head = b""
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(50)
    if is_arl(head):
        return read_arl(path, start=start, end=end)
    if head[:4] == b"GRIB":
        return read_grib_winds(path, start=start, end=end)
    return read_cf_winds(path, start=start, end=end)


def _joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return winds of several files in the order of time."""
    if len(parts) == 1:
        return parts[0]
    places, _ = horizontal(parts[0])
    for other in parts[1:]:
        same = horizontal(other)[0] == places and all(
            np.array_equal(parts[0][n].to_numpy(), other[n].to_numpy()) for n in (*places, "level")
        )
        if not same or parts[0]["level"].attrs != other["level"].attrs:
            raise UsageError("the files of --met lie on different grids or levels; run one grid at a time")
    shared = [n for n in parts[0].data_vars if all(n in other for other in parts)]
    mapping = parts[0].get("crs")
    moving = [p[[n for n in shared if n != "crs"]] for p in parts]
    winds = xr.concat(
        moving,
        "time",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    _, first = np.unique(winds["time"].to_numpy(), return_index=True)
    winds = winds.isel(time=first)
    if mapping is not None:
        winds["crs"] = mapping
    winds.attrs = dict(parts[0].attrs)
    winds.attrs["source"] = ", ".join(dict.fromkeys(str(p.attrs["source"]) for p in parts))
    if any(p.attrs["kind"] == "forecast" for p in parts):
        winds.attrs["kind"] = "forecast"
    return check_winds(winds)
