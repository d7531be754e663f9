"""A paper of several sections as page, plain text and PDF, from the same words, tables and drawings."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.pdf_drawing import draw, height_of
from alerts.pdf_page import BODY, SMALL, SOFT, Sheet, Title, Type
from alerts.pdf_tables import Cell, Column, table
from alerts.vocabulary import Language

GAP: Final = "   "
HEADLINE: Final = Type(15, True)
WARNING: Final = Type(8.5, True, "#8a5a00")
LETTERS: Final = 7.2
"""Size of the letters of tables on paper [point]."""
NARROWEST: Final = 0.6
"""A column takes at least this share of what each would take if all were alike [1]."""


@dataclass(frozen=True)
class PaperTable:
    """A table; cells are text. One without columns shows its title alone."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A drawing made by ``alerts.svg``, and what it shows in words."""

    svg: Markup
    said: str


@dataclass(frozen=True)
class Part:
    """A heading with sentences, drawings and tables."""

    title: str
    lines: tuple[str, ...] = ()
    tables: tuple[PaperTable, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True)
class Paper:
    """What is shown: ``alarm`` is on every page of paper, ``caveats`` come before any figure."""

    language: Language
    title: str
    lines: tuple[str, ...]
    caveats: tuple[str, ...]
    parts: tuple[Part, ...]
    note: str
    made: datetime
    alarm: str = ""


def text_of(paper: Paper) -> str:
    """Return a paper as text, columns aligned also where signs are wide; drawings are told in words."""
    found = [paper.title, "=" * _width(paper.title), *paper.caveats, *paper.lines, ""]
    for part in paper.parts:
        found += [part.title, "-" * _width(part.title), *part.lines, ""]
        found += [line for one in part.tables for line in (one.title, *_aligned(one), "")]
    return "\n".join([*found, paper.note]) + "\n"


def page_of(paper: Paper) -> str:
    """Return a paper as one page that needs no other file and no network."""
    return _environment().get_template("paper.html.j2").render(paper=paper)


def pdf_of(paper: Paper) -> bytes:
    """Return a paper as PDF; the same paper gives the same bytes."""
    said = Title(paper.title, paper.title, paper.title, f"sameair · {paper.note}", paper.alarm, paper.made)
    sheet = Sheet(paper.language, said)
    sheet.paragraph(paper.title, HEADLINE, "H1", after=1.0)
    for line in paper.caveats:
        sheet.paragraph(line, WARNING, "Note")
    for line in paper.lines:
        sheet.paragraph(line, Type(8.5, colour=SOFT))
    for part in paper.parts:
        sheet.heading(part.title)
        for line in part.lines:
            sheet.paragraph(line, BODY)
        for figure in part.figures:
            _figure(sheet, figure)
        for one in part.tables:
            _table(sheet, one)
    return bytes(sheet.output())


FORMS: Final[Mapping[str, Callable[[Paper], bytes]]] = {
    "html": lambda paper: page_of(paper).encode(),
    "txt": lambda paper: text_of(paper).encode(),
    "pdf": pdf_of,
}
"""How a paper becomes a file of each kind."""


def _figure(sheet: Sheet, figure: Figure) -> None:
    height = height_of(str(figure.svg), sheet.inner)
    sheet.room(height + 4.0)
    top = sheet.get_y()
    draw(sheet, str(figure.svg), sheet.l_margin, top, sheet.inner, figure.said)
    sheet.set_y(top + height + 1.0)
    sheet.paragraph(figure.said, SMALL)


def _table(sheet: Sheet, shown: PaperTable) -> None:
    if not shown.columns:
        sheet.paragraph(shown.title, SMALL)
        return
    sheet.room(22.0)
    sheet.paragraph(shown.title, Type(8.5, True), "H3", after=0.3)
    columns = [Column(h, w) for h, w in zip(shown.columns, _widths(sheet.inner, shown), strict=True)]
    table(sheet, columns, [[Cell(cell) for cell in row] for row in shown.rows], size=LETTERS)


def _widths(inner: float, shown: PaperTable) -> list[float]:
    """Return widths [mm] that fill the page, by the longest word or half of the longest cell of a column.

    >>> _widths(100.0, PaperTable("", ("a", "b"), (("x" * 8, "y" * 8),)))
    [50.0, 50.0]
    """
    lines = [shown.columns, *shown.rows]
    wanted = [
        max(
            max(_width(cell) ** 0.7 for cell in column),
            max(_width(word) for cell in column for word in [_longest(cell)]),
        )
        for column in zip(*lines, strict=True)
    ]
    least = NARROWEST * inner / len(wanted)
    shares = [w / sum(wanted) * inner for w in wanted]
    raised = [max(share, min(least, 12.0)) for share in shares]
    return [share * inner / sum(raised) for share in raised]


def _longest(cell: str) -> str:
    return max(cell.split() or [""], key=_width)


def _aligned(shown: PaperTable) -> Iterator[str]:
    lines: Sequence[tuple[str, ...]] = [shown.columns, *shown.rows] if shown.columns else []
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell + " " * (w - _width(cell)) for cell, w in zip(line, widths, strict=True)]
        yield ("  " + GAP.join(cells)).rstrip()


def _width(text: str) -> int:
    """Return how many columns a text takes: Chinese and Korean signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("flows"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
