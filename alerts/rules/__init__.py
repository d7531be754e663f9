"""The legal rules of both countries as data: every row with its dates, source and evidence mark."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from pipeline.errors import PolicyError

RULE_FOLDER = resources.files("alerts") / "rules"
EVIDENCE_MARKS = ("found", "partly", "unverified")
"""How well a row is documented, best first; the mark travels into every finding."""

TIMETABLE = "timetable"
"""The kind of a row that says when something happens and holds no criterion."""

NO_STATIONS = "none"
"""The station list of a row that reads no measurement."""

LEAST_COVERAGE = 0.5
"""No mean of fewer than half of its intervals counts as one [1]."""

ZONES = {"KR": ("Asia/Seoul",), "CN": ("Asia/Shanghai",)}
"""Whose midnight begins a day in each country: KST and CST."""

_NEEDED = (
    "id",
    "version",
    "title",
    "valid_from",
    "kind",
    "averaging",
    "mean_hours",
    "zone",
    "spatial_unit",
    "stations",
    "minimum_coverage",
    "evidence",
    "source",
)
_OF_FILE = ("stations", "minimum_coverage", "mean_hours", "zone")
"""What a file may say once for all its rows."""


@dataclass(frozen=True)
class Rule:
    """One version of one legal criterion; ``valid_from`` and ``valid_to`` are inclusive local dates.

    ``levels`` are ordered from harmless to severe; ``parameters`` holds what the evaluator of ``kind`` reads
    (concentrations [ug m-3] or index values). A mean is over ``mean_hours`` [h] and needs
    ``minimum_coverage`` of its intervals [1]; days begin at midnight of ``zone``. ``undecidable`` says why
    no data held here decide the rule, if so. ``cities`` limits the rule to some cities (empty: all of the
    country), ``not_for`` leaves cities out that have a stricter rule of their own.
    """

    id: str
    version: str
    title: str
    country: str
    valid_from: date
    valid_to: date | None
    kind: str
    averaging: str
    mean_hours: int
    zone: str
    spatial_unit: str
    stations: str
    minimum_coverage: float
    evidence: str
    source: str
    note: str = ""
    undecidable: str = ""
    levels: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def in_force(self, day: date) -> bool:
        """Tell whether the rule is valid on a local date."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def applies_to(self, city_id: str) -> bool:
        """Tell whether the rule judges a city of its country."""
        return city_id not in self.not_for and (not self.cities or city_id in self.cities)

    def evidence_for(self, quantities: Iterable[str]) -> str:
        """Return the weakest evidence mark among the row and the given quantities of it.

        >>> grade = rule("kr.grade", date(2017, 1, 1))
        >>> grade.evidence_for(["pm2p5"]), grade.evidence_for(["pm2p5", "pm10"])
        ('found', 'unverified')
        """
        marks = self.parameters.get("evidence_of", {})
        held = [self.evidence, *(str(marks.get(q, self.evidence)) for q in quantities)]
        return max(held, key=EVIDENCE_MARKS.index)


def parse_rules(text: str, name: str) -> tuple[Rule, ...]:
    """Read one rule file; raises PolicyError naming the file, the rule and what is wrong.

    >>> parse_rules('country="KR", rule=[{id="kr.x"}]'.replace(", r", chr(10) + "r"), "x.toml")
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: x.toml: rule kr.x lacks version
    """
    table = tomllib.loads(text)
    shared = {key: table[key] for key in _OF_FILE if key in table}
    country = str(table.get("country", ""))
    return tuple(_parse_rule({**shared, **row}, country, name) for row in table.get("rule", ()))


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every version of every rule, by id and date; raises PolicyError where versions overlap."""
    files = sorted((f for f in RULE_FOLDER.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    found = [r for f in files for r in parse_rules(f.read_text("utf-8"), f.name)]
    return check_versions(found)


def check_versions(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules sorted by id and date; raises PolicyError where two versions hold on one day."""
    ordered = tuple(sorted(rules, key=lambda r: (r.id, r.valid_from)))
    for earlier, later in pairwise(ordered):
        if earlier.id == later.id and (earlier.valid_to is None or earlier.valid_to >= later.valid_from):
            raise PolicyError(f"rule {later.id}: versions {earlier.version} and {later.version} overlap")
    return ordered


def rules_in_force(day: date, country: str, city_id: str | None = None) -> tuple[Rule, ...]:
    """Return the versions that hold on a local date in a country, for one city if given.

    >>> [r.version for r in rules_in_force(date(2026, 3, 1), "CN") if r.id == "cn.aqi"]
    ['HJ 633-2026']
    """
    held = (r for r in all_rules() if r.country == country and r.in_force(day))
    return tuple(r for r in held if city_id is None or r.applies_to(city_id))


def rule(rule_id: str, day: date) -> Rule:
    """Return the version of a rule that holds on a local date; raises PolicyError when there is none.

    >>> rule("cn.aqi", date(2026, 2, 28)).version
    'HJ 633-2012'
    """
    for candidate in all_rules():
        if candidate.id == rule_id and candidate.in_force(day):
            return candidate
    raise PolicyError(f"no version of rule {rule_id} holds on {day}; see alerts/rules/")


def _parse_rule(row: Mapping[str, Any], country: str, name: str) -> Rule:
    where = f"{name}: rule {row.get('id', '?')}"
    missing = [key for key in _NEEDED if key not in row]
    if missing or not country:
        raise PolicyError(f"{where} lacks {missing[0] if missing else 'country'}")
    known = {*_NEEDED, "valid_to", "note", "undecidable", "levels", "cities", "not_for"}
    made = Rule(
        **{key: row[key] for key in _NEEDED},
        country=country,
        valid_to=row.get("valid_to"),
        note=row.get("note", ""),
        undecidable=row.get("undecidable", ""),
        levels=tuple(row.get("levels", ())),
        cities=tuple(row.get("cities", ())),
        not_for=tuple(row.get("not_for", ())),
        parameters={key: value for key, value in row.items() if key not in known},
    )
    _check_row(made, where)
    return made


def _check_row(made: Rule, where: str) -> None:
    if made.evidence not in EVIDENCE_MARKS:
        raise PolicyError(f"{where}: evidence is '{made.evidence}', not one of {', '.join(EVIDENCE_MARKS)}")
    if made.valid_to is not None and made.valid_to < made.valid_from:
        raise PolicyError(f"{where}: valid_to {made.valid_to} is before valid_from {made.valid_from}")
    reads = made.stations != NO_STATIONS
    low, high = (LEAST_COVERAGE, 1.0) if reads else (0.0, 0.0)
    if not low <= made.minimum_coverage <= high:
        raise PolicyError(f"{where}: minimum_coverage is {made.minimum_coverage}, not within {low} to {high}")
    if (made.mean_hours > 0) != reads:
        raise PolicyError(f"{where}: mean_hours is {made.mean_hours}, but stations are '{made.stations}'")
    if made.zone not in ZONES[made.country]:
        raise PolicyError(f"{where}: zone is '{made.zone}', not {' or '.join(ZONES[made.country])}")
    if made.kind != TIMETABLE and len(made.levels) < 2:
        raise PolicyError(f"{where}: kind {made.kind} needs at least two levels")
