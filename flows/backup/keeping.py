"""Which backups stay: the newest of each of the last days, weeks and months."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flows.backup.place import Place

STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True)
class Keep:
    """Of how many days, weeks and months the newest backup stays; days and weeks as UTC has them."""

    daily: int = 7
    weekly: int = 5
    monthly: int = 12


def prune_backups(place: Place, keep: Keep) -> tuple[str, ...]:
    """Remove the backups that need not stay, and the parts that no other needs; returns their names.

    Raises
    ------
    StorageError
        the place fails, or a manifest that stays is damaged: then no part is removed
    """
    names = place.names()
    stays = staying(names, keep)
    needed = {part for name in stays for part in place.read(name).parts()}
    gone = tuple(name for name in names if name not in stays)
    place.remove(gone, sorted(place.parts() - needed))
    return gone


def staying(names: Sequence[str], keep: Keep) -> set[str]:
    """Return which of some backups stay; the newest always does.

    Parameters
    ----------
    names : of manifests, the newest first

    Examples
    --------
    >>> names = [f"2026010{day}T160000.000000Z-x.json" for day in (9, 8, 7, 4, 3, 2)]
    >>> sorted(name[:8] for name in staying(names, Keep(daily=2, weekly=2, monthly=1)))
    ['20260104', '20260108', '20260109']
    """
    rules: list[tuple[int, Callable[[date], Hashable]]] = [
        (keep.daily, lambda day: day),
        (keep.weekly, lambda day: day.isocalendar()[:2]),
        (keep.monthly, lambda day: (day.year, day.month)),
    ]
    found = set(names[:1])
    for number, period_of in rules:
        newest: dict[Hashable, str] = {}
        for name in names:
            newest.setdefault(period_of(taken_on(name)), name)
        found |= set(list(newest.values())[:number])
    return found


def taken_on(name: str) -> date:
    """Return the day of a backup, from its name.

    >>> taken_on("20260109T160000.000000Z-ab12.json").isoformat()
    '2026-01-09'
    """
    return datetime.strptime(name.partition("-")[0], STAMP).date()  # noqa: DTZ007
