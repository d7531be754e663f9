"""The plume of one city as inline SVG: observations, the forecast's quantiles, day means, national grades."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup

from alerts.bulletin_data import DayRow, Floats, Outlook, Times
from alerts.bulletin_words import Texts, each, named, texts
from alerts.svg import Point, area_path, drawing, element, group, join, label, line_path
from alerts.vocabulary import Vocabulary
from pipeline.times import from_ns, to_ns

LEFT, RIGHT, TOP, BOTTOM = 34.0, 84.0, 12.0, 24.0
BAND_HEIGHT_FOR_NAME = 12.0
SHORT_DAY_WIDTH = 84.0
GAP = np.timedelta64(4, "h")
"""Observations further apart than this are not joined by a line."""


@dataclass(frozen=True)
class Frame:
    """Where a time [UTC] and a concentration [ug m-3] lie in the drawing [px]."""

    width: float
    height: float
    start: datetime
    end: datetime
    top: float

    @property
    def right(self) -> float:
        """Return the right edge of the plot [px]."""
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        """Return the lower edge of the plot [px]."""
        return self.height - BOTTOM

    def x(self, when: datetime) -> float:
        """Return the horizontal place of an instant [px]."""
        share = (when - self.start) / (self.end - self.start)
        return LEFT + share * (self.right - LEFT)

    def y(self, value: float) -> float:
        """Return the vertical place of a concentration, at most the top [px]."""
        return self.bottom - min(value / self.top, 1.0) * (self.bottom - TOP)

    def points(self, times: Times, values: Floats) -> list[Point]:
        """Return the places of a series [px]."""
        return [(self.x(from_ns(t)), self.y(float(v))) for t, v in zip(times, values, strict=True) if v == v]


def plume_svg(outlook: Outlook, *, width: int = 860, height: int = 250, history_hours: int = 72) -> Markup:
    """Draw one city's plume.

    Parameters
    ----------
    outlook : the city's part of the page, see ``alerts.bulletin_data.outlooks`` [ug m-3]
    width, height : of the drawing; it scales with its column [px]
    history_hours : how far back observations are drawn [h]
    """
    frame = _frame(outlook, width, height, history_hours)
    parts = [
        _grid(frame),
        _grades(frame, outlook),
        _days(frame, outlook),
        _fan(frame, outlook),
        _observed(frame, outlook),
        _day_means(frame, outlook),
        _issue(frame, outlook),
    ]
    said = texts("plume_alt", city=each(lambda v: v.city(outlook.city.id)), scale=_scale_name(outlook))
    return drawing(
        width,
        height,
        parts,
        class_=f"plume only-{'wide' if width > 500 else 'narrow'}",
        aria_label=" / ".join(said.values()),
    )


def _scale_name(outlook: Outlook) -> Texts:
    return named("scales", outlook.scale.rule)


def _frame(outlook: Outlook, width: int, height: int, history_hours: int) -> Frame:
    start = outlook.issue_time - timedelta(hours=history_hours)
    ends = [row.end for row in outlook.forecast_days] + [outlook.issue_time + timedelta(hours=1)]
    seen = outlook.observed[outlook.observed_times > to_ns(start)]
    highest = max(float(np.max(seen, initial=0.0)), float(np.max(outlook.quantiles, initial=0.0)), 60.0)
    step = tick_step(highest)
    return Frame(width, height, start, max(ends), math.ceil(highest * 1.04 / step * 2) * step / 2)


def tick_step(highest: float) -> int:
    """Return a round distance between ticks that gives three to six of them [ug m-3].

    >>> [tick_step(v) for v in (60, 130, 300, 900)]
    [20, 50, 100, 200]
    """
    return next((s for s in (10, 20, 50, 100, 200, 500) if highest / s <= 5), 1000)


def _grid(frame: Frame) -> Markup:
    parts = []
    for value in range(0, int(frame.top) + 1, tick_step(frame.top)):
        y = frame.y(value)
        parts.append(element("line", x1=LEFT, x2=frame.right, y1=y, y2=y, class_="grid"))
        parts.append(label(str(value), LEFT - 5, y + 3.5, text_anchor="end", class_="tick"))
    return join(parts)


def _grades(frame: Frame, outlook: Outlook) -> Markup:
    """Draw the national scale as a coloured strip with names at the right, and its edges across the plot."""
    parts = []
    for band in outlook.scale.bands:
        if band.lower >= frame.top:
            break
        low, high = frame.y(band.lower), frame.y(min(band.upper, frame.top))
        strip = {"x": frame.right + 4, "y": high + 0.5, "width": 6, "height": max(low - high - 1, 0.5)}
        parts.append(element("rect", **strip, class_=f"tone-{band.tone}"))
        if low - high >= BAND_HEIGHT_FOR_NAME:
            middle = (low + high) / 2 + 3.5
            parts.append(label(named("bands", band.level), frame.right + 14, middle, class_="grade"))
        if band.upper < frame.top:
            parts.append(element("line", x1=LEFT, x2=frame.right + 4, y1=high, y2=high, class_="edge"))
            parts.append(
                label(f"{band.upper:g}", frame.right - 2, high - 2, text_anchor="end", class_="edge-value")
            )
    return join(parts)


def _days(frame: Frame, outlook: Outlook) -> Markup:
    """Draw local midnights and the name of each local day."""
    parts = []
    for row in outlook.days:
        left, right = max(frame.x(row.start), LEFT), min(frame.x(row.end), frame.right)
        if right <= left:
            continue
        if row.start > frame.start:
            parts.append(element("line", x1=left, x2=left, y1=TOP, y2=frame.bottom + 4, class_="midnight"))
        if right - left > 30:
            said = _day_name(row, short=right - left < SHORT_DAY_WIDTH)
            middle = (left + right) / 2
            parts.append(label(said, middle, frame.bottom + 15, text_anchor="middle", class_="day"))
    return join(parts)


def _day_name(row: DayRow, *, short: bool) -> Texts:
    def brief(v: Vocabulary) -> str:
        return f"{row.day.day} {v['weekdays'][row.day.weekday()]}"

    return each(brief if short else lambda v: v.date(row.day))


def _fan(frame: Frame, outlook: Outlook) -> Markup:
    times, values = _joined(outlook)
    if len(times) < 2:
        return Markup("")
    parts = []
    count = len(outlook.levels)
    for inner in range(count // 2):
        low, high = frame.points(times, values[:, inner]), frame.points(times, values[:, count - 1 - inner])
        parts.append(element("path", d=area_path(high, low), class_=f"fan fan-{inner + 1}"))
    parts.append(element("path", d=line_path(frame.points(times, values[:, count // 2])), class_="median"))
    return group(parts, class_="forecast")


def _joined(outlook: Outlook) -> tuple[Times, Floats]:
    """Return the quantiles, begun at the last observation where that is recent."""
    times, values = outlook.forecast_times, outlook.quantiles
    if not len(outlook.observed_times) or not len(times):
        return times, values
    last = outlook.observed_times[-1]
    later = times > last
    times, values = times[later], values[later]
    if not len(times) or times[0] - last > GAP:
        return times, values
    start = np.full((1, values.shape[1]), outlook.observed[-1])
    return np.concatenate([[last], times]), np.concatenate([start, values])


def _observed(frame: Frame, outlook: Outlook) -> Markup:
    inside = outlook.observed_times >= to_ns(frame.start)
    times, values = outlook.observed_times[inside], outlook.observed[inside]
    return join(
        element("path", d=line_path(frame.points(times[a:b], values[a:b])), class_="observed")
        for a, b in _stretches(times)
        if b - a > 1
    )


def _stretches(times: Times) -> Iterator[tuple[int, int]]:
    """Give first and end index of every stretch without a gap."""
    breaks = np.flatnonzero(np.diff(times) > GAP) + 1
    yield from pairwise([0, *(int(b) for b in breaks), len(times)])


def _day_means(frame: Frame, outlook: Outlook) -> Markup:
    """Draw each local day's mean as a bar over the day, its 80 % interval as a whisker, and its number."""
    parts = []
    for row in outlook.days:
        left, right = max(frame.x(row.start), LEFT) + 3, min(frame.x(row.end), frame.right) - 3
        if right - left < 14 or not math.isfinite(row.mean):
            continue
        y, middle = frame.y(row.mean), (left + right) / 2
        if row.observed_share < 1:
            whisker = {"y1": frame.y(row.q10), "y2": frame.y(row.q90)}
            parts.append(element("line", x1=middle, x2=middle, **whisker, class_="whisker"))
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="day-mean"))
        parts.append(
            label(str(math.floor(row.mean + 0.5)), left + 1, y - 4, text_anchor="start", class_="day-value")
        )
    return join(parts)


def _issue(frame: Frame, outlook: Outlook) -> Markup:
    x = frame.x(outlook.issue_time)
    said = each(lambda v: f"{texts('issued_mark')[v.language]} {_clock(outlook)}")
    return join(
        [
            element("line", x1=x, x2=x, y1=TOP - 2, y2=frame.bottom, class_="issue"),
            label(said, x + 4, TOP + 6, class_="issue-name"),
        ]
    )


def _clock(outlook: Outlook) -> str:
    return f"{outlook.issue_time.astimezone(ZoneInfo(outlook.city.timezone)):%H:%M}"
