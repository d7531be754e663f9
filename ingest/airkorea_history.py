"""Which of AirKorea's hours a station's history must be asked for, and which an answer has settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ingest.airkorea_gateway import SOURCE, floor_hour
from ingest.feeds import Ask, Hour
from pipeline.times import HOUR, iso, parse_instant

OPERATION: Final = "ArpltnInforInqireSvc/getMsrstnAcctoRltmMesureDnsty"
TERMS: Final = (
    ("DAILY", timedelta(hours=20)),
    ("MONTH", timedelta(days=27)),
    ("3MONTH", timedelta(days=88)),
)
"""Each ``dataTerm`` and how old an hour may be that is surely in it; a day's answer was seen with 22 rows."""
KEEPS: Final = TERMS[-1][1]
SILENT_AFTER: Final = timedelta(hours=3)
"""A station whose newest hour is older than this is silent: hours that it lacks are answered, as empty."""
EMPTY_AFTER: Final = timedelta(days=1)
"""How old an hour must be before an answer without any row settles it."""


def history_ask(unit: str, hours: Sequence[datetime], since: datetime, now: datetime) -> Ask:
    """Return the request for one station with the smallest term that holds every hour after ``since``.

    >>> now = parse_instant("2025-01-31T03:27")
    >>> ask = history_ask("airkorea:중구", [now - 3 * HOUR], now - 4 * HOUR, now)
    >>> ask.parameters["stationName"], ask.parameters["dataTerm"]
    ('중구', 'DAILY')
    """
    name = unit.removeprefix(f"{SOURCE}:")
    term = next((name for name, reach in TERMS if now - since <= reach), TERMS[-1][0])
    return Ask(
        OPERATION,
        f"history of {name}, {term}",
        {"stationName": name, "dataTerm": term, "ver": "1.3", "since": iso(since)},
        tuple((unit, hour) for hour in hours),
    )


def settled(
    unit: str, seen: Sequence[datetime], asked: Mapping[str, str], fetched_at: datetime, complete: bool
) -> tuple[Hour, ...]:
    """Return the hours for which a station's history is an answer, rows or not.

    From the oldest row to the newest there is nothing more to be had. Hours after the newest row are still to
    come, unless the station is silent; hours before the oldest row are not in the source, if the answer holds
    its whole term. An answer without rows settles only hours older than a day.

    >>> end = parse_instant("2025-01-31T03:00")
    >>> asked = {"dataTerm": "DAILY", "since": "2025-01-30T20:00:00Z"}
    >>> [f"{hour:%H}" for _, hour in settled("x", [end - 3 * HOUR, end - HOUR], asked, end, True)]
    ['00', '01', '02']
    """
    now, since = floor_hour(fetched_at), _since(asked, fetched_at)
    if not seen:
        first, last = since + HOUR, floor_hour(fetched_at - EMPTY_AFTER)
    else:
        whole = complete and asked.get("dataTerm") != TERMS[0][0]
        first = min(seen[0], since + HOUR) if whole else seen[0]
        last = now if fetched_at - seen[-1] > SILENT_AFTER else min(seen[-1], now)
    first = max(floor_hour(first), now - KEEPS)
    return tuple((unit, first + n * HOUR) for n in range((last - first) // HOUR + 1))


def _since(asked: Mapping[str, str], fetched_at: datetime) -> datetime:
    try:
        return parse_instant(asked.get("since", ""))
    except ValueError:
        return fetched_at
