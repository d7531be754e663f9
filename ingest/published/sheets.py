"""Cells of an Excel workbook (.xls, .xlsx) as text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from ingest.published.table import bad

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP: Final = b"PK\x03\x04"


def is_workbook(head: bytes) -> bool:
    """Tell whether bytes begin as an .xls or .xlsx file does.

    >>> is_workbook(OLE + b"..."), is_workbook(b"<table>")
    (True, False)
    """
    return head.startswith((OLE, ZIP))


def sheet_rows(payload: bytes, name: str, sheet: str = "") -> list[list[str]]:
    """Return the rows of one sheet, the first one unless named, as text.

    Raises
    ------
    BadPayload
        the bytes are no workbook, it is damaged, or the sheet is not there

    Examples
    --------
    >>> sheet_rows(b"<table>", "x.xls")
    Traceback (most recent call last):
    pipeline.errors.BadPayload: x.xls: is no Excel workbook; put it right in the file and import it again
    """
    if not is_workbook(payload):
        raise bad(name, "is no Excel workbook")
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(payload))
        names = book.sheet_names
        wanted = sheet or (names[0] if names else "")
        found = book.get_sheet_by_name(wanted).to_python(skip_empty_area=False) if wanted in names else None
    except BaseException as error:  # the library panics outside of Exception on some damaged files
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            raise
        raise bad(name, f"is a damaged workbook ({type(error).__name__})") from None
    if found is None:
        raise bad(name, f"has no sheet {sheet!r}", field="sheet")
    return [[_text(cell) for cell in row] for row in _even(found)]


def _even(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    width = max((len(row) for row in rows), default=0)
    return [[*row, *[""] * (width - len(row))] for row in rows]


def _text(cell: object) -> str:
    """Write a cell as a text table would: whole numbers without a point, times as ISO."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)
