"""A warning in one line for text messages: at most 70 characters, which one message of any script holds."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from alerts.city_view import is_over, risk_of
from alerts.content import CityOutlook, WarningContent
from alerts.message_view import NO_BACKGROUND, Background, check_labels
from alerts.message_words import message_words
from alerts.plain_text import one_line
from alerts.vocabulary import Language, Vocabulary, vocabulary

LONGEST: Final = 70
"""Characters of one text message in UCS-2, which Korean and Chinese need (3GPP TS 23.038)."""


def short_line(content: WarningContent, language: Language, background: Background = NO_BACKGROUND) -> str:
    """Return a warning in at most 70 characters: exercise or not, level, city, date, mean and probability.

    The probability is that of the joint level's threshold, or of the one that tells most of the peak day;
    the mean is that of the peak day [ug m-3]. What does not fit is left out from the end: probabilities,
    then dates and means.

    Examples
    --------
    >>> from alerts.examples import example_content
    >>> short_line(example_content(), "en")
    'EXERCISE J2 Beijing 15 Jan 163 (64%), Seoul 16 Jan 96 (73%)'
    >>> short_line(example_content(version=2, kind="cancel"), "ko")
    '[훈련] 취소 J2 제2판: 베이징, 서울'
    """
    check_labels(content)
    words, own = vocabulary(language), message_words(language)["short"]
    kind = content.kind if content.kind in ("all_clear", "cancel") else "alert"
    names = own["comma"].join(words.city(c.city) for c in content.cities)
    cities = [_cities(content, words, background, with_chance=chance) for chance in (True, False)]
    mark = _mark(content, language)
    for shown in [*cities, names] if kind == "alert" else [names]:
        line = mark + str(own[kind]).format(head=_head(content, own), cities=shown)
        if len(line) <= LONGEST:
            return line
    return one_line(line, LONGEST)


def _mark(content: WarningContent, language: Language) -> str:
    """Return what tells that a message is not real."""
    if content.cap_status == "Actual":
        return ""
    word = message_words(language)["short"]["test" if content.cap_status == "Test" else "exercise"]
    return f"{word} " if language == "en" else f"[{word}] "


def _head(content: WarningContent, own: dict[str, Any]) -> str:
    """Return level or product, and from the second version on its number."""
    name = one_line(content.level) or own["notice" if content.product == "notice" else "other"]
    return f"{name} {own['version'].format(number=content.version)}" if content.version > 1 else name


def _cities(content: WarningContent, words: Vocabulary, background: Background, *, with_chance: bool) -> str:
    own = message_words(words.language)["short"]
    return str(own["comma"]).join(
        _city(c, words, risk_of(c, background.thresholds) if with_chance else None) for c in content.cities
    )


def _city(outlook: CityOutlook, words: Vocabulary, risk: tuple[int, float] | None) -> str:
    own = message_words(words.language)["short"]
    peak = next((d for d in outlook.days if d.day == outlook.peak_day), None)
    day = date.fromisoformat(outlook.peak_day)
    told = risk is not None and not is_over(outlook, peak)
    return str(own["city" if told else "city_seen"]).format(
        name=words.city(outlook.city),
        day=day.day,
        month=words["months"][day.month - 1],
        mean=words.number(outlook.peak_mean),
        percent=words.percent(risk[1]).replace(" ", "") if risk else "",
    )
