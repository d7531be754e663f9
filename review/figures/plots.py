"""Charts that are not over time: curves of one number against another, and bars with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from review.figures.drawing import LEFT, RIGHT, Canvas, Extent
from review.figures.roles import check_lengths, check_role, plain_numbers, shown
from review.figures.time_chart import Limit

Numbers = Sequence[float | None]
NARROW = 420.0
WIDEST = 960.0
LEAST_BAR = 16.0
"""A bar has at least so much room, as long as the chart is not too wide [px]."""
GAP = 0.22
"""The part of a category's room that stays free at its sides."""


@dataclass(frozen=True)
class XY:
    """A curve through places, such as the points of a reliability diagram, each with its count if known."""

    label: str
    x: Numbers
    y: Numbers
    role: str
    lower: Numbers = ()
    upper: Numbers = ()
    counts: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_role(self.role)
        check_lengths(self.label, len(self.x), self.y, self.lower, self.upper, self.counts)


@dataclass(frozen=True)
class XYChart:
    """Curves of one quantity between 0 and 1 against another, with the line of equality if asked for.

    Examples
    --------
    >>> roc = XY("model", [0.0, 0.1, 1.0], [0.0, 0.8, 1.0], "forecast", counts=[0, 12, 40])
    >>> XYChart("roc", "ROC", "false alarm rate", "hit rate", [roc], diagonal=True).rows()[1]
    ['model', '0.1', '0.8', '12']
    """

    kind = "xy"

    id: str
    title: str
    x_title: str
    y_title: str
    series: Sequence[XY]
    diagonal: bool = False
    note: str = ""
    unit: str = ""

    def document(self, zone: str) -> dict[str, Any]:
        """Return what the script needs beyond the picture: nothing, as each mark says what it is."""
        return {"zone": zone}

    def heads(self) -> list[str]:
        """Return the heads of the table's columns; the last is of counts, or of the interval."""
        return [self.x_title, self.y_title, *(["n"] * self._counted()), *(["90 %"] * self._ranged())]

    def rows(self) -> list[list[str]]:
        """Return the table: the curve's name, then x, y and what else is known."""
        found = []
        for one in self.series:
            for n, (x, y) in enumerate(zip(one.x, one.y, strict=True)):
                row = [one.label, shown(x), shown(y)]
                row += [str(one.counts[n]) if one.counts else "–"] * self._counted()
                row += [self._range(one, n)] * self._ranged()
                found.append(row)
        return found

    def key(self) -> list[tuple[str, str, str]]:
        """Return the legend: role, kind and label."""
        return [(one.role, "line", one.label) for one in self.series]

    def svg(self) -> Markup:
        """Return the picture."""
        canvas = Canvas(Extent(0.0, 1.0, 0.0, 1.0), width=NARROW, height=NARROW - 40)
        canvas.grid([(v / 5, f"{v / 5:g}") for v in range(6)])
        if self.diagonal:
            canvas.stroke(canvas.x(0), canvas.y(0), canvas.x(1), canvas.y(1), "limit")
        for one in self.series:
            canvas.line(_filled(one.x), one.y, one.role)
            for n, (x, y) in enumerate(zip(plain_numbers(one.x), plain_numbers(one.y), strict=True)):
                if x is not None and y is not None:
                    _whisker(canvas, canvas.x(x), one.lower, one.upper, n)
                    canvas.mark(canvas.x(x), canvas.y(y), 3.4, f"dot role-{one.role}", self._say(one, n))
        return canvas.svg()

    def _say(self, one: XY, n: int) -> str:
        said = f"{one.label}: {self.x_title} {shown(one.x[n])}, {self.y_title} {shown(one.y[n])}"
        said += f" ({self._range(one, n)})" if one.lower else ""
        return said + (f", n = {one.counts[n]}" if one.counts else "")

    def _range(self, one: XY, n: int) -> str:
        return f"{shown(one.lower[n])}–{shown(one.upper[n])}" if one.lower else "–"

    def _counted(self) -> bool:
        return any(one.counts for one in self.series)

    def _ranged(self) -> bool:
        return any(one.lower for one in self.series)


