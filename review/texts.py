"""The words of the pages in each language, from ``texts/<language>/*.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from alerts.vocabulary import LANGUAGES, Language

FALLBACK: Language = "en"


class Texts:
    """One language's words; ``texts("desk.title")`` is the word ``title`` of ``desk.toml``.

    >>> texts("en")("common.sign_in"), texts("ko")("common.sign_in"), texts("zh")("common.sign_in")
    ('Sign in', '로그인', '登录')
    """

    def __init__(self, language: Language, table: dict[str, str]) -> None:
        self.language, self.table = language, table

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values filled in; KeyError for one that there is not."""
        return self.table[key].format(**values) if values else self.table[key]

    def has(self, key: str) -> bool:
        """Tell whether there is such a text."""
        return key in self.table


@cache
def texts(language: str) -> Texts:
    """Return the words of a language, English for one that there is not."""
    known: Language = next((one for one in LANGUAGES if one == language), FALLBACK)
    folder = resources.files("review") / "texts" / known
    table: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found = tomllib.loads(file.read_text("utf-8"))
            table |= {f"{name}.{key}": text for key, text in found.items()}
    return Texts(known, table)


def preferred(header: str) -> Language:
    """Return the first of our languages that a browser's ``Accept-Language`` names, else English.

    >>> preferred("fr;q=0.9, zh-CN, en"), preferred("ko-KR,ko;q=0.9"), preferred("")
    ('zh', 'ko', 'en')
    """
    weighed = []
    for position, part in enumerate(header.split(",")[:20]):
        name, _, weight = part.partition(";q=")
        try:
            rank = -float(weight) if weight else -1.0
        except ValueError:
            continue
        weighed.append((rank, position, name.strip().lower().partition("-")[0]))
    known = [one for _, _, name in sorted(weighed) for one in LANGUAGES if one == name]
    return known[0] if known else FALLBACK
