"""Readings that are changed to see what a forecast hangs by: one series of one issue at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.kernel.narrow import narrowed
from forecasting.model import Calibrated
from forecasting.outputs import Ints
from forecasting.situation.columns import MEAN, Column, Recipe
from forecasting.targets import to_level
from forecasting.weather_ahead import situations_of
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.surroundings import ARRIVING
from pipeline.times import NS_HOUR, to_ns

Matrix = npt.NDArray[np.float32]

HOURS: Final = 6
"""A reading is what a series measured in so many hours before the issue, up to the next older cycle [h]."""

AIR: Final = ("pm2p5", "pm10")
MIXING: Final = "atmosphere_boundary_layer_thickness"
SEEN: Final = (0.005, 0.995)
"""A reading outside these quantiles of what was learned from tells nothing, for the model never saw it."""


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

    def of(self, outputs: Sequence[int]) -> Asked:
        """Return the issue as the kernels of some outputs see it: of many cities, those that they read."""
        keys = list(dict.fromkeys(self.said.fitted.keys[i] for i in outputs))
        fitted, read = narrowed(self.said.fitted, keys, len(self.recipe.columns))
        if fitted is self.said.fitted:
            return self
        recipe = Recipe(tuple(self.recipe.columns[i] for i in read))
        return replace(self, recipe=recipe, said=replace(self.said, fitted=fitted), now=self.now[:, read])


@dataclass(frozen=True)
class Series:
    """A series that may be changed: its columns, its reading, and what such readings were in training."""

    key: str
    columns: Ints
    read: float
    low: float
    high: float
    spread: float
    is_log: bool


def changed(asked: Asked, one: Series, factor: float) -> Matrix:
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


def series_that_may_change(asked: Asked) -> Iterator[Series]:
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
        yield Series(key, np.array(positions, np.int64), read, low, high, float(spread), is_log)


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
