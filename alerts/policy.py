"""What the parties agreed beyond the law: read from one reviewed file, refused when it contradicts itself."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from alerts.policy_checks import faults
from alerts.policy_parts import (
    AssessmentTerms,
    Change,
    Choice,
    Chosen,
    DeliveryTerms,
    Drill,
    Expense,
    Expiry,
    Findings,
    Level,
    LinkTerms,
    Observers,
    Persistence,
    Probability,
    Products,
    Review,
    Signature,
)
from alerts.timetable import Duty, Row
from pipeline.cities import all_cities, of_city
from pipeline.errors import PolicyError
from pipeline.times import to_utc

PACKAGED_POLICY = resources.files("alerts") / "policy.toml"


@dataclass(frozen=True)
class Policy:
    """The whole agreement; ``level`` runs from the lowest to the highest joint level."""

    version: str
    agreed_by: tuple[str, ...]
    level: tuple[Level, ...]
    probability: Probability
    persistence: Persistence
    assessment: AssessmentTerms
    link: LinkTerms
    change: Change
    review: Review
    timetable: tuple[Row, ...]
    duty: Duty
    products: Products
    expiry: Expiry
    findings: Findings
    delivery: DeliveryTerms
    drill: Drill
    choice: Choice
    observers: Observers = field(default_factory=Observers)
    expense: tuple[Expense, ...] = ()
    chosen: tuple[Chosen, ...] = ()
    signed: tuple[Signature, ...] = ()

    def thresholds(self, city_id: str) -> tuple[int, ...]:
        """Return a city's thresholds from the lowest level to the highest [ug m-3].

        A city that the policy does not name has those of a named one like it (``pipeline.cities.of_city``).

        >>> load_policy().thresholds("seoul")
        (50, 75, 115)
        """
        return tuple(of_city(city_id, level.threshold) for level in self.level)

    def opening(self, city_id: str, level_number: int, lead_day: int) -> float:
        """Return the probability from which a day opens a level in a city [1].

        >>> load_policy().opening("seoul", 1, 2) >= load_policy().keeping("seoul", 1, 2)
        True
        """
        row = self._chosen(city_id, level_number)
        return self.probability.open if row is None else _at(row.open, lead_day)

    def keeping(self, city_id: str, level_number: int, lead_day: int) -> float:
        """Return the probability from which a day keeps a level that is open in a city [1]."""
        row = self._chosen(city_id, level_number)
        return self.probability.keep if row is None else _at(row.keep, lead_day)

    def review_overdue(self, today: date) -> bool:
        """Tell whether the yearly look at the chosen probabilities is overdue.

        >>> policy = load_policy()
        >>> [policy.review_overdue(day) for day in (policy.choice.decided, date(2099, 1, 1))]
        [False, True]
        """
        return today > self.choice.next_review

    def _chosen(self, city_id: str, level_number: int) -> Chosen | None:
        named = self.level[level_number - 1].id
        return next((row for row in self.chosen if (row.city, row.level) == (city_id, named)), None)

    def level_id(self, number: int) -> str:
        """Return the id of a level number; 0 is no level and an empty string."""
        return self.level[number - 1].id if number else ""

    def resend_levels(self) -> frozenset[str]:
        """Return the levels at which a message of unknown fate is sent again.

        >>> sorted(load_policy().resend_levels())
        ['J2', 'J3']
        """
        ids = [level.id for level in self.level]
        wanted = self.delivery.resend_unknown_from
        return frozenset(ids[ids.index(wanted) :] if wanted in ids else ())

    def task(self, issue_time: datetime) -> Row:
        """Return what the cycle of an issue is for.

        >>> from pipeline.times import parse_instant
        >>> load_policy().task(parse_instant("2026-01-14T08:00Z"))
        Row(cycle=17, task='confirm', before='17:10')
        """
        hour = to_utc(issue_time).astimezone(ZoneInfo(self.review.timezone)).hour
        return min(self.timetable, key=lambda row: (hour - row.cycle) % 24)

    def review_deadline(self, issue_time: datetime) -> datetime:
        """Return until when the draft of a cycle can be approved [UTC].

        >>> from pipeline.times import iso, parse_instant
        >>> policy = load_policy()
        >>> iso(policy.review_deadline(parse_instant("2026-01-14T02:00Z")))
        '2026-01-14T07:30:00Z'
        >>> iso(policy.review_deadline(parse_instant("2026-01-14T08:00Z")))
        '2026-01-14T12:00:00Z'
        """
        local = to_utc(issue_time).astimezone(ZoneInfo(self.review.timezone))
        named = self.review.deadline.get(str(local.hour))
        if named is None:
            return to_utc(issue_time) + timedelta(hours=self.review.hours_otherwise)
        at = time.fromisoformat(named)
        return to_utc(local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0))


def _at(by_lead: tuple[float, ...], lead_day: int) -> float:
    return by_lead[min(max(lead_day, 0), len(by_lead) - 1)]


def load_policy(path: Path | None = None) -> Policy:
    """Read a policy file, or the packaged one; raises PolicyError naming line and field of a fault.

    The file is read at every call, but what it says is worked out only when it says something new.
    """
    text = (path or PACKAGED_POLICY).read_text("utf-8")
    return _parsed(text, path.name if path else "policy.toml", tuple(all_cities()))


@lru_cache(maxsize=8)
def _parsed(text: str, name: str, _cities: tuple[str, ...]) -> Policy:
    """Read a policy from its text; it may name our cities alone, so it is read anew where these change."""
    return parse_policy(text, name)


def parse_policy(text: str, name: str = "policy.toml") -> Policy:
    """Read a policy from its text.

    >>> parse_policy(PACKAGED_POLICY.read_text("utf-8").replace("keep = 0.35", "keep = 0.6"))
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: policy.toml line 30: probability.keep must be above 0 and at most ...open
    """
    try:
        policy: Policy = _build(Policy, tomllib.loads(text), "")
        for field, complaint in faults(policy):
            raise _Fault(field, complaint)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: {error}") from None
    except _Fault as fault:
        raise PolicyError(f"{name} line {_line_of(text, fault.field)}: {fault}") from None
    return policy


class _Fault(Exception):
    def __init__(self, field: str, complaint: str) -> None:
        super().__init__(f"{field} {complaint}")
        self.field = field


def _build(kind: Any, table: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    for key in [*table, *names]:
        if key not in names:
            raise _Fault(f"{where}{key}", "is not known; remove it or correct its name")
        if key not in table and key in needed:
            raise _Fault(f"{where}{key}", "is missing")
    return kind(**{n: _value(hints[n], table[n], f"{where}{n}") for n in names if n in table})


def _value(hint: Any, value: Any, where: str) -> Any:
    rows = get_args(hint)[0] if get_origin(hint) is tuple else None
    if is_dataclass(rows):
        return tuple(_build(rows, row, f"{where}.") for row in value)
    if isinstance(value, list):
        return tuple(value)
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise _Fault(where, "must be a table")
        return _build(hint, value, f"{where}.")
    allowed = {float: (int, float), int: (int,), str: (str,), bool: (bool,), date: (date,)}.get(hint)
    if allowed and (not isinstance(value, allowed) or (hint is not bool and isinstance(value, bool))):
        raise _Fault(where, f"is {value!r}, not {hint.__name__}")
    return value


def _line_of(text: str, field: str) -> int:
    section, _, key = field.rpartition(".")
    here, line_of_section = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\[+([\w.]+)\]+", line):
            here = header[1]
            line_of_section = number if here == section else line_of_section
        if here == section and re.match(rf"{re.escape(key)}\s*=", line):
            return number
    return line_of_section
