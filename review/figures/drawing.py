"""Plain SVG of charts, without a style of its own: classes take their colours from the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from alerts.svg import element, join
from review.figures.roles import plain_numbers, shown

Numbers = Sequence[float | None]
LEFT: Final = 40.0
RIGHT: Final = 12.0
ABOVE: Final = 10.0
BELOW: Final = 26.0
DOT: Final = 2.6


@dataclass(frozen=True)
class Extent:
    """The values at the edges of a chart."""

    left: float
    right: float
    bottom: float
    top: float


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round values between two others, about as many as asked for.

    >>> nice_ticks(0.0, 117.0), nice_ticks(0.0, 1.0)
    ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    rough = max(high - low, 1e-9) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1.0, 2.0, 5.0, 10.0) if size * m >= rough * 0.85)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


class Canvas:
    """A chart that grows by what is drawn on it; the left and lower edges carry the scales."""

    def __init__(self, extent: Extent, *, width: float = 640.0, height: float = 230.0) -> None:
        self.extent, self.width, self.height = extent, width, height
        self.parts: list[Markup] = []

    def x(self, value: float) -> float:
        """Return where a value lies from the left [px]."""
        e = self.extent
        return LEFT + (value - e.left) / (e.right - e.left) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value lies from above [px]."""
        e = self.extent
        return self.height - BELOW - (value - e.bottom) / (e.top - e.bottom) * (self.height - ABOVE - BELOW)

    def text(self, x: float, y: float, said: str, *, anchor: str = "middle", kind: str = "tick") -> None:
        """Write a word."""
        self.parts.append(element("text", said, x=x, y=y, text_anchor=anchor, class_=kind))

    def stroke(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """Draw a straight line between two places [px]."""
        self.parts.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind))

    def grid(self, along: Iterable[tuple[float, str]], *, ticks: Sequence[float] | None = None) -> None:
        """Draw the lines of the scale and write their values, and those given along the lower edge."""
        for value in ticks if ticks is not None else nice_ticks(self.extent.bottom, self.extent.top):
            self.stroke(LEFT, self.y(value), self.width - RIGHT, self.y(value), "grid")
            self.text(LEFT - 6, self.y(value) + 3.5, shown(value), anchor="end")
        for value, said in along:
            self.stroke(self.x(value), ABOVE, self.x(value), self.height - BELOW, "grid")
            self.text(self.x(value), self.height - BELOW + 15, said)

    def line(self, xs: Sequence[float], values: Numbers, role: str, *, dashed: bool = False) -> None:
        """Draw a line, broken where values are missing."""
        kind = f"line role-{role}" + (" dashed" if dashed else "")
        for run in _runs(xs, values):
            points = " ".join(f"{self.x(x):.1f},{self.y(v):.1f}" for x, v in run)
            self.parts.append(element("polyline", points=points, class_=kind))

    def area(self, xs: Sequence[float], lower: Numbers, upper: Numbers, role: str) -> None:
        """Fill the room between two lines, where both are known."""
        both = [None if a is None or b is None else a for a, b in _pairs(lower, upper)]
        tops = {x: b for x, (_, b) in zip(xs, _pairs(lower, upper), strict=True)}
        for run in _runs(xs, both):
            there = [(x, tops[x] or 0.0) for x, _ in run]
            points = " ".join(f"{self.x(x):.1f},{self.y(v):.1f}" for x, v in [*run, *there[::-1]])
            self.parts.append(element("polygon", points=points, class_=f"area role-{role}"))

    def dots(self, xs: Sequence[float], values: Numbers, role: str) -> None:
        """Draw a dot for each value."""
        for x, v in zip(xs, plain_numbers(values), strict=True):
            if v is not None:
                self.parts.append(
                    element("circle", cx=self.x(x), cy=self.y(v), r=DOT, class_=f"dot role-{role}")
                )

    def mark(self, x: float, y: float, radius: float, kind: str, said: str) -> None:
        """Draw a dot at a place [px] that says something to who points at it."""
        named = element("title", said)
        self.parts.append(element("circle", named, cx=x, cy=y, r=radius, class_=kind, data_say=said))

    def bar(self, edges: tuple[float, float, float, float], kind: str, said: str) -> None:
        """Draw a box between left, upper, right and lower edge [px] that says something."""
        left, upper, right, lower = edges
        place = {"x": left, "y": upper, "width": right - left, "height": max(lower - upper, 0.5)}
        self.parts.append(element("rect", element("title", said), class_=kind, data_say=said, **place))

    def across(self, value: float, said: str) -> None:
        """Draw a limit from edge to edge, if the scale reaches it."""
        if self.extent.bottom <= value <= self.extent.top:
            self.stroke(LEFT, self.y(value), self.width - RIGHT, self.y(value), "limit")
            self.text(self.width - RIGHT - 2, self.y(value) - 4, said, anchor="end", kind="limit-name")

    def upright(self, value: float) -> None:
        """Draw a line from below to above, as for now."""
        if self.extent.left <= value <= self.extent.right:
            self.stroke(self.x(value), ABOVE, self.x(value), self.height - BELOW, "now-line")

    def svg(self) -> Markup:
        """Return the picture; what it shows is in the caption and in the table beside it."""
        size = f"0 0 {self.width:g} {self.height:g}"
        return element("svg", join(self.parts), viewBox=size, class_="drawing", aria_hidden="true")


def _pairs(lower: Numbers, upper: Numbers) -> list[tuple[float | None, float | None]]:
    return list(zip(plain_numbers(lower), plain_numbers(upper), strict=True))


def _runs(xs: Sequence[float], values: Numbers) -> list[list[tuple[float, float]]]:
    """Return the stretches without a missing value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, v in zip(xs, plain_numbers(values), strict=True):
        if v is None:
            runs.append([])
        else:
            runs[-1].append((x, v))
    return [run for run in runs if run]
