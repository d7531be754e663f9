"""What joint futures say of several local days together: stretches above a threshold, changes by the day."""

from __future__ import annotations

from typing import Final

import numpy as np

from forecasting.targets import Floats

STRETCHES: Final = ((2, 35), (2, 50), (2, 75), (2, 115), (2, 150), (3, 50), (3, 75), (3, 150))
"""Numbers of days and thresholds [ug m-3] that rules of either country ask for: "> 50 today and tomorrow" of
the Korean measures; 115 and 150 are the Chinese indices 150 and 200, which are to last two or three days."""

VARIOGRAM: Final = "variogram_1_day"
ORDER: Final = 0.5
JOINT_COLUMNS: Final = (*(f"p_{days}_days_gt_{above}" for days, above in STRETCHES), VARIOGRAM)


def joint_statistics(means: Floats) -> dict[str, Floats]:
    """Summarise day means of neighbouring days over the members, each (issue, day).

    Parameters
    ----------
    means : (issue, member, day) [ug m-3], NaN where a day has no mean

    Returns
    -------
    ``p_N_days_gt_X``: probability that the day and the N − 1 before it all exceed X, and ``variogram_1_day``:
    mean of |c(day) − c(day before)| ** ORDER [(ug m-3) ** 0.5]; NaN where a day is missing

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
    for (days, above), name in zip(STRETCHES, JOINT_COLUMNS, strict=False):
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


def unknown(shape: tuple[int, int]) -> dict[str, Floats]:
    """Return the same columns for rows that are no days.

    >>> float(unknown((1, 2))["variogram_1_day"][0, 1])
    nan
    """
    return {name: np.full(shape, np.nan) for name in JOINT_COLUMNS}
