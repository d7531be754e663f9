"""Cells of an Excel workbook (.xls, .xlsx) as text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from ingest.published.table import bad

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP: Final = b"PK\x03\x04"
WORKER: Final = Path(__file__).with_name("sheet_worker.py")
LONGEST: Final = 120
"""How long the reading of one workbook may take [s]."""


def is_workbook(head: bytes) -> bool:
    """Tell whether bytes begin as an .xls or .xlsx file does.

    >>> is_workbook(OLE + b"..."), is_workbook(b"<table>")
    (True, False)
    """
    return head.startswith((OLE, ZIP))


def sheet_rows(payload: bytes, name: str, sheet: str = "") -> list[list[str]]:
    """Return the rows of one sheet, the first one unless named, as text; all equally long.

    The workbook is read in a process of its own, which damaged bytes may end.

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
    command = [sys.executable, "-I", str(WORKER), sheet]
    try:
        done = subprocess.run(command, input=payload, capture_output=True, timeout=LONGEST, check=True)  # noqa: S603
        rows: list[list[str]] | None = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise bad(name, "is a damaged workbook") from None
    if rows is None:
        raise bad(name, f"has no sheet {sheet!r}", field="sheet")
    width = max((len(row) for row in rows), default=0)
    return [[*row, *[""] * (width - len(row))] for row in rows]
