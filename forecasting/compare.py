"""Two models on the same days: which is better, by how much, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from forecasting.day_losses import DAY_KEYS, Floats, brier_of, crps_of, sums_by_day
from forecasting.promotion_gate import Comparison, Gain, gate
from forecasting.verification.intervals import BLOCK_DAYS, block_counts, interval

FEWEST_EVENTS: Final = 5
"""With fewer days above (or below) a threshold its scores are undefined here."""

CUTS: Final = np.linspace(0.0, 1.0, 101)
"""Probabilities at which a yes/no forecast may say yes, for the comparison at equal false alarms."""


def paired_days(champion: pd.DataFrame, challenger: pd.DataFrame, climate: pd.DataFrame) -> pd.DataFrame:
    """Return the days that both models forecast from the same issue, with climatology's Brier losses beside.

    Parameters
    ----------
    champion, challenger : rows of ``forecasting.day_losses.day_rows``, of one model each
    climate : such rows of climatology

    Returns
    -------
    one row per city, issue and day; the columns of the models end in ``_a`` and ``_b``, of climatology ``_c``
    """
    keys, parts = list(DAY_KEYS), []
    for suffix, rows in (("_a", champion), ("_b", challenger), ("_c", climate)):
        only = rows.drop_duplicates(keys, keep="last").set_index(keys)
        parts.append(only.drop(columns=["valid_start"]).add_suffix(suffix))
    return pd.concat(parts, axis=1, join="inner").sort_index().reset_index()


def compare(
    pairs: pd.DataFrame,
    thresholds: Mapping[str, Sequence[int]],
    *,
    probability: float = 0.5,
    seed: int = 0,
    draws: int = 1000,
) -> Comparison:
    """Compare a challenger with a champion on the same days, and put it to the promotion gate.

    In every city at least two of RMSE, CRPS and BSS must be better with their whole 90 % interval, and no
    measure, those of exceedances included, may be worse with its whole interval.

    Parameters
    ----------
    pairs : rows of :func:`paired_days`
    thresholds : of each city that is to be judged, day means [ug m-3]
    probability : at which the champion says yes; its share of false alarms there is granted to both
    seed, draws : of the bootstrap over blocks of 5 days, both models on the same days

    Examples
    --------
    >>> compare(pd.DataFrame(columns=["city"]), {"seoul": (50,)}).reasons
    ['seoul: 0 days are too few, 60 are needed']
    """
    rng = np.random.default_rng(seed)
    gains: list[Gain] = []
    count: dict[str, int] = {}
    days: dict[str, int] = {}
    for city, levels in sorted(thresholds.items()):
        own = pairs[pairs["city"] == city]
        count[city] = len(own)
        days[city] = int(own["valid_end"].nunique()) if len(own) else 0
        if days[city] >= 2 * BLOCK_DAYS:
            gains += _gains_of(
                city, own, tuple(levels), probability, block_counts(days[city], rng, draws=draws)
            )
    promote, reasons = gate(gains, days)
    span = (pairs["issue_time"].min(), pairs["issue_time"].max()) if len(pairs) else ("", "")
    return Comparison(count, days, str(span[0]), str(span[1]), gains, promote, reasons)


def _gains_of(
    city: str, own: pd.DataFrame, levels: tuple[int, ...], probability: float, weights: Floats
) -> list[Gain]:
    """Return every gain of one city."""
    a, b, c = (_side(own, suffix) for suffix in ("_a", "_b", "_c"))
    count = np.ones(len(own))

    def gain(measure: str, columns: list[Floats], scores: Callable[[Floats], tuple[Floats, Floats]]) -> Gain:
        return _gain(city, measure, scores(weights @ sums_by_day(own, columns)))

    squared = [(s["mean"] - s["observed"]).to_numpy(float) ** 2 for s in (a, b)]
    found = [
        gain("rmse", [count, *squared], lambda s: _negative(np.sqrt(s[:, 1:3] / s[:, :1]))),
        gain("crps", [count, crps_of(a), crps_of(b)], lambda s: _negative(s[:, 1:3] / s[:, :1])),
    ]
    losses = {t: [brier_of(side, t) for side in (c, a, b)] for t in levels}
    usable = {t: _undefined(own, a["observed"], t) for t in levels}
    kept = [losses[t] for t in levels if not usable[t]]
    if kept:
        found.append(gain("bss", [np.sum(part, axis=0) for part in zip(*kept, strict=True)], _skills))
    for t in levels:
        if usable[t]:
            found += [_no_gain(city, f"{name}_{t}", usable[t]) for name in ("bss", "pod")]
            continue
        found.append(gain(f"bss_{t}", losses[t], _skills))
        found.append(_detection_gain(city, own, (a, b), t, probability, weights))
    return found


def _side(own: pd.DataFrame, suffix: str) -> pd.DataFrame:
    """Return the columns of one model under their own names."""
    named = {str(c): str(c).removesuffix(suffix) for c in own if str(c).endswith(suffix)}
    return own[list(named)].rename(columns=named)


def _negative(errors: Floats) -> tuple[Floats, Floats]:
    """Return two errors as scores that rise with quality."""
    return -errors[:, 0], -errors[:, 1]


def _skills(sums: Floats) -> tuple[Floats, Floats]:
    """Return Brier skill scores of both models from the sums of climatology's, and their, losses."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - sums[:, 1:3] / sums[:, :1]
    return found[:, 0], found[:, 1]


