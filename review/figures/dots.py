"""Earlier cases as dots along a scale, beside the present one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from review.figures.drawing import LEFT, RIGHT, Canvas, Extent, nice_ticks
from review.figures.roles import check_role, shown

WIDTH = 420.0


@dataclass(frozen=True)
class Dot:
    """One earlier case: its value, and what it is."""

    value: float
    label: str
    role: str = "neutral"

    def __post_init__(self) -> None:
        check_role(self.role)


@dataclass(frozen=True)
class DotPlot:
    """Cases as dots along a scale, a row for each outcome, and where the present case stands.

    ``rows`` come as outcome and its dots, such as those that came true and those that did not.

    Examples
    --------
    >>> dots = [("came true", [Dot(60.0, "3 March", "yes")]), ("did not", [])]
    >>> DotPlot("past", "Earlier forecasts", "%", dots, mark=55.0).rows()
    [['came true', '60 %', '3 March']]
    """

    kind = "dots"

    id: str
    title: str
    unit: str
    groups: Sequence[tuple[str, Sequence[Dot]]]
    extent: tuple[float, float] = (0.0, 100.0)
    mark: float | None = None
    mark_label: str = ""
    note: str = ""

    def document(self, zone: str) -> dict[str, Any]:
        """Return what the script needs beyond the picture: nothing, as each mark says what it is."""
        return {"zone": zone}

    def heads(self) -> list[str]:
        """Return the heads of the table's columns after the outcome."""
        return [self.unit or self.title, ""]

    def rows(self) -> list[list[str]]:
        """Return the table: outcome, value, and which case it was."""
        return [
            [outcome, f"{shown(dot.value)} {self.unit}".rstrip(), dot.label]
            for outcome, dots in self.groups
            for dot in dots
        ]

    def key(self) -> list[tuple[str, str, str]]:
        """Return the legend: role, kind and label, with the number of dots."""
        firsts = [(name, dots) for name, dots in self.groups if dots]
        return [(dots[0].role, "points", f"{name}: {len(dots)}") for name, dots in firsts]

    def svg(self) -> Markup:
        """Return the picture: dots that would lie on each other are stacked."""
        count = max(len(self.groups), 1)
        canvas = Canvas(Extent(*self.extent, 0.0, float(count)), width=WIDTH, height=50.0 + 62.0 * count)
        low, high = self.extent
        canvas.grid([(value, shown(value)) for value in nice_ticks(low, high)], ticks=[])
        for place, (name, dots) in enumerate(self.groups):
            base = canvas.y(count - 1 - place) - 8
            canvas.stroke(LEFT, base + 8, canvas.width - RIGHT, base + 8, "grid")
            canvas.text(LEFT, base - 36, name, anchor="start")
            seen: dict[int, int] = {}
            for dot in sorted(dots, key=lambda one: one.value):
                x = canvas.x(dot.value)
                stack = seen[round(x / 9)] = seen.get(round(x / 9), -1) + 1
                said = f"{name}: {dot.label}, {shown(dot.value)} {self.unit}".rstrip()
                canvas.mark(round(x / 9) * 9.0, base - 9.0 * stack, 4.0, f"dot role-{dot.role}", said)
        if self.mark is not None:
            canvas.upright(self.mark)
            canvas.text(canvas.x(self.mark), 9.5, self.mark_label, kind="now-name")
        return canvas.svg()
