"""What a forecast of another agency looks like: weather or composition, at points or on a grid.

Two shapes. A *forecast* is one run (or one request): variables over ``forecast_period``. *Previous runs* are
what forecasts had said a number of days before, hour by hour; ``pipeline.previous_runs`` turns them into
forecasts as they were known at an instant. After CF Conventions 1.11 §4.4 and §9.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from pipeline.errors import ContractError
from pipeline.names import CONVENTIONS, QUANTITIES

ALOFT: Final = "_aloft"
"""``eastward_wind`` is the wind at 10 m, ``eastward_wind_aloft`` the same quantity over ``level``."""

FORECAST_CONTRACT: Final = {
    "variables": "a key of pipeline.names.QUANTITIES in its unit; on pressure levels the name ends in _aloft",
    "dims": "(forecast_period, station) or (forecast_period, latitude, longitude); _aloft: (forecast_period, "
    "level, …)",
    "forecast_reference_time": "scalar [UTC, datetime64[ns]]: the model's run, or the request where the "
    "service does not name the run",
    "forecast_period": "whole hours after the reference time, ascending, from 0",
    "level": "air pressure [hPa], no value twice",
    "station": "id `network:id`, with latitude(station) and longitude(station)",
    "attributes": "source (service and model), reference (`run`, `request` or `as_of`), licence",
    "NaN": "missing; no other value stands for it",
}
PREVIOUS_CONTRACT: Final = {
    "dims": "(lead_day, time, station): forecast for `time` by a run at least lead_day · 24 h older",
    "lead_day": "whole days, ascending, from 1",
    "time": "valid times [UTC, datetime64[ns]], ascending",
}
REFERENCES: Final = ("run", "request", "as_of")
_PLACES: Final = (("station",), ("latitude", "longitude"))
_SUMS: Final = ("precipitation_amount",)

Times = npt.NDArray[np.datetime64]


def quantity_of(name: str) -> str:
    """Return the quantity that a variable holds.

    >>> quantity_of("eastward_wind_aloft"), quantity_of("dust")
    ('eastward_wind', 'dust')
    """
    return name.removesuffix(ALOFT)


def valid_times(forecast: xr.Dataset) -> Times:
    """Return the instants that a forecast speaks of [UTC, datetime64[ns]].

    >>> run = np.datetime64("2025-01-01T00", "ns")
    >>> ds = xr.Dataset(coords={"forecast_reference_time": run, "forecast_period": [0, 3]})
    >>> str(valid_times(ds)[-1])[:13]
    '2025-01-01T03'
    """
    hours = forecast["forecast_period"].to_numpy().astype("timedelta64[h]")
    times: Times = forecast["forecast_reference_time"].to_numpy() + hours.astype("timedelta64[ns]")
    return times


def check_weather_forecast(forecast: xr.Dataset) -> xr.Dataset:
    """Check a forecast against FORECAST_CONTRACT and return it.

    Raises
    ------
    ContractError
        naming what is wrong and what should be there

    Examples
    --------
    >>> ds = xr.Dataset({"pm2p5": (("forecast_period", "station"), [[9.0], [8.0]])},
    ...     {"forecast_reference_time": np.datetime64("2025-01-01", "ns"), "forecast_period": [0, 1],
    ...      "station": ["x:1"], "latitude": ("station", [37.5]), "longitude": ("station", [127.0])},
    ...     {"source": "X", "reference": "run", "licence": ""})
    >>> check_weather_forecast(ds) is ds
    True
    """
    reference = forecast.coords.get("forecast_reference_time")
    if reference is None or reference.ndim or reference.dtype != np.dtype("datetime64[ns]"):
        raise ContractError("a forecast needs the scalar forecast_reference_time, datetime64[ns] in UTC")
    _check_steps(forecast, "forecast_period", 0)
    if forecast.attrs.get("reference") not in REFERENCES:
        raise ContractError(f"a forecast's attribute reference must be one of {REFERENCES}")
    _check_variables(forecast, "forecast_period", _PLACES)
    return forecast


def check_previous_runs(previous: xr.Dataset) -> xr.Dataset:
    """Check previous runs against PREVIOUS_CONTRACT and return them; raises ContractError."""
    _check_steps(previous, "lead_day", 1)
    times = previous.coords.get("time")
    if times is None or times.dims != ("time",) or times.dtype != np.dtype("datetime64[ns]"):
        raise ContractError("previous runs need time(time), datetime64[ns] in UTC")
    if (
        not times.size
        or not pd.Index(times.to_numpy()).is_monotonic_increasing
        or not times.to_index().is_unique
    ):
        raise ContractError("times of previous runs must ascend, none twice")
    _check_variables(previous, "lead_day", (("time", "station"),))
    return previous


def is_previous_runs(dataset: xr.Dataset) -> bool:
    """Tell which of the two shapes a dataset has.

    >>> is_previous_runs(xr.Dataset(coords={"lead_day": [1]}))
    True
    """
    return "lead_day" in dataset.coords


def _check_steps(dataset: xr.Dataset, name: str, lowest: int) -> None:
    steps = dataset.coords.get(name)
    if steps is None or steps.dims != (name,) or steps.dtype.kind not in "iu" or not steps.size:
        raise ContractError(f"a dataset of forecasts needs {name}({name}) in whole numbers")
    values = steps.to_numpy().astype("int64")
    if values[0] < lowest or (np.diff(values) <= 0).any():
        raise ContractError(f"{name} must ascend from {lowest} or later")


def _check_variables(dataset: xr.Dataset, first: str, places: tuple[tuple[str, ...], ...]) -> None:
    if not dataset.data_vars:
        raise ContractError("a dataset of forecasts without variables")
    for attribute in ("source", "licence"):
        if attribute not in dataset.attrs:
            raise ContractError(f"a dataset of forecasts lacks the attribute {attribute}")
    for name, variable in dataset.data_vars.items():
        _check_variable(str(name), variable, first, places)
    _check_places(dataset)


def _check_variable(
    name: str, variable: xr.DataArray, first: str, places: tuple[tuple[str, ...], ...]
) -> None:
    if quantity_of(name) not in QUANTITIES:
        raise ContractError(f"variable {name} is no quantity of pipeline.names, with or without {ALOFT}")
    level = ("level",) if name.endswith(ALOFT) else ()
    wanted = [(first, *level, *place) for place in places]
    if variable.dims not in wanted:
        raise ContractError(f"variable {name} has dims {variable.dims}, not {' or '.join(map(str, wanted))}")
    if variable.dtype.kind != "f" or np.isinf(variable.to_numpy()).any():
        raise ContractError(f"variable {name} must hold finite floats, NaN where missing")


def _check_places(dataset: xr.Dataset) -> None:
    axes = {"level"} & set(dataset.dims) | {"station", "latitude", "longitude"} & set(dataset.dims)
    for axis in sorted(map(str, axes)):
        if axis not in dataset.coords or not dataset.indexes[axis].is_unique:
            raise ContractError(f"a dataset of forecasts needs {axis}({axis}), no value twice")
    for name in ("latitude", "longitude") if "station" in dataset.dims else ():
        if name not in dataset.coords or dataset[name].dims != ("station",):
            raise ContractError(f"a dataset of forecasts at points needs {name}(station)")


def possible_only(dataset: xr.Dataset) -> xr.Dataset:
    """Return a copy in which values outside the range of their quantity are missing.

    >>> ds = xr.Dataset({"pm2p5": ("x", [12.0, -9999.0])})
    >>> possible_only(ds)["pm2p5"].values.tolist()
    [12.0, nan]
    """
    kept = {}
    for name, variable in dataset.data_vars.items():
        quantity = QUANTITIES[quantity_of(str(name))]
        kept[name] = variable.where((variable >= quantity.lowest) & (variable <= quantity.highest))
    return dataset.assign(kept)


def with_weather_attributes(dataset: xr.Dataset) -> xr.Dataset:
    """Return a copy with the CF names, units and cell methods of every variable and coordinate."""
    out = dataset.copy()
    if "forecast_period" in out.dims:
        out = out.assign_coords(time=("forecast_period", valid_times(out)))
    for name in out.data_vars:
        quantity = QUANTITIES[quantity_of(str(name))]
        names = {"standard_name": quantity.standard_name} if quantity.standard_name else {}
        method = "time: sum" if quantity_of(str(name)) in _SUMS else "time: point"
        out[name].attrs = {
            **names, "units": quantity.unit, "long_name": quantity.long_name, "cell_methods": method
        }  # fmt: skip
    for name in out.coords:
        out[name].attrs = dict(_COORDINATES.get(str(name), {}))
    out.attrs = {"Conventions": CONVENTIONS, **out.attrs}
    return out


_COORDINATES: Final[dict[str, dict[str, str]]] = {
    "forecast_reference_time": {"standard_name": "forecast_reference_time"},
    "forecast_period": {"standard_name": "forecast_period", "units": "hours"},
    "lead_day": {"long_name": "whole days by which the run is older than its valid time", "units": "1"},
    "time": {"standard_name": "time"},
    "level": {"standard_name": "air_pressure", "units": "hPa", "positive": "down"},
    "station": {"cf_role": "timeseries_id"},
    "latitude": {"standard_name": "latitude", "units": "degree_north"},
    "longitude": {"standard_name": "longitude", "units": "degree_east"},
}
