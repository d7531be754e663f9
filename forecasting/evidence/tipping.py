"""Which reading would have tipped a decision: the smallest change of one series, as the model has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.evidence.changed import HOURS, Asked, Series, changed, series_that_may_change
from forecasting.reasons.attribution import only
from forecasting.targets import LOG_OFFSET
from pipeline.times import iso

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

FACTORS: Final = np.geomspace(1 / 6, 6, 15)
"""By these a reading is multiplied; what lies between is interpolated."""

FIRST_LOOK: Final = (0.4, 2.5)
LOOKED_AT: Final = 6
"""So many series that move the forecast most at a first look are followed over all factors."""

SHOWN: Final = 3
LEAST_BELOW: Final = 0.005
"""So far below what it needs a probability must come to be below: one of 200 futures."""


@dataclass(frozen=True)
class Decision:
    """What is decided: whether a day mean above a threshold [ug m-3] has the probability it needs [1]."""

    lead_day: int
    threshold: int
    needed: float


@dataclass(frozen=True)
class Flip:
    """One reading that would have tipped a decision.

    Parameters
    ----------
    key : of the series, ``city.quantity.role`` or ``around.quantity.place``
    read, instead : mean of the last hours as it was, and as it would have to be
    spreads : size of that change, in standard deviations of the reading in training
    """

    key: str
    read: float
    instead: float
    spreads: float


@dataclass(frozen=True)
class Tipping:
    """What would have tipped the decision of a city that hangs by least; see :func:`hangs_by_least`.

    Parameters
    ----------
    probability : of the decision as published
    flips : the smallest changes of one series that put it on the other side, smallest first
    looked_at : how many series were asked
    until : instant to which the readings reach [UTC, ISO 8601]
    """

    city: str
    decision: Decision
    probability: float
    hours: int
    until: str
    flips: tuple[Flip, ...]
    looked_at: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def hangs_by_least(
    members: Mapping[int, Floats], decisions: Sequence[Decision]
) -> tuple[list[Decision], Decision] | None:
    """Return the decisions about the threshold that hangs by least, and the day that decides it.

    A threshold is decided by the day whose probability goes furthest beyond what it needs, or falls least
    short of it.

    Parameters
    ----------
    members : published day means of each lead day [ug m-3]

    Examples
    --------
    >>> day = np.array([40.0, 60.0])
    >>> told = [Decision(1, 50, 0.4), Decision(2, 50, 0.4), Decision(1, 75, 0.45), Decision(2, 75, 0.45)]
    >>> hangs_by_least({1: day, 2: day - 30}, told)[1]
    Decision(lead_day=1, threshold=50, needed=0.4)
    """
    by_threshold: dict[int, list[Decision]] = {}
    for one in decisions:
        if one.lead_day in members:
            by_threshold.setdefault(one.threshold, []).append(one)

    def margin(one: Decision) -> float:
        return _chance(members[one.lead_day], one.threshold) - one.needed

    best = {threshold: max(told, key=margin) for threshold, told in by_threshold.items()}
    chosen = min(best.values(), key=lambda one: abs(margin(one)), default=None)
    return None if chosen is None else (by_threshold[chosen.threshold], chosen)


def _chance(members: Floats, threshold: int) -> float:
    return float((members > threshold).mean())


def tipping(
    asked: Asked,
    city: str,
    outputs: Mapping[int, int],
    members: Mapping[int, Floats],
    what: Sequence[Decision],
) -> Tipping | None:
    """Seek the smallest change of one series that tips the decision of a city that hangs by least.

    The readings of the last hours of one series are multiplied by a factor, the situation is made anew, and
    the model says the day means again; the published members move with what it says. A threshold is tipped
    when another side of what it needs is reached by the best of the days. Only readings such as the model
    has learned from count.

    Parameters
    ----------
    outputs : column of the day mean of each lead day
    members : published day means of each lead day [ug m-3]
    what : the decisions of the city

    Returns
    -------
    None where the city has no day that can be decided
    """
    chosen = hangs_by_least({day: m for day, m in members.items() if day in outputs}, what)
    if chosen is None:
        return None
    told, decisive = chosen
    asked = asked.of([outputs[one.lead_day] for one in told])
    now = _chance(members[decisive.lead_day], decisive.threshold)
    again = _Again(asked, told, outputs, members)
    series = list(series_that_may_change(asked))
    first = again.margins([(s, f) for s in series for f in FIRST_LOOK]).reshape(-1, len(FIRST_LOOK))
    moved = np.abs(first - (now - decisive.needed)).max(axis=1, initial=0.0)
    followed = [series[i] for i in np.argsort(-moved, kind="stable")[:LOOKED_AT]]
    found = [flip for one in followed if (flip := _flip(again, one, now - decisive.needed)) is not None]
    flips = tuple(sorted(found, key=lambda flip: flip.spreads)[:SHOWN])
    until = iso(asked.issue_time)
    return Tipping(city, decisive, round(now, 3), HOURS, until, flips, len(series))


class _Again:
    """The day means of one issue that decide a threshold, said again for changed readings."""

    def __init__(
        self,
        asked: Asked,
        told: Sequence[Decision],
        outputs: Mapping[int, int],
        members: Mapping[int, Floats],
    ) -> None:
        self.asked, self.told = asked, told
        self.outputs = np.array([outputs[one.lead_day] for one in told], np.int64)
        self.logs = [np.log(members[one.lead_day] + LOG_OFFSET) for one in told]
        self.fitted = only(asked.said.fitted, self.outputs)
        self.before = self._said(asked.now)

    def margins(self, changes: Sequence[tuple[Series, float]]) -> Floats:
        """Return by how much the best day exceeds what it needs, with each series multiplied."""
        if not changes:
            return np.zeros(0)
        rows = np.concatenate([changed(self.asked, one, factor) for one, factor in changes])
        centre, scale = self._said(rows)
        found = []
        for i, one in enumerate(self.told):
            away = (self.logs[i][:, None] - self.before[0][:, i]) / self.before[1][:, i]
            over = centre[:, i] + away * scale[:, i] > np.log(one.threshold + LOG_OFFSET)
            found.append(over.mean(axis=0) - one.needed)
        return np.asarray(np.max(found, axis=0))

    def _said(self, rows: Matrix) -> tuple[Floats, Floats]:
        """Return centre and scale (row, day) of ln(c + 5)."""
        centre = self.fitted.predict(rows)
        known = rows[:, self.asked.said.fitted.covariates].astype(np.float64)
        return centre, np.asarray(self.asked.said.spread.of(self.outputs).scale(centre, known))


def _flip(again: _Again, one: Series, now: float) -> Flip | None:
    """Return the smallest change of a series that tips the decision, None where none that was seen does.

    ``now`` is by how much the decision exceeds what it needs [1].
    """
    said = again.margins([(one, factor) for factor in FACTORS])
    is_met = now >= 0
    aim = -LEAST_BELOW if is_met else 0.0
    best: Flip | None = None
    for side in (-1, 1):
        order = np.flatnonzero(np.sign(np.log(FACTORS).round(9)) == side)[::side]
        before, margin = 1.0, now
        for i in order:
            if (said[i] >= 0) != is_met:
                part = (aim - margin) / (said[i] - margin)
                factor = before * (FACTORS[i] / before) ** min(max(part, 0.0), 1.0)
                best = _smaller(best, _as_flip(one, float(factor)))
                break
            before, margin = float(FACTORS[i]), float(said[i])
    return best


def _as_flip(one: Series, factor: float) -> Flip | None:
    instead = one.read * factor
    if not one.low <= instead <= one.high:
        return None
    apart = abs(instead - one.read)
    if one.is_log:
        apart = abs(float(np.log((instead + LOG_OFFSET) / (one.read + LOG_OFFSET))))
    return Flip(one.key, round(one.read, 1), round(instead, 1), round(apart / one.spread, 2))


def _smaller(one: Flip | None, other: Flip | None) -> Flip | None:
    found = [flip for flip in (one, other) if flip is not None]
    return min(found, key=lambda flip: flip.spreads, default=None)
