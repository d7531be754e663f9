"""National findings of a warning as the templates see them: one entry per city and rule, days in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from alerts.content import RuleFinding
from alerts.plain_text import one_line
from alerts.vocabulary import Vocabulary


@dataclass(frozen=True)
class FindingDay:
    """One day, or neighbouring days on which a rule says the same; ``reached`` where a level is reached."""

    dates: str
    level: str
    chance: str
    basis: str
    reached: bool


@dataclass(frozen=True)
class FindingView:
    """What one national rule says about one city; ``mark`` warns of an unverified criterion."""

    city: str
    rule: str
    version: str
    mark: str
    days: tuple[FindingDay, ...]
    notes: tuple[str, ...]


def findings_view(findings: Iterable[RuleFinding], words: Vocabulary) -> tuple[FindingView, ...]:
    """Return findings by city and rule in the order in which they come.

    >>> from alerts.examples import example_content
    >>> from alerts.vocabulary import vocabulary
    >>> grade = findings_view(example_content().rules, vocabulary("en"))[0]
    >>> grade.rule, grade.days[-1].level
    ('Korean forecast grade', 'very bad (매우나쁨)')
    """
    found: dict[tuple[str, str, str, str], list[RuleFinding]] = {}
    for finding in findings:
        key = (finding.city, finding.rule, finding.version, finding.evidence)
        found.setdefault(key, []).append(finding)
    return tuple(
        FindingView(
            city=words.city(city),
            rule=words.named("rules", rule),
            version=one_line(version),
            mark=words.named("evidence", evidence),
            days=_days(rows, words),
            notes=_notes(rows, words),
        )
        for (city, rule, version, evidence), rows in found.items()
    )


def _notes(rows: list[RuleFinding], words: Vocabulary) -> tuple[str, ...]:
    """Return what is noted, once; why a day is not decided is told with the day where days differ."""
    said: dict[str, list[RuleFinding]] = {}
    for row in sorted(rows, key=lambda row: row.day):
        for note in words.phrases(row.note):
            said.setdefault(note, []).append(row)
    colon, open_days = words["punctuation"]["colon"], [row for row in rows if row.probability is None]
    notes = []
    for note, held in said.items():
        differs = all(row.probability is None for row in held) and len(held) < len(open_days)
        days = words.join([words.date(row.day) for row in held])
        notes.append(f"{days}{colon}{note}" if differs else note)
    return tuple(notes)


def _days(rows: list[RuleFinding], words: Vocabulary) -> tuple[FindingDay, ...]:
    """Return the days in order, neighbours on which nothing is reached or decidable joined."""
    ordered = sorted(rows, key=lambda row: row.day)
    groups = groupby(ordered, key=lambda row: (row.level, row.basis, row.day if _reached(row) else ""))
    return tuple(_day(list(group), words) for _, group in groups)


def _day(rows: list[RuleFinding], words: Vocabulary) -> FindingDay:
    """Return one entry for days on which a rule says the same."""
    first, last = words.date(rows[0].day), words.date(rows[-1].day)
    row = rows[0]
    told = row.probability is not None and _reached(row)
    return FindingDay(
        dates=first if first == last else str(words["range"]).format(low=first, high=last),
        level=words.named("rule_levels", row.level) if row.level else str(words["not_assessable"]),
        chance=str(words["finding_chance"]).format(chance=words.chance(row.probability or 0.0))
        if told
        else "",
        basis=words.named("basis", row.basis) if row.basis else "",
        reached=_reached(row),
    )


def _reached(finding: RuleFinding) -> bool:
    """Tell whether a finding names a level at all."""
    return bool(finding.level) and not finding.level.endswith(".none")
