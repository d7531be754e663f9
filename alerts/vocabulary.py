"""Words, numbers, dates and probabilities in each language, from templates/<language>/words.toml."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from alerts.plain_text import one_line
from pipeline.cities import all_cities, city
from pipeline.surroundings import AROUND, all_places
from pipeline.times import parse_instant

Language = Literal["ko", "zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
TEMPLATE_FOLDER = resources.files("alerts") / "templates"

CHANCE_EDGES: Final = (0.10, 0.33, 0.66, 0.90)
"""Upper edges of *very unlikely*, *unlikely*, *about as likely as not*, *likely* (IPCC AR5 guidance note)."""


@dataclass(frozen=True)
class Vocabulary:
    """One language's table of words, with the ways it writes numbers and times.

    >>> english = vocabulary("en")
    >>> english.number(162.7), english.chance(0.71), english.chance(0.999)
    ('163', 'likely (71 %)', 'very likely (>99 %)')
    >>> english.date("2026-01-16"), vocabulary("ko").date("2026-01-16"), vocabulary("zh").date("2026-01-16")
    ('Fri 16 Jan', '1월 16일(금)', '1月16日（周五）')
    """

    language: Language
    table: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return a word or a table of words; a missing one is a KeyError."""
        return self.table[key]

    def city(self, city_id: str) -> str:
        """Return a city's name."""
        return city(city_id).name[self.language]

    def join(self, names: list[str]) -> str:
        """Return names as a list in this language."""
        return str(self.table["list_separator"]).join(names)

    def number(self, value: float | None) -> str:
        """Return a concentration [ug m-3] as a whole number, or the word for *not assessable*."""
        if value is None or not math.isfinite(value):
            return str(self.table["not_assessable"])
        return str(math.floor(value + 0.5))

    def amount(self, value: float | None) -> str:
        """Return a concentration with its unit [ug m-3]."""
        text = self.number(value)
        if value is None or not math.isfinite(value):
            return text
        return str(self.table["number_unit"]).format(number=text)

    def span(self, low: float, high: float) -> str:
        """Return a range of concentrations [ug m-3] without unit."""
        return str(self.table["range"]).format(low=self.number(low), high=self.number(high))

    def percent(self, probability: float | None) -> str:
        """Return a probability [1] in per cent; never 0 or 100 where something remains open."""
        if probability is None or not math.isfinite(probability):
            return "–"
        sign = " %" if self.language == "en" else "%"
        share = round(100 * probability)
        if share < 1:
            return f"<1{sign}"
        return f">99{sign}" if share > 99 else f"{share}{sign}"

    def chance(self, probability: float) -> str:
        """Return a probability [1] in words and number."""
        word = self.table["chance_words"][sum(probability >= edge for edge in CHANCE_EDGES)]
        return str(self.table["chance"]).format(word=word, number=self.percent(probability))

    def date(self, day: str | date) -> str:
        """Return a local calendar day."""
        when = date.fromisoformat(day) if isinstance(day, str) else day
        return str(self.table["date"]).format(
            month=self.table["months"][when.month - 1],
            day=when.day,
            weekday=self.table["weekdays"][when.weekday()],
        )

    def moment(self, instant: str, zone: str, *, end: bool = False) -> str:
        """Return an instant in local time; a period that ends at midnight ends at 24:00 of the day before."""
        local = parse_instant(instant).astimezone(ZoneInfo(zone))
        time = f"{local:%H:%M}"
        if end and time == "00:00":
            local, time = local - timedelta(days=1), "24:00"
        return str(self.table["moment"]).format(date=self.date(local.date()), time=time)

    def period(self, start: str, end: str, zone: str) -> str:
        """Return a period in local time, the zone named."""
        return str(self.table["period"]).format(
            start=self.moment(start, zone), end=self.moment(end, zone, end=True), zone=self.zone(zone)
        )

    def zone(self, zone: str) -> str:
        """Return the name of a time zone; an unlisted one is named by its offset-free id."""
        return str(self.table["zones"].get(zone, zone))

    def instant(self, instant: str | datetime, zones: list[str]) -> str:
        """Return one instant in each of several zones, the year named."""
        when = parse_instant(instant) if isinstance(instant, str) else instant.astimezone(UTC)
        shown: list[str] = []
        marks = self.table["punctuation"]
        for zone in zones:
            local = when.astimezone(ZoneInfo(zone))
            date_shown = f"{local:%Y-%m-%d} "
            repeated = bool(shown) and shown[0].startswith(date_shown)
            name = f"{marks['open']}{self.zone(zone)}{marks['close']}"
            shown.append(f"{'' if repeated else date_shown}{local:%H:%M}{name}")
        return " / ".join(shown)

    def phrases(self, text: str) -> list[str]:
        """Return the statements of the program's own notes, each translated where its text is listed.

        Statements are joined by semicolons; ``not decidable: <why>`` is translated by its reason.
        """
        found = [self._statement(part.strip()) for part in one_line(text, limit=1000).split(";")]
        return [part for part in found if part]

    def phrase(self, text: str) -> str:
        """Return a note as one text; an unlisted statement is shown as it is.

        >>> vocabulary("ko").phrase("newer run"), vocabulary("ko").phrase("storm at sea")
        ('새 예측 반영', 'storm at sea')
        """
        return str(self.table["punctuation"]["semicolon"]).join(self.phrases(text))

    def _statement(self, text: str) -> str:
        """Return one statement, translated where its text or its pattern is listed; else part by part."""
        head, colon, why = text.partition(": ")
        phrases = self.table["phrases"]
        known = self._listed(text) if text in phrases or head not in phrases else None
        if known is not None or not colon:
            return known if known is not None else self.series(text)
        return str(self.table["punctuation"]["colon"]).join([self._statement(head), self._statement(why)])

    def _listed(self, text: str) -> str | None:
        """Return the translation of a listed statement; names in braces stand for any text."""
        if text in self.table["phrases"]:
            return str(self.table["phrases"][text])
        for pattern, said in _patterns(self.language):
            found = pattern.fullmatch(text)
            if found:
                return said.format(**{name: self._names(value) for name, value in found.groupdict().items()})
        return None

    def _names(self, text: str) -> str:
        """Return a list of city ids as their names; other text as it is, but *none* in this language."""
        parts = text.split(", ")
        if all(part in all_cities() for part in parts):
            return self.join([self.city(part) for part in parts])
        return str(self.table["phrases"]["none"]) if text == "none" else text

    def series(self, key: str) -> str:
        """Return the name of an input series, of a city or a place around; other text as it is.

        >>> vocabulary("en").series("seoul.air_temperature.weather")
        'Seoul air temperature (weather)'
        >>> vocabulary("ko").series("around.air_temperature.hailar")
        '기온(Hailar)'
        """
        if key in all_cities():
            return self.city(key)
        place, _, rest = key.partition(".")
        quantity, _, role = rest.partition(".")
        if place == AROUND and role in all_places() and quantity in self.table["quantities"]:
            return self._with(self.table["quantities"][quantity], all_places()[role].name)
        if place not in all_cities() or quantity not in self.table["quantities"]:
            return one_line(key)
        name = f"{self.city(place)} {self.table['quantities'][quantity]}"
        return self._with(name, self.named("roles", role)) if role else name

    def _with(self, name: str, beside: str) -> str:
        """Return a name with another in brackets."""
        marks = self.table["punctuation"]
        return f"{name}{marks['open']}{beside}{marks['close']}"

    def named(self, table: str, key: str) -> str:
        """Return a word of a table; an unlisted key is shown as it is, for no message is lost for a word."""
        return str(self.table[table].get(key, one_line(key)))


@cache
def vocabulary(language: Language) -> Vocabulary:
    """Return the words of one language."""
    folder = TEMPLATE_FOLDER / language
    table = tomllib.loads((folder / "words.toml").read_text("utf-8"))
    for name, words in tomllib.loads((folder / "rules.toml").read_text("utf-8")).items():
        table[name] |= words
    return Vocabulary(language, table)


@cache
def _patterns(language: Language) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the listed statements that hold names in braces, as expressions that find the names."""
    table = vocabulary(language)["phrases"]
    return tuple(
        (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(key))), str(said))
        for key, said in table.items()
        if "{" in key
    )
