"""Evidence that an upwind and a downwind episode belong together: paths, past association, joint samples.

Limits. Association in time is not attribution: common stagnation or a common season of emissions raises it as
well as transport does, and it says nothing about shares of origin. Its season is held by comparing only days
near the same date of the year, the persistence of weather by the test. Whether the paths of the air add to it
is measured apart (``link_evidence``); only that sets the word for the confidence in a link.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from forecasting.transport.link_history import Terms, past_day_means
from forecasting.transport.link_paths import PathEvidence
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import day_means
from pipeline.times import local_date

SEASON_DAYS = 60
"""Half width of the window of the year from which past days are taken [d]."""

MINIMUM_SEASON = 60
"""Below this many days of the season the whole year is used instead, and said so."""

SHORTEST_SHIFT = 10
"""Shifts of the test below this many days would compare a spell of weather with itself."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TransportLink:
    """How much likelier the downwind city exceeds after the upwind city did, and what this run expects.

    ``lift`` is P(downwind exceeds within the lag window | upwind exceeds) over its base rate [1], in
    ``sample_size`` past days with ``events`` upwind exceedances; ``joint_probability`` is the share of the
    run's samples in which both exceed in that order. ``lag_hours`` is that of the paths of forecast winds
    that passed upwind, else between the two peaks of those samples. ``path_share`` and ``path_winds`` are
    those of PathEvidence; ``confidence`` is the measured word (none, weak, moderate, strong), empty where
    nothing was measured.
    """

    upwind: str
    downwind: str
    lag_hours: float
    lift: float
    p_value: float
    sample_size: int
    events: int
    base_rate: float
    joint_probability: float
    season: str
    method: str
    path_share: float = 0.0
    path_winds: str = ""
    confidence: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)


def transport_link(
    panel: AsOfPanel,
    paths: xr.Dataset,
    upwind: City,
    downwind: City,
    terms: Terms,
    *,
    issue_time: datetime,
    as_of: datetime,
) -> TransportLink:
    """Return the evidence for one pair of cities, from nothing but what was known at ``as_of``.

    Parameters
    ----------
    panel : series of the world with all their versions
    paths : the run's joint paths (realization, city, time) [ug m-3]
    terms : thresholds and lag window

    Notes
    -----
    The p-value is the share of circular shifts of the upwind days against the downwind days that give at
    least the observed lift, so that spells of weather keep their length. No random number is drawn.
    """
    up = past_day_means(panel, upwind, as_of)
    down = past_day_means(panel, downwind, as_of)
    hit, followed, season = _season_days(up, down, terms, issue_time, downwind.timezone)
    lift, p_value = lift_and_significance(hit, followed)
    joint, lag = joint_exceedance(paths, upwind, downwind, terms, issue_time)
    return TransportLink(
        upwind=upwind.id,
        downwind=downwind.id,
        lag_hours=lag,
        lift=round(lift, 3),
        p_value=round(p_value, 4),
        sample_size=len(hit),
        events=int(hit.sum()),
        base_rate=round(float(followed.mean()) if len(followed) else 0.0, 4),
        joint_probability=round(joint, 4),
        season=season,
        method=(
            f"lagged exceedance of day means, {terms.upwind_threshold:g} then {terms.downwind_threshold:g} "
            f"ug m-3 within {terms.lag_days} d ({season}); association, not origin"
        ),
    )


def with_paths(link: TransportLink, found: PathEvidence, confidence: str) -> TransportLink:
    """Return a link with what the paths of the air say of it, and with the measured word."""
    return replace(
        link,
        lag_hours=found.lag_hours if found.share and found.winds == "forecast" else link.lag_hours,
        path_share=round(found.share, 4),
        path_winds=found.winds,
        confidence=confidence,
    )


def lift_and_significance(hit: Flags, followed: Flags) -> tuple[float, float]:
    """Return P(followed | hit) / P(followed) and the share of shifted sequences with at least that lift.

    Where nothing was hit or followed there is no evidence: lift 0 and p-value 1.

    >>> lift_and_significance(np.array([True, False, False, False]), np.array([True, False, False, False]))
    (4.0, 1.0)
    """
    if not hit.any() or not followed.any():
        return 0.0, 1.0
    lift = float(followed[hit].mean() / followed.mean())
    shifts = range(SHORTEST_SHIFT, len(hit) - SHORTEST_SHIFT + 1)
    together = int((hit & followed).sum())
    as_many = sum(int((np.roll(hit, shift) & followed).sum()) >= together for shift in shifts)
    return lift, (1 + as_many) / (1 + len(shifts))


def joint_exceedance(
    paths: xr.Dataset, upwind: City, downwind: City, terms: Terms, issue_time: datetime
) -> tuple[float, float]:
    """Return the share of samples exceeding upwind, then downwind from today on, and the peaks' lag [h]."""
    up, down = day_means(paths, upwind), day_means(paths, downwind)
    up_days, down_days = (d["day"].values.astype("datetime64[D]") for d in (up, down))
    today = np.datetime64(local_date(issue_time, downwind.timezone))
    up_over = up["day_mean"].values > terms.upwind_threshold
    down_over = down["day_mean"].values > terms.downwind_threshold
    lag = (down_days[None, :] - up_days[:, None]).astype("int64")
    ordered = (lag >= 0) & (lag <= terms.lag_days) & (down_days >= today)[None, :]
    joined = np.einsum("mu,md,ud->m", up_over.astype(int), down_over.astype(int), ordered.astype(int)) > 0
    if not joined.any():
        return 0.0, 0.0
    peak_up = up_days[np.nan_to_num(up["day_mean"].values[joined], nan=-1.0).argmax(axis=1)]
    peak_down = down_days[np.nan_to_num(down["day_mean"].values[joined], nan=-1.0).argmax(axis=1)]
    days = np.median((peak_down - peak_up).astype("int64"))
    return float(joined.mean()), 24.0 * float(np.clip(days, 0, terms.lag_days))


def _season_days(
    up: pd.Series, down: pd.Series, terms: Terms, issue_time: datetime, timezone: str
) -> tuple[Flags, Flags, str]:
    """Return, per past day, whether upwind exceeded and whether downwind did within the lag window."""
    if up.empty or down.empty:
        return np.zeros(0, bool), np.zeros(0, bool), "no history"
    days = pd.date_range(min(up.index[0], down.index[0]), max(up.index[-1], down.index[-1]), freq="D")
    up, down = up.reindex(days), down.reindex(days)
    later = pd.concat([down.shift(-k) for k in range(terms.lag_days + 1)], axis=1)
    known = up.notna() & later.notna().all(axis=1)
    near = pd.Series(_near_season(days, local_date(issue_time, timezone)), index=days)
    season = f"within {SEASON_DAYS} d of the date"
    if (known & near).sum() < MINIMUM_SEASON:
        near, season = pd.Series(True, index=days), "all year"
    chosen = known & near
    hit = (up[chosen] > terms.upwind_threshold).to_numpy(dtype=bool)
    followed = (later[chosen] > terms.downwind_threshold).any(axis=1).to_numpy(dtype=bool)
    return hit, followed, season


def _near_season(days: pd.DatetimeIndex, today: date) -> Flags:
    distance = np.abs(days.day_of_year.to_numpy() - today.timetuple().tm_yday)
    near: Flags = np.minimum(distance, 365 - distance) <= SEASON_DAYS
    return near
