"""Words of the joint report, and how each language writes its numbers, days and instants."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from alerts.plain_text import one_line
from alerts.vocabulary import Language, Vocabulary, vocabulary
from pipeline.cities import all_cities

NOTHING: Final = "–"


@dataclass(frozen=True)
class Words:
    """The words of one language; ``names`` are those of messages.

    >>> english = words_of("en")
    >>> english.number(-0.126, 2), english.share(0.256), english.day("2019-12-01")
    ('−0.13', '26 %', '1 December 2019')
    >>> words_of("ko").day("2019-12-01"), words_of("zh").day("2019-12-01")
    ('2019년 12월 1일', '2019年12月1日')
    """

    language: Language
    table: Mapping[str, Any]
    names: Vocabulary

    def say(self, key: str, **parts: object) -> str:
        """Return a sentence with its parts filled in."""
        return str(self.table[key]).format(**parts)

    def has(self, key: str) -> bool:
        """Tell whether there is such a word."""
        return key in self.table

    def number(self, value: float | None, digits: int = 2) -> str:
        """Return a number with so many digits behind the point; a dash where it is undefined."""
        if value is None:
            return NOTHING
        text = f"{value:.{digits}f}"
        return text.replace("-", "−") if float(text) else text.removeprefix("-")

    def share(self, value: float | None) -> str:
        """Return a share [1] in per cent."""
        sign = " %" if self.language == "en" else "%"
        return NOTHING if value is None else f"{100 * value:.0f}{sign}"

    def within(self, measure: Mapping[str, float | None], digits: int = 2) -> str:
        """Return a measure with its interval, or alone where it has none."""
        if measure["value"] is None:
            return NOTHING
        if measure["low"] is None or measure["high"] is None:
            return self.number(measure["value"], digits)
        low, high = (self.number(measure[end], digits) for end in ("low", "high"))
        return f"{self.number(measure['value'], digits)} [{low}, {high}]"

    def day(self, day: str) -> str:
        """Return a calendar day with its year."""
        when = date.fromisoformat(day)
        month = self.table["months"][when.month - 1]
        return str(self.table["date"]).format(year=when.year, month=month, day=when.day)

    def days(self, first: str, last: str) -> str:
        """Return a stretch of days; one day alone as that day."""
        if first == last:
            return self.day(first)
        return self.say("stretch", first=self.day(first), last=self.day(last))

    def moment(self, instant: str | None, zone: str) -> str:
        """Return an instant by a city's clock."""
        return NOTHING if instant is None else self.names.moment(instant, zone)

    def instant(self, instant: str) -> str:
        """Return an instant by the clocks of all cities, the year named."""
        return self.names.instant(instant, sorted({c.timezone for c in all_cities().values()}, reverse=True))

    def city(self, city: str) -> str:
        """Return the name of a city."""
        return self.names.city(city)

    def party(self, party: str) -> str:
        """Return the name of a party."""
        return self.names.named("parties", party)

    def of(self, group: str, key: str) -> str:
        """Return a word of a group; an unlisted one is shown as it is."""
        return str(self.table[group].get(key, one_line(key)))

    def rule(self, rule: str) -> str:
        """Return the name of a rule."""
        return str(self.names["rules"].get(rule, rule))


@cache
def words_of(language: Language) -> Words:
    """Return the words of a language."""
    folder = resources.files("flows.joint_report")
    text = (folder / f"words_{language}.toml").read_text("utf-8")
    return Words(language, tomllib.loads(text), vocabulary(language))
