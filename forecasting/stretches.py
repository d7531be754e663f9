"""What joint futures say of several days or hours together: stretches above thresholds, changes."""

from __future__ import annotations

from typing import Final

import numpy as np

from forecasting.targets import Floats

OTHER_THRESHOLDS: Final = (30, 80, 100, 120, 350, 420, 498, 500)
"""Thresholds of single days [ug m-3] beyond PM_THRESHOLDS: grades of PM10 in Korea, indices in China."""

STRETCHES: Final = (
    (2, 35),
    (2, 50),
    (2, 75),
    (2, 115),
    (2, 150),
    (3, 50),
    (3, 75),
    (3, 115),
    (3, 150),
    (3, 250),
    (4, 150),
)
"""Numbers of days and thresholds [ug m-3] that rules of either country ask for: "> 50 today and tomorrow" of
the Korean measures; 115 and 150 are the Chinese indices 150 and 200, which are to last two or three days."""

HOUR_STRETCHES: Final = ((2, 75), (2, 90), (2, 150), (2, 180), (2, 200), (2, 300), (2, 400))
"""Numbers of hours and thresholds [ug m-3] of Korean advisories, warnings, crisis alerts, now and before."""

VARIOGRAM: Final = "variogram_1_day"
ORDER: Final = 0.5
OTHER_COLUMNS: Final = tuple(f"p_gt_{above}" for above in OTHER_THRESHOLDS)
DAY_COLUMNS: Final = tuple(f"p_{days}_days_gt_{above}" for days, above in STRETCHES)
HOUR_COLUMNS: Final = tuple(f"p_{hours}_hours_ge_{least}" for hours, least in HOUR_STRETCHES)
JOINT_COLUMNS: Final = (*OTHER_COLUMNS, *DAY_COLUMNS, *HOUR_COLUMNS, VARIOGRAM)


def joint_statistics(means: Floats) -> dict[str, Floats]:
    """Summarise day means, alone and of neighbouring days, over the members, each (issue, day).

    Parameters
    ----------
    means : (issue, member, day) [ug m-3], NaN where a day has no mean

    Returns
    -------
    ``p_gt_X`` for OTHER_THRESHOLDS; ``p_N_days_gt_X``: probability that the day and the N − 1 before it all
    exceed X; ``variogram_1_day``: mean of |c(day) − c(day before)| ** ORDER [(ug m-3) ** 0.5]. NaN where a
    day is missing

    Examples
    --------
    >>> means = np.array([[[60.0, 70.0], [60.0, 20.0], [20.0, 70.0], [20.0, 20.0]]])
    >>> found = joint_statistics(means)
    >>> found["p_2_days_gt_50"].tolist(), found["p_3_days_gt_50"].tolist()
    ([[nan, 0.25]], [[nan, nan]])
    """
    found: dict[str, Floats] = {}
    shape = (means.shape[0], means.shape[2])
    known = np.asarray(np.isfinite(means).all(axis=1))
    for above, name in zip(OTHER_THRESHOLDS, OTHER_COLUMNS, strict=True):
        found[name] = np.where(known, (means > above).mean(axis=1), np.nan)
    for (days, above), name in zip(STRETCHES, DAY_COLUMNS, strict=True):
        found[name] = np.full(shape, np.nan)
        for last in range(days - 1, shape[1]):
            stretch = slice(last - days + 1, last + 1)
            there = known[:, stretch].all(axis=1)
            share = (means[:, :, stretch].min(axis=2) > above).mean(axis=1)
            found[name][:, last] = np.where(there, share, np.nan)
    found[VARIOGRAM] = np.full(shape, np.nan)
    if shape[1] > 1:
        found[VARIOGRAM][:, 1:] = (np.abs(np.diff(means, axis=2)) ** ORDER).mean(axis=1)
    return found


def hour_statistics(values: Floats, step: int) -> dict[str, Floats]:
    """Return how likely a stretch of hours at or above a threshold is within one local day, each (issue,).

    Parameters
    ----------
    values : (issue, member, interval) of the day [ug m-3], NaN where there is none, which breaks a stretch
    step : length of the intervals [h]; one interval stands for a stretch that is no longer than itself

    Returns
    -------
    ``p_N_hours_ge_X``: probability of N hours running, each at X or above

    Examples
    --------
    >>> day = np.array([[[80.0, 20.0, 90.0], [80.0, 75.0, 20.0]]])
    >>> found = hour_statistics(day, 1)
    >>> float(found["p_2_hours_ge_75"][0]), float(hour_statistics(day, 3)["p_2_hours_ge_75"][0])
    (0.5, 1.0)
    """
    found: dict[str, Floats] = {}
    lengths = {-(-hours // step) for hours, _ in HOUR_STRETCHES}
    lowest = {length: _highest_lowest(values, length) for length in lengths}
    for (hours, least), name in zip(HOUR_STRETCHES, HOUR_COLUMNS, strict=True):
        most = lowest[-(-hours // step)]
        found[name] = (most >= least).mean(axis=1)
    return found


def _highest_lowest(values: Floats, length: int) -> Floats:
    """Return over which level a stretch of so many intervals lies wholly, (issue, member); NaN breaks one."""
    held = np.where(np.isfinite(values), values, -np.inf)
    running = held
    for back in range(1, length):
        running = np.minimum(running[:, :, 1:], held[:, :, : held.shape[2] - back])
    return np.asarray(running.max(axis=2, initial=-np.inf))


def unknown(shape: tuple[int, int]) -> dict[str, Floats]:
    """Return the same columns for rows that are no days.

    >>> float(unknown((1, 2))["variogram_1_day"][0, 1])
    nan
    """
    return {name: np.full(shape, np.nan) for name in JOINT_COLUMNS}
