"""What a duty officer must know at once, in the order in which it is read: the first screen of an e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from alerts.city_view import is_over, risk_of
from alerts.content import CityOutlook, DayOutlook, WarningContent
from alerts.message_changes import changes
from alerts.message_view import Background, mark_of
from alerts.message_words import message_words
from alerts.own_trigger import trigger_lines
from alerts.plain_text import one_line
from alerts.scales import national_scale
from alerts.vocabulary import Vocabulary
from pipeline.cities import city

LAST_WORDS: Final = ("all_clear", "cancel")


@dataclass(frozen=True)
class Fact:
    """One entry: what it is about (``key`` names it in every language), and its lines."""

    key: str
    label: str
    lines: tuple[str, ...]


def first_screen(
    content: WarningContent, background: Background, words: Vocabulary, reason: str
) -> tuple[Fact, ...]:
    """Return the entries in their order, from real or not to the telephone.

    The reader's own cities come first. A last word (all-clear, cancellation) has neither rules nor numbers;
    ``reason`` is why it was sent. Where a value is not known the entry says so.

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> from alerts.vocabulary import vocabulary
    >>> facts = first_screen(example_content(), Background(party="seoul"), vocabulary("en"), "")
    >>> [f.key for f in facts]
    ['status', 'what', 'trigger', 'time', 'worst', 'changed', 'legal', 'next', 'telephone']
    >>> facts[4].lines[0]
    'Seoul, Fri 16 Jan: daily mean 139 µg/m³ (very bad (매우나쁨)); 1 chance in 10 of more'
    """
    own = message_words(words.language)
    cities = sorted(content.cities, key=lambda c: c.party != background.party)
    entries: dict[str, tuple[str, ...]] = {"status": (_status(content, words),)}
    if content.kind in LAST_WORDS:
        told = _ended(content, words)
        entries |= {"what": (told,), "changed": (reason,) if reason else ()}
    else:
        entries |= {
            "what": tuple(_what(c, content, background, words) for c in cities),
            "trigger": trigger_lines(content, background, words),
            "time": tuple(_time(c, words) for c in cities),
            "worst": _worst(cities, words),
            "changed": changes(content, background.previous, words) or (_first(background, words),),
        }
    entries |= {
        "legal": (own["legal"]["text"],),
        "next": (_next(content, background, words),),
        "telephone": (one_line(background.telephone) or own["telephone"]["none"],),
    }
    return tuple(Fact(key, own["screen"][key], lines) for key, lines in entries.items() if lines)


def _status(content: WarningContent, words: Vocabulary) -> str:
    """Return whether this is real, an exercise or a test."""
    own = message_words(words.language)["status"]
    mark = mark_of(content)
    if not mark:
        return str(own["real"])
    if mark == "test":
        return str(own["test"])
    return str(own["exercise"]).format(mark=words["marks"][mark])


def _first(background: Background, words: Vocabulary) -> str:
    """Return that nothing was said before, or which warning of the reader's own city this one replaces."""
    own = message_words(words.language)
    mine = [name for name in background.taken_over if background.party in ("", city(name).party)]
    if not mine:
        return str(own["first"])
    return str(own["takes_over"]).format(city=words.join([words.city(name) for name in mine]))


def _ended(content: WarningContent, words: Vocabulary) -> str:
    """Return what a last word ends, where."""
    level = words.named("levels", content.level) if content.level else words["products"][content.product]
    what = f"{level}{words['punctuation']['comma']}{words['kinds'][content.kind]}"
    names = words.join([words.city(c.city) for c in content.cities])
    return str(message_words(words.language)["what"]["ended"]).format(city=names, what=what)


def _what(outlook: CityOutlook, content: WarningContent, background: Background, words: Vocabulary) -> str:
    """Return city, date, level, the day's mean on both national scales, and how sure it is."""
    own = message_words(words.language)["what"]
    level = words.named("levels", content.level)
    line = str(own["level" if content.level else "plain"]).format(level=level, **_on_scales(outlook, words))
    if is_over(outlook, _peak(outlook)):
        return str(own["observed"]).format(line=line)
    risk = risk_of(outlook, background.thresholds)
    if risk is None:
        return line
    return str(own["risk"]).format(line=line, threshold=words.amount(risk[0]), chance=words.chance(risk[1]))


