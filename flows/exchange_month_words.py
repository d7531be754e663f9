"""Words of the monthly report of the exchange, and the parts that it is made of."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from alerts.plain_text import one_line
from alerts.vocabulary import Language, Vocabulary, vocabulary

LONGEST: Final = 200
"""So much is shown of what people wrote [characters]."""


@dataclass(frozen=True)
class Table:
    """A table as it is shown; cells are text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A heading with sentences and tables."""

    title: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Words:
    """The words of one language; ``names`` are those of messages."""

    table: Mapping[str, Any]
    names: Vocabulary

    def say(self, key: str, **parts: object) -> str:
        """Return a sentence with its parts filled in."""
        return str(self.table[key]).format(**parts)

    def kind(self, kind: str) -> str:
        """Return what a kind of envelope is called."""
        return str(self.table["kinds"].get(kind, one_line(kind)))

    def party(self, party: str) -> str:
        """Return the name of a party."""
        return self.names.named("parties", party)

    def cities(self, ids: Sequence[str]) -> str:
        """Return the names of cities."""
        return self.names.join([self.names.city(name) for name in ids])


@cache
def words_of(language: Language) -> Words:
    """Return the words of a language."""
    text = (resources.files("flows") / "exchange_month_words.toml").read_text("utf-8")
    return Words(tomllib.loads(text)[language], vocabulary(language))


def table_of(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: Words) -> Table:
    """Return a table; an empty one says so in its title."""
    if not rows:
        return Table(f"{title}: {words.say('none')}", (), ())
    return Table(title, tuple(columns), tuple(tuple(row) for row in rows))


def cut(text: str) -> str:
    """Return what people wrote in one line, and no more than LONGEST of it."""
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
