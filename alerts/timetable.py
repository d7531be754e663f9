"""Who does what when: the rows of the policy that say what a cycle is for, and who is on duty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.times import CYCLE_HOURS_UTC, to_utc

TASKS: Final = ("prepare", "decide", "confirm", "watch")
"""Tasks of a cycle: prepare the day, decide, confirm or update what was decided, watch."""


@dataclass(frozen=True)
class Row:
    """What the cycle of a local hour is for; ``before`` is the local decision it serves, or empty."""

    cycle: int
    task: str
    before: str


@dataclass(frozen=True)
class Duty:
    """Who signs, and from when on drafts are looked at again.

    ``recheck`` is the local time at which the other side's bulletin arrives; ``night_from`` to ``night_to``
    and on weekends and ``holidays`` (ISO dates) other roles sign.
    """

    recheck: str
    day: str
    night: str
    holiday: str
    night_from: str
    night_to: str
    holidays: tuple[str, ...]

    def signer(self, when: datetime, timezone: str) -> str:
        """Return the role that signs at an instant: by night, on weekends and holidays, else by day.

        >>> from pipeline.times import parse_instant
        >>> duty = Duty("19:00", "forecaster", "on call", "weekend", "22:00", "07:00", ("2026-02-17",))
        >>> at = ("2026-01-14T05:00Z", "2026-01-14T13:00Z", "2026-01-17T05:00Z", "2026-02-17T05:00Z")
        >>> [duty.signer(parse_instant(text), "Asia/Seoul") for text in at]
        ['forecaster', 'on call', 'weekend', 'weekend']
        """
        local = to_utc(when).astimezone(ZoneInfo(timezone))
        late, early = time.fromisoformat(self.night_from), time.fromisoformat(self.night_to)
        at = local.time()
        if (late <= at < early) if late < early else (at >= late or at < early):
            return self.night
        rest = local.weekday() >= 5 or local.date().isoformat() in self.holidays
        return self.holiday if rest else self.day

    def recheck_after(self, when: datetime, timezone: str) -> datetime:
        """Return when a draft is to be looked at again: as the other side's next bulletin arrives.

        >>> from pipeline.times import iso, parse_instant
        >>> duty = Duty("19:00", "a", "b", "c", "22:00", "07:00", ())
        >>> at = [parse_instant(f"2026-01-14T{hour}Z") for hour in ("08:00", "14:00")]
        >>> [iso(duty.recheck_after(instant, "Asia/Seoul")) for instant in at]
        ['2026-01-14T10:00:00Z', '2026-01-15T10:00:00Z']
        """
        local = to_utc(when).astimezone(ZoneInfo(timezone))
        at = time.fromisoformat(self.recheck)
        today = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        return to_utc(today if today > local else today + timedelta(days=1))

    def recheck_on(self, day: date, timezone: str) -> datetime:
        """Return when the other side's bulletin of a local day is expected."""
        at = time.fromisoformat(self.recheck)
        return to_utc(datetime.combine(day, at, ZoneInfo(timezone)))

    def holidays_of(self, year: int) -> tuple[str, ...]:
        """Return the holidays that the parties have entered for a year.

        >>> duty = Duty("19:00", "a", "b", "c", "22:00", "07:00", ("2026-02-17", "2027-02-07"))
        >>> [duty.holidays_of(year) for year in (2026, 2028)]
        [('2026-02-17',), ()]
        """
        return tuple(day for day in self.holidays if day.startswith(f"{year}-"))


def decision_of(row: Row, issue_time: datetime, timezone: str) -> datetime | None:
    """Return the decision that a cycle serves, on its own local day [UTC]; None where it serves none.

    >>> from pipeline.times import iso, parse_instant
    >>> noon = parse_instant("2026-01-14T02:00Z")
    >>> iso(decision_of(Row(11, "decide", "17:10"), noon, "Asia/Seoul"))
    '2026-01-14T08:10:00Z'
    >>> decision_of(Row(23, "watch", ""), noon, "Asia/Seoul")
    """
    if not row.before:
        return None
    local = to_utc(issue_time).astimezone(ZoneInfo(timezone))
    return to_utc(datetime.combine(local.date(), time.fromisoformat(row.before), ZoneInfo(timezone)))


def time_left(until: datetime, now: datetime) -> str:
    """Return how long it still is to a decision, or how long it has passed, in minutes.

    >>> from pipeline.times import parse_instant
    >>> decision = parse_instant("2026-01-14T08:10Z")
    >>> [time_left(decision, parse_instant(f"2026-01-14T{at}Z")) for at in ("07:47", "08:10", "08:22")]
    ['23 min left', '0 min left', '12 min ago']
    """
    seconds = (until - now).total_seconds()
    return f"{int(seconds // 60)} min left" if seconds >= 0 else f"{int(-seconds // 60)} min ago"


def timetable_faults(rows: tuple[Row, ...], duty: Duty, timezone: str) -> Iterator[tuple[str, str]]:
    """Yield every contradiction of the timetable as (field, complaint)."""
    zone = ZoneInfo(timezone)
    hours = {datetime(2020, 1, 1, h, tzinfo=UTC).astimezone(zone).hour for h in CYCLE_HOURS_UTC}
    if sorted(row.cycle for row in rows) != sorted(hours):
        yield "timetable.cycle", f"must name each of the cycles {sorted(hours)} once"
    for row in rows:
        if row.task not in TASKS:
            yield "timetable.task", f"of {row.cycle} h is none of {', '.join(TASKS)}"
        if row.before and not _is_time(row.before):
            yield "timetable.before", f"of {row.cycle} h is no time like 17:10"
    for name in ("recheck", "night_from", "night_to"):
        if not _is_time(getattr(duty, name)):
            yield f"duty.{name}", "is no time like 19:00"
    if not all(_is_date(day) for day in duty.holidays):
        yield "duty.holidays", "holds something that is no date like 2026-02-17"


def _is_time(text: str) -> bool:
    try:
        return bool(time.fromisoformat(text).isoformat())
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text).isoformat())
    except ValueError:
        return False
