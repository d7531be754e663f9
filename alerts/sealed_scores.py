"""How the sealed numbers of two forecasters came out: Brier scores of the same days, with counts; pure.

Both are scored on exactly the days that both had sealed in time and opened, and that were measured since. It
serves to look at own judgement; it is no ranking, and few cases say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

ENOUGH: Final = 30
"""Below as many cases a mean says little."""
DRAWS: Final = 2000
COVERS: Final = 0.9


@dataclass(frozen=True)
class SealedCase:
    """One subject: what each of two parties had sealed [1], and whether it came."""

    subject: str
    first: float
    second: float
    came: bool


@dataclass(frozen=True)
class SealedScores:
    """Brier scores of both on the same cases; ``difference`` is second less first, with its 90 % interval."""

    cases: int
    came: int
    first: float
    second: float
    frequency: float
    difference: float
    interval: tuple[float, float]

    @property
    def says_little(self) -> bool:
        """Tell whether there are too few cases to conclude anything from."""
        return self.cases < ENOUGH


def brier(probability: float, came: bool) -> float:
    """Return the Brier score of one forecast [1], 0 the best (Brier 1950).

    >>> brier(1.0, True), brier(0.5, False)
    (0.0, 0.25)
    """
    return (probability - float(came)) ** 2


def sealed_scores(cases: Sequence[SealedCase], seed: int = 7) -> SealedScores | None:
    """Return the scores of both over the same cases; None without any.

    ``frequency`` is the score of always stating how often it came among these cases, which nobody knew.
    The interval of the difference is a bootstrap over days.

    >>> found = sealed_scores([SealedCase("a", 0.9, 0.5, True), SealedCase("b", 0.1, 0.5, False)])
    >>> round(found.first, 3), found.second, found.frequency, found.cases
    (0.01, 0.25, 0.25, 2)
    """
    if not cases:
        return None
    came = np.array([c.came for c in cases], float)
    first = np.array([brier(c.first, c.came) for c in cases])
    second = np.array([brier(c.second, c.came) for c in cases])
    days = np.array([c.subject.rsplit("|", 2)[-2:][0] for c in cases])
    low, high = _interval(second - first, days, np.random.default_rng(seed))
    return SealedScores(
        cases=len(cases),
        came=int(came.sum()),
        first=float(first.mean()),
        second=float(second.mean()),
        frequency=float(came.mean() * (1 - came.mean())),
        difference=float((second - first).mean()),
        interval=(low, high),
    )


def _interval(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    days: np.ndarray[tuple[int], np.dtype[np.str_]],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return a bootstrap interval of a mean, drawing whole days, since a day's cases go together."""
    _, at = np.unique(days, return_inverse=True)
    sums, counts = np.bincount(at, values), np.bincount(at)
    drawn = rng.integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - COVERS) / 2, (1 + COVERS) / 2])
    return float(low), float(high)
