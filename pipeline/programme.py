"""The daily life of the exchange as a policy: what is expected by when, and from when on it is late."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import PolicyError
from pipeline.times import to_utc

PACKAGED: Final = resources.files("pipeline") / "programme.toml"
PROMISES: Final = ("observations", "bulletin")
LIMITS: Final = ("silent_minutes", "lag_minutes", "observations_hours")
BULLETIN: Final = ("grace_minutes", "oldest_hours", "ahead_minutes")


@dataclass(frozen=True)
class Programme:
    """What each node may expect of the other.

    Parameters
    ----------
    silent, lag, observations : see ``programme.toml``
    due, timezone : local hour by which both parties' bulletins are there
    grace, oldest, ahead : see ``programme.toml``
    promised : kinds by party
    """

    version: str
    silent: timedelta
    lag: timedelta
    observations: timedelta
    due: time
    timezone: str
    grace: timedelta
    oldest: timedelta
    ahead: timedelta
    promised: Mapping[str, tuple[str, ...]]

    def due_on(self, day: date) -> datetime:
        """Return the instant [UTC] by which the bulletins of a local day are due.

        >>> from pipeline.times import iso
        >>> iso(programme_of().due_on(date(2026, 1, 14)))
        '2026-01-14T10:00:00Z'
        """
        return to_utc(datetime.combine(day, self.due, ZoneInfo(self.timezone)))

    def last_due(self, at: datetime) -> datetime:
        """Return the newest hour at or before an instant.

        >>> from pipeline.times import iso, parse_instant
        >>> [iso(programme_of().last_due(parse_instant(f"2026-01-14T{t}Z"))) for t in ("09:59", "10:00")]
        ['2026-01-13T10:00:00Z', '2026-01-14T10:00:00Z']
        """
        today = self.due_on(at.astimezone(ZoneInfo(self.timezone)).date())
        return today if today <= at else self.due_on((today - timedelta(days=1)).date())

    def next_due(self, at: datetime) -> datetime:
        """Return the first hour after an instant."""
        last = self.last_due(at).astimezone(ZoneInfo(self.timezone)).date()
        return self.due_on(last + timedelta(days=1))


def programme_of(path: Path | None = None) -> Programme:
    """Return what is expected of the exchange.

    Parameters
    ----------
    path : the installation's own file; None: the packaged one

    Raises
    ------
    PolicyError
        the file cannot be read, or an entry is missing or makes no sense
    """
    name = "programme.toml" if path is None else str(path)
    try:
        text = PACKAGED.read_text("utf-8") if path is None else path.read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise PolicyError(f"{name} cannot be read: {error}") from error
    return parse_programme(table, name)


def parse_programme(table: Mapping[str, Any], name: str = "programme.toml") -> Programme:
    """Read the table of a programme; raises PolicyError naming what is wrong.

    >>> parse_programme({"version": "1", "limits": {"silent_minutes": 0}})
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: programme.toml: [limits] must hold just lag_minutes, observations_hours, ...
    """
    limits = _section(table, "limits", LIMITS, name)
    bulletin = _section(table, "bulletin", (*BULLETIN, "due", "timezone"), name)
    promised = table.get("promised", {})
    unknown = set(table) - {"version", "limits", "bulletin", "promised"}
    _check(not unknown, f"{name}: unknown entries: {', '.join(sorted(unknown))}")
    _check(isinstance(table.get("version"), str), f"{name}: version is missing")
    for key, value in {**limits, **{k: bulletin[k] for k in BULLETIN}}.items():
        good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 10_000
        _check(good, f"{name}: {key} must be a number above 0")
    for party, kinds in promised.items():
        good = isinstance(kinds, list) and set(kinds) <= set(PROMISES)
        _check(good, f"{name}: [promised] {party} may hold {', '.join(PROMISES)}")
    return Programme(
        version=table["version"],
        silent=timedelta(minutes=limits["silent_minutes"]),
        lag=timedelta(minutes=limits["lag_minutes"]),
        observations=timedelta(hours=limits["observations_hours"]),
        due=_time(bulletin["due"], name),
        timezone=_zone(bulletin["timezone"], name),
        grace=timedelta(minutes=bulletin["grace_minutes"]),
        oldest=timedelta(hours=bulletin["oldest_hours"]),
        ahead=timedelta(minutes=bulletin["ahead_minutes"]),
        promised={party: tuple(kinds) for party, kinds in promised.items()},
    )


def _section(table: Mapping[str, Any], section: str, names: tuple[str, ...], name: str) -> dict[str, Any]:
    found = table.get(section, {})
    good = isinstance(found, dict) and set(found) == set(names)
    _check(good, f"{name}: [{section}] must hold just {', '.join(sorted(names))}")
    return dict(found)


def _time(text: object, name: str) -> time:
    try:
        return time.fromisoformat(str(text))
    except ValueError:
        raise PolicyError(f"{name}: due is no hour such as 18:00") from None


def _zone(text: object, name: str) -> str:
    try:
        return ZoneInfo(str(text)).key
    except (ZoneInfoNotFoundError, ValueError):
        raise PolicyError(f"{name}: there is no timezone {text}") from None


def _check(holds: bool, complaint: str) -> None:
    if not holds:
        raise PolicyError(complaint)
