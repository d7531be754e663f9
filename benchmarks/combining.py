"""Bulletins of known quality, and what hearing them does to our forecast: the table of docs/combining.md.

No archive of real bulletins exists, so the days, our forecasts and the bulletins are simulated.
Run from the root: ``python -m benchmarks.combining [WORLDS]``. Ends with code 1 if hearing a bulletin costs
more than LIMIT of the CRPS or of a Brier score in the mean of the worlds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from forecasting.combine import POINTS, log_bounds, log_likelihood, shares_of, weighted_crps
from forecasting.combine_fit import Cases, fit_members
from forecasting.targets import Floats, to_level

EDGES: Final = np.array([0.0, 15.5, 35.5, 75.5, np.inf])
"""Korean grades of PM2.5 as means before rounding [ug m-3]."""

DAYS, FIRST, STEP, WINDOW = 360, 45, 20, 180
OURS: Final = 0.33
"""Standard error of our forecasts, ln(c + 5)."""

LIMIT: Final = 0.01
"""What hearing a bulletin may cost of the mean score over the worlds, whatever its quality."""

THRESHOLDS: Final = (35, 75)
"""Day means whose exceedance is scored beside the CRPS [ug m-3]."""

Rng = np.random.Generator
Means = Callable[[Rng, Floats, Floats], Floats]


def _half(before: Floats, after: Floats) -> Floats:
    return np.where(np.arange(len(before)) < len(before) // 2, before, after)


def _good(rng: Rng, truth: Floats, error: float = 0.3) -> Floats:
    return np.asarray(truth + error * rng.standard_normal(len(truth)))


def _worst(truth: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(truth > np.quantile(truth, 0.9))


BULLETINS: Final[dict[str, Means]] = {
    "exact": lambda _, truth, __: truth,
    "sharp: errs by 0.15": lambda rng, truth, _: _good(rng, truth, 0.15),
    "good: errs by 0.30": lambda rng, truth, _: _good(rng, truth),
    "good, but 0.40 too high": lambda rng, truth, _: 0.4 + _good(rng, truth),
    "good, upper ends alone": lambda rng, truth, _: _good(rng, truth),
    "good, one day in three": lambda rng, truth, _: np.where(
        rng.random(len(truth)) < 1 / 3, _good(rng, truth), np.nan
    ),
    "good, silent on the worst tenth": lambda rng, truth, _: np.where(
        _worst(truth), np.nan, _good(rng, truth)
    ),
    "good, speaks of bad days alone": lambda rng, truth, _: np.where(
        truth > np.quantile(truth, 0.6), _good(rng, truth), np.nan
    ),
    "errs by 0.30, mostly as we do": lambda rng, truth, ours: (
        truth + 0.8 * (ours - truth) + 0.14 * rng.standard_normal(len(truth))
    ),
    "poor: errs by 0.80": lambda rng, truth, _: _good(rng, truth, 0.8),
    "noise: other days' values": lambda rng, truth, _: rng.permutation(truth),
    "useless: the same every day": lambda _, truth, __: np.full(len(truth), np.median(truth)),
    "a copy of our median": lambda _, __, ours: ours,
    "good for half a year, then noise": lambda rng, truth, _: _half(
        _good(rng, truth), rng.permutation(truth)
    ),
    "good for half a year, then reversed": lambda rng, truth, _: _half(
        _good(rng, truth), 2 * np.median(truth) - truth
    ),
    "hostile: good, but says clean on the worst tenth": lambda rng, truth, _: np.where(
        _worst(truth), np.log(15.0), _good(rng, truth)
    ),
}
"""What a bulletin has in mind of each day, from the truth and our median, ln(c + 5); NaN: says nothing."""

UPPER: Final = frozenset({"good, upper ends alone"})
"""Bulletins of which only the upper end counts, as of an index of which another pollutant is primary."""


def simulated(rng: Rng, bulletin: str, days: int = DAYS) -> Cases:
    """Return days of a calibrated forecast of ours and of a bulletin that states Korean grades."""
    ours = 3.6 + 0.45 * _red(rng, days, 0.6)
    truth = np.maximum(ours + OURS * _red(rng, days, 0.3), 1.8)
    scores = ndtri((np.arange(POINTS) + 0.5) / POINTS)
    draws = np.maximum(ours[:, None] + OURS * scores, np.log(5.01))
    meant = to_level(BULLETINS[bulletin](rng, truth, ours))
    grade = np.clip(np.searchsorted(EDGES, meant, side="right") - 1, 0, 3)
    low, high = EDGES[grade], EDGES[grade + 1]
    silent = np.isnan(meant)
    low = np.where(silent | (bulletin in UPPER), 0.0, low)
    bounds = np.stack(log_bounds(low, np.where(silent, np.inf, high)), axis=1)
    return Cases(np.arange(days, dtype=float), draws, to_level(truth), {"bulletin": bounds})


@dataclass(frozen=True)
class Lived:
    """Scores of every day after the first; ``of`` is combined, then alone.

    Parameters
    ----------
    crps, brier, covered : (2, day), (2, threshold, day), and (2, day) whether the central 80 % held the truth
    weight : (day,)
    """

    crps: Floats
    brier: Floats
    covered: Floats
    weight: Floats


def lived_through(cases: Cases, first: int = FIRST) -> Lived:
    """Return how every day after the first would have been forecast.

    The members are judged anew every STEP days by the last WINDOW days, as a cycle would; nothing later is
    read.
    """
    crps, brier, covered, weights = [], [], [], []
    for at in range(first, len(cases.day), STEP):
        known = cases.part(np.arange(max(0, at - WINDOW), at))
        member = fit_members(known)[0]
        now = cases.part(np.arange(at, min(at + STEP, len(cases.day))))
        pairs = now.bounds["bulletin"]
        told = log_likelihood(now.draws, pairs[:, :1], pairs[:, 1:], member.bias, member.spread or 1.0)
        values, nothing = to_level(now.draws), np.zeros_like(now.draws)
        both = [shares_of(logs) for logs in (member.weight * told, nothing)]
        crps.append([weighted_crps(values, shares, now.observed) for shares in both])
        brier.append([_brier(values, shares, now.observed) for shares in both])
        covered.append([_covered(values, shares, now.observed) for shares in both])
        weights.append(np.full(len(now.day), member.weight))
    parts = [np.concatenate(each, axis=-1) for each in (crps, brier, covered)]
    return Lived(*parts, np.concatenate(weights))


def _brier(values: Floats, shares: Floats, observed: Floats) -> Floats:
    """Return the Brier score (threshold, row)."""
    return np.stack([((shares * (values > at)).sum(axis=1) - (observed > at)) ** 2 for at in THRESHOLDS])


def _covered(values: Floats, shares: Floats, observed: Floats) -> Floats:
    below = (shares * (values <= observed[:, None])).sum(axis=1)
    return ((below > 0.1) & (below < 0.9)).astype(float)


@dataclass(frozen=True)
class Found:
    """What hearing a bulletin did in each world: ratios of mean scores, combined by alone."""

    crps: Floats
    brier: Floats
    covered: float
    weight: float


def worlds_of(bulletin: str, worlds: int, days: int = DAYS) -> Found:
    """Return what hearing a bulletin did over some worlds."""
    found = [lived_through(simulated(np.random.default_rng(seed), bulletin, days)) for seed in range(worlds)]
    brier = np.sum([one.brier.mean(axis=-1) for one in found], axis=0)
    return Found(
        crps=np.array([one.crps[0].mean() / one.crps[1].mean() for one in found]),
        brier=brier[0] / brier[1],
        covered=float(np.mean([one.covered[0].mean() for one in found])),
        weight=float(np.mean([one.weight.mean() for one in found])),
    )


def _red(rng: Rng, days: int, memory: float) -> Floats:
    """Return red noise of variance 1."""
    found = rng.standard_normal(days)
    for day in range(1, days):
        found[day] = memory * found[day - 1] + np.sqrt(1 - memory**2) * found[day]
    return found


def main(worlds: int) -> int:
    """Print the table: what hearing each bulletin did to the scores over the worlds."""
    worst = 0.0
    head = ["bulletin", "CRPS", "worst world", *(f"Brier >{at}" for at in THRESHOLDS), "in 80 %", "weight"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name in BULLETINS:
        found = worlds_of(name, worlds)
        ratios = [found.crps.mean(), found.crps.max(), *found.brier]
        worst = max(worst, *(float(r) - 1 for r in (ratios[0], *found.brier)))
        changes = [f"{100 * (ratio - 1):+.1f} %" for ratio in ratios]
        lines.append(_line([name, *changes, f"{100 * found.covered:.0f} %", f"{found.weight:.2f}"]))
    lines.append(f"worst mean {100 * worst:+.1f} %, limit {100 * LIMIT:+.1f} %")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(worst > LIMIT)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
