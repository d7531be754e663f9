"""The course of the probability over successive cycles, a line for each day of an episode."""

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
