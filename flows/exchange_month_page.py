"""The monthly report of the exchange as text and as one page, in the three languages, from its plain data."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.plain_text import one_line
from alerts.vocabulary import Language
from flows.exchange_month_sections import minute, sections_of
from flows.exchange_month_words import Table, Words, words_of

GAP: Final = "   "


def head_of(report: Mapping[str, Any], words: Words) -> tuple[str, list[str], list[str]]:
    """Return title, sentences below it, and what must be known before the first figure."""
    party = words.party(report["party"])
    told = {"party": party, "world": one_line(report["world"]), "until": minute(report["until"])}
    caveats = [words.say("simulated")] * report["simulated"]
    caveats += [words.say("running", until=minute(report["until"]))] * (not report["over"])
    return words.say("title", month=report["month"]), [words.say("subtitle", **told)], caveats


def text_of(report: Mapping[str, Any], language: Language) -> str:
    """Return a report as text, columns aligned also where signs are wide."""
    words = words_of(language)
    title, lines, caveats = head_of(report, words)
    parts = [title, "=" * _width(title), *caveats, *lines, ""]
    for section in sections_of(report, words):
        parts += [section.title, "-" * _width(section.title), *section.lines, ""]
        for table in section.tables:
            parts += [table.title, *_aligned(table), ""]
    return "\n".join([*parts, words.say("programme", version=report["programme"])]) + "\n"


def _aligned(table: Table) -> Iterator[str]:
    lines = [table.columns, *table.rows] if table.columns else []
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)]
        yield ("  " + GAP.join(cells)).rstrip()


def _width(text: str) -> int:
    """Return how many columns a text takes: Chinese and Korean signs take two.

    >>> _width("PM2.5 서울")
    10
    """
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def page_of(report: Mapping[str, Any], language: Language) -> str:
    """Return a report as one page that needs no other file and no network."""
    words = words_of(language)
    title, lines, caveats = head_of(report, words)
    return (
        _environment()
        .get_template("exchange_month.html.j2")
        .render(
            language=language,
            title=title,
            lines=lines,
            caveats=caveats,
            sections=sections_of(report, words),
            note=words.say("programme", version=report["programme"]),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("flows"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
