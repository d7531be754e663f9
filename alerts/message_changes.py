"""What differs between two versions of a warning, as lines of one language."""

from __future__ import annotations

from alerts.content import CityOutlook, WarningContent
from alerts.vocabulary import Vocabulary
from pipeline.cities import city


def changes(content: WarningContent, previous: WarningContent | None, words: Vocabulary) -> tuple[str, ...]:
    """Return one line for each difference a reader must know; empty for a first version.

    >>> from alerts.examples import example_content, example_update
    >>> from alerts.vocabulary import vocabulary
    >>> first = example_content()
    >>> changes(example_update(first, level="J3"), first, vocabulary("en"))
    ('Level: joint level J2 → joint level J3', 'Reason: newer forecast run')
    """
    lines: list[str] = []
    if previous is not None and content.kind == "update":
        lines = _differences(content, previous, words) or [words["change_lines"]["none"]]
    if content.reason and content.kind == "update":
        lines.append(words["change_lines"]["reason"].format(reason=words.phrase(content.reason)))
    return tuple(lines)


def _differences(content: WarningContent, previous: WarningContent, words: Vocabulary) -> list[str]:
    """Return the lines on level, cities and validity."""
    table = words["change_lines"]
    lines: list[str] = []
    if content.level != previous.level:
        old, new = (
            words.named("levels", c.level) if c.level else table["none_level"] for c in (previous, content)
        )
        lines.append(table["level"].format(old=old, new=new))
    before = {c.city: c for c in previous.cities}
    now = {c.city: c for c in content.cities}
    lines += [table["added"].format(city=words.city(c)) for c in now if c not in before]
    lines += [table["removed"].format(city=words.city(c)) for c in before if c not in now]
    for name in [c for c in now if c in before]:
        lines += _city_lines(before[name], now[name], words)
    return lines


def _city_lines(old: CityOutlook, new: CityOutlook, words: Vocabulary) -> list[str]:
    """Return the lines on one city; a difference that disappears in rounding is none."""
    zone = city(new.city).timezone
    pairs = {
        "peak_day": (words.date(old.peak_day), words.date(new.peak_day)),
        "peak": (words.amount(old.peak_mean), words.amount(new.peak_mean)),
        "period": (words.period(old.onset, old.end, zone), words.period(new.onset, new.end, zone)),
    }
    return [
        words["change_lines"][key].format(city=words.city(new.city), old=a, new=b)
        for key, (a, b) in pairs.items()
        if a != b
    ]
