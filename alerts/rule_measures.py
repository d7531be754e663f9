"""When the measures of a rule run, and by when they are to be announced: local hours that its row states."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from alerts.content import RuleFinding
from alerts.rules import Rule, rule
from pipeline.cities import city
from pipeline.errors import PolicyError
from pipeline.times import local_day_bounds

_INSTANT: Final = re.compile(r"(day|next day) ([01][0-9]|2[0-4]):([0-5][0-9])")


@dataclass(frozen=True)
class Measures:
    """Hours of measures that follow from a finding, in the finding's own time zone.

    ``levels`` are those that bring measures; ``announced`` those that are to be announced in advance:
    ``announce_at`` is an instant of the finding's day, else ``announce_before`` hours before the start.
    ``evidence`` marks how well the hours are documented; in China every order states its own.
    """

    timezone: str
    starts: str
    ends: str
    levels: tuple[str, ...]
    evidence: str
    announced: tuple[str, ...] = ()
    announce_at: str = ""
    announce_before: float = 0.0

    def hours(self, day: date) -> tuple[datetime, datetime]:
        """Return when the measures of a finding of a local day start and end [UTC].

        >>> from datetime import date
        >>> measures = measures_under(rule("kr.emergency_measures", date(2026, 1, 15)), "Asia/Seoul")
        >>> [f"{t:%d %H:%M}" for t in measures.hours(date(2026, 1, 15))]
        ['15 21:00', '16 12:00']
        """
        return _instant(self.starts, day, self.timezone), _instant(self.ends, day, self.timezone)

    def announcement(self, day: date, level: str) -> datetime | None:
        """Return by when a level of a local day is to be announced [UTC]; None where no rule says so.

        >>> from datetime import date
        >>> measures = measures_under(rule("cn.alert.beijing", date(2025, 1, 15)), "Asia/Shanghai")
        >>> f"{measures.announcement(date(2025, 1, 15), 'cn.alert.beijing.red'):%d %H:%M}"
        '13 16:00'
        """
        if level not in self.announced:
            return None
        if self.announce_at:
            return _instant(self.announce_at, day, self.timezone)
        return _instant(self.starts, day, self.timezone) - timedelta(hours=self.announce_before)


def measures_of(finding: RuleFinding) -> Measures | None:
    """Return the measures that a finding brings, or would bring at a level that has them; else None.

    A finding at the harmless level, or one that is not decidable, has the measures of its rule: they would
    run if it were met. A level without measures of its own has none.

    Examples
    --------
    >>> from dataclasses import replace
    >>> one = RuleFinding("cn.alert.beijing", "2016-12-15", "beijing", "2017-01-05", "cn.alert.beijing.red",
    ...                   1.0, "observed", "found")
    >>> measures_of(one).hours(date(2017, 1, 5))[0].isoformat()
    '2017-01-04T16:00:00+00:00'
    >>> measures_of(replace(one, level="cn.alert.beijing.blue")) is None
    True
    """
    held = rule(finding.rule, date.fromisoformat(finding.day))
    found = measures_under(held, city(finding.city).timezone)
    if found is None or finding.level in ("", held.levels[0], *found.levels):
        return found
    return None


def announcement_of(finding: RuleFinding) -> datetime | None:
    """Return by when what a finding says is to be announced [UTC]; None where nothing is to be.

    >>> one = RuleFinding("kr.emergency_measures", "2019-02-15", "seoul", "2026-01-15",
    ...                   "kr.emergency_measures.met", 0.8, "mixed", "found")
    >>> f"{announcement_of(one):%H:%M}"
    '08:10'
    """
    found = measures_of(finding)
    return found.announcement(date.fromisoformat(finding.day), finding.level) if found else None


def measures_under(held: Rule, timezone: str) -> Measures | None:
    """Return the measures of a rule in a time zone, None where its row states none."""
    row = held.parameters.get("measures")
    if row is None:
        return None
    told = held.parameters.get("announcement", {})
    known = {level.rsplit(".", 1)[1]: level for level in held.levels}
    unknown = {*row["levels"], *told.get("levels", ())} - set(known)
    if unknown:
        raise PolicyError(
            f"rule {held.id} {held.version}: measures name {', '.join(unknown)}, which is no level"
        )
    return Measures(
        timezone=timezone,
        starts=row["starts"],
        ends=row["ends"],
        levels=tuple(known[name] for name in row["levels"]),
        evidence=row.get("evidence", held.evidence),
        announced=tuple(known[name] for name in told.get("levels", ())),
        announce_at=told.get("by", ""),
        announce_before=float(told.get("hours_before", 0)),
    )


def _instant(text: str, day: date, timezone: str) -> datetime:
    """Return a local time of a finding's day or the next [UTC]; the hour counts from local midnight."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise PolicyError(f"'{text}' is no time of a rule; write it like 'next day 06:00'")
    start, _ = local_day_bounds(day + timedelta(days=found[1] == "next day"), timezone)
    return start + timedelta(hours=int(found[2]), minutes=int(found[3]))
