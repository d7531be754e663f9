"""Tables of a PDF: columns of given widths, cells with ground, swatch and lines that wrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.pdf_page import BODY, INK, MARGIN, SMALL, Align, Sheet, Type, column_edges

PAD: Final = 0.9
"""Between a cell's edge and its text [mm]."""
SWATCH: Final = 2.0
"""Side of a swatch [mm]."""


@dataclass(frozen=True)
class Column:
    """One column: its head, width [mm], and where its text stands."""

    head: str
    width: float
    align: Align = "left"


@dataclass(frozen=True)
class Cell:
    """One cell: its text, ground, colour of a swatch before it, and letters."""

    text: str
    ground: str = ""
    swatch: str = ""
    colour: str = INK
    bold: bool = False


def table(
    sheet: Sheet, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, size: float = 8.0
) -> None:
    """Write a table where the page stands; its head is repeated on every page.

    Parameters
    ----------
    columns : whose widths together are at most the room between the margins [mm]
    rows : one cell for each column
    size : of the letters [point]
    """
    _head(sheet, columns)
    for row in rows:
        height = max(_height(sheet, column, cell, size) for column, cell in zip(columns, row, strict=True))
        if sheet.get_y() + height > sheet.floor:
            sheet.add_page()
            _head(sheet, columns)
        _row(sheet, columns, row, height, size)
    sheet.set_y(sheet.get_y() + 1.5)


def _head(sheet: Sheet, columns: Sequence[Column]) -> None:
    edges = column_edges(MARGIN, [c.width for c in columns])
    lines = [sheet.lines_of(c.head, c.width - 2 * PAD, SMALL) for c in columns]
    height = max(len(held) for held in lines) * SMALL.line + 1.2
    sheet.room(height + 12)
    top = sheet.get_y()
    with sheet.tagged("P"):
        for column, left, held in zip(columns, edges, lines, strict=False):
            _write(sheet, column, left, top, held, SMALL, 0.0)
    sheet.set_y(top + height)
    sheet.rule(MARGIN, top + height - 0.4, edges[-1])


def _row(sheet: Sheet, columns: Sequence[Column], row: Sequence[Cell], height: float, size: float) -> None:
    top = sheet.get_y()
    edges = column_edges(MARGIN, [c.width for c in columns])
    with sheet.tagged("P"):
        for column, left, cell in zip(columns, edges, row, strict=False):
            if cell.ground:
                sheet.box(left + 0.25, top, column.width - 0.5, height, fill=cell.ground)
            indent = 0.0
            if cell.swatch:
                sheet.box(left + PAD, top + 1.35, SWATCH, SWATCH, fill=cell.swatch, line="#777777")
                indent = SWATCH + 1.0
            kind = Type(size, cell.bold, cell.colour)
            lines = sheet.lines_of(cell.text, column.width - 2 * PAD - indent, kind)
            _write(sheet, column, left, top + 0.6, lines, kind, indent)
    sheet.rule(MARGIN, top + height, edges[-1])
    sheet.set_y(top + height)


def _write(
    sheet: Sheet, column: Column, left: float, top: float, lines: Sequence[str], kind: Type, indent: float
) -> None:
    x = {
        "left": left + PAD + indent,
        "middle": left + column.width / 2,
        "right": left + column.width - PAD,
    }[column.align]
    for number, line in enumerate(lines):
        sheet.text_at(x, top + kind.mm * 1.05 + number * kind.line, line, kind, column.align)


def _height(sheet: Sheet, column: Column, cell: Cell, size: float) -> float:
    indent = SWATCH + 1.0 if cell.swatch else 0.0
    kind = Type(size, cell.bold)
    return len(sheet.lines_of(cell.text, column.width - 2 * PAD - indent, kind)) * kind.line + 1.2


def facts(sheet: Sheet, rows: Sequence[tuple[str, str]], *, first: float = 34.0) -> None:
    """Write names and values, one beneath the other; a row whose value is empty is left out."""
    for name, value in rows:
        if not value:
            continue
        lines = sheet.lines_of(value, sheet.inner - first, Type(7.6))
        height = len(lines) * Type(7.6).line
        sheet.room(height)
        top = sheet.get_y()
        with sheet.tagged("P"):
            sheet.text_at(MARGIN, top + SMALL.mm * 1.05, name, SMALL)
            for number, line in enumerate(lines):
                sheet.text_at(
                    MARGIN + first, top + SMALL.mm * 1.05 + number * Type(7.6).line, line, Type(7.6)
                )
        sheet.set_y(top + height)
    sheet.set_y(sheet.get_y() + BODY.mm / 2)
