"""The charts of a lesson: the air as it was known, the day asked about, and how well people foresee."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from forecasting.school.lesson import MODEL, PERSISTENCE, SHOWN_LEVELS, Lesson, Said
from forecasting.school.scores import Bin
from pipeline.place_names import name_of
from pipeline.times import hour_range, to_ns
from review.figures import XY, Band, Limit, Line, TimeChart, XYChart
from review.school.records import OWN
from review.texts import Texts

UNIT: Final = "µg/m³"
BEFORE: Final = timedelta(hours=72)
ROLES: Final = {OWN: "observed", MODEL: "forecast", PERSISTENCE: "persistence"}
Column = list[float | None]


def air_chart(
    lesson: Lesson, city: str, at: datetime, t: Texts, *, sees: bool, day: bool = False
) -> TimeChart:
    """Return the hourly values of a city as known at an instant, and the days that were forecast.

    Parameters
    ----------
    sees : draw what model and persistence said
    day : draw the mean of the day asked about, of a lesson that is over
    """
    start = lesson.asks[0] - BEFORE
    grid = hour_range(start, lesson.end)
    times = [start + timedelta(hours=h + 1) for h in range(len(grid))]
    lines = [Line(t("school.hourly"), _hourly(lesson, city, grid, at), "observed", "steps")]
    bands = []
    target = lesson.target(city)
    if sees:
        days = lesson.newest_said(MODEL, city, at)
        bands.append(Band(t("school.band_wide"), *_between(times, days, "q05", "q95"), "forecast"))
        bands.append(Band(t("school.band_narrow"), *_between(times, days, "q25", "q75"), "forecast"))
        old = lesson.newest_said(PERSISTENCE, city, at)
        lines.append(
            Line(
                t("school.persistence_median"), _between(times, old, "q50", "q50")[0], "persistence", "dashes"
            )
        )
    if day and target.outcome is not None:
        mean: Column = [target.outcome if target.start < when <= target.end else None for when in times]
        lines.append(Line(t("school.day_mean"), mean, "reviewed"))
    limits = [Limit(float(v), t("school.limit", value=v), "limit") for v in target.thresholds]
    title = t("school.air_title", city=name_of(city, t.language))
    note = t("school.days_note") if bands else ""
    return TimeChart(f"air-{city}", title, UNIT, times, lines, bands, limits, None if day else at, note)


def calibration_chart(found: dict[str, list[Bin]], t: Texts, own: str = "school.own") -> XYChart:
    """Return how often it happened of what was said, by who said it."""
    series = [
        XY(
            t(own if source == OWN else f"school.{source}"),
            [one.said for one in bins],
            [one.happened for one in bins],
            ROLES[source],
            counts=[one.count for one in bins],
        )
        for source, bins in found.items()
        if bins
    ]
    return XYChart(
        "calibration",
        t("school.calibration"),
        t("school.calibration_x"),
        t("school.calibration_y"),
        series,
        diagonal=True,
        note=t("school.calibration_note"),
    )


def _hourly(lesson: Lesson, city: str, grid: np.ndarray, at: datetime) -> Column:
    """Return the values known at an instant on an hourly grid, a longer mean in each of its hours."""
    series = lesson.readings.get(f"{city}.pm2p5")
    found: Column = [None] * len(grid)
    if series is None or not len(grid):
        return found
    hour = np.timedelta64(1, "h")
    times, values = series.window(grid[0] - hour, grid[-1], to_ns(at))
    for when, value in zip(times, values, strict=True):
        last = int((when - grid[0]) / hour)
        for place in range(max(0, last - series.interval_hours + 1), last + 1):
            found[place] = float(value)
    return found


def _between(times: Sequence[datetime], days: Sequence[Said], low: str, high: str) -> tuple[Column, Column]:
    """Return two quantiles of the day means, in each hour of their day."""
    i, j = SHOWN_LEVELS.index(low), SHOWN_LEVELS.index(high)
    lower: Column = [None] * len(times)
    upper: Column = [None] * len(times)
    for place, when in enumerate(times):
        for one in days:
            if one.start < when <= one.end:
                lower[place], upper[place] = one.quantiles[i], one.quantiles[j]
    return lower, upper
