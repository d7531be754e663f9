"""Seasonal Management: its days, what else both sides have in the calendar, and the rhythm it brings.

Nothing here is a threshold, a rule or a probability, and nothing that decides reads it: the mode changes the
duty rota, the reports and the parts in which forecasts are verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from pipeline.season_file import read_season
from pipeline.times import local_date, to_utc

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """Days of the year, both ends included, that may run over New Year, as (month, day)."""

    first: tuple[int, int]
    last: tuple[int, int]

    def in_winter(self, year: int) -> tuple[date, date]:
        """Return the first and last day of the stretch in the winter that begins in a year.

        >>> days = Stretch((12, 1), (3, 31)).in_winter(2019)
        >>> days[0].isoformat(), days[1].isoformat()
        ('2019-12-01', '2020-03-31')
        """
        over = self.last < self.first
        return date(year, *self.first), date(year + over, *self.last)

    def winter_of(self, day: date) -> int | None:
        """Return the year in which the winter of a day begins; None for a day outside of the stretch."""
        for year in (day.year, day.year - 1):
            first, last = self.in_winter(year)
            if first <= day <= last:
                return year
        return None


@dataclass(frozen=True)
class Row:
    """One dated entry of the calendar of a party; ``mark`` is ``found`` or ``unverified``.

    ``names`` by language; ``last_winter`` None: as far as is known.
    """

    key: str
    party: str
    kind: str
    stretch: Stretch
    first_winter: int
    last_winter: int | None
    source: str
    mark: str
    names: dict[str, str]

    def times_from(self, day: date) -> tuple[date, date] | None:
        """Return first and last day of the time of this row that a day lies in, else of the next one."""
        for year in range(max(day.year - 1, self.first_winter), max(day.year, self.first_winter) + 2):
            if self.last_winter is not None and year > self.last_winter:
                return None
            first, last = self.stretch.in_winter(year)
            if day <= last:
                return first, last
        return None


@dataclass(frozen=True)
class Rhythm:
    """What changes while the mode is in force; see ``season.toml``.

    Parameters
    ----------
    outlook_weekday : 0 is Monday
    shifts : local times at which a shift begins, ascending
    """

    outlook_weekday: int
    outlook_time: time
    outlook_timezone: str
    dossier: timedelta
    shifts: tuple[time, ...]
    rota: timedelta

    def outlook_due(self, at: datetime) -> datetime:
        """Return the newest instant [UTC] at or before another at which a weekly outlook was due."""
        zone = ZoneInfo(self.outlook_timezone)
        today = at.astimezone(zone).date()
        day = today - timedelta(days=(today.weekday() - self.outlook_weekday) % 7)
        due = datetime.combine(day, self.outlook_time, zone)
        return to_utc(due if due <= at else datetime.combine(day - 7 * DAY, self.outlook_time, zone))

    def outlook_nearest(self, at: datetime) -> datetime:
        """Return the instant [UTC] nearest to another at which a weekly outlook is due."""
        before = self.outlook_due(at)
        after = self.outlook_due(before + 7 * DAY + timedelta(hours=2))
        return before if at - before <= after - at else after


@dataclass(frozen=True)
class Calendar:
    """The season calendar of both sides and the mode."""

    version: str
    mode: Stretch
    first_winter: int
    timezone: str
    rhythm: Rhythm
    rows: tuple[Row, ...]

    def winter_of(self, day: date) -> str:
        """Return the name of the winter whose days of the mode hold a local day; empty outside of all.

        Winters from before the mode have their names, too, so that they can be compared.

        >>> days = (date(2019, 12, 1), date(2020, 3, 31), date(2020, 4, 1), date(2019, 3, 4))
        >>> [calendar_of().winter_of(day) for day in days]
        ['2019-20', '2019-20', '', '2018-19']
        """
        year = self.mode.winter_of(day)
        return "" if year is None else winter_name(year)

    def active(self, day: date) -> bool:
        """Tell whether the mode is in force on a local day.

        >>> days = (date(2019, 12, 1), date(2019, 3, 4), date(2026, 7, 1))
        >>> tuple(calendar_of().active(day) for day in days)
        (True, False, False)
        """
        year = self.mode.winter_of(day)
        return year is not None and year >= self.first_winter

    def active_at(self, at: datetime) -> bool:
        """Tell whether the mode is in force at an instant, by the clock of the mode."""
        return self.active(self.day_of(at))

    def day_of(self, at: datetime) -> date:
        """Return the local day of the mode's clock at an instant."""
        return local_date(at, self.timezone)

    def days_of(self, winter: str) -> tuple[date, date]:
        """Return first and last day of the mode in a winter; ValueError for what names no winter.

        >>> calendar_of().days_of("2019-20")
        (datetime.date(2019, 12, 1), datetime.date(2020, 3, 31))
        """
        return self.mode.in_winter(winter_year(winter))

    def span_of(self, winter: str) -> tuple[datetime, datetime]:
        """Return begin and end [UTC] of a winter: from midnight of its first day to that after its last."""
        first, last = self.days_of(winter)
        zone = ZoneInfo(self.timezone)
        return (
            to_utc(datetime.combine(first, time(), zone)),
            to_utc(datetime.combine(last + DAY, time(), zone)),
        )

    def next_change(self, day: date) -> date:
        """Return the first day after a day on which the mode begins or has ended."""
        year = max(day.year - 1, self.first_winter)
        while True:
            first, last = self.mode.in_winter(year)
            for change in (first, last + DAY):
                if change > day:
                    return change
            year += 1

    def in_force(self, day: date) -> tuple[tuple[Row, date, date], ...]:
        """Return the rows in force on a day with their first and last day."""
        times = ((row, row.times_from(day)) for row in self.rows)
        return tuple((row, *found) for row, found in times if found is not None and found[0] <= day)

    def ahead(self, day: date) -> tuple[tuple[Row, date, date], ...]:
        """Return what begins after a day, the nearest first: each row's next time."""
        found = []
        for row in self.rows:
            times = row.times_from(day)
            if times is not None and times[0] <= day:
                times = row.times_from(times[1] + DAY)
            if times is not None:
                found.append((row, *times))
        return tuple(sorted(found, key=lambda one: (one[1], one[0].key)))

    def winters(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.str_]:
        """Return the winter of each local day, empty outside of all.

        Parameters
        ----------
        days : (n,) any resolution from days on

        Examples
        --------
        >>> calendar_of().winters(np.array(["2019-11-30", "2019-12-01", "2020-02-29"], "M8[D]")).tolist()
        ['', '2019-20', '2019-20']
        """
        each, back = np.unique(np.asarray(days, "M8[D]"), return_inverse=True)
        names = np.array([self.winter_of(day) for day in each.tolist()] or [""])
        return np.asarray(names[back.ravel()], np.str_)

    def in_mode(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Tell for each local day whether the mode was in force, (n,)."""
        each, back = np.unique(np.asarray(days, "M8[D]"), return_inverse=True)
        known = np.array([self.active(day) for day in each.tolist()] or [False])
        return np.asarray(known[back.ravel()], np.bool_)


def winter_name(year: int) -> str:
    """Return the name of the winter that begins in a year.

    >>> winter_name(2019), winter_name(1999)
    ('2019-20', '1999-00')
    """
    return f"{year}-{(year + 1) % 100:02d}"


def winter_year(winter: str) -> int:
    """Return the year in which a winter begins; ValueError for what is no name of one.

    >>> winter_year("2019-20")
    2019
    >>> winter_year("2019-2020")
    Traceback (most recent call last):
    ...
    ValueError: '2019-2020' names no winter; write one as 2019-20
    """
    year = int(winter[:4]) if winter[:4].isascii() and winter[:4].isdigit() else -1
    if not 1900 <= year <= 9000 or winter != winter_name(year):
        raise ValueError(f"{winter!r:.20} names no winter; write one as 2019-20")
    return year


@lru_cache(maxsize=8)
def calendar_of(path: Path | None = None) -> Calendar:
    """Return the season calendar.

    Parameters
    ----------
    path : the installation's own file; None: the packaged one

    Raises
    ------
    PolicyError
        the file cannot be read, or an entry is missing or makes no sense
    """
    table = read_season(path)
    mode, rhythm = table["mode"], table["rhythm"]
    return Calendar(
        version=table["version"],
        mode=Stretch(mode["first"], mode["last"]),
        first_winter=mode["first_winter"],
        timezone=mode["timezone"],
        rhythm=Rhythm(
            rhythm["outlook_weekday"],
            rhythm["outlook_time"],
            rhythm["outlook_timezone"],
            timedelta(days=rhythm["dossier_days"]),
            rhythm["shifts"],
            timedelta(days=rhythm["rota_days"]),
        ),
        rows=tuple(
            Row(
                row["key"],
                row["party"],
                row["kind"],
                Stretch(row["first"], row["last"]),
                row["first_winter"],
                row["last_winter"],
                row["source"],
                row["mark"],
                row["name"],
            )
            for row in table["row"]
        ),
    )
