"""Weather ahead in operation and hindcasts: what is asked for, whence it comes, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr

from flows.live import forecasts_of
from flows.workspace import Workspace
from forecasting.model import Model
from forecasting.weather_ahead import AHEAD, NOT_ATTAINABLE, Times
from forecasting.weather_table import LEARNED_DAYS, WeatherTable, learned_from, weather_table
from pipeline.asof import AsOfPanel
from pipeline.errors import UsageError
from pipeline.times import FORECAST_DAYS, cycles_between, from_ns, to_ns

WeatherMode = Literal["observed", "perfect-prognosis", "forecast"]
"""Weather is read as observed by the issue; or also that of the days ahead, as measured or as forecast."""

SOURCES: Final = ("open_meteo.forecast", "open_meteo.single_runs", "open_meteo.previous_runs")
"""Stored forecasts that tell the weather ahead; a later one fills what an earlier one does not say."""

LABELS: Final[dict[WeatherMode, str]] = {
    "observed": "observed weather known at the issue",
    "perfect-prognosis": NOT_ATTAINABLE,
    "forecast": "weather forecasts known at the issue",
}
"""What stands in the column ``weather`` of a table, and wherever its scores are shown."""

STOOD_IN: Final = "weather ahead or another input incomplete: forecast by the model without weather ahead"

LEARNED_BEFORE: Final = timedelta(days=LEARNED_DAYS + FORECAST_DAYS + 2)
"""Issues before the first one from which bias and doubt of forecast weather are learned."""

Reader = Callable[[datetime], xr.Dataset | None]
KEPT_ANSWERS: Final = 400


def weather_mode(text: str) -> WeatherMode:
    """Return what ``--weather`` says.

    Raises
    ------
    UsageError
        there is no such mode

    Examples
    --------
    >>> weather_mode("forecast")
    'forecast'
    """
    for mode in get_args(WeatherMode):
        if text == mode:
            found: WeatherMode = mode
            return found
    raise UsageError(f"--weather {text}: there are {', '.join(get_args(WeatherMode))}")


def readers_of(ws: Workspace, world: str) -> list[Reader]:
    """Return what reads the stored forecasts of a world near the ground, preferred ones first."""
    store = forecasts_of(ws)
    held = {one.source for one in store.listed(world)}
    return [_near_ground(store.reader(name, world)) for name in SOURCES if name in held]


def _near_ground(read: Reader) -> Reader:
    """Keep answers, without their winds aloft, for the next city and the next model."""

    @lru_cache(maxsize=KEPT_ANSWERS)
    def answer(at: datetime) -> xr.Dataset | None:
        found = read(at)
        return None if found is None else found.drop_dims("level", errors="ignore")

    return answer


def table_for(
    ws: Workspace,
    panel: AsOfPanel,
    models: Iterable[Model | None],
    issues: Times,
    as_of: datetime | None = None,
) -> WeatherTable:
    """Return the weather ahead of issues, and of those before them from which its bias and doubt are learned.

    Parameters
    ----------
    panel : the measured weather
    models : that will ask; those that do not read the weather ahead do not count
    issues : (n,) ascending [UTC]
    as_of : instant of the snapshot of the last issue, if that is not the issue itself
    """
    recipes = [m.recipe for m in models if m is not None and m.weather == AHEAD]
    first = from_ns(issues[0])
    hours = {from_ns(issue).hour for issue in issues}
    cycles = [to_ns(c) for c in cycles_between(first - LEARNED_BEFORE, first) if c.hour in hours]
    before = np.array(cycles, "M8[ns]")
    every = np.unique(np.concatenate([before[learned_from(before)], issues]))
    return weather_table(readers_of(ws, panel.world), panel, recipes, every, as_of)