@dataclass(frozen=True)
class Bars:
    """One value a category, with its interval and count where they are known."""

    label: str
    values: Numbers
    role: str
    lower: Numbers = ()
    upper: Numbers = ()
    counts: Sequence[int] = ()

    def __post_init__(self) -> None:
        check_role(self.role)
        check_lengths(self.label, len(self.values), self.lower, self.upper, self.counts)


@dataclass(frozen=True)
class BarChart:
    """Bars side by side in categories, from zero, with their intervals.

    Examples
    --------
    >>> bars = Bars("model", [0.7, None], "forecast", [0.6, None], [0.8, None], [40, 0])
    >>> BarChart("pod", "POD", "", ["24 h", "48 h"], [bars]).rows()
    [['24 h', '0.7 (0.6–0.8), n = 40'], ['48 h', '–']]
    """

    kind = "bars"

    id: str
    title: str
    unit: str
    categories: Sequence[str]
    series: Sequence[Bars]
    limits: Sequence[Limit] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for one in self.series:
            check_lengths(one.label, len(self.categories), one.values)

    def document(self, zone: str) -> dict[str, Any]:
        """Return what the script needs beyond the picture: nothing, as each mark says what it is."""
        return {"zone": zone}

    def heads(self) -> list[str]:
        """Return the heads of the table's columns after the category."""
        return [one.label for one in self.series]

    def rows(self) -> list[list[str]]:
        """Return the table: a category, then what each series says of it."""
        return [
            [name, *(self._said(one, n) for one in self.series)] for n, name in enumerate(self.categories)
        ]

    def key(self) -> list[tuple[str, str, str]]:
        """Return the legend: role, kind and label."""
        return [(one.role, "bar", one.label) for one in self.series]

    def svg(self) -> Markup:
        """Return the picture."""
        low, high = self._extent()
        count = max(len(self.categories), 1)
        width = min(max(NARROW, LEFT + RIGHT + LEAST_BAR * count * (len(self.series) + 1)), WIDEST)
        canvas = Canvas(Extent(0.0, float(count), low, high), width=width)
        canvas.grid([(n + 0.5, name) for n, name in enumerate(self.categories)])
        room = (width - LEFT - RIGHT) / count
        each = room * (1 - 2 * GAP) / max(len(self.series), 1)
        for place, one in enumerate(self.series):
            for n, value in enumerate(plain_numbers(one.values)):
                if value is None:
                    continue
                left = LEFT + room * (n + GAP) + each * place
                y, zero = canvas.y(value), canvas.y(0.0)
                edges = (left, min(y, zero), left + each * 0.9, max(y, zero))
                canvas.bar(edges, f"bar role-{one.role}", self._say(one, n))
                _whisker(canvas, left + each * 0.45, one.lower, one.upper, n)
        for limit in self.limits:
            canvas.across(limit.value, limit.label)
        return canvas.svg()

    def _extent(self) -> tuple[float, float]:
        columns = [c for one in self.series for c in (one.values, one.lower, one.upper)]
        drawn = [v for column in columns for v in plain_numbers(column) if v is not None]
        drawn += [limit.value for limit in self.limits]
        low, high = min([*drawn, 0.0]), max([*drawn, 0.0])
        return low * 1.08, high * 1.08 if high > low else low * 1.08 + 1.0

    def _say(self, one: Bars, n: int) -> str:
        return f"{self.categories[n]}, {one.label}: {self._said(one, n)}"

    def _said(self, one: Bars, n: int) -> str:
        value = plain_numbers(one.values)[n]
        if value is None:
            return "–"
        said = f"{shown(value)} {self.unit}".rstrip()
        said += f" ({shown(one.lower[n])}–{shown(one.upper[n])})" if one.lower else ""
        return said + (f", n = {one.counts[n]}" if one.counts else "")


def _filled(xs: Numbers) -> list[float]:
    return [0.0 if x is None else float(x) for x in plain_numbers(xs)]


def _whisker(canvas: Canvas, x: float, lower: Numbers, upper: Numbers, n: int) -> None:
    """Draw an interval, where there is one."""
    low = plain_numbers(lower[n : n + 1])
    high = plain_numbers(upper[n : n + 1])
    if low and high and low[0] is not None and high[0] is not None:
        canvas.stroke(x, canvas.y(low[0]), x, canvas.y(high[0]), "whisker")
