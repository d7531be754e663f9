"""What a feed owes us: instants never answered, those to be asked again, and those gone for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ingest.feeds import Hour, Timing, Unit

FIRST_BACKFILL: Final = timedelta(days=3)
"""How far back a feed is asked before its first attempt; what lies further back comes from archives."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def grid(timing: Timing, start: datetime, end: datetime) -> list[datetime]:
    """Return the instants of a feed's grid in (start, end], oldest first.

    >>> t = Timing(timedelta(0), timedelta(days=1), step=timedelta(hours=6), offset=timedelta(hours=2))
    >>> day = datetime(2025, 1, 1, tzinfo=UTC)
    >>> [f"{when:%d %H}" for when in grid(t, day + timedelta(hours=2), day + timedelta(days=1, hours=2))]
    ['01 08', '01 14', '01 20', '02 02']
    """
    origin = _EPOCH + timing.offset
    first, last = (start - origin) // timing.step + 1, (end - origin) // timing.step
    return [origin + n * timing.step for n in range(first, last + 1)]


def due_hours(
    timing: Timing,
    units: Iterable[Unit],
    answered: Mapping[Hour, datetime],
    now: datetime,
    first_asked: datetime | None,
    backfill: timedelta = FIRST_BACKFILL,
) -> dict[Unit, tuple[datetime, ...]]:
    """Return what to ask for: by unit the instants that are published, still kept, and lacking or to revisit.

    Parameters
    ----------
    answered : when each instant was last answered
    first_asked : when the feed was asked for the first time, None: this is it
    backfill : how far before its first attempt a feed is asked

    Examples
    --------
    The hour that was answered after 20 minutes is asked again once it is three hours old:

    >>> t = Timing(timedelta(0), timedelta(hours=4), revisit=(timedelta(hours=3),))
    >>> now = datetime(2025, 1, 1, 12, tzinfo=UTC)
    >>> done = {("", now - n * timedelta(hours=1)): now - (n * 60 - 20) * timedelta(minutes=1)
    ...     for n in (1, 2, 3)}
    >>> [when.hour for when in due_hours(t, [""], done, now, now - timedelta(days=9))[""]]
    [9, 12]
    """
    start = max(now - timing.keeps, (first_asked or now) - backfill)
    hours = grid(timing, start, now - timing.delay)
    found = {
        unit: tuple(h for h in hours if _lacks(timing, h, answered.get((unit, h)), now)) for unit in units
    }
    return {unit: lacking for unit, lacking in found.items() if lacking}


def _lacks(timing: Timing, hour: datetime, asked_at: datetime | None, now: datetime) -> bool:
    """Tell whether an instant was never answered, or only at an age at which more was still to come."""
    return asked_at is None or any(asked_at - hour < age <= now - hour for age in timing.revisit)


def lost_hours(
    timing: Timing,
    units: Mapping[Unit, datetime],
    answered: Mapping[Hour, datetime],
    now: datetime,
    last_asked: datetime,
) -> list[Hour]:
    """Return what fell out of the source's memory unanswered since the feed was asked last.

    Parameters
    ----------
    units : each unit and the instant since which its values are expected
    answered : every answer about instants later than ``last_asked`` less what the source keeps

    Examples
    --------
    >>> t = Timing(timedelta(0), timedelta(hours=23))
    >>> now = datetime(2025, 1, 3, tzinfo=UTC)
    >>> gone = lost_hours(t, {"": now - timedelta(days=9)}, {}, now, now - timedelta(hours=2))
    >>> [f"{when:%d %H}" for _, when in gone]
    ['02 00', '02 01']
    """
    hours = grid(timing, last_asked - timing.keeps, now - timing.keeps)
    return [(u, h) for u, since in units.items() for h in hours if h > since and (u, h) not in answered]
