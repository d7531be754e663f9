"""Two parties' forecasts of the same days beside what was measured: each against persistence, on equal days.

What one side states may be a range. A day counts for a score only where both sides and persistence can be
scored on it; what is left out is counted. Nothing here puts one side before the other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.verification.intervals import block_counts, interval

Floats = npt.NDArray[np.float64]
Events = npt.NDArray[np.bool_]
Rows = list[dict[str, Any]]

HALF: Final = 0.5
"""A bound before rounding may lie so far above a threshold and still say "not above" [ug m-3]."""

WIDEST: Final = 60.0
"""A range wider than this has no middle that could be called a forecast of a number [ug m-3]."""

SIDES: Final = ("theirs", "ours", "persistence")


def two_sided_rows(pairs: pd.DataFrame, *, seed: int = 0, draws: int = 1000) -> Rows:
    """Score both sides by city and lead on the same days; see docs/exchange-programme.md for the measures.

    Parameters
    ----------
    pairs : one row per city, lead and day: ``city``, ``lead`` [days], ``day`` (number), ``observed``,
        ``persistence`` and ``threshold``; of either side (``theirs_`` and ``ours_``) ``low``, ``high`` and
        ``value``; concentrations in ug m-3, NaN where not stated, infinity where not bounded
    seed, draws : of the block bootstrap of the skills

    Returns
    -------
    by city and lead ``days``; of yes and no ``decided``, ``above`` and for each side ``hits``, ``misses``,
    ``false_alarms``; of the mean ``numbers`` (days), ``mae`` of each side and ``skill`` of each with ``low``
    and ``high`` of its 90 % interval (None where undefined); how often the day lay ``inside`` what a side
    stated and its mean ``width`` (None where a range is open)
    """
    found = []
    for (city, lead), part in pairs.groupby(["city", "lead"], sort=True):
        rows = part.sort_values("day")
        head = {
            "city": city,
            "lead": f"D+{lead}",
            "days": len(rows),
            "threshold": int(rows["threshold"].max()),
        }
        found.append(head | _yes_and_no(rows) | _numbers(rows, seed, draws) | _ranges(rows))
    return found


def numbers_of(rows: pd.DataFrame, side: str) -> Floats:
    """Return the mean that a side forecast: as stated, else the middle of a range that is not too wide.

    >>> nan = float("nan")
    >>> rows = pd.DataFrame({"a_low": [40.0, 40, 0], "a_high": [60.0, 60, 115], "a_value": [52.0, nan, nan]})
    >>> numbers_of(rows, "a").tolist()
    [52.0, 50.0, nan]
    """
    low, high, value = (rows[f"{side}_{name}"].to_numpy(np.float64) for name in ("low", "high", "value"))
    middle = np.where(high - low <= WIDEST, (low + high) / 2, np.nan)
    return np.where(np.isfinite(value), value, middle)


def _says_above(rows: pd.DataFrame, side: str) -> Floats:
    """Return 1 where a side says that the day exceeds its threshold, 0 where not, NaN where it is open."""
    threshold = rows["threshold"].to_numpy(np.float64)
    if side == "persistence":
        value = rows[side].to_numpy(np.float64)
        return np.where(np.isfinite(value), value > threshold, np.nan)
    low, high, value = (rows[f"{side}_{name}"].to_numpy(np.float64) for name in ("low", "high", "value"))
    by_range = np.where(low >= threshold, 1.0, np.where(high <= threshold + HALF, 0.0, np.nan))
    return np.where(np.isfinite(value), value > threshold, by_range)


def _yes_and_no(rows: pd.DataFrame) -> dict[str, Any]:
    said = {side: _says_above(rows, side) for side in SIDES}
    decided = np.isfinite(np.stack(list(said.values()))).all(axis=0)
    event = (rows["observed"] > rows["threshold"]).to_numpy()[decided]
    found: dict[str, Any] = {
        "decided": int(decided.sum()),
        "left_open": int(np.isnan(said["theirs"]).sum()),
        "above": int(event.sum()),
    }
    for side in SIDES:
        yes = said[side][decided] > 0
        counts = (yes & event).sum(), (~yes & event).sum(), (yes & ~event).sum()
        found[side] = dict(zip(("hits", "misses", "false_alarms"), map(int, counts), strict=True))
    return found


def _numbers(rows: pd.DataFrame, seed: int, draws: int) -> dict[str, Any]:
    """Return mean errors of the days of which both sides and persistence give a number, and the skills."""
    seen = rows["observed"].to_numpy(np.float64)
    stated = {side: numbers_of(rows, side) for side in SIDES[:2]}
    errors = {side: np.abs(value - seen) for side, value in stated.items()}
    errors["persistence"] = np.abs(rows["persistence"].to_numpy(np.float64) - seen)
    known = np.isfinite(np.stack(list(errors.values()))).all(axis=0)
    weights = block_counts(int(known.sum()), np.random.default_rng(seed), draws=draws)
    sums = {side: weights @ error[known] for side, error in errors.items()}
    found: dict[str, Any] = {"numbers": int(known.sum())}
    for side in SIDES:
        found[f"mae_{side}"] = _plain(sums[side][0] / known.sum()) if known.any() else None
    for side in SIDES[:2]:
        with np.errstate(divide="ignore", invalid="ignore"):
            skill = 1 - sums[side] / sums["persistence"]
        low, high = interval(skill[1:, None])
        found[f"skill_{side}"] = {
            "value": _plain(skill[0], 2),
            "low": _plain(low[0], 2),
            "high": _plain(high[0], 2),
        }
    return found


def _ranges(rows: pd.DataFrame) -> dict[str, Any]:
    seen = rows["observed"].to_numpy(np.float64)
    found: dict[str, Any] = {}
    for side in SIDES[:2]:
        low, high = (rows[f"{side}_{name}"].to_numpy(np.float64) for name in ("low", "high"))
        found[f"inside_{side}"] = int(((low <= seen) & (seen <= high)).sum())
        found[f"width_{side}"] = _plain(np.mean(high - low))
    return found


def _plain(value: float, digits: int = 1) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None
