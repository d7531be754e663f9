"""Hours beside what needs no model: the newest value, the same hour of the day before, autoregression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from forecasting.targets import Floats, to_level, to_log
from forecasting.verification.score_tables import Options

Rows = list[dict[str, Any]]
Times = npt.NDArray[np.datetime64]

ARRIVES: Final = np.timedelta64(1, "h").astype("timedelta64[ns]")
"""A value is taken as known so long after its interval."""

OLDEST: Final = np.timedelta64(72, "h").astype("timedelta64[ns]")
FEWEST: Final = 60
ENOUGH: Final = 300
DAY: Final = np.timedelta64(24, "h").astype("timedelta64[ns]")
THRESHOLDS: Final = (35, 75, 150)
NAMES: Final = ("persistence", "same_hour", "autoregression")
YEAR_DAYS: Final = 365.25


def hour_rows(predictions: pd.DataFrame, truth: pd.DataFrame, options: Options) -> Rows:
    """Score the intervals of the subject beside three simple forecasts, at every lead of every cycle hour.

    The three know what was measured until an hour before the issue. ``persistence`` is the newest value,
    ``same_hour`` that of the same hour of the newest day known, ``autoregression`` a regression of ln(c + 5)
    on the newest value and the season, for each lead. Their spread, and the coefficients of the regression,
    are those of the days measured before the first issue; with fewer than ENOUGH of them, those of the very
    rows that are scored, which favours them, and ``learned_before`` is false.

    Parameters
    ----------
    predictions, truth : as for ``pairs.groups``

    Returns
    -------
    a row for each city, cycle hour, lead and threshold: ``n``, ``events``, ``rmse`` [ug m-3] and ``brier`` of
    the subject, ``rmse_best`` and ``brier_best`` of the best of the three and their names, ``no_worse``
    """
    ours = predictions[(predictions["model"] == options.subject) & (predictions["target"] == "hourly")]
    seen = truth.loc[truth["target"] == "hourly", ["city", "valid_end", "observed"]].dropna()
    found: Rows = []
    for city, rows in ours.groupby("city", sort=True):
        known = seen[seen["city"] == city].sort_values("valid_end")
        joined = rows.merge(known, on=["city", "valid_end"]).dropna(subset=["mean"])
        times, values = known["valid_end"].to_numpy("M8[ns]"), known["observed"].to_numpy(float)
        for (hour, lead), part in joined.groupby([joined["issue_time"].dt.hour, "lead_hours"], sort=True):
            if len(part) >= FEWEST:
                key = {"city": str(city), "cycle_hour": int(str(hour)), "lead_hours": int(str(lead))}
                found += [{**key, **row} for row in _scored(part, times, values)]
    return found


@dataclass(frozen=True)
class _Cases:
    """Issues at one hour, one lead: what came true and what was known before, ln(c + 5)."""

    end: Times
    truth: Floats
    newest: Floats
    same: Floats

    def whole(self) -> npt.NDArray[np.bool_]:
        """Tell where all is known."""
        return np.asarray(np.isfinite(self.truth) & np.isfinite(self.newest) & np.isfinite(self.same))

    def of(self, chosen: npt.NDArray[np.bool_]) -> _Cases:
        """Return some of the cases."""
        return _Cases(self.end[chosen], self.truth[chosen], self.newest[chosen], self.same[chosen])


def _cases(issue: Times, end: Times, times: Times, values: Floats) -> _Cases:
    asked = ((end, True), (issue - ARRIVES, False), (_day_known(end, issue), True))
    return _Cases(end, *(to_log(_value_at(when, times, values, exact=exact)) for when, exact in asked))


def _scored(part: pd.DataFrame, times: Times, values: Floats) -> Rows:
    issue, end = (part[name].to_numpy("M8[ns]") for name in ("issue_time", "valid_end"))
    cases = _cases(issue, end, times, values)
    there = cases.whole()
    if there.sum() < FEWEST:
        return []
    earlier = issue.min() - np.arange(1, 4000) * DAY
    earlier = earlier[earlier > times[0]] - (end - issue).max() // DAY * DAY - DAY
    past = _cases(earlier, earlier + (end[0] - issue[0]), times, values)
    before = int(past.whole().sum()) >= ENOUGH
    cases, learned = cases.of(there), (past.of(past.whole()) if before else cases.of(there))
    observed, mean = part["observed"].to_numpy(float)[there], part["mean"].to_numpy(float)[there]
    weights = np.linalg.lstsq(_design(learned), learned.truth, rcond=None)[0]
    pairs = (
        (cases.newest, learned.newest),
        (cases.same, learned.same),
        (_design(cases) @ weights, _design(learned) @ weights),
    )
    spreads = [max(float(np.std(learned.truth - known)), 1e-6) for _, known in pairs]
    points = [to_level(cases.newest), to_level(cases.same), to_level(pairs[2][0] + spreads[2] ** 2 / 2)]
    errors = [_rmse(observed - point) for point in points]
    rows: Rows = []
    for threshold in (t for t in THRESHOLDS if f"p_gt_{t}" in part):
        event = observed > threshold
        own = part[f"p_gt_{threshold}"].to_numpy(float)[there]
        losses = [_brier(c, s, threshold, event) for (c, _), s in zip(pairs, spreads, strict=True)]
        best, rmse, brier = min(errors), _rmse(observed - mean), float(np.mean((own - event) ** 2))
        row: dict[str, Any] = {"threshold": threshold, "n": int(there.sum()), "events": int(event.sum())}
        row |= {
            "rmse": rmse,
            "rmse_best": best,
            "rmse_best_of": NAMES[int(np.argmin(errors))],
            "brier": brier,
        }
        row |= {"brier_best": min(losses), "brier_best_of": NAMES[int(np.argmin(losses))]}
        row |= {"no_worse": rmse <= best and brier <= min(losses), "learned_before": before}
        rows.append(row)
    return rows


def _design(cases: _Cases) -> Floats:
    """Return what the regression reads, (case, 4)."""
    start = cases.end.astype("M8[Y]").astype("M8[ns]")
    angle = 2 * np.pi * ((cases.end - start) / DAY) / YEAR_DAYS
    return np.stack([np.ones(len(angle)), np.sin(angle), np.cos(angle), cases.newest], axis=1)


def _day_known(end: Times, issue: Times) -> Times:
    """Return the same hour of the newest day of which it was known at the issue.

    >>> issue = np.array(["2020-01-10T08"], "M8[ns]")
    >>> str(_day_known(issue + np.timedelta64(24, "h"), issue)[0])[:13]
    '2020-01-09T08'
    """
    back = np.maximum(1, -((issue - ARRIVES - end) // DAY))
    return np.asarray(end - back * DAY, "M8[ns]")


def _value_at(when: Times, times: Times, values: Floats, *, exact: bool) -> Floats:
    """Return the value at instants, or the newest up to them that is not too old; NaN where there is none."""
    if not len(times):
        return np.full(len(when), np.nan)
    at = np.searchsorted(times, when, side="right") - 1
    found = times[np.maximum(at, 0)]
    good = (at >= 0) & ((found == when) if exact else (when - found <= OLDEST))
    return np.where(good, values[np.maximum(at, 0)], np.nan)


def _brier(centre: Floats, spread: float, threshold: float, event: npt.NDArray[np.bool_]) -> float:
    """Return the Brier score of a normal distribution of ln(c + 5)."""
    above = ndtr((centre - np.log(threshold + 5.0)) / spread)
    return float(np.mean((above - event) ** 2))


def _rmse(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))
