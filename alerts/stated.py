"""What was stated of the days ahead, in sentences: our range of the Chinese index, forecasts of others."""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from alerts.aqi import level_number
from alerts.bulletin_words import Texts, named
from alerts.content import WarningContent
from alerts.edition import Edition
from alerts.plain_text import one_line
from alerts.rules import rule
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, Language, Vocabulary, vocabulary
from pipeline.cities import all_cities, all_parties, home_of

log = logging.getLogger(__name__)

Plain = Mapping[str, Any]
VERSION: Final = 1
"""Of combined.json, see docs/combining.md."""

EXCHANGE: Final = "exchange"
"""Under this name stands whatever comes from the other side; its sender follows after a colon."""
HALF: Final = 0.5


@dataclass(frozen=True)
class Stated:
    """What a run stored: exchange files of our own days, and what others had stated of them.

    Parameters
    ----------
    own : exchange file by city id, see docs/exchange-files.md
    others : days of ``combined.json``, see docs/combining.md
    """

    own: Mapping[str, Plain] = field(default_factory=dict)
    others: tuple[Plain, ...] = ()


NOTHING_STATED: Final = Stated()


@dataclass(frozen=True)
class StatedSection:
    """Title, note and lines of one section in every language."""

    title: Texts
    note: Texts
    lines: tuple[Texts, ...]


def stated_sections(stated: Stated, edition: Edition) -> tuple[StatedSection, ...]:
    """Return the sections of a document that have lines, as far as its readers may see them.

    >>> stated_sections(Stated(), Edition())
    ()
    """
    cities = [c.id for c in edition.of(list(all_cities().values()))]
    seen = {"parties", "public"} if not edition.city else {"public"}
    others = [d for d in visible(stated.others, seen) if d["city"] in cities]
    index = _section("index", {la: index_lines(stated.own, cities, la) for la in LANGUAGES})
    said = {la: other_lines(others, la) for la in LANGUAGES}
    credits = ", ".join(_credits(others))
    found = (index, _section("others", said, sources=credits))
    return tuple(section for section in found if section.lines)


def stated_in_mail(stated: Stated, content: WarningContent) -> tuple[StatedSection, ...]:
    """Return the sections of a letter: of the warned cities; of a joint warning what agencies may see.

    >>> from alerts.examples import example_content
    >>> stated_in_mail(Stated(), example_content())
    ()
    """
    warned = {one.city for one in content.cities}
    if content.kind in ("all_clear", "cancel"):
        return ()
    own = {city: said for city, said in stated.own.items() if city in warned}
    told = Stated(own, tuple(day for day in stated.others if day["city"] in warned))
    return stated_sections(
        told, Edition("" if content.product == "joint_warning" else min(warned), signed=True)
    )


def _section(name: str, said: Mapping[Language, list[str]], **values: str) -> StatedSection:
    rows = zip(*(said[la] for la in LANGUAGES), strict=True)
    words = {la: stated_words(la) for la in LANGUAGES}
    return StatedSection(
        title={str(la): str(words[la][f"{name}_title"]) for la in LANGUAGES},
        note={str(la): str(words[la][f"{name}_note"]).format(**values) for la in LANGUAGES},
        lines=tuple(dict(zip(map(str, LANGUAGES), row, strict=True)) for row in rows),
    )


def visible(days: Iterable[Plain], seen: set[str]) -> list[Plain]:
    """Return days with the members whose mark lets readers see them; of a source without a mark nothing.

    >>> day = {"city": "seoul", "members": [{"source": "airkorea"}, {"source": "somebody"}]}
    >>> visible([day], {"parties"})[0]["members"], visible([day], {"public"})
    ([{'source': 'airkorea'}], [])
    """
    kept = [
        {**day, "members": [m for m in day["members"] if _mark(m["source"], "redistribution") in seen]}
        for day in days
    ]
    return [day for day in kept if day["members"]]


def index_lines(own: Mapping[str, Plain], cities: Iterable[str], language: Language) -> list[str]:
    """Return a sentence for each city and day on the range of the index that we state.

    >>> row = {"pollutant": "aqi", "date": "2019-03-05", "low": 101, "high": 160, "primary": "PM2.5"}
    >>> index_lines({"seoul": {"rows": [row]}}, ["seoul"], "en")
    ['Seoul, Tue 5 Mar: AQI 101 to 160, light to moderate; primary pollutant PM2.5']
    """
    words, said = vocabulary(language), stated_words(language)
    lines = []
    for city in cities:
        rows = [r for r in own.get(city, {}).get("rows", []) if r["pollutant"] == "aqi"]
        for row in rows:
            primary = said["primary"].format(names=one_line(row["primary"])) if row["primary"] else ""
            line = said["index_line"].format(
                city=words.city(city),
                date=words.date(row["date"]),
                low=row["low"],
                high=row["high"],
                levels=_levels(row, language),
            )
            lines.append(line + primary)
    return lines


