"""Clocks, forecast cycles and local days; UTC inside, local only at the edges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Clock = Callable[[], datetime]
"""Answers "what time is it?" with an aware UTC datetime; passed in, never looked up."""

CYCLE_HOURS_UTC = (2, 8, 14, 20)
"""11, 17, 23 and 05 KST, the four issues a day of the Korean forecast (design §1)."""

FORECAST_DAYS = 3
"""Forecasts run to the end of local day D+3."""

HOUR = timedelta(hours=1)
NS_HOUR = 3_600_000_000_000


def system_clock() -> datetime:
    """Return the machine's present time [UTC]; the only place where it is read."""
    return datetime.now(UTC)  # noqa: TID251


def to_utc(when: datetime) -> datetime:
    """Return the instant in UTC; a naive datetime is refused.

    >>> to_utc(datetime(2019, 3, 3, 17, tzinfo=ZoneInfo("Asia/Seoul"))).isoformat()
    '2019-03-03T08:00:00+00:00'
    """
    if when.tzinfo is None:
        raise ValueError(f"{when} has no time zone; give an aware datetime")
    return when.astimezone(UTC)


def parse_instant(text: str) -> datetime:
    """Read an ISO instant such as ``2019-03-03T08:00Z``; without a zone it is UTC; ValueError if it is none.

    >>> parse_instant("2019-03-03T17:00+09:00").isoformat()
    '2019-03-03T08:00:00+00:00'
    """
    when = datetime.fromisoformat(text)
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r:.40} lies outside of the years 1 to 9999") from None


def to_ns(when: datetime) -> np.datetime64:
    """Return the instant as ``datetime64[ns]`` (UTC)."""
    return np.datetime64(to_utc(when).replace(tzinfo=None), "ns")


def from_ns(when: np.datetime64) -> datetime:
    """Return ``datetime64`` (UTC) as an aware datetime, to the microsecond.

    >>> from_ns(np.datetime64("2019-03-03T08:00")).isoformat()
    '2019-03-03T08:00:00+00:00'
    """
    naive: datetime = when.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)


def iso(when: datetime) -> str:
    """Write an instant the way every file and table of sameair does.

    >>> iso(datetime(2019, 3, 3, 8, tzinfo=UTC))
    '2019-03-03T08:00:00Z'
    """
    return to_utc(when).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_cycle(when: datetime) -> bool:
    """Tell whether an instant is a nominal issue: 05, 11, 17 or 23 KST sharp."""
    utc = to_utc(when)
    return utc.hour in CYCLE_HOURS_UTC and utc == utc.replace(minute=0, second=0, microsecond=0)


def latest_cycle(now: datetime) -> datetime:
    """Return the newest cycle at or before ``now``.

    >>> iso(latest_cycle(datetime(2019, 3, 3, 9, 30, tzinfo=UTC)))
    '2019-03-03T08:00:00Z'
    >>> iso(latest_cycle(datetime(2019, 3, 3, 1, tzinfo=UTC)))
    '2019-03-02T20:00:00Z'
    """
    utc = to_utc(now).replace(minute=0, second=0, microsecond=0)
    while utc.hour not in CYCLE_HOURS_UTC:
        utc -= HOUR
    return utc


def cycles_between(first: datetime, before: datetime) -> list[datetime]:
    """Return every cycle with ``first`` ≤ cycle < ``before``.

    >>> [iso(c)[11:13] for c in cycles_between(parse_instant("2019-03-03"), parse_instant("2019-03-04"))]
    ['02', '08', '14', '20']
    """
    cycle = latest_cycle(to_utc(first) + timedelta(hours=6) - timedelta(microseconds=1))
    while cycle < to_utc(first):
        cycle += timedelta(hours=6)
    found = []
    while cycle < to_utc(before):
        found.append(cycle)
        cycle += timedelta(hours=6)
    return found


def local_date(when: datetime, timezone: str) -> date:
    """Return the calendar date at an instant in a time zone.

    >>> local_date(datetime(2020, 1, 9, 20, tzinfo=UTC), "Asia/Seoul")
    datetime.date(2020, 1, 10)
    """
    return to_utc(when).astimezone(ZoneInfo(timezone)).date()


@lru_cache(maxsize=4096)
def local_day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """Return start and end of a local calendar day [UTC]; its mean is over (start, end].

    >>> [iso(t) for t in local_day_bounds(date(2020, 1, 11), "Asia/Seoul")]
    ['2020-01-10T15:00:00Z', '2020-01-11T15:00:00Z']
    >>> [iso(t) for t in local_day_bounds(date(2020, 1, 11), "Asia/Shanghai")]
    ['2020-01-10T16:00:00Z', '2020-01-11T16:00:00Z']
    """
    zone = ZoneInfo(timezone)
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    end = datetime.combine(day + timedelta(days=1), start.time(), tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def horizon_end(issue_time: datetime, timezone: str) -> datetime:
    """Return the end of local day D+3, to which a forecast runs [UTC].

    >>> iso(horizon_end(datetime(2020, 1, 9, 20, tzinfo=UTC), "Asia/Shanghai"))
    '2020-01-13T16:00:00Z'
    """
    return local_day_bounds(local_date(issue_time, timezone) + timedelta(days=FORECAST_DAYS), timezone)[1]


def hour_range(start: datetime, end: datetime, step_hours: int = 1) -> npt.NDArray[np.datetime64]:
    """Return interval ends in (start, end] on the UTC grid of ``step_hours`` (00, 03, … for 3) [UTC, ns].

    >>> ends = hour_range(parse_instant("2020-01-10T08"), parse_instant("2020-01-10T15"), 3)
    >>> [str(t) for t in ends.astype("M8[h]")]
    ['2020-01-10T09', '2020-01-10T12', '2020-01-10T15']
    """
    step = step_hours * NS_HOUR
    first, last = (int(to_ns(t).astype("int64")) // step for t in (start, end))
    # counted in whole steps: of nanoseconds numpy would lose the last interval of a long range to rounding
    return (np.arange(first + 1, last + 1, dtype="int64") * step).astype("datetime64[ns]")
