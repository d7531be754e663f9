"""Which days a report is about: a month, or a season of the calendar of both sides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.season import Calendar
from pipeline.times import local_day_bounds

DAY = timedelta(days=1)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Period:
    """Local days from ``first`` to ``last``, both included; each city's days are those of its own clock.

    >>> Period("month", "2019-03", date(2019, 3, 1), date(2019, 3, 31)).days
    31
    """

    kind: Literal["month", "season"]
    name: str
    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days there are."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """Return when the first day begins where it begins first [UTC]."""
        return min(local_day_bounds(self.first, c.timezone)[0] for c in all_cities().values())

    @property
    def end(self) -> datetime:
        """Return when the last day is over everywhere [UTC]."""
        return max(local_day_bounds(self.last, c.timezone)[1] for c in all_cities().values())

    def before(self, years: int) -> Period:
        """Return the same days so many years before; 29 February becomes the 28th.

        >>> Period("month", "2020-02", date(2020, 2, 1), date(2020, 2, 29)).before(1).last.isoformat()
        '2019-02-28'
        """
        ends = [_years_before(day, years) for day in (self.first, self.last)]
        return Period(self.kind, f"{ends[0]:%Y-%m}", *ends)


def month_of(text: str) -> Period:
    """Return a month; UsageError where it is none.

    >>> month_of("2019-12").last.isoformat()
    '2019-12-31'
    """
    found = _MONTH.fullmatch(text)
    if not found or int(found[1]) < 1970:
        raise UsageError(f"--month {text:.40} is no month; write it like 2019-03")
    first = date(int(found[1]), int(found[2]), 1)
    return Period("month", text, first, (first + 32 * DAY).replace(day=1) - DAY)


def season_of(text: str, calendar: Calendar) -> Period:
    """Return a season of Seasonal Management; UsageError where it is none.

    >>> from pipeline.season import calendar_of
    >>> season_of("2019-20", calendar_of()).days
    122
    """
    try:
        return Period("season", text, *calendar.days_of(text))
    except ValueError as error:
        raise UsageError(f"--season: {error}") from None


def entries_of(calendar: Calendar, period: Period) -> list[dict[str, Any]]:
    """Return what both sides have in the calendar on days of a period, by first day."""
    found = []
    for row in calendar.rows:
        times = row.times_from(period.first)
        if times is not None and times[0] <= period.last:
            told = {"key": row.key, "party": row.party, "kind": row.kind, "mark": row.mark}
            ends = {"first": times[0].isoformat(), "last": times[1].isoformat()}
            found.append(told | ends | {"names": dict(row.names), "source": row.source})
    return sorted(found, key=lambda one: (one["first"], one["party"], one["key"]))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