def _levels(row: Plain, language: Language) -> str:
    table = rule("cn.aqi", date.fromisoformat(row["date"]))
    ends = level_number([row["low"], row["high"]], table).tolist()
    low, high = (named("bands", table.levels[at])[language] for at in ends)
    return low if low == high else str(stated_words(language)["levels"]).format(low=low, high=high)


def other_lines(days: Iterable[Plain], language: Language) -> list[str]:
    """Return a sentence for each city and day of which others stated something.

    >>> said = [{"source": "airkorea", "low": 35.5, "high": 75.5}, {"source": "exchange:beijing",
    ...     "low": 50.5, "high": None}]
    >>> other_lines([{"city": "seoul", "day": "2019-03-05", "members": said}], "en")
    ['Seoul, Tue 5 Mar: AirKorea 36 to 75; other side (Beijing) above 50']
    """
    words, said = vocabulary(language), stated_words(language)
    return [
        said["others_line"].format(
            city=words.city(day["city"]),
            date=words.date(day["day"]),
            list=said["list_separator"].join(_item(member, words, said) for member in day["members"]),
        )
        for day in days
    ]


def _item(member: Plain, words: Vocabulary, said: Mapping[str, Any]) -> str:
    return str(said["item"]).format(source=source_name(member["source"], words), range=_range(member, said))


def source_name(source: str, words: Vocabulary) -> str:
    """Return what a source is called; the sender of what came through the exchange by its own name.

    >>> source_name("exchange:seoul", vocabulary("zh")), source_name("open_meteo.cams", vocabulary("ko"))
    ('对方（首尔）', 'CAMS')
    """
    said = stated_words(words.language)
    kind, _, sender = source.partition(":")
    if kind == EXCHANGE:
        party = sender.removeprefix("sameair-")
        known = {name: home_of(name) for name in all_parties()}
        name = words.city(known[party]) if party in known else one_line(sender or kind)
        return str(said["exchange"]).format(sender=name)
    return str(said["sources"].get(kind) or one_line(source))


def _range(member: Plain, said: Mapping[str, Any]) -> str:
    """Return a range in whole numbers: both ends belong to it, and "above" what does not."""
    low, high = member["low"], member["high"]
    if high is None:
        return str(said["above"]).format(low=f"{low - HALF:.0f}")
    least, most = f"{low + HALF:.0f}", f"{high - HALF:.0f}"
    if not low:
        return str(said["up_to"]).format(high=most)
    return least if high - low < 2 * HALF + 0.01 else str(said["between"]).format(low=least, high=most)


def stated_range(member: Plain, language: Language) -> str:
    """Return the range that a source stated.

    >>> stated_range({"source": "airkorea", "low": 0.0, "high": 15.5}, "en")
    'up to 15'
    """
    return _range(member, stated_words(language))


def read_combined(path: Path) -> dict[str, Any] | None:
    """Return what a run stored of the forecasts of others; None where it cannot be read or is not whole."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        log.exception("%s cannot be read", path)
        return None
    return found if _is_whole(found) else None


def _is_whole(found: Any) -> bool:
    """Tell whether a document is of the version that is written, with each of its days."""
    if not isinstance(found, dict) or found.get("version") != VERSION or "mode" not in found:
        return False
    days = found.get("days")
    return isinstance(days, list) and all(
        isinstance(d, dict) and {"city", "members"} <= d.keys() for d in days
    )


def _credits(days: Iterable[Plain]) -> list[str]:
    sources = {m["source"].partition(":")[0] for day in days for m in day["members"]}
    return sorted(_mark(source, "attribution") for source in sources)


def _mark(source: str, name: str) -> str:
    return str(_marks().get(source.partition(":")[0], {}).get(name, ""))


@cache
def _marks() -> dict[str, Any]:
    return tomllib.loads((resources.files("alerts") / "stated_sources.toml").read_text("utf-8"))


@cache
def stated_words(language: str) -> dict[str, Any]:
    """Return the words about statements in one language.

    >>> stated_words("zh")["list_separator"]
    '；'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "stated.toml").read_text("utf-8"))
