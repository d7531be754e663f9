"""Words of dossiers, outlooks and forum packs, and how numbers and instants are written in them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from alerts.plain_text import one_line
from alerts.vocabulary import Language, vocabulary
from flows.exchange_month_words import Words
from flows.papers import PaperTable

LONGEST: Final = 600
"""So much is shown of what people wrote [characters]; the document for machines has all of it."""


@cache
def season_words(language: Language) -> Words:
    """Return the words of a language."""
    text = (resources.files("flows") / "dossier_words.toml").read_text("utf-8")
    table: dict[str, str] = tomllib.loads(text)[language]
    return Words(table, vocabulary(language))


def table_of(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: Words) -> PaperTable:
    """Return a table; an empty one says so in its title."""
    if not rows:
        return PaperTable(f"{title}: {words.say('none')}", (), ())
    return PaperTable(title, tuple(columns), tuple(tuple(row) for row in rows))


def minute(instant: str) -> str:
    """Return an instant to the minute.

    >>> minute("2026-01-14T02:00:00Z")
    '2026-01-14 02:00'
    """
    return instant[:16].replace("T", " ")


def cut(text: str) -> str:
    """Return what people wrote in one line, and no more than LONGEST of it."""
    line = one_line(text)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} …"
