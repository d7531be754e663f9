"""Whom to ring at a party: its liaison roster, one TOML file of each node.

Names stay on the node that keeps the file; of an entry only role, languages and duty telephone are shared,
and only if it says ``share = true``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import UsageError

_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_KEYS = {"party", "role", "languages", "hours", "timezone", "telephone", "valid_from", "valid_to", "share"}


@dataclass(frozen=True)
class Liaison:
    """A person on duty by role; ``hours`` (from, to) in minutes of the local day, over midnight too."""

    party: str
    role: str
    languages: tuple[str, ...]
    hours: tuple[int, int]
    timezone: str
    telephone: str
    valid_from: date
    valid_to: date
    share: bool = False

    def on_duty(self, at: datetime) -> bool:
        """Tell whether the entry is valid at an instant and that lies within its hours.

        An hour after midnight belongs to the day on which the duty began.
        """
        local = at.astimezone(ZoneInfo(self.timezone))
        minute, (begin, end) = local.hour * 60 + local.minute, self.hours
        day = local.date()
        if begin < end:
            return begin <= minute < end and self._valid(day)
        if minute >= begin:
            return self._valid(day)
        return minute < end and self._valid(day - timedelta(days=1))

    def shared(self) -> dict[str, Any]:
        """Return what the other party may know."""
        if not self.share:
            return {}
        return {"role": self.role, "telephone": self.telephone, "languages": list(self.languages)}

    def _valid(self, day: date) -> bool:
        return self.valid_from <= day <= self.valid_to


def load_roster(path: Path) -> tuple[Liaison, ...]:
    """Read a roster, ``[[liaison]]`` by entry; none where there is no file.

    Raises
    ------
    UsageError
        naming the entry and what is wrong with it

    Examples
    --------
    >>> load_roster(Path("/nowhere/roster.toml"))
    ()
    """
    if not path.exists():
        return ()
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a roster: {error}") from None
    entries = data.get("liaison", [])
    return tuple(_liaison(path, number, entry) for number, entry in enumerate(entries, 1))


def duty_of(roster: Sequence[Liaison], party: str, at: datetime) -> Liaison | None:
    """Return who of a party is on duty at an instant, the first entry that fits."""
    return next((one for one in roster if one.party == party and one.on_duty(at)), None)


def _liaison(path: Path, number: int, entry: dict[str, Any]) -> Liaison:
    """Return one entry; ``name`` may stand in it for those who keep the file."""
    odd = set(entry) - _KEYS - {"name"}
    missing = _KEYS - {"share"} - set(entry)
    try:
        if odd or missing:
            raise ValueError(f"missing or too many: {', '.join(sorted(odd | missing))}")
        found = _HOURS.fullmatch(str(entry["hours"]))
        if found is None:
            raise ValueError(f"hours {entry['hours']!r}; write them like 09:00-18:00")
        a, b, c, d = (int(part) for part in found.groups())
        ZoneInfo(str(entry["timezone"]))
        return Liaison(
            party=str(entry["party"]),
            role=str(entry["role"]),
            languages=tuple(str(x) for x in entry["languages"]),
            hours=(60 * a + b, 60 * c + d),
            timezone=str(entry["timezone"]),
            telephone=str(entry["telephone"]),
            valid_from=_day(entry["valid_from"]),
            valid_to=_day(entry["valid_to"]),
            share=bool(entry.get("share", False)),
        )
    except (ValueError, TypeError, ZoneInfoNotFoundError) as error:
        raise UsageError(f"{path}, liaison {number}: {error}") from None


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(str(value))