def _gain(city: str, measure: str, scores: tuple[Floats, Floats]) -> Gain:
    """Return the gain from both models' scores, of the sample itself first and then of its resamples."""
    difference = scores[1] - scores[0]
    low, high = (float(bound) for bound in interval(difference[1:]))
    if not np.isfinite([difference[0], low, high]).all():
        return _no_gain(city, measure, "undefined in the sample or in most of its resamples")
    sign = -1.0 if measure in ("rmse", "crps") else 1.0
    old, new = (sign * float(side[0]) for side in scores)
    return Gain(city, measure, old, new, float(difference[0]), low, high)


def _no_gain(city: str, measure: str, why: str) -> Gain:
    return Gain(city, measure, None, None, None, None, None, why)


def _undefined(own: pd.DataFrame, observed: pd.Series, threshold: int) -> str:
    """Return why scores of a threshold are undefined, or nothing."""
    days = pd.Series(observed.to_numpy() > threshold).groupby(own["valid_end"].to_numpy()).first()
    events, others = int(days.sum()), int((~days).sum())
    if min(events, others) >= FEWEST_EVENTS:
        return ""
    return f"{events} days above and {others} below; at least {FEWEST_EVENTS} of each are needed"


def _detection_gain(
    city: str,
    own: pd.DataFrame,
    sides: tuple[pd.DataFrame, pd.DataFrame],
    threshold: int,
    probability: float,
    weights: Floats,
) -> Gain:
    """Return the gain in POD where both have at most the false alarm ratio that the champion has."""
    event: Floats = np.asarray(sides[0]["observed"] > threshold, dtype=np.float64)
    sums = [sums_by_day(own, [event])]
    for side in sides:
        said = (side[f"p_gt_{threshold}"].to_numpy(float)[:, None] >= CUTS).astype(float)
        hits, false_alarms = said * event[:, None], said * (1 - event[:, None])
        sums += [sums_by_day(own, list(part.T)) for part in (hits, false_alarms)]
    at = int(np.searchsorted(CUTS, probability - 1e-9))
    if not (sides[0][f"p_gt_{threshold}"] >= CUTS[at]).any():
        return _no_gain(city, f"pod_{threshold}", f"the champion never says yes at {CUTS[at]:g}")
    return _gain(city, f"pod_{threshold}", _detections([weights @ s for s in sums], at))


def _detections(sums: list[Floats], at: int) -> tuple[Floats, Floats]:
    """Return the highest POD of both models with at most the champion's FAR at cut ``at``; NaN: undefined."""
    events, hits_a, false_a, hits_b, false_b = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        granted = (false_a / (hits_a + false_a))[:, at, None]
        found = []
        for hits, false in ((hits_a, false_a), (hits_b, false_b)):
            allowed = false <= granted * (hits + false) + 1e-9
            found.append(np.where(allowed, hits, 0.0).max(axis=1) / events[:, 0])
    return tuple(np.where(np.isfinite(granted[:, 0]), f, np.nan) for f in found)  # type: ignore[return-value]
