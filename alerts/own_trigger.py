"""What the legal rules of the reader's own cities say in a warning, by name, and when measures would run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from alerts.content import CityOutlook, RuleFinding, WarningContent
from alerts.message_view import Background
from alerts.message_words import message_words
from alerts.rule_measures import announcement_of, measures_of
from alerts.rules import all_rules
from alerts.vocabulary import Vocabulary
from pipeline.cities import City, city
from pipeline.times import iso

TRIGGERS: Final = {
    "KR": ("kr.emergency_measures", "kr.advisory.pm2p5"),
    "CN": ("cn.alert.beijing",),
}
"""The rules by which a city of a country takes measures or warns; each is named also where it is not met."""
IF_FOUND: Final = {"KR": ("kr.preliminary_measures",), "CN": ("cn.alert.national",)}
"""Rules that are named only where something is said of them."""


def trigger_lines(content: WarningContent, background: Background, words: Vocabulary) -> tuple[str, ...]:
    """Return what the legal rules of the reader's own cities say: met, how likely, not met, or undecided.

    A reader of no party is told of every city. A rule that was not in force is not named; one that is reached
    on several days is told for the first of them and for that of its highest level.

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> from alerts.vocabulary import vocabulary
    >>> lines = trigger_lines(example_content(), Background(party="seoul"), vocabulary("en"))
    >>> lines[1]
    'Korean PM2.5 advisory and warning (Seoul), Fri 16 Jan: advisory (주의보) – about as likely as not (64 %)'
    """
    own = [c for c in content.cities if background.party in ("", c.party)]
    lines = [line for outlook in own for line in _city_lines(outlook, content, background, words)]
    return tuple(lines) or (message_words(words.language)["trigger"]["none"],)


def _city_lines(
    outlook: CityOutlook, content: WarningContent, background: Background, words: Vocabulary
) -> Iterator[str]:
    """Give the lines of one city's rules, in their order."""
    place, said = city(outlook.city), message_words(words.language)["trigger"]
    always = [r for r in TRIGGERS.get(place.country, ()) if _judges(r, place.id)]
    for rule_id in (*always, *(r for r in IF_FOUND.get(place.country, ()) if r not in always)):
        found = [f for f in content.rules if (f.city, f.rule) == (outlook.city, rule_id)]
        if found:
            yield from (_finding_line(finding, place, words) for finding in telling(found))
        elif rule_id in always and in_force(rule_id, outlook):
            key = "quiet_below" if background.listed_from else "quiet"
            yield str(said[key]).format(
                rule=words.named("rules", rule_id),
                city=words.city(place.id),
                number=words.percent(background.listed_from),
            )


def _judges(rule_id: str, city_id: str) -> bool:
    return any(r.id == rule_id and r.applies_to(city_id) for r in all_rules())


def telling(findings: list[RuleFinding]) -> list[RuleFinding]:
    """Return the findings of one rule that a duty officer must know, in the order of their days.

    Of what is reached they are the first day, on which measures would begin, and the day of the highest
    level, the likeliest of several; where nothing is reached, the first finding that is decided.
    """
    decided = [f for f in findings if f.probability is not None]
    reached = sorted((f for f in decided if not f.level.endswith(".none")), key=lambda f: f.day)
    if not reached:
        return [*decided, *findings][:1]
    worst = max(reached, key=lambda f: (_rank(f), f.probability or 0.0))
    return [reached[0]] if worst is reached[0] else [reached[0], worst]


def _rank(finding: RuleFinding) -> int:
    """Return the place of a finding's level among those of its rule; -1 for one that is not listed."""
    levels = next((r.levels for r in all_rules() if r.id == finding.rule and finding.level in r.levels), ())
    return levels.index(finding.level) if levels else -1


def in_force(rule_id: str, outlook: CityOutlook) -> bool:
    """Tell whether a rule holds on the peak day of a city."""
    day = date.fromisoformat(outlook.peak_day)
    return any(r.id == rule_id and r.in_force(day) for r in all_rules())


def _finding_line(finding: RuleFinding, place: City, words: Vocabulary) -> str:
    """Return what one finding says, with the hours of the measures that would follow."""
    said = message_words(words.language)["trigger"]
    undecided = finding.probability is None
    is_quiet = not undecided and finding.level.endswith(".none")
    is_met = finding.basis == "observed" and not undecided
    key = "undecided" if undecided else "quiet" if is_quiet else "met" if is_met else "likely"
    line = str(said[key]).format(
        rule=words.named("rules", finding.rule),
        city=words.city(place.id),
        date=words.date(finding.day),
        level=words.named("rule_levels", finding.level),
        chance="" if finding.probability is None else words.chance(finding.probability),
        why=words.phrase(finding.note.removeprefix("not decidable: ")),
    )
    return line if undecided or is_quiet else line + _hours(finding, place, words)


def _hours(finding: RuleFinding, place: City, words: Vocabulary) -> str:
    """Return when the measures of a finding would run and be announced; empty where no rule says so."""
    said = message_words(words.language)["trigger"]
    measures = measures_of(finding)
    hours = measures.hours(date.fromisoformat(finding.day)) if measures else None
    if hours is None:
        return ""
    start, end = (iso(instant) for instant in hours)
    told = announcement_of(finding)
    due = str(said["announced"]).format(time=words.moment(iso(told), place.timezone)) if told else ""
    return due + str(said["measures"]).format(
        start=words.moment(start, place.timezone),
        end=words.moment(end, place.timezone, end=True),
        zone=words.zone(place.timezone),
    )
