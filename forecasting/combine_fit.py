"""How far to hear each member: bias and spread by the days it spoke of, weight by what it saved there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import stdtrit

from forecasting.combine import Member, log_likelihood, shares_of, weighted_crps
from forecasting.targets import Floats, to_level, to_log

LEAST_CASES: Final = 30
"""Days by which a member must be judged before it is heard at all."""

OURS_COUNTS: Final = 60.0
"""A weight is shrunk to our model alone by n / (n + this)."""

FOLDS: Final = 5
"""Stretches of days; what is fitted on all but one is tried on that one."""

BLOCK: Final = 5
"""Days running that count as one when the noise of a gain is judged."""

BEYOND_NOISE: Final = 0.95
"""A member is heard only when its gain is above zero with this confidence (one-sided, Student's t)."""

RECENT: Final = 20
"""A member is heard only when it saved something on so many of its last days, too: it may have changed."""

WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0)
PRIOR: Final = ((0.0, 0.4), (-1.0, 0.5))
"""Mean and standard deviation, before a case is seen, of the bias and of the logarithm of the spread."""


@dataclass(frozen=True)
class Cases:
    """Past forecasts of ours of one city and lead, what was stated by then, and what was measured.

    Parameters
    ----------
    day : (case,) number of the local day, ascending
    draws : (case, draw) of our model alone, ascending, ln(c + 5)
    observed : (case,) measured means [ug m-3]
    bounds : by source (case, 2) the interval known at the issue, ln(c + 5); infinite where it said nothing
    """

    day: Floats
    draws: Floats
    observed: Floats
    bounds: Mapping[str, Floats] = field(default_factory=dict)

    def part(self, rows: npt.NDArray[np.intp]) -> Cases:
        """Return some of the cases."""
        return Cases(
            self.day[rows],
            self.draws[rows],
            self.observed[rows],
            {source: pairs[rows] for source, pairs in self.bounds.items()},
        )

    def spoke(self, source: str) -> npt.NDArray[np.bool_]:
        """Return where a source said something."""
        return np.asarray(np.isfinite(self.bounds[source]).any(axis=1))


def fit_members(cases: Cases) -> list[Member]:
    """Return every source as it is to be heard; a weight of 0 leaves our model alone.

    Sources are taken up one after the other, the one that saves most first, each with the weight that saves
    most beside those before it; the first whose gain is within noise ends it. Gains are of days that bias and
    spread were not fitted to.
    """
    able = {s: int(cases.spoke(s).sum()) for s in cases.bounds}
    found = {s: Member(s, 0.0, 0.0, 0.0, n, 0.0) for s, n in able.items()}
    spoken = {s: _held_out(cases, s) for s, n in able.items() if n >= LEAST_CASES}
    logs = np.zeros_like(cases.draws)
    before = _cost(cases, logs)
    while spoken:
        tried = [_best(cases, source, logs, before, own) for source, own in spoken.items()]
        gain, weight, source, cost = max(tried, key=lambda one: one[0])
        if weight == 0.0:
            break
        logs = logs + weight * spoken.pop(source)
        shrunk = weight * able[source] / (able[source] + OURS_COUNTS)
        bias, spread = fit_one(cases, source)
        found[source] = Member(source, bias, spread, shrunk, able[source], round(gain, 3))
        before = cost
    return [_described(cases, member) for member in found.values()]


def _described(cases: Cases, member: Member) -> Member:
    """Give a member that is not heard its bias and spread, too, where there are cases to tell them."""
    if member.weight or member.cases < LEAST_CASES:
        return member
    bias, spread = fit_one(cases, member.source)
    return replace(member, bias=bias, spread=spread)


def fit_one(cases: Cases, source: str) -> tuple[float, float]:
    """Return bias and spread of a source by the likelihood of its intervals, ln(c + 5)."""
    rows = cases.spoke(source)
    truth, pairs = to_log(cases.observed[rows]), cases.bounds[source][rows]

    def cost(guess: Floats) -> float:
        spread = float(np.exp(np.clip(guess[1], -4.0, 2.0)))
        told = log_likelihood(truth, pairs[:, 0], pairs[:, 1], float(guess[0]), spread).sum()
        prior = sum(((g - mean) / sd) ** 2 for g, (mean, sd) in zip(guess, PRIOR, strict=True))
        return float(0.5 * prior - told)

    best = minimize(cost, [mean for mean, _ in PRIOR], method="Nelder-Mead", options={"xatol": 1e-3}).x
    return round(float(best[0]), 4), round(float(np.exp(np.clip(best[1], -4.0, 2.0))), 4)


def _held_out(cases: Cases, source: str) -> Floats:
    """Return the log-likelihood of what a source stated (case, draw), fitted on the other stretches."""
    found = np.zeros_like(cases.draws)
    for fold in np.array_split(np.arange(len(cases.day)), FOLDS):
        others = np.setdiff1d(np.arange(len(cases.day)), fold)
        bias, spread = fit_one(cases.part(others), source)
        pairs = cases.bounds[source][fold]
        found[fold] = log_likelihood(cases.draws[fold], pairs[:, :1], pairs[:, 1:], bias, spread)
    return found


def _cost(cases: Cases, logs: Floats) -> Floats:
    return weighted_crps(to_level(cases.draws), shares_of(logs), cases.observed)


def _best(
    cases: Cases, source: str, logs: Floats, before: Floats, own: Floats
) -> tuple[float, float, str, Floats]:
    """Return mean gain [ug m-3], weight (0: within noise), source and costs of a source's best weight."""
    tried: Sequence[tuple[float, Floats]] = [(w, _cost(cases, logs + w * own)) for w in WEIGHTS]
    weight, cost = min(tried, key=lambda one: float(one[1].mean()))
    saved = (before - cost)[cases.spoke(source)]
    gain, noise = float(saved.mean()), _noise(saved)
    lasting = saved[-RECENT:].mean() > 0
    heard = lasting and gain > noise
    return (gain, weight, source, cost) if heard else (0.0, 0.0, source, before)


def _noise(saved: Floats) -> float:
    """Return what a mean over days must pass to be beyond noise, BLOCK days running taken as one.

    The fewer blocks there are the less their scatter is known, so it is more standard errors then.
    """
    blocks = [part.mean() for part in np.array_split(saved, max(len(saved) // BLOCK, 2))]
    error = float(np.std(blocks, ddof=1) / np.sqrt(len(blocks)))
    return float(stdtrit(len(blocks) - 1, BEYOND_NOISE)) * error
