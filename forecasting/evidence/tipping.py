"""Which reading would have tipped a decision: the smallest change of one series, as the model has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.model import Calibrated
from forecasting.outputs import Ints
from forecasting.reasons.attribution import only
from forecasting.situation.columns import MEAN, Column, Recipe
from forecasting.targets import LOG_OFFSET, to_level
from forecasting.weather_ahead import situations_of
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.surroundings import ARRIVING
from pipeline.times import NS_HOUR, iso, to_ns

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

HOURS: Final = 6
"""A reading is what a series measured in so many hours before the issue, up to the next older cycle [h]."""

AIR: Final = ("pm2p5", "pm10")
MIXING: Final = "atmosphere_boundary_layer_thickness"
FACTORS: Final = np.geomspace(1 / 6, 6, 19)
"""By these a reading is multiplied; what lies between is interpolated."""

FIRST_LOOK: Final = (0.4, 2.5)
LOOKED_AT: Final = 6
"""So many series that move the forecast most at a first look are followed over all factors."""

SEEN: Final = (0.005, 0.995)
"""A reading outside these quantiles of what was learned from tells nothing, for the model never saw it."""

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
    """What would have tipped the decision of a city that hangs by least.

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


@dataclass(frozen=True)
class Asked:
    """One issue as it was forecast.

    Parameters
    ----------
    panel : series with all versions
    recipe : of the model
    said : the regression that spoke, and its spread
    now : (1, recipe column) raw situation
    issue_time, as_of : instant from which leads count, and instant of the snapshot [UTC]
    """

    panel: AsOfPanel
    recipe: Recipe
    said: Calibrated
    now: Matrix
    issue_time: datetime
    as_of: datetime


def hangs_by_least(
    members: dict[int, Floats], decisions: Sequence[Decision]
) -> tuple[Decision, float] | None:
    """Return the decision whose probability lies nearest to what it needs, with that probability.

    Parameters
    ----------
    members : published day means of each lead day [ug m-3]

    Examples
    --------
    >>> near, far = Decision(1, 50, 0.4), Decision(2, 75, 0.4)
    >>> hangs_by_least({1: np.array([40.0, 60.0]), 2: np.array([20.0, 30.0])}, [far, near])
    (Decision(lead_day=1, threshold=50, needed=0.4), 0.5)
    """
    found = [
        (decision, float((members[decision.lead_day] > decision.threshold).mean()))
        for decision in decisions
        if decision.lead_day in members
    ]
    return min(found, key=lambda pair: abs(pair[1] - pair[0].needed), default=None)


