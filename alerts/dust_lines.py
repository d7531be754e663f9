"""The dust of a run in sentences, in three languages: for the summary of a run, the bulletin and the desk."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from typing import Any, Final

from alerts.origin_view import path_share
from alerts.vocabulary import TEMPLATE_FOLDER, Language, Vocabulary, vocabulary
from pipeline.dust_outlook import DustDay, DustEvidence, DustOutlook
from pipeline.place_names import name_of

TOLD_FROM: Final = 0.1
"""A day ahead is told if coarse particles are at least this likely [1]."""

COARSE: Final = ("dust", "pm10_event")


def told_days(outlook: DustOutlook) -> tuple[DustDay, ...]:
    """Return the days worth telling: with coarse particles measured, or likely enough ahead."""
    return tuple(
        d
        for d in outlook.days
        if d.verdict in COARSE or (not d.observed and (d.probability or 0) >= TOLD_FROM)
    )


def dust_lines(outlook: DustOutlook, language: Language = "en") -> list[str]:
    """Return a sentence for each day worth telling and each city that could not be assessed; else one.

    Examples
    --------
    >>> day = DustDay("seoul", "2017-05-06", -1, "pm10_event", 1.0, 18, 24, 219.3, 359.0, 0.09, True)
    >>> dust_lines(DustOutlook("measured", "", "", "", (day,)))
    ['Seoul, Sat 6 May: PM10 event, origin unknown. Measured: coarse particles for 18 h, PM10 219 on ...
    >>> dust_lines(DustOutlook("measured", "", "", "", ()))[0][:39]
    'No city had a day of coarse particles i'
    """
    words, own = vocabulary(language), dust_words(language)
    lines = [_line(day, words, own) for day in told_days(outlook)]
    for city in dict.fromkeys(d.city for d in outlook.days):
        blind = [d for d in outlook.of(city) if d.verdict == "unknown"]
        if blind:
            days = _listed([d.day for d in blind], words)
            lines.append(str(own["unknown"]).format(city=words.city(city), days=days))
    return lines or [str(own["quiet"]).format(chance=words.percent(TOLD_FROM))]


def _listed(days: list[str], words: Vocabulary) -> str:
    """Return days as a list, of three or more in a row only the first and the last."""
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    if len(days) > 2 and (last - first).days == len(days) - 1:
        return str(words.table["range"]).format(low=words.date(days[0]), high=words.date(days[-1]))
    return words.join([words.date(day) for day in days])


@cache
def dust_words(language: str) -> dict[str, Any]:
    """Return the words about dust in one language.

    >>> dust_words("ko")["title"]
    '황사'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "dust.toml").read_text("utf-8"))


def _line(day: DustDay, words: Vocabulary, own: dict[str, Any]) -> str:
    found = [_sign(sign, words, own) for sign in day.evidence if sign.supports]
    signs = own["separator"].join(found) or own["none"]
    chance = words.percent(day.probability)
    return str(own["measured" if day.observed else "ahead"]).format(
        city=words.city(day.city),
        date=words.date(day.day),
        verdict=own["verdicts"][day.verdict],
        hours=f"{day.hours:g}",
        mean=words.number(day.pm10_mean),
        highest=words.number(day.pm10_max),
        part=words.percent(day.ratio),
        chance=chance,
        signs=own["signs"].format(list=signs),
    )


def _sign(sign: DustEvidence, words: Vocabulary, own: dict[str, Any]) -> str:
    return str(own[sign.kind]).format(
        place=name_of(sign.place, words.language),
        value=words.number(sign.value),
        share="" if sign.value is None else path_share(sign.value, words),
    )
