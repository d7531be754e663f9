"""Situations that also hold the weather of the days forecast: whence, and which kernel reads which day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from forecasting.kernel.reach import Positions, reaches
from forecasting.kernel.weights import column_weights, own_factors
from forecasting.outputs import Outputs
from forecasting.situation.ahead import ahead_columns, ahead_observed
from forecasting.situation.blocks import situations_apart
from forecasting.situation.columns import Column, Recipe
from forecasting.situation.recipe import recipe_of
from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities
from pipeline.heavy import HERE, Heavy
from pipeline.times import FORECAST_DAYS

Weather = Literal["observed", "ahead"]
"""What a model reads: weather that was observed by the issue, or also that of the days forecast."""

AHEAD: Final[Weather] = "ahead"

BESIDE: Final = "sameair-ahead"
"""Name, in the column ``model``, of what such a model forecast beside the operational one."""

NOT_ATTAINABLE: Final = "observed weather at the valid time: not attainable live, neither forecast nor bound"
"""What has to stand beside every number that came of measured weather ahead."""

Times = npt.NDArray[np.datetime64]
Rows = npt.NDArray[np.float32]

Source = Callable[[AsOfPanel, Sequence[Column], City, Times, datetime | None], Rows]
"""Tells (issue, column) of the weather ahead of a city; the last argument: the snapshot of a single issue."""


@dataclass(frozen=True)
class Manner:
    """How models are to speak.

    Parameters
    ----------
    adaptive : let errors that were known by then shift and stretch the distribution; else it is frozen
    ahead : tells models that read the weather ahead; without it they do without
    """

    adaptive: bool = True
    ahead: Source | None = None


AS_USUAL: Final = Manner()
"""As in operation, without weather ahead."""


def perfect_prognosis(
    panel: AsOfPanel, columns: Sequence[Column], city: City, issues: Times, as_of: datetime | None = None
) -> Rows:
    """Return the weather that was measured on the days forecast: see NOT_ATTAINABLE; the snapshot is ignored.

    For training, and for hindcasts that are labelled for what they are.
    """
    del as_of
    return ahead_observed(panel, columns, city, issues)


def recipe_for(
    panel: AsOfPanel, cities: Sequence[City], data_until: datetime, weather: Weather = "observed"
) -> Recipe:
    """Return the columns of a model that reads so much of the weather."""
    recipe = recipe_of(panel, cities, data_until)
    if weather != AHEAD:
        return recipe
    return Recipe((*recipe.columns, *(c for city in cities for c in ahead_columns(panel, city))))


def situations_of(
    panel: AsOfPanel,
    recipe: Recipe,
    issues: Times,
    as_of: datetime | None = None,
    ahead: Source | None = None,
    heavy: Heavy = HERE,
) -> Rows:
    """Return ``situations`` with the columns of the weather ahead filled in from a source, if there is one.

    Without a source these columns stay NaN, and a model does without them.
    """
    rows = situations_apart(panel, recipe, issues, as_of, heavy)
    if ahead is None:
        return rows
    by_city: dict[str, list[int]] = {}
    for position, column in enumerate(recipe.columns):
        if column.day is not None and column.city is not None:
            by_city.setdefault(column.city, []).append(position)
    for name, positions in by_city.items():
        columns = [recipe.columns[i] for i in positions]
        rows[:, positions] = ahead(panel, columns, all_cities()[name], issues, as_of)
    return rows


def kernel_keys(outputs: Outputs, weather: Weather) -> list[str]:
    """Return which kernel each output uses: its city's, or its city's and day's where weather ahead is read.

    >>> from forecasting.outputs import outputs_of
    >>> from forecasting.targets import Target
    >>> out = outputs_of([Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")], 8)
    >>> kernel_keys(out, "ahead")[-6:]
    ['beijing D+0', 'beijing D+1', 'beijing D+2', 'beijing D+3', 'beijing D+3', 'beijing D+3']
    """
    owners = [outputs.targets[t].city for t in outputs.target]
    if weather != AHEAD:
        return owners
    days = np.minimum(outputs.lead_day, FORECAST_DAYS)
    return [f"{owner} D+{day}" for owner, day in zip(owners, days, strict=True)]


def kernel_weights(
    keys: Sequence[str], columns: Sequence[Column], cities: Sequence[City]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return for every kernel key the factor of each column; no output reads the weather of a later day.

    Of many cities a kernel reads a bounded choice, see ``kernel.reach``; the columns of others have factor 0.
    """
    by_id = {c.id: c for c in cities}
    known, positions = reaches(cities), Positions(columns)
    found = {}
    for key in dict.fromkeys(keys):
        name, _, day = key.partition(" D+")
        city = by_id[name]
        at = (city.latitude, city.longitude)
        read = positions.read(known[name])
        found[key] = np.zeros(len(columns), np.float32)
        found[key][read] = column_weights([columns[i] for i in read], name, at, int(day) if day else None)
    return found


def own_weights(
    keys: Sequence[str], columns: Sequence[Column], quantity: str
) -> dict[str, npt.NDArray[np.float32]]:
    """Return for every kernel key the factor of the columns whose coefficients are all but free."""
    positions, found = Positions(columns), {}
    for key in dict.fromkeys(keys):
        name = key.partition(" D+")[0]
        mine = positions.own(name)
        found[key] = np.zeros(len(columns), np.float32)
        found[key][mine] = own_factors([columns[i] for i in mine], name, quantity)
    return found
