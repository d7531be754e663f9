"""What data looks like at every border; each ``check_`` raises ContractError and returns its argument."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from pipeline.errors import ContractError
from pipeline.names import QC_FLAG_VALUES, QUANTITIES

OBSERVATION_COLUMNS: Final = {
    "station": "station id, `network:id` such as `airkorea:jung` or `archive:beijing_best_hourly`",
    "quantity": "a key of pipeline.names.QUANTITIES",
    "time": "end of the averaging interval [UTC, datetime64[ns]]",
    "value": "float64 in the unit of the quantity; NaN withdraws an earlier value",
    "qc": "int8: 0 pass, 1 suspect, 2 fail, 3 not evaluated",
}
VERSION_COLUMNS: Final = {
    **OBSERVATION_COLUMNS,
    "received_at": "when this version became known [UTC, datetime64[ns]]",
    "source": "the source that delivered it",
}
STATION_COLUMNS: Final = {
    "station": "station id, unique within a world",
    "name": "name as its source writes it",
    "latitude": "[degree_north], NaN when the source gives none",
    "longitude": "[degree_east], NaN when the source gives none",
    "altitude": "[m] above sea level, NaN when unknown",
    "city": "city id of pipeline.cities, or an empty string",
    "interval_hours": "length of the averaging interval of its series [h]",
    "note": "what a reader must know (proxy, control site, retrospective product …)",
}
SAMPLE_DIMS: Final = ("realization", "city", "forecast_period")
MINIMUM_MEMBERS: Final = 200


def check_observations(frame: pd.DataFrame) -> pd.DataFrame:
    """Check a table of observations against OBSERVATION_COLUMNS.

    Raises
    ------
    ContractError
        naming the first column that is wrong and what it should hold

    Examples
    --------
    >>> rows = pd.DataFrame({"station": ["a:1"], "quantity": ["pm2p5"], "value": [35.0],
    ...     "time": np.array(["2020-01-01T01"], "M8[ns]"), "qc": np.array([0], "int8")})
    >>> check_observations(rows) is rows
    True
    """
    missing = [c for c in OBSERVATION_COLUMNS if c not in frame.columns]
    if missing:
        raise ContractError(f"observations lack the columns {missing}; see docs/data-contracts.md")
    if frame["time"].dtype != np.dtype("datetime64[ns]"):
        raise ContractError(f"observations.time is {frame['time'].dtype}; give datetime64[ns] in UTC")
    if frame["value"].dtype != np.dtype("float64"):
        raise ContractError(f"observations.value is {frame['value'].dtype}; give float64")
    unknown = set(frame["quantity"].unique()) - set(QUANTITIES)
    if unknown:
        raise ContractError(f"observations.quantity holds {sorted(unknown)}; see pipeline.names.QUANTITIES")
    if not frame["qc"].isin(QC_FLAG_VALUES).all():
        raise ContractError(f"observations.qc must be one of {QC_FLAG_VALUES}")
    if frame["time"].isna().any() or frame["station"].isna().any():
        raise ContractError("observations.time and observations.station may not be missing")
    return frame


def check_samples(samples: xr.Dataset) -> xr.Dataset:
    """Check joint forecast samples: ``pm2p5``/``pm10`` over (realization, city, forecast_period).

    The dataset has scalar ``issue_time`` and ``as_of`` coordinates [UTC], ``forecast_period`` in whole
    hours after the issue (negative for hours that had ended but were not yet received), at least 200
    realizations, values ≥ 0 [ug m-3], NaN only where a city's cadence has no interval end. A realization
    is one joint future of all cities and leads. ``<quantity>_hourly`` variables hold the hourly series of
    cities whose reference is coarser. Attributes: ``world``, ``model_id``, ``inputs_used`` and
    ``inputs_missing`` (comma-separated), ``degraded`` (empty, or the reason).
    """
    for name in [v for v in samples.data_vars if str(v).startswith(("pm2p5", "pm10"))]:
        if samples[name].dims != SAMPLE_DIMS:
            raise ContractError(f"samples.{name} has dims {samples[name].dims}, not {SAMPLE_DIMS}")
        if float(samples[name].min(skipna=True)) < 0:
            raise ContractError(f"samples.{name} holds negative concentrations")
    _check_sample_facts(samples)
    return samples


def _check_sample_facts(samples: xr.Dataset) -> None:
    if samples.sizes.get("realization", 0) < MINIMUM_MEMBERS:
        raise ContractError(f"samples need at least {MINIMUM_MEMBERS} realizations")
    for name in ("issue_time", "as_of"):
        if name not in samples.coords:
            raise ContractError(f"samples lack the scalar coordinate {name}")
    for name in ("world", "model_id", "inputs_used", "inputs_missing", "degraded"):
        if name not in samples.attrs:
            raise ContractError(f"samples lack the attribute {name}")


PATH_DIMS: Final = ("realization", "city", "time")


def check_paths(paths: xr.Dataset) -> xr.Dataset:
    """Check paths: observations so far continued by forecast samples, on hourly interval ends.

    Variables ``pm2p5`` (the city's reference series; for a 3-hourly city only 00, 03, … 21 UTC are not
    NaN), ``pm2p5_hourly`` (hourly series), likewise ``pm10``; dims (realization, city, time) [ug m-3].
    ``is_observed`` (city, time) tells which values were measured. Where a value is observed all
    realizations are equal.
    """
    for name in [v for v in paths.data_vars if str(v).startswith(("pm2p5", "pm10"))]:
        if paths[name].dims != PATH_DIMS:
            raise ContractError(f"paths.{name} has dims {paths[name].dims}, not {PATH_DIMS}")
    if "is_observed" not in paths or paths["is_observed"].dims != ("city", "time"):
        raise ContractError("paths lack is_observed(city, time)")
    return paths


FORECAST_DIMS: Final = {
    "pm2p5": ("city", "forecast_period", "quantile"),
    "probability_of_exceedance": ("city", "forecast_period", "threshold"),
    "pm2p5_day_mean": ("city", "lead_day", "quantile"),
    "probability_of_day_mean_exceedance": ("city", "lead_day", "threshold"),
}


def check_forecast(forecast: xr.Dataset) -> xr.Dataset:
    """Check a forecast: quantiles and probabilities of exceedance derived from one run's samples.

    Quantiles do not cross along ``quantile``; probabilities fall along ``threshold`` and lie in [0, 1].
    """
    for name, dims in FORECAST_DIMS.items():
        if name not in forecast or forecast[name].dims != dims:
            raise ContractError(f"forecast.{name} is missing or has not the dims {dims}")
    for name in ("pm2p5", "pm2p5_day_mean"):
        if bool((forecast[name].diff("quantile") < 0).any()):
            raise ContractError(f"forecast.{name}: quantiles cross")
    for name in ("probability_of_exceedance", "probability_of_day_mean_exceedance"):
        if bool((forecast[name].diff("threshold") > 1e-12).any()):
            raise ContractError(f"forecast.{name} rises with the threshold")
    return forecast
