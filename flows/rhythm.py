"""When a flow's nominal times are, as plain data and as a cron line; they are told in Korean time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.times import to_utc

KST: Final = timedelta(hours=9)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Rhythm:
    """Nominal times of a flow [KST, without daylight saving]: minutes of hours of days of the week or month.

    Parameters
    ----------
    weekdays : 0 is Monday; none: every day
    days : days of the month; none: every day
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...] = tuple(range(24))
    weekdays: tuple[int, ...] = ()
    days: tuple[int, ...] = ()

    def times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the nominal times with ``after`` < time ≤ ``until``, oldest first.

        >>> from pipeline.times import iso, parse_instant
        >>> [iso(t) for t in Rhythm((0,), (5, 17)).times(parse_instant("2026-01-01"),
        ...                                              parse_instant("2026-01-02"))]
        ['2026-01-01T08:00:00Z', '2026-01-01T20:00:00Z']
        """
        day = (to_utc(after) + KST).replace(hour=0, minute=0, second=0, microsecond=0)
        while day - KST <= until:
            if self._holds(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        time = day + timedelta(hours=hour, minutes=minute) - KST
                        if after < time <= until:
                            yield time
            day += DAY

    def cron(self, later: timedelta = timedelta()) -> str:
        """Return the same as a cron line in KST, that much later within the hour.

        >>> Rhythm((0,), (5, 11)).cron(timedelta(minutes=20)), Rhythm((27,)).cron()
        ('20 5,11 * * *', '27 * * * *')
        """
        minutes = ",".join(str(m + int(later / MINUTE)) for m in self.minutes)
        hours = "*" if len(self.hours) == 24 else ",".join(map(str, self.hours))
        # cron counts Sunday as 0
        weekdays = ",".join(str((d + 1) % 7) for d in self.weekdays) or "*"
        return f"{minutes} {hours} {','.join(map(str, self.days)) or '*'} * {weekdays}"

    @property
    def span(self) -> timedelta:
        """Return how far apart two nominal times may be at most."""
        if self.days:
            return 62 * DAY
        return 8 * DAY if self.weekdays else DAY + HOUR if len(self.hours) < 24 else 2 * HOUR

    def _holds(self, day: datetime) -> bool:
        on_weekday = not self.weekdays or day.weekday() in self.weekdays
        return on_weekday and (not self.days or day.day in self.days)
