"""Drawings of dossiers: the course of an episode's probability, and how high the episodes of a pack went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from alerts.svg import drawing, element, join, label, line_path
from flows.dossier_words import minute
from flows.exchange_month_words import Words
from flows.papers import Figure

Plain = Mapping[str, Any]

WIDE, HIGH = 760.0, 230.0
LEFT, RIGHT, TOP, LOW = 44.0, 70.0, 12.0, 200.0
NAMES, BAR, MOST_BARS = 150.0, 20.0, 40
LINES: Final = ("median", "observed", "day-mean")
"""Classes of the lines of successive days."""


def course_figure(said: Plain, words: Words) -> Figure:
    """Return the drawing of a dossier's own forecasts."""
    ours = said["forecasts"]["ours"]
    cycles = sorted({row["cycle"] for row in ours})
    measured = {d["day"]: d["mean"] for d in said["outcome"]["days"]}
    days = sorted({row["day"] for row in ours})
    parts = [_axes(), *_ticks(cycles)]
    for number, day in enumerate(days):
        above = measured.get(day) is not None and measured[day] > said["threshold"]
        mine = [row for row in ours if row["day"] == day]
        parts.append(_line(mine, cycles, LINES[number % len(LINES)], filled=above))
    return Figure(
        drawing(WIDE, HIGH, parts, aria_label=words.say("figure", threshold=said["threshold"])),
        words.say("figure", threshold=said["threshold"]),
    )


def _axes() -> Markup:
    lines = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        lines.append(element("line", x1=LEFT, y1=y, x2=WIDE - RIGHT, y2=y, class_="grid"))
        lines.append(label(f"{100 * share:.0f} %", LEFT - 6, y + 4, text_anchor="end", class_="tick"))
    return join(lines)


def _ticks(cycles: Sequence[str]) -> list[Markup]:
    step = max(1, len(cycles) // 6)
    return [
        label(minute(cycle)[5:], _x(n, cycles), HIGH - 10, text_anchor="middle", class_="tick")
        for n, cycle in enumerate(cycles)
        if n % step == 0
    ]


def _line(rows: Sequence[Plain], cycles: Sequence[str], look: str, *, filled: bool) -> Markup:
    points = [(_x(cycles.index(row["cycle"]), cycles), _y(row["probability"])) for row in rows]
    x, y = points[-1]
    mark = "tone-red" if filled else "tone-green"
    return join(
        [
            element("path", d=line_path(points), fill="none", class_=look),
            element("rect", x=x - 3.5, y=y - 3.5, width=7, height=7, class_=mark),
            label(rows[0]["day"][5:], x + 8, y + 4, class_="day"),
        ]
    )


def _x(number: int, cycles: Sequence[str]) -> float:
    return LEFT + 10 + (WIDE - LEFT - RIGHT - 20) * number / max(len(cycles) - 1, 1)


def _y(share: float) -> float:
    return LOW - (LOW - TOP) * share


def highest_figure(dossiers: Sequence[Plain], words: Words) -> Figure:
    """Return a bar for each dossier: its highest measured day mean [ug m-3] beside the city's threshold."""
    shown = [(said, mean) for said in dossiers if (mean := highest_of(said)) is not None][:MOST_BARS]
    top = max((max(mean, said["threshold"]) for said, mean in shown), default=1.0)
    high = BAR * (len(shown) + 1)
    parts = [_bar(said, mean, BAR * (number + 0.5), top) for number, (said, mean) in enumerate(shown)]
    text = words.say("f_figure", n=len(shown))
    return Figure(drawing(WIDE, high, parts, aria_label=text), text)


def highest_of(said: Plain) -> float | None:
    """Return the highest measured day mean of a dossier [ug m-3]; None where no day was measured."""
    means: list[float] = [d["mean"] for d in said["outcome"]["days"] if d["mean"] is not None]
    return max(means, default=None)


def _bar(said: Plain, mean: float, y: float, top: float) -> Markup:
    wide = (WIDE - NAMES - RIGHT) / top
    look = "tone-red" if mean > said["threshold"] else "tone-green"
    limit = NAMES + wide * said["threshold"]
    return join(
        [
            label(said["dossier"], NAMES - 8, y + 10, text_anchor="end", class_="tick"),
            element("rect", x=NAMES, y=y, width=wide * mean, height=BAR * 0.6, class_=look),
            element("line", x1=limit, y1=y - 2, x2=limit, y2=y + BAR * 0.6 + 2, class_="observed"),
            label(f"{mean:.0f}", NAMES + wide * mean + 6, y + 10, class_="day"),
        ]
    )
