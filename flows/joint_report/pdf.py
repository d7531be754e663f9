"""The report as PDF, one document a language; the same report gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts.pdf_drawing import draw, height_of
from alerts.pdf_page import BODY, MARGIN, SMALL, Sheet, Title, Type
from alerts.pdf_tables import PAD, Cell, Column, facts, table
from flows.joint_report.document import Block, Document, Figure, Head, Points, Table
from flows.joint_report.words import Words
from pipeline.times import parse_instant

TITLE, SUBTITLE, PART = Type(17, True), Type(10), Type(9, True)
CAVEAT: Final = Type(8.5, colour="#6b4600")
LETTERS: Final = 7.4
"""Of tables [point]."""

LEAST: Final = 11.0
"""No column is narrower [mm]."""


def pdf_of(document: Document, report: Mapping[str, Any], words: Words) -> bytes:
    """Return a report as PDF in one language."""
    alarm = words.say("simulated_mark") if report["simulated"] else ""
    sheet = Sheet(words.language, _title(document, report, words, alarm))
    if alarm:
        sheet.set_y(sheet.get_y() + 4)
    _front(sheet, document, words)
    drawn = 0
    for section in document.sections:
        sheet.heading(section.title, keep=22)
        for block in section.blocks:
            drawn += isinstance(block, Figure)
            _block(sheet, block, words, drawn)
    return bytes(sheet.output())


def _title(document: Document, report: Mapping[str, Any], words: Words, alarm: str) -> Title:
    return Title(
        title=f"[{alarm}] {document.title}" if alarm else document.title,
        subject=document.subtitle,
        head=document.title,
        foot=words.say("foot", name=report["name"]),
        alarm=alarm,
        made=parse_instant(report["as_of"]),
    )


def _front(sheet: Sheet, document: Document, words: Words) -> None:
    """Write the title page: what it is, of whom, of when, how far it may be trusted, and the contents."""
    sheet.set_y(sheet.get_y() + 18)
    sheet.paragraph(document.title, TITLE, "H1", after=2)
    sheet.paragraph(document.subtitle, SUBTITLE, after=8)
    facts(sheet, document.facts, first=42.0)
    sheet.set_y(sheet.get_y() + 4)
    for caveat in document.caveats:
        top = sheet.get_y()
        sheet.set_y(sheet.block(MARGIN + 3, top + 1, sheet.inner - 3, caveat, CAVEAT, "Note") + 2.4)
        sheet.box(MARGIN, top, 1.0, sheet.get_y() - top - 1.0, fill="#b45f06")
    sheet.set_y(sheet.get_y() + 6)
    sheet.paragraph(words.say("contents"), Type(10.5, True), "H2", after=1)
    for number, section in enumerate(document.sections, 1):
        sheet.paragraph(f"{number}. {section.title}", BODY, after=0.6)
    sheet.add_page()


def _block(sheet: Sheet, block: Block, words: Words, drawn: int) -> None:
    if isinstance(block, str):
        sheet.paragraph(block)
    elif isinstance(block, Head):
        sheet.room(PART.line + 16)
        sheet.set_y(sheet.get_y() + 1.5)
        sheet.paragraph(block.text, PART, "H3", after=0.8)
    elif isinstance(block, Points):
        for line in block.lines:
            _point(sheet, line)
    elif isinstance(block, Figure):
        _figure(sheet, block, words, drawn)
    else:
        _table(sheet, block)


def _point(sheet: Sheet, line: str) -> None:
    indent = 3.4
    height = len(sheet.lines_of(line, sheet.inner - indent, BODY)) * BODY.line
    sheet.room(height)
    top = sheet.get_y()
    with sheet.tagged("P"):
        sheet.text_at(MARGIN + 0.6, top + BODY.mm * 1.02, "•", BODY)
    sheet.set_y(sheet.block(MARGIN + indent, top, sheet.inner - indent, line, BODY) + 1.0)


def _figure(sheet: Sheet, figure: Figure, words: Words, drawn: int) -> None:
    caption = f"{words.say('figure_word', n=drawn)}. {figure.caption}"
    height = height_of(figure.svg, sheet.inner)
    sheet.room(height + 3 + len(sheet.lines_of(caption, sheet.inner, SMALL)) * SMALL.line)
    top = sheet.get_y() + 1.0
    draw(sheet, figure.svg, MARGIN, top, sheet.inner, figure.caption)
    sheet.set_y(top + height + 0.6)
    sheet.paragraph(caption, SMALL, after=2.4)


def _table(sheet: Sheet, held: Table) -> None:
    sheet.room(30)
    sheet.set_y(sheet.get_y() + 1.2)
    sheet.paragraph(held.title, PART, "H3", after=0.4)
    columns = [Column(head, width) for head, width in zip(held.columns, widths_of(sheet, held), strict=True)]
    rows = [[Cell(text) for text in row] for row in held.rows]
    table(sheet, columns, rows, size=LETTERS)


def widths_of(sheet: Sheet, held: Table) -> Sequence[float]:
    """Return the widths of the columns [mm]: as wide as their text if all fit, else narrowed where it wraps.

    What is lacking is taken from the widest columns first, so that short figures are never broken.
    """
    kind = Type(LETTERS)
    wanted = []
    for place, head in enumerate(held.columns):
        cells = max(sheet.width_of(row[place], kind) for row in held.rows)
        words = max((sheet.width_of(word, SMALL) for word in head.split()), default=0.0)
        wanted.append(max(LEAST, cells + 2 * PAD + 0.6, min(words + 2 * PAD + 0.6, 26.0)))
    room = float(sheet.inner)
    while sum(wanted) > room:
        widest = max(wanted)
        second = max((w for w in wanted if w < widest), default=LEAST)
        many = sum(w == widest for w in wanted)
        cut = min(widest - second, (sum(wanted) - room) / many)
        wanted = [w - max(cut, 0.01) if w == widest else w for w in wanted]
    spare = (room - sum(wanted)) / len(wanted)
    return [w + min(spare, 6.0) for w in wanted]