def tipping(
    asked: Asked, city: str, outputs: dict[int, int], members: dict[int, Floats], what: Sequence[Decision]
) -> Tipping | None:
    """Seek the smallest change of one series that tips the decision of a city that hangs by least.

    The readings of the last hours of one series are multiplied by a factor, the situation is made anew, and
    the model says its day mean again; the published members move with what it says. Only readings such as
    the model has learned from count.

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
    decision, now = chosen
    narrow = _Day(asked, outputs[decision.lead_day], members[decision.lead_day], decision)
    series = list(_series(asked))
    first = narrow.probabilities([(s, f) for s in series for f in FIRST_LOOK]).reshape(-1, len(FIRST_LOOK))
    order = np.argsort(-np.abs(first - now).max(axis=1, initial=0.0), kind="stable")
    followed = [series[i] for i in order[:LOOKED_AT]]
    found = [flip for one in followed if (flip := _flip(narrow, one, now, decision)) is not None]
    flips = tuple(sorted(found, key=lambda flip: flip.spreads)[:SHOWN])
    until = iso(asked.issue_time)
    return Tipping(city, decision, round(now, 3), HOURS, until, flips, len(series))


@dataclass(frozen=True)
class _Series:
    """A series that may be changed: its columns, its reading, and what such readings were in training."""

    key: str
    columns: Ints
    read: float
    low: float
    high: float
    spread: float
    is_log: bool


class _Day:
    """One day mean of one issue, said again for changed readings."""

    def __init__(self, asked: Asked, output: int, members: Floats, decision: Decision) -> None:
        self.asked, self.decision, self.output = asked, decision, output
        self.logs = np.log(members + LOG_OFFSET)
        self.fitted = only(asked.said.fitted, np.array([output], np.int64))
        self.before = self._said(asked.now)

    def probabilities(self, changes: Sequence[tuple[_Series, float]]) -> Floats:
        """Return the probability of the decision with each series multiplied by its factor."""
        if not changes:
            return np.zeros(0)
        rows = np.concatenate([changed(self.asked, one, factor) for one, factor in changes])
        centre, scale = self._said(rows)
        moved = centre + (self.logs[:, None] - self.before[0]) * scale / self.before[1]
        return np.asarray((moved > np.log(self.decision.threshold + LOG_OFFSET)).mean(axis=0))

    def _said(self, rows: Matrix) -> tuple[Floats, Floats]:
        centre = self.fitted.predict(rows)[:, 0]
        spread = self.asked.said.spread
        known = rows[:, self.asked.said.fitted.covariates].astype(np.float64)
        blank = np.repeat(centre[:, None], len(self.asked.said.fitted.centre), axis=1)
        return centre, np.asarray(spread.scale(blank, known)[:, self.output])


def changed(asked: Asked, one: _Series, factor: float) -> Matrix:
    """Return the situation (1, recipe column) with the last hours of one series multiplied by a factor."""
    series = asked.panel[one.key]
    end = to_ns(asked.issue_time)
    recent = (series.times > end - np.timedelta64(HOURS * NS_HOUR, "ns")) & (series.times <= end)
    values = np.where(recent, series.values * factor, series.values)
    panel = AsOfPanel({one.key: replace(series, values=values)}, asked.panel.world)
    recipe = Recipe(tuple(asked.recipe.columns[i] for i in one.columns))
    snapshot = None if asked.as_of == asked.issue_time else asked.as_of
    row = asked.now.copy()
    row[:, one.columns] = situations_of(panel, recipe, np.array([end]), snapshot)
    return row


def _series(asked: Asked) -> Iterator[_Series]:
    """Yield the series that were read in the last hours and that the regression uses."""
    fitted = asked.said.fitted
    by_key: dict[str, list[int]] = {}
    for position in fitted.kept:
        column = asked.recipe.columns[position]
        if column.day is None and _may_change(column) and column.key in asked.panel:
            by_key.setdefault(column.key, []).append(int(position))
    place = {int(position): i for i, position in enumerate(fitted.kept)}
    for key, positions in by_key.items():
        recent = _recent(asked.recipe, positions)
        read = _read(asked.panel[key], asked)
        if recent is None or not np.isfinite(read) or read <= 0:
            continue
        z = fitted.z[:, place[recent]].astype(np.float64)
        z = z[z != 0]
        if len(z) < len(fitted.issues) / 4:
            continue
        is_log = asked.recipe.columns[recent].quantity in AIR
        spread, mean = fitted.scaling.spread[place[recent]], fitted.scaling.mean[place[recent]]
        low, high = (float(spread * v + mean) for v in np.quantile(z, SEEN))
        if is_log:
            low, high = (max(float(to_level(np.array(v))), 0.0) for v in (low, high))
        yield _Series(key, np.array(positions, np.int64), read, low, high, float(spread), is_log)


def _may_change(column: Column) -> bool:
    return column.quantity in (*AIR, MIXING) and not column.key.split(".")[2].startswith(ARRIVING)


def _recent(recipe: Recipe, positions: Sequence[int]) -> int | None:
    """Return the column that tells the last hours of a series: the mean over most of them."""
    means = [
        i
        for i in positions
        if recipe.columns[i].what == MEAN and recipe.columns[i].start == 0 and recipe.columns[i].end <= HOURS
    ]
    return max(means, key=lambda i: recipe.columns[i].end, default=None)


def _read(series: AsOfSeries, asked: Asked) -> float:
    """Return the mean of what a series measured in the last hours, NaN where nothing."""
    end = to_ns(asked.issue_time)
    values = series.window(end - np.timedelta64(HOURS * NS_HOUR, "ns"), end, to_ns(asked.as_of))[1]
    return float(values.mean()) if len(values) else np.nan


def _flip(day: _Day, one: _Series, now: float, decision: Decision) -> Flip | None:
    """Return the smallest change of a series that tips the decision, None where none that was seen does."""
    said = day.probabilities([(one, factor) for factor in FACTORS])
    is_met = now >= decision.needed
    aim = decision.needed - LEAST_BELOW if is_met else decision.needed
    best: Flip | None = None
    for side in (-1, 1):
        order = np.flatnonzero(np.sign(np.log(FACTORS).round(9)) == side)[::side]
        before, p_before = 1.0, now
        for i in order:
            if (said[i] > aim) != is_met:
                part = (aim - p_before) / (said[i] - p_before)
                factor = before * (FACTORS[i] / before) ** min(max(part, 0.0), 1.0)
                best = _smaller(best, _as_flip(one, float(factor)))
                break
            before, p_before = float(FACTORS[i]), float(said[i])
    return best


def _as_flip(one: _Series, factor: float) -> Flip | None:
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
