"""The table of predictions, one row per city, model, issue and target; contract: docs/predictions.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from pipeline.cities import City
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS
from pipeline.paths import day_means, instant_of
from pipeline.times import FORECAST_DAYS, NS_HOUR, horizon_end, local_date, local_day_bounds, to_ns

KEY_COLUMNS: Final = (
    "city",
    "model",
    "issue_time",
    "target",
    "valid_start",
    "valid_end",
    "lead_hours",
    "lead_day",
)
QUANTILE_COLUMNS: Final = tuple(f"q{round(level * 100):02d}" for level in QUANTILE_LEVELS)
PROBABILITY_COLUMNS: Final = tuple(f"p_gt_{threshold}" for threshold in PM_THRESHOLDS)
EXTRA_COLUMNS: Final = ("observed_share", "model_id", "degraded")
COLUMNS: Final = (*KEY_COLUMNS, "mean", *QUANTILE_COLUMNS, *PROBABILITY_COLUMNS, *EXTRA_COLUMNS)

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]
Part = dict[str, npt.NDArray[Any]]


def prediction_rows(
    paths: xr.Dataset, cities: Sequence[City], *, model: str, quantity: str = "pm2p5"
) -> pd.DataFrame:
    """Turn the joint paths of one issue into rows of the predictions table.

    Parameters
    ----------
    paths : joint paths of one issue, see ``pipeline.schema.check_paths`` [ug m-3]
    cities : the cities to write rows for
    model : name in the column ``model``: ``sameair``, ``persistence``, ``climatology`` or a variant
    quantity : ``pm2p5`` or ``pm10``

    Returns
    -------
    rows with the columns COLUMNS. ``hourly`` rows cover the city's own intervals that start at or after
    the issue, to the end of local day D+3; ``daily`` rows cover local days D to D+3, day D whole, with the
    hours observed by then; ``outlook`` rows cover the local days after D+3, where the model gives them.
    Times are UTC; the mean is over (valid_start, valid_end]; probabilities are those of the unrounded mean
    exceeding the number.
    """
    parts = [
        {"city": np.full(len(part["mean"]), city.id, object), **part}
        for city in cities
        if city.id in paths["city"].values
        for part in _parts(paths, city, quantity)
    ]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table = pd.DataFrame(rows).assign(
        model=model,
        issue_time=pd.Timestamp(instant_of(paths, "issue_time")).as_unit("ns"),
        model_id=str(paths.attrs.get("model_id", "")),
        degraded=str(paths.attrs.get("degraded", "")),
        lead_day=pd.array(rows["lead_day"], "Float64").astype("Int64"),
        valid_start=pd.DatetimeIndex(rows["valid_start"]).tz_localize("UTC"),
        valid_end=pd.DatetimeIndex(rows["valid_end"]).tz_localize("UTC"),
    )
    return table.astype({"city": "str", "target": "str"})[list(COLUMNS)]


def _parts(paths: xr.Dataset, city: City, quantity: str) -> list[Part]:
    found = [_hourly(paths, city, quantity), _daily(paths, city, quantity)]
    if f"outlook_{quantity}" in paths:
        found.append(_outlook(paths, city, quantity))
    return found


def _outlook(paths: xr.Dataset, city: City, quantity: str) -> Part:
    """Return the local days after D+3, whole days of which nothing is observed."""
    issue = instant_of(paths, "issue_time")
    members = paths[f"outlook_{quantity}"].sel(city=city.id).transpose("realization", "outlook_day")
    lead_day = members["outlook_day"].values.astype(int)
    today = local_date(issue, city.timezone)
    bounds = [local_day_bounds(today + timedelta(days=int(d)), city.timezone) for d in lead_day]
    start, end = (np.array([to_ns(b[i]) for b in bounds], "M8[ns]") for i in (0, 1))
    part = _part("outlook", start, end, issue, members.values)
    part["lead_day"] = lead_day.astype(float)
    return part


def _hourly(paths: xr.Dataset, city: City, quantity: str) -> Part:
    issue = instant_of(paths, "issue_time")
    spec = city.spec(quantity, "reference", str(paths.attrs.get("world", "measured")))
    step = np.timedelta64((spec.interval_hours if spec else 1) * NS_HOUR, "ns")
    ends = paths["time"].values
    start, last = to_ns(issue), to_ns(horizon_end(issue, city.timezone))
    on_cadence = ends.astype("int64") % step.astype("int64") == 0
    wanted = on_cadence & (ends - step >= start) & (ends <= last)
    members = paths[quantity].sel(city=city.id).transpose("realization", "time").values[:, wanted]
    return _part("hourly", ends[wanted] - step, ends[wanted], issue, members)


def _daily(paths: xr.Dataset, city: City, quantity: str) -> Part:
    issue = instant_of(paths, "issue_time")
    today = np.datetime64(local_date(issue, city.timezone), "ns")
    days = day_means(paths, city, quantity)
    lead_day = ((days["day"].values - today) / np.timedelta64(1, "D")).astype(int)
    wanted = (lead_day >= 0) & (lead_day <= FORECAST_DAYS)
    members = days["day_mean"].transpose("realization", "day").values[:, wanted]
    start, end = days["valid_start"].values[wanted], days["valid_end"].values[wanted]
    part = _part("daily", start, end, issue, members)
    part["lead_day"] = lead_day[wanted].astype(float)
    part["observed_share"] = days["observed_share"].values[wanted]
    return part


def _part(target: str, start: Times, end: Times, issue: datetime, members: Floats) -> Part:
    """Return the columns of rows of one city and target; ``lead_day`` and ``observed_share`` as for hours."""
    return {
        "target": np.full(len(end), target, object),
        "valid_start": start,
        "valid_end": end,
        "lead_hours": ((end - to_ns(issue)) // np.timedelta64(NS_HOUR, "ns")).astype("int64"),
        "lead_day": np.full(len(end), np.nan),
        "observed_share": np.zeros(len(end)),
        **_statistics(members),
    }


def _statistics(members: Floats) -> dict[str, Floats]:
    """Summarise (realization, row) into mean, quantiles and probabilities; a row with any NaN is all NaN."""
    missing = np.isnan(members).any(axis=0)
    table: dict[str, Floats] = {"mean": members.mean(axis=0)}
    levels = np.quantile(members, QUANTILE_LEVELS, axis=0) if members.size else np.empty((7, 0))
    table |= dict(zip(QUANTILE_COLUMNS, levels, strict=True))
    for column, threshold in zip(PROBABILITY_COLUMNS, PM_THRESHOLDS, strict=True):
        table[column] = np.where(missing, np.nan, (members > threshold).mean(axis=0))
    return table
