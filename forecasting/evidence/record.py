"""How often such a forecast came true: past probabilities near the present one, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from forecasting.calibration.adaptive import adapt
from forecasting.calibration.quantiles import Distribution
from forecasting.model import Hour
from forecasting.targets import LOG_OFFSET, to_level
from pipeline.times import from_ns, iso, to_ns

SHOWN: Final = 30
NEAR: Final = 0.1
"""Such a forecast is one whose probability lay at most so far from the present one."""

ISSUED, HELD_OUT = "issued", "held_out"
"""A probability that was issued by a run, or one that the model gives of a year it never saw."""


@dataclass(frozen=True)
class Past:
    """One past forecast of a day mean above a threshold, and what came.

    Parameters
    ----------
    issue_time : its issue [UTC, ISO 8601]
    probability : it gave [1]
    mean : day mean that was measured [ug m-3]
    came : whether that was above the threshold
    kind : ISSUED or HELD_OUT
    """

    issue_time: str
    probability: float
    mean: float
    came: bool
    kind: str


@dataclass(frozen=True)
class Record:
    """The last forecasts like a present one.

    Parameters
    ----------
    lead_day, threshold : local days after the issue's, and concentration [ug m-3]
    probability : the present one [1]
    past : newest first
    """

    lead_day: int
    threshold: int
    probability: float
    past: tuple[Past, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def record_of(
    lead_day: int, threshold: int, probability: float, past: Iterable[Past], most: int = SHOWN
) -> Record:
    """Return the newest past forecasts whose probability lay near the present one; one of each issue.

    Examples
    --------
    >>> old = [Past(f"2020-01-0{d}T08:00:00Z", p, 60.0, True, "issued") for d, p in ((1, 0.5), (2, 0.9))]
    >>> [one.issue_time for one in record_of(1, 50, 0.55, old).past]
    ['2020-01-01T08:00:00Z']
    """
    found: dict[str, Past] = {}
    for one in past:
        if abs(one.probability - probability) <= NEAR + 1e-9 and (
            one.kind == ISSUED or one.issue_time not in found
        ):
            found[one.issue_time] = one
    newest = sorted(found.values(), key=lambda one: one.issue_time, reverse=True)[:most]
    return Record(lead_day, threshold, round(probability, 3), tuple(newest))


def held_out(hour: Hour) -> Distribution:
    """Return what a model says of the issues that it learned from, each year by a fit that never saw it.

    The recent errors that shift and stretch a distribution are those known at each of these issues.
    """
    best = hour.best
    centre = best.fitted.held_out()
    scale = best.spread.scale(centre, hour.known)
    adjustment = adapt(hour.past, best.shape.groups, best.shape.half_width, hour.past.issues)
    return Distribution(best.shape, centre, scale, adjustment)


def held_out_past(
    hour: Hour,
    told: Distribution,
    outputs: Mapping[int, int],
    like: Mapping[tuple[int, int], float],
    as_of: datetime,
) -> dict[tuple[int, int], list[Past]]:
    """Return by lead day and threshold the issues whose probability lay near a present one.

    A day whose mean had not been received by ``as_of`` is left out.

    Parameters
    ----------
    hour : one hour of the day of a model
    told : what it says of its issues, see :func:`held_out`
    outputs : column of the day mean of each lead day
    like : the present probability of every lead day and threshold
    """
    found: dict[tuple[int, int], list[Past]] = {}
    days = sorted({day for day, _ in like})
    mine = told.of(np.array([outputs[day] for day in days], np.int64))
    every = {t: mine.probability(np.array([np.log(t + LOG_OFFSET)]))[..., 0] for _, t in like}
    for (day, threshold), present in like.items():
        output = outputs[day]
        truth = hour.best.fitted.truth[:, output].astype(np.float64)
        probability = every[threshold][:, days.index(day)]
        counts = np.isfinite(truth) & (np.abs(probability - present) <= NEAR)
        counts &= hour.past.known[:, output] <= to_ns(as_of)
        rows, means = np.flatnonzero(counts), to_level(truth)
        found[day, threshold] = [
            _held_out(hour.past.issues[row], probability[row], means[row], threshold) for row in rows
        ]
    return found


def _held_out(issue: np.datetime64, probability: float, mean: float, threshold: int) -> Past:
    said = (round(float(probability), 3), round(float(mean), 1), bool(mean > threshold))
    return Past(iso(from_ns(issue)), *said, HELD_OUT)
