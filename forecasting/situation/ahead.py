"""Weather of the days that are forecast: its columns, and what was measured on these days afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.situation.columns import MEAN, Column
from forecasting.situation.derived import makeable, series_of
from forecasting.situation.recipe import weather_of
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.asof_blocks import window_known
from pipeline.cities import City, all_cities
from pipeline.times import FORECAST_DAYS, from_ns, local_date, local_day_bounds, to_ns

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]

DAY_HOURS: Final = 24
WHOLE_DAY: Final = (-1, DAY_HOURS - 1)
"""Ages of the values of a day at its end: the one at the end itself belongs to it."""


def ahead_columns(panel: AsOfPanel, city: City) -> tuple[Column, ...]:
    """Return the columns of the weather ahead of a city: means over its local days D+0 … D+3.

    The places are those of the weather of the recipe. Weather that is itself smoke or haze (visibility,
    radiation) and all concentrations are left out: measured at the valid time they would tell the answer.

    Examples
    --------
    >>> from pipeline.cities import city
    >>> t = np.array(["2020-01-01T00"], "M8[ns]")
    >>> panel = AsOfPanel({"seoul.air_temperature.weather": AsOfSeries(t, t, np.array([273.0]))}, "measured")
    >>> [c.name for c in ahead_columns(panel, city("beijing"))][1]
    'weather ahead, D+1 | seoul.air_temperature.weather | mean of the day, beijing'
    """
    sources = []
    for place, keys, _ in weather_of(panel, list(all_cities().values())):
        owners = dict.fromkeys((key.split(".")[0], key.split(".")[2]) for key in keys)
        speeds = [f"{owner}.wind_speed.{role}" for owner, role in owners]
        sources += [(key, place) for key in (*keys, *(s for s in speeds if makeable(s, panel)))]
    return tuple(
        Column(
            f"weather ahead, D+{day}", key, MEAN, 0, 0, day, place.latitude, place.longitude, city.id
        )
        for day in range(FORECAST_DAYS + 1)
        for key, place in sources
    )  # fmt: skip


def ahead_observed(panel: AsOfPanel, columns: Sequence[Column], city: City, issues: Times) -> Rows:
    """Return the weather that was MEASURED on the days forecast: not attainable live ("perfect prognosis").

    Observed weather at the valid time is what no forecaster has: scores of a model that reads it are
    neither a forecast's nor a bound of what forecasts can reach. Receipt is ignored, the last version of
    every value counts. Nothing that is forecast may read this, but for training a model whose input will be
    forecast weather.

    Parameters
    ----------
    columns : of ``ahead_columns``
    city : whose local days they are
    issues : (n,) [UTC]

    Returns
    -------
    (n, column) float32; NaN where less than half of a day was measured
    """
    first, day = local_days(issues, city)
    out = np.full((len(issues), len(columns)), np.nan, np.float32)
    if not len(issues):
        return out
    ends = day_ends(first, int(day.max()) + max((c.day or 0 for c in columns), default=0) + 1, city)
    by_key: dict[str, list[int]] = {}
    for position, column in enumerate(columns):
        by_key.setdefault(column.key, []).append(position)
    for key, positions in by_key.items():
        series = series_of(panel, key, finished)
        if series is not None:
            means = window_known(series, ends, [WHOLE_DAY])[:, 0]
            for position in positions:
                out[:, position] = means[day + (columns[position].day or 0)]
    return out


def local_days(issues: Times, city: City) -> tuple[np.datetime64, Ints]:
    """Return the first of the issues' local dates, and how many days after it each issue's date is.

    >>> from pipeline.cities import city
    >>> first, day = local_days(np.array(["2020-01-01T14", "2020-01-01T20"], "M8[ns]"), city("seoul"))
    >>> str(first), day.tolist()
    ('2020-01-01', [0, 1])
    """
    dates = [np.datetime64(local_date(from_ns(issue), city.timezone), "D") for issue in issues]
    if not dates:
        return np.datetime64("1970-01-01", "D"), np.zeros(0, np.int64)
    first = min(dates)
    return first, (np.array(dates) - first).astype(np.int64)


def day_ends(first: np.datetime64, days: int, city: City) -> Times:
    """Return the ends of so many local days from a date on [UTC].

    >>> from pipeline.cities import city
    >>> [str(end)[:13] for end in day_ends(np.datetime64("2020-01-01"), 2, city("beijing"))]
    ['2020-01-01T16', '2020-01-02T16']
    """
    start = first.astype("M8[D]").item()
    return np.array(
        [to_ns(local_day_bounds(start + timedelta(days=i), city.timezone)[1]) for i in range(days)], "M8[ns]"
    )


def finished(series: AsOfSeries) -> AsOfSeries:
    """Return the last version of every value, as if it had been known at once."""
    last = np.append(series.times[1:] != series.times[:-1], True)[: len(series.times)]
    times = series.times[last]
    return AsOfSeries(times, times, series.values[last], series.interval_hours)
