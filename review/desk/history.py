"""How the probability of one city, day and threshold has moved over the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final

from pipeline.ledger.runs import RunRow
from pipeline.settings import Settings
from review.desk.run_forecast import forecast_of

RUNS: Final = 4
"""So many cycles are shown: one day of them."""


@dataclass(frozen=True)
class Said:
    """What the run of one cycle said [1]; None where it reached no such day or stored nothing."""

    cycle: datetime
    chance: float | None


@dataclass(frozen=True)
class History:
    """The probability over the last runs, oldest first, and from which on the policy opens a level [1]."""

    city: str
    day: date
    threshold: int
    opening: float
    said: tuple[Said, ...]

    @property
    def known(self) -> tuple[float, ...]:
        """Return the probabilities that there are, oldest first."""
        return tuple(one.chance for one in self.said if one.chance is not None)

    @property
    def spread(self) -> float:
        """Return by how much the probability has moved [1]; 0 where fewer than two runs speak of the day."""
        return max(self.known) - min(self.known) if len(self.known) > 1 else 0.0

    @property
    def flips(self) -> int:
        """Return how often it crossed the probability that opens a level, from run to run."""
        above = [chance >= self.opening for chance in self.known]
        return sum(a != b for a, b in pairwise(above))


def history_of(
    runs: Sequence[RunRow], settings: Settings, *, city: str, day: date, threshold: int, opening: float
) -> History:
    """Return what the runs of the last cycles said of a city, a day and a threshold [ug m-3].

    ``runs`` are those that count, one of each cycle, newest first.
    """
    said = []
    for run in runs[:RUNS]:
        forecast = forecast_of(run, settings)
        found = forecast.of(city).of_day(day) if forecast is not None else None
        said.append(Said(run.cycle, found.chance_over(threshold) if found is not None else None))
    return History(city, day, threshold, opening, tuple(said[::-1]))
