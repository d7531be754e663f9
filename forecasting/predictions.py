"""The table of predictions, one row per city, model, issue and target; contract: docs/predictions.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from forecasting.stretches import HOUR_COLUMNS, JOINT_COLUMNS, hour_statistics, joint_statistics, unknown
from pipeline.cities import City
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS
from pipeline.paths import MINIMUM_DAY_COVERAGE
from pipeline.times import FORECAST_DAYS, NS_HOUR, from_ns, local_date, local_day_bounds, to_ns

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
"""What every table holds; daily rows also tell of several days together, see ``forecasting.stretches``."""

OF_AN_ISSUE: Final = ("model_id", "degraded")

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]
Block = dict[str, npt.NDArray[Any]]
"""Columns (issue, row) of issues of one hour of the day; one of an issue alone is (issue, 1)."""

_HOUR = np.timedelta64(NS_HOUR, "ns")


@dataclass(frozen=True)
class Futures:
    """Joint futures of one city at issues of one hour of the day, continued from what was known.

    Parameters
    ----------
    city : whose series it is
    interval_hours : of the series [h]
    issues : (issue,) [UTC]
    periods : (period,) ends of the intervals [h after the issue], ascending
    values : (issue, member, period) [ug m-3]; a known interval holds its value in all members
    observed : (issue, period) whether it was known
    outlook_days : (day,) local days after the issue's beyond D+3
    outlook : (issue, member, day) their means, NaN where there is none
    """

    city: City
    interval_hours: int
    issues: Times
    periods: Ints
    values: Floats
    observed: npt.NDArray[np.bool_]
    outlook_days: Ints
    outlook: Floats


def block_of(futures: Futures, model: str, model_id: Sequence[str], degraded: Sequence[str]) -> Block:
    """Return the rows of one city, model and quantity at issues of one hour of the day.

    Parameters
    ----------
    model : name in the column ``model``: ``sameair``, ``persistence``, ``climatology`` or a variant
    model_id, degraded : of every issue
    """
    parts = [_hourly(futures), _daily(futures)]
    if len(futures.outlook_days):
        parts.append(_outlook(futures))
    rows = {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}
    shape = rows["mean"].shape
    return {
        "city": np.full(shape, futures.city.id, object),
        "model": np.full(shape, model, object),
        "issue_time": np.broadcast_to(futures.issues[:, None], shape),
        "model_id": np.broadcast_to(np.array(model_id, object)[:, None], shape),
        "degraded": np.broadcast_to(np.array(degraded, object)[:, None], shape),
        **rows,
    }


def table_of(blocks: Sequence[Block]) -> pd.DataFrame:
    """Return the table of blocks of the same issues: all rows of the first issue, then of the next."""
    rows = {
        name: np.concatenate([b[name] for b in blocks], axis=1).reshape(-1)
        for name in (*COLUMNS, *JOINT_COLUMNS)
    }
    table = pd.DataFrame(rows).assign(
        lead_day=pd.array(rows["lead_day"], "Float64").astype("Int64"),
        **{
            name: pd.DatetimeIndex(rows[name]).tz_localize("UTC")
            for name in ("issue_time", "valid_start", "valid_end")
        },
    )
    return table.astype(dict.fromkeys(("city", "model", "target", *OF_AN_ISSUE), "str"))


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
    facts = [[str(paths.attrs.get(name, ""))] for name in OF_AN_ISSUE]
    chosen = [c for c in cities if c.id in paths["city"].values]
    return table_of([block_of(path_futures(paths, c, quantity), model, *facts) for c in chosen])


def path_futures(paths: xr.Dataset, city: City, quantity: str) -> Futures:
    """Return the futures of one city's reference series in the joint paths of one issue."""
    issue = np.asarray(paths["issue_time"].values, "datetime64[ns]").reshape(1)
    spec = city.spec(quantity, "reference", str(paths.attrs.get("world", "measured")))
    step = spec.interval_hours if spec else 1
    ends = paths["time"].values
    on_cadence = ends.astype("int64") % (step * NS_HOUR) == 0
    one = paths.sel(city=city.id)
    members = one[quantity].transpose("realization", "time").values
    days, outlook = np.empty(0, np.int64), np.empty((1, len(members), 0))
    if f"outlook_{quantity}" in paths:
        later = one[f"outlook_{quantity}"].transpose("realization", "outlook_day")
        days, outlook = later["outlook_day"].values.astype(np.int64), later.values[None]
    return Futures(
        city,
        step,
        issue,
        ((ends - issue) // _HOUR).astype(np.int64)[on_cadence],
        np.ascontiguousarray(members[None, :, on_cadence]),
        one["is_observed"].values[None, on_cadence],
        days,
        outlook,
    )


def day_end(issue: np.datetime64, timezone: str) -> int:
    """Return when the local day of an issue ends [h after the issue]; there is no summer time.

    >>> day_end(np.datetime64("2020-01-10T08", "ns"), "Asia/Seoul")
    7
    """
    day = local_date(from_ns(issue), timezone)
    return int((to_ns(local_day_bounds(day, timezone)[1]) - issue) // _HOUR)


def _hourly(futures: Futures) -> Block:
    step, last = futures.interval_hours, _ends(futures)[FORECAST_DAYS]
    wanted = (futures.periods >= step) & (futures.periods <= last)
    ends = futures.periods[wanted]
    return _part("hourly", futures, ends - step, ends, futures.values[:, :, wanted])


def _daily(futures: Futures) -> Block:
    ends = _ends(futures)[: FORECAST_DAYS + 1]
    expected = 24 // futures.interval_hours
    means, shares, hours = [], [], []
    for end in ends:
        inside = (futures.periods > end - 24) & (futures.periods <= end)
        values = np.ascontiguousarray(futures.values[:, :, inside])
        total, known = _sums(values)
        enough = known.min(axis=1, keepdims=True) >= max(1.0, MINIMUM_DAY_COVERAGE * expected)
        means.append(np.where(enough, total / np.maximum(known, 1), np.nan))
        shares.append(futures.observed[:, inside].sum(axis=1) / expected)
        found = hour_statistics(values, futures.interval_hours)
        hours.append({name: np.where(enough[:, 0], share, np.nan) for name, share in found.items()})
    days = np.stack(means, axis=2)
    part = _part("daily", futures, ends - 24, ends, days) | joint_statistics(days)
    part |= {name: np.stack([day[name] for day in hours], axis=1) for name in HOUR_COLUMNS}
    part["lead_day"] = np.broadcast_to(np.arange(len(ends), dtype=float), part["mean"].shape)
    part["observed_share"] = np.stack(shares, axis=1)
    return part


def _sums(values: Floats) -> tuple[Floats, Floats]:
    """Return the sum of the finite values along the last axis, and how many there are."""
    ones = np.ones(values.shape[2])
    there = np.isfinite(values)
    if there.all():
        return values @ ones, np.full(values.shape[:2], float(values.shape[2]))
    return np.where(there, values, 0.0) @ ones, there.astype(np.float64) @ ones


def _outlook(futures: Futures) -> Block:
    """Return the local days after D+3, whole days of which nothing is observed."""
    ends = day_end(futures.issues[0], futures.city.timezone) + 24 * futures.outlook_days
    part = _part("outlook", futures, ends - 24, ends, futures.outlook)
    part["lead_day"] = np.broadcast_to(futures.outlook_days.astype(float), part["mean"].shape)
    return part


def _ends(futures: Futures) -> Ints:
    """Return the ends of the local days D … D+3 [h after the issue]."""
    return day_end(futures.issues[0], futures.city.timezone) + 24 * np.arange(FORECAST_DAYS + 1)


def _part(target: str, futures: Futures, start: Ints, end: Ints, members: Floats) -> Block:
    """Return the columns of rows of one target; ``lead_day`` and ``observed_share`` as for hours."""
    shape = (len(futures.issues), len(end))
    issues = futures.issues[:, None]
    return {
        "target": np.full(shape, target, object),
        "valid_start": issues + start * _HOUR,
        "valid_end": issues + end * _HOUR,
        "lead_hours": np.broadcast_to(end, shape),
        "lead_day": np.full(shape, np.nan),
        "observed_share": np.zeros(shape),
        **statistics(members),
        **unknown(shape),
    }


def statistics(members: Floats) -> dict[str, Floats]:
    """Summarise (issue, member, row) into mean, quantiles and probabilities, each (issue, row).

    A row with any NaN is all NaN. Quantiles are linear between the members in order.

    >>> found = statistics(np.arange(201.0)[None, :, None])
    >>> [round(float(found[name][0, 0]), 2) for name in ("mean", "q05", "q90", "p_gt_150")]
    [100.0, 10.0, 180.0, 0.25]
    """
    ordered = np.sort(members, axis=1)
    count = members.shape[1]
    missing = np.isnan(ordered[:, -1])
    table: dict[str, Floats] = {"mean": np.where(missing, np.nan, members.mean(axis=1))}
    for column, level in zip(QUANTILE_COLUMNS, QUANTILE_LEVELS, strict=True):
        below = min(int(level * (count - 1)), count - 2)
        part = level * (count - 1) - below
        low, high = ordered[:, below], ordered[:, below + 1]
        table[column] = np.where(missing, np.nan, low + part * (high - low))
    for column, threshold in zip(PROBABILITY_COLUMNS, PM_THRESHOLDS, strict=True):
        above = np.count_nonzero(ordered > threshold, axis=1) / count
        table[column] = np.where(missing, np.nan, above)
    return table
