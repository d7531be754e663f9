"""A chart over time: lines, bands between quantiles, limits of the law, and where now is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal

from markupsafe import Markup

from pipeline.errors import ContractError
from pipeline.times import to_utc
from review.figures.drawing import Canvas, Extent
from review.figures.roles import check_lengths, check_role, plain_numbers, shown

Kind = Literal["line", "dashes", "points", "steps"]
KINDS: tuple[Kind, ...] = ("line", "dashes", "points", "steps")
Numbers = Sequence[float | None]
DAY = 86_400.0


@dataclass(frozen=True)
class Line:
    """Values over the chart's times; None or NaN where there is none."""

    label: str
    values: Numbers
    role: str
    kind: Kind = "line"

    def __post_init__(self) -> None:
        check_role(self.role)
        if self.kind not in KINDS:
            raise ContractError(f"a line is one of {', '.join(KINDS)}, not '{self.kind}'")


@dataclass(frozen=True)
class Band:
    """The room between two quantiles."""

    label: str
    lower: Numbers
    upper: Numbers
    role: str

    def __post_init__(self) -> None:
        check_role(self.role)


@dataclass(frozen=True)
class Limit:
    """A value that decides something, across the chart."""

    value: float
    label: str
    role: str = "limit"

    def __post_init__(self) -> None:
        check_role(self.role)


@dataclass(frozen=True)
class TimeChart:
    """A chart over time.

    Parameters
    ----------
    id : of the figure in its page; a zoom is kept under it when a part of the page is written anew
    times : instants with zone, ascending
    unit : of every value, as people write it
    now : where a line stands for now, or for the instant as of which the page is

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> start = datetime(2019, 3, 5, tzinfo=UTC)
    >>> hours = [start + timedelta(hours=h) for h in range(3)]
    >>> chart = TimeChart("plume", "Seoul", "µg/m³", hours, [Line("observed", [30, 42, None], "observed")])
    >>> chart.rows()[1][1:], chart.heads()
    (['42'], ['observed'])
    """

    kind = "time"

    id: str
    title: str
    unit: str
    times: Sequence[datetime]
    lines: Sequence[Line] = ()
    bands: Sequence[Band] = ()
    limits: Sequence[Limit] = ()
    now: datetime | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for line in self.lines:
            check_lengths(line.label, len(self.times), line.values)
        for band in self.bands:
            check_lengths(band.label, len(self.times), band.lower, band.upper)
        if any(later <= earlier for earlier, later in pairwise(self.times)):
            raise ContractError(f"the times of '{self.id}' do not ascend")

    def document(self, zone: str) -> dict[str, Any]:
        """Return the figure as the script reads it, with its times in seconds since 1970."""
        return {
            "unit": self.unit,
            "zone": zone,
            "times": [to_utc(t).timestamp() for t in self.times],
            "lines": [
                {"label": one.label, "values": plain_numbers(one.values), "role": one.role, "kind": one.kind}
                for one in self.lines
            ],
            "bands": [
                {
                    "label": one.label,
                    "lower": plain_numbers(one.lower),
                    "upper": plain_numbers(one.upper),
                    "role": one.role,
                }
                for one in self.bands
            ],
            "limits": [{"value": one.value, "label": one.label, "role": one.role} for one in self.limits],
            "now": to_utc(self.now).timestamp() if self.now else None,
            "range": self.extent(),
        }

    def heads(self) -> list[str]:
        """Return the heads of the table's columns after the time."""
        return [one.label for one in self.lines] + [one.label for one in self.bands]

    def rows(self) -> list[list[Any]]:
        """Return the table: an instant, then what each line and band says then."""
        found: list[list[Any]] = []
        for place, when in enumerate(self.times):
            said = [shown(one.values[place]) for one in self.lines]
            said += [f"{shown(one.lower[place])}–{shown(one.upper[place])}" for one in self.bands]
            found.append([when, *said])
        return found

    def key(self) -> list[tuple[str, str, str]]:
        """Return the legend: role, kind and label."""
        lines: list[tuple[str, str, str]] = [(one.role, one.kind, one.label) for one in self.lines]
        return lines + [(one.role, "band", one.label) for one in self.bands]

    def svg(self) -> Markup:
        """Return the picture for a page without scripts and for paper; empty without times."""
        if not self.times:
            return Markup()
        at = [to_utc(t).timestamp() for t in self.times]
        canvas = Canvas(Extent(at[0], max(at[-1], at[0] + 1.0), *self.extent()))
        canvas.grid(self._days(at[0], at[-1]))
        for band in self.bands:
            canvas.area(at, band.lower, band.upper, band.role)
        for limit in self.limits:
            canvas.across(limit.value, limit.label)
        for line in sorted(self.lines, key=lambda one: one.role == "observed"):
            if line.kind == "points":
                canvas.dots(at, line.values, line.role)
            else:
                canvas.line(at, line.values, line.role, dashed=line.kind == "dashes")
        if self.now is not None:
            canvas.upright(to_utc(self.now).timestamp())
        return canvas.svg()

    def extent(self) -> tuple[float, float]:
        """Return the ends of the scale: zero or less, and some room over the values and the limit next above.

        >>> TimeChart("t", "", "", [], limits=[Limit(75.0, "very bad")]).extent()
        (0.0, 1.08)
        """
        columns = [line.values for line in self.lines] + [
            c for band in self.bands for c in (band.lower, band.upper)
        ]
        drawn = [0.0, *(v for column in columns for v in plain_numbers(column) if v is not None)]
        highest = max(drawn)
        above = min((one.value for one in self.limits if one.value > highest), default=0.0)
        top = max(highest, above if above < highest * 1.6 else 0.0, 1.0)
        return round(min(drawn) * 1.08, 4), round(top * 1.08, 4)

    @staticmethod
    def _days(first: float, last: float) -> list[tuple[float, str]]:
        start = int(first // DAY + 1)
        return [
            (d * DAY, f"{datetime.fromtimestamp(d * DAY, tz=UTC):%m-%d}")
            for d in range(start, int(last // DAY) + 1)
        ]