def scale_lines(content: WarningContent, words: Vocabulary) -> tuple[str, ...]:
    """Return what the highest day mean of each city is on both national scales, side by side.

    >>> from alerts.examples import example_content
    >>> from alerts.vocabulary import vocabulary
    >>> scale_lines(example_content(), vocabulary("ko"))[1]
    '서울, 1월 16일(금): 96㎍/㎥, 한국 기준 매우나쁨, 중국 기준 3급 가벼운 오염(AQI 101~150)에 해당함.'
    """
    if content.kind in LAST_WORDS:
        return ()
    own = message_words(words.language)["what"]
    return tuple(str(own["scales"]).format(**_on_scales(c, words)) for c in content.cities)


def _on_scales(outlook: CityOutlook, words: Vocabulary) -> dict[str, str]:
    """Return city, date and highest day mean, and its name on both national scales."""
    grades = {name: grade(name, outlook.peak_day, outlook.peak_mean, words) for name in ("kr", "cn")}
    return {
        "city": words.city(outlook.city),
        "date": words.date(outlook.peak_day),
        "amount": words.amount(outlook.peak_mean),
        **grades,
    }


def grade(country: str, day: str, mean: float, words: Vocabulary) -> str:
    """Return the name of a day mean [ug m-3] on a country's scale of PM2.5; a dash for no value.

    >>> from alerts.vocabulary import vocabulary
    >>> grade("cn", "2026-01-16", 96.1, vocabulary("zh"))
    '三级 轻度污染'
    """
    band = national_scale(country, date.fromisoformat(day)).band_of(mean)
    return words.named("rule_levels", band.level) if band else "–"


def _time(outlook: CityOutlook, words: Vocabulary) -> str:
    """Return when the episode arrives and ends, each with its range where that is known."""
    own, zone = message_words(words.language)["time"], city(outlook.city).timezone
    start = _with_range(outlook.onset, outlook.onset_range, own, words, zone, end=False)
    end = _with_range(outlook.end, outlook.end_range, own, words, zone, end=True)
    return str(own["from"]).format(city=words.city(outlook.city), start=start, end=end, zone=words.zone(zone))


def _with_range(
    instant: str, span: tuple[str, ...], own: dict[str, Any], words: Vocabulary, zone: str, *, end: bool
) -> str:
    moment = words.moment(instant, zone, end=end)
    if len(span) != 2 or span[0] == span[1]:
        return moment
    low, high = (words.moment(text, zone, end=end) for text in span)
    return str(own["range"]).format(moment=moment, low=low, high=high)


def _worst(cities: list[CityOutlook], words: Vocabulary) -> tuple[str, ...]:
    """Return for each city the mean that its peak day exceeds with one chance in ten."""
    own = message_words(words.language)["worst"]
    lines = []
    for outlook in cities:
        peak = _peak(outlook)
        if peak is None or peak.observed_share >= 1 or peak.q90 != peak.q90:
            continue
        country = city(outlook.city).country.lower()
        lines.append(
            str(own["line"]).format(
                city=words.city(outlook.city),
                date=words.date(peak.day),
                amount=words.amount(peak.q90),
                grade=grade(country, peak.day, peak.q90, words),
            )
        )
    if lines:
        return tuple(lines)
    seen = all(is_over(c, _peak(c)) for c in cities)
    return (str(own["none"] if seen else words["not_assessable"]),)


def _peak(outlook: CityOutlook) -> DayOutlook | None:
    return next((d for d in outlook.days if d.day == outlook.peak_day), None)


def _next(content: WarningContent, background: Background, words: Vocabulary) -> str:
    """Return when the next message can come, and what silence until then means."""
    own = message_words(words.language)["next"]
    if content.kind in LAST_WORDS:
        return str(own["last"])
    here = [c for c in content.cities if c.party == background.party] or content.cities
    zones = list(dict.fromkeys(city(c.city).timezone for c in here))
    after = background.next_update or content.expires
    return str(own["update"]).format(
        time=words.instant(after, zones), expires=words.instant(content.expires, zones)
    )
