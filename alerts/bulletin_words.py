"""Texts of the bulletin page in three languages; the tables are templates/<language>/bulletin.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from alerts.plain_text import one_line
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, Vocabulary, vocabulary

Texts = dict[str, str]
"""One text per language (ko, zh, en)."""


@cache
def page_words(language: str) -> dict[str, Any]:
    """Return the table of the page's words in one language.

    >>> page_words("zh")["issue"]
    '发布'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "bulletin.toml").read_text("utf-8"))


def texts(key: str, **values: object) -> Texts:
    """Return one text in every language; a value that is itself Texts is inserted language by language.

    >>> texts("version", number=2)
    {'ko': '제2판', 'zh': '第2版', 'en': 'version 2'}
    """
    return {
        language: page_words(language)[key].format(**{k: _in(language, v) for k, v in values.items()})
        for language in LANGUAGES
    }


def named(table: str, key: str) -> Texts:
    """Return a word of a table of the page, else of the vocabulary; an unknown key is shown as it is.

    >>> named("bands", "kr.grade.bad")["ko"]
    '나쁨'
    """
    found: Texts = {}
    for language in LANGUAGES:
        own = page_words(language).get(table, {})
        found[language] = str(
            own.get(key) or vocabulary(language).table.get(table, {}).get(key, one_line(key))
        )
    return found


def each(say: Callable[[Vocabulary], str]) -> Texts:
    """Return what every language's vocabulary says.

    >>> each(lambda v: v.city("seoul"))
    {'ko': '서울', 'zh': '首尔', 'en': 'Seoul'}
    """
    return {str(language): say(vocabulary(language)) for language in LANGUAGES}


def spans(said: Mapping[str, str]) -> Markup:
    """Return HTML that holds every language, each in its own span, one of which the page's switch shows.

    Equal texts are written once, without a language.

    >>> spans({"ko": "<b>", "zh": "北", "en": "N"})
    Markup('<span lang="ko">&lt;b&gt;</span><span lang="zh">北</span><span lang="en">N</span>')
    """
    if len(set(said.values())) == 1:
        return escape(next(iter(said.values())))
    parts = (Markup('<span lang="{}">{}</span>').format(lang, text) for lang, text in said.items())
    return Markup("").join(parts)


def _in(language: str, value: object) -> object:
    return value[language] if isinstance(value, dict) else value
