"""What chance alone would show: independent arrivals, shuffled blocks of days, limits for many cells."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.verification.intervals import BLOCK_DAYS
from pipeline.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

APART_HOURS: Final = 24
"""Arrivals count as independent when they are at least so far apart [h]."""

NEEDED: Final = 200
"""Independent arrivals below which a season is refused."""

RESAMPLES: Final = 1000
LIFT: Final = 5.0
"""Logarithms are those of a concentration plus so much [ug m-3], as in the forecast."""

GAP_DAYS: Final = 30
FALSE_DISCOVERIES: Final = 0.10
"""Share of false ones that is allowed among the cells called significant."""


def independent_arrivals(times: Times) -> int:
    """Count arrivals that lie at least APART_HOURS apart, taken from the first on.

    >>> hours = np.array([0, 6, 12, 18, 24, 47, 72])
    >>> independent_arrivals(np.datetime64("2025-01-01", "ns") + hours * np.timedelta64(1, "h"))
    3
    """
    apart = np.timedelta64(APART_HOURS, "h")
    count, last = 0, None
    for time in np.sort(times):
        if last is None or time - last >= apart:
            count, last = count + 1, time
    return count


def require_enough(times: Times, what: str) -> int:
    """Return the number of independent arrivals.

    Raises
    ------
    UsageError
        they are fewer than NEEDED; says how many there are

    Examples
    --------
    >>> require_enough(np.array(["2025-01-01"], "M8[ns]"), "DJF")
    Traceback (most recent call last):
    ...
    pipeline.errors.UsageError: DJF: 1 independent arrivals of 200 needed (24 h apart); take more years
    """
    found = independent_arrivals(times)
    if found < NEEDED:
        raise UsageError(
            f"{what}: {found} independent arrivals of {NEEDED} needed ({APART_HOURS} h apart); "
            "take more years"
        )
    return found


def days_of(times: Times) -> Ints:
    """Return the number of the day of each arrival, 0 for the first day that has any.

    >>> days_of(np.array(["2025-01-01T06", "2025-01-03", "2025-01-03T18"], "M8[ns]")).tolist()
    [0, 1, 1]
    """
    return np.unique(times.astype("datetime64[D]"), return_inverse=True)[1].astype(np.int64)


def shuffled_days(days: int, rng: np.random.Generator) -> Ints:
    """Return another order of days: blocks of BLOCK_DAYS from a random day on, dealt anew.

    Concentrations in this order keep their distribution and persistence, and know nothing of the paths.

    >>> sorted(shuffled_days(11, np.random.default_rng(0)).tolist()) == list(range(11))
    True
    """
    turned = np.roll(np.arange(days), -int(rng.integers(days)))
    blocks = [turned[i : i + BLOCK_DAYS] for i in range(0, days, BLOCK_DAYS)]
    return np.concatenate([blocks[i] for i in rng.permutation(len(blocks))]).astype(np.int64)


def shuffled(values: Floats, times: Times, rng: np.random.Generator, resamples: int = RESAMPLES) -> Floats:
    """Return values with the weather of other days, (resample, arrival); NaN where those had none.

    What a value owes to its year, its season and its hour (``course``) stays with it; what is left is dealt,
    in blocks of days, to arrivals of the same hour.

    Parameters
    ----------
    values : (arrival,) concentrations [ug m-3]
    times : (arrival,) instants of arrival

    Examples
    --------
    >>> t = np.datetime64("2025-01-01", "ns") + np.arange(40) * np.timedelta64(6, "h")
    >>> hour = np.arange(40.0) % 4
    >>> bool(np.allclose(shuffled(hour, t, np.random.default_rng(0), 3), hour))
    True
    """
    day = days_of(times)
    _, hour = np.unique(times - times.astype("datetime64[D]"), return_inverse=True)
    logs = np.log(np.maximum(values, 0.0) + LIFT)
    usual = course(logs, times)
    table = np.full((day[-1] + 1, hour.max() + 1), np.nan)
    table[day, hour] = logs - usual
    dealt = np.stack([table[shuffled_days(len(table), rng)][day, hour] for _ in range(resamples)])
    return np.asarray(np.exp(usual + dealt) - LIFT, np.float64)


def course(logs: Floats, times: Times) -> Floats:
    """Return the part of values that follows from stretch, time of the year and hour, (arrival,).

    A regression on a level for each stretch without a gap of GAP_DAYS (a season of one year), two harmonics
    of the year and the hours. Without it, a season that begins dirty under one wind and ends clean under
    another would let chance look like transport.

    Parameters
    ----------
    logs : (arrival,) on a scale on which the parts add up; NaN where unknown
    times : (arrival,) ascending
    """
    days = times.astype("datetime64[D]")
    stretch = np.concatenate([[0], np.cumsum(np.diff(days) > np.timedelta64(GAP_DAYS, "D"))])
    angle = 2 * np.pi * (days - days.astype("datetime64[Y]")).astype(np.float64) / 365.25
    _, hour = np.unique(times - days, return_inverse=True)
    harmonics = [wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)]
    design = np.column_stack([np.eye(stretch[-1] + 1)[stretch], np.eye(hour.max() + 1)[hour], *harmonics])
    known = np.isfinite(logs)
    found = np.linalg.lstsq(design[known], logs[known], rcond=None)[0]
    return np.asarray(design @ found, np.float64)


def p_values(found: Floats, by_chance: Floats) -> Floats:
    """Return how often chance reaches what was found, (cell,); NaN where nothing was found.

    >>> p_values(np.array([2.0]), np.array([[1.0], [2.0], [0.0]])).tolist()
    [0.5]
    """
    with np.errstate(invalid="ignore"):
        reached = (by_chance >= found[None, :] - 1e-12).sum(axis=0)
    return np.where(np.isfinite(found), (1 + reached) / (1 + len(by_chance)), np.nan)


def discoveries(p: Floats, share: float = FALSE_DISCOVERIES) -> npt.NDArray[np.bool_]:
    """Tell which of many p-values hold when only a share of false ones is allowed among them.

    References
    ----------
    Benjamini and Hochberg (1995), https://doi.org/10.1111/j.2517-6161.1995.tb02031.x; for fields of
    correlated cells Wilks (2016), https://doi.org/10.1175/BAMS-D-15-00267.1.

    Examples
    --------
    >>> discoveries(np.array([0.001, 0.04, 0.06, 0.5, np.nan])).tolist()
    [True, True, True, False, False]
    """
    known = np.sort(p[np.isfinite(p)])
    passed = np.flatnonzero(known <= share * np.arange(1, len(known) + 1) / max(len(known), 1))
    with np.errstate(invalid="ignore"):
        held: npt.NDArray[np.bool_] = p <= (known[passed[-1]] if len(passed) else -1.0)
    return held
