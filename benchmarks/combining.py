"""Bulletins of known quality, and what hearing them does to our forecast: the table of docs/combining.md.

No archive of real bulletins exists, so the days, our forecasts and the bulletins are simulated.
Run from the root: ``python -m benchmarks.combining [WORLDS]``. Ends with code 1 if a bulletin costs more than
LIMIT in the mean of the worlds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import numpy as np
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
"""What hearing a bulletin may cost of the mean CRPS, whatever its quality."""

Rng = np.random.Generator
BULLETINS: Final[dict[str, Callable[[Rng, Floats, Floats], Floats]]] = {
    "sharp: errs by 0.15": lambda rng, truth, _: truth + 0.15 * rng.standard_normal(len(truth)),
    "good: errs by 0.30": lambda rng, truth, _: truth + 0.3 * rng.standard_normal(len(truth)),
    "good, but 0.40 too high": lambda rng, truth, _: truth + 0.4 + 0.3 * rng.standard_normal(len(truth)),
    "errs by 0.30, mostly as we do": lambda rng, truth, ours: (
        truth + 0.8 * (ours - truth) + 0.14 * rng.standard_normal(len(truth))
    ),
    "poor: errs by 0.80": lambda rng, truth, _: truth + 0.8 * rng.standard_normal(len(truth)),
    "noise: other days' values": lambda rng, truth, _: rng.permutation(truth),
    "a copy of our median": lambda _, __, ours: ours,
    "good for half a year, then noise": lambda rng, truth, _: np.where(
        np.arange(len(truth)) < len(truth) // 2,
        truth + 0.3 * rng.standard_normal(len(truth)),
        rng.permutation(truth),
    ),
}
"""What a bulletin has in mind of each day, from the truth and our median, ln(c + 5)."""


def simulated(rng: Rng, bulletin: str, days: int = DAYS) -> Cases:
    """Return days of a calibrated forecast of ours and of a bulletin that states Korean grades."""
    ours = 3.6 + 0.45 * _red(rng, days, 0.6)
    truth = np.maximum(ours + OURS * _red(rng, days, 0.3), 1.8)
    scores = ndtri((np.arange(POINTS) + 0.5) / POINTS)
    draws = np.maximum(ours[:, None] + OURS * scores, np.log(5.01))
    meant = to_level(BULLETINS[bulletin](rng, truth, ours))
    grade = np.clip(np.searchsorted(EDGES, meant, side="right") - 1, 0, 3)
    bounds = np.stack(log_bounds(EDGES[grade], EDGES[grade + 1]), axis=1)
    return Cases(np.arange(days, dtype=float), draws, to_level(truth), {"bulletin": bounds})


def lived_through(cases: Cases) -> tuple[Floats, Floats, Floats]:
    """Return CRPS of the combined and of our forecast alone, and the weight, of every day after the first.

    The members are judged anew every STEP days by the last WINDOW days, as a cycle would; nothing later is
    read.
    """
    both, alone, weights = [], [], []
    for at in range(FIRST, len(cases.day), STEP):
        known = cases.part(np.arange(max(0, at - WINDOW), at))
        member = fit_members(known)[0]
        now = cases.part(np.arange(at, min(at + STEP, len(cases.day))))
        pairs = now.bounds["bulletin"]
        told = log_likelihood(now.draws, pairs[:, :1], pairs[:, 1:], member.bias, member.spread or 1.0)
        values = to_level(now.draws)
        both.append(weighted_crps(values, shares_of(member.weight * told), now.observed))
        alone.append(weighted_crps(values, shares_of(np.zeros_like(values)), now.observed))
        weights.append(np.full(len(now.day), member.weight))
    return np.concatenate(both), np.concatenate(alone), np.concatenate(weights)


def ratios(bulletin: str, worlds: int) -> tuple[Floats, float]:
    """Return the ratio of the mean CRPS, combined by alone, of each world, and the mean weight."""
    found, weights = [], []
    for seed in range(worlds):
        both, alone, weight = lived_through(simulated(np.random.default_rng(seed), bulletin))
        found.append(float(both.mean() / alone.mean()))
        weights.append(float(weight.mean()))
    return np.array(found), float(np.mean(weights))


def _red(rng: Rng, days: int, memory: float) -> Floats:
    """Return red noise of variance 1."""
    found = rng.standard_normal(days)
    for day in range(1, days):
        found[day] = memory * found[day - 1] + np.sqrt(1 - memory**2) * found[day]
    return found


def main(worlds: int) -> int:
    """Print the table: mean and worst ratio of the CRPS over the worlds, and the mean weight."""
    worst = 0.0
    lines = ["| bulletin | CRPS, mean of worlds | worst world | mean weight |", "|---|---|---|---|"]
    for name in BULLETINS:
        found, weight = ratios(name, worlds)
        worst = max(worst, float(found.mean()) - 1)
        change = [f"{100 * (ratio - 1):+.1f} %" for ratio in (found.mean(), found.max())]
        lines.append(f"| {name} | {change[0]} | {change[1]} | {weight:.2f} |")
    lines.append(f"worst mean {100 * worst:+.1f} %, limit {100 * LIMIT:+.1f} %")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8))
