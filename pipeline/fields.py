"""Forecasts and samples as CF NetCDF; names, units and encodings are set here once.

Follows CF Conventions 1.11: §3.3 standard names, §5.7 scalar coordinates, §7.3 cell methods, §9 discrete
sampling geometries with a forecast_reference_time beside the valid time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pipeline.cities import all_cities
from pipeline.files import write_with
from pipeline.names import CONVENTIONS, LEAD_ENCODING, QUANTITIES, TIME_ENCODING, is_simulated
from pipeline.paths import lead_times_of

_COORDINATES: dict[str, dict[str, str]] = {
    "realization": {"standard_name": "realization", "units": "1", "long_name": "joint member"},
    "city": {"cf_role": "timeseries_id", "long_name": "city id"},
    "forecast_period": {
        "standard_name": "forecast_period",
        "units": "hours",
        "long_name": "lead, from the issue to the interval end",
    },
    "quantile": {"long_name": "quantile level", "units": "1"},
    "threshold": {"units": "ug m-3", "relative_to_threshold": "greater_than"},
    "time": {"standard_name": "time", "long_name": "end of the averaging interval"},
    "issue_time": {"long_name": "nominal issue of the forecast, from which leads count"},
    "forecast_reference_time": {"standard_name": "forecast_reference_time"},
    "as_of": {"long_name": "instant up to which anything used had been received"},
    "lead_day": {"long_name": "local date minus the city's local date at issue", "units": "1"},
    "outlook_day": {"long_name": "local date minus the city's local date at issue", "units": "1"},
}


def with_cf_attributes(dataset: xr.Dataset) -> xr.Dataset:
    """Return a copy whose variables and coordinates carry CF names, units and cell methods.

    >>> bare = xr.Dataset({"pm2p5": ("forecast_period", [9.0])}, {"forecast_period": [1]})
    >>> with_cf_attributes(bare)["pm2p5"].attrs["units"]
    'ug m-3'
    """
    out = dataset.copy()
    if "issue_time" in out.coords:
        out = out.assign_coords(forecast_reference_time=out["issue_time"])
        if "forecast_period" in out.dims:
            out = out.assign_coords(time=("forecast_period", lead_times_of(out)))
    if "city" in out.dims:
        out = _with_places(out)
    for name in out.variables:
        out[name].attrs = {**out[name].attrs, **_attributes(str(name))}
    world = str(out.attrs.get("world", ""))
    out.attrs = {
        "Conventions": CONVENTIONS,
        "title": "sameair PM2.5 forecast" + (" (SIMULATED DATA)" if is_simulated(world) else ""),
        "source": f"sameair model {out.attrs.get('model_id', '')}; world {world}",
        **out.attrs,
    }
    return out


def write_netcdf(dataset: xr.Dataset, path: Path, *, exact: bool = False) -> Path:
    """Write a dataset as NetCDF-4 with CF attributes, atomically; times as int64 seconds, data as float32.

    With ``exact`` data stay float64, so that what is computed from the file equals what was computed before.
    """
    ready = with_cf_attributes(dataset)
    return write_with(
        path,
        lambda beside: ready.to_netcdf(
            beside, engine="h5netcdf", encoding=_encoding(ready, "float64" if exact else "float32")
        ),
    )


def read_netcdf(path: Path) -> xr.Dataset:
    """Read a file of :func:`write_netcdf` into memory."""
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as dataset:
        return dataset.load()


def _with_places(dataset: xr.Dataset) -> xr.Dataset:
    known = all_cities()
    ids = [str(c) for c in dataset["city"].values]
    places: dict[str, Any] = {
        "latitude": ("city", [known[c].latitude if c in known else np.nan for c in ids]),
        "longitude": ("city", [known[c].longitude if c in known else np.nan for c in ids]),
    }
    return dataset.assign_coords(places)


def _attributes(name: str) -> dict[str, str]:
    if name in _COORDINATES:
        return _COORDINATES[name]
    if name in ("latitude", "longitude"):
        return {"standard_name": name, "units": "degree_north" if name == "latitude" else "degree_east"}
    if name.startswith("probability"):
        return {"units": "1", "long_name": name.replace("_", " ")}
    quantity = QUANTITIES.get(name.split("_")[0])
    if quantity is None:
        return {}
    return {
        "standard_name": quantity.standard_name,
        "units": quantity.unit,
        "long_name": quantity.long_name,
        "cell_methods": "time: mean",
    }


def _encoding(dataset: xr.Dataset, floats: str) -> dict[str, dict[str, Any]]:
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind == "M":
            encoding[str(name)] = dict(TIME_ENCODING)
        elif name == "forecast_period":
            encoding[str(name)] = {"dtype": LEAD_ENCODING["dtype"]}
        elif variable.dtype.kind == "f" and variable.ndim:
            encoding[str(name)] = {"dtype": floats, "zlib": True, "_FillValue": np.dtype(floats).type(np.nan)}
    return encoding
