"""The cells of one sheet of a workbook on stdin, as JSON on stdout; run by ``sheets`` as its own process.

A damaged workbook can make the library panic or ask for any amount of memory; here that ends this process
alone.
"""

from __future__ import annotations

import io
import json
import sys
from datetime import date, datetime

MOST_MEMORY = 2 * 2**30
"""Address space that a workbook may take [bytes]."""


def main() -> None:
    """Read a workbook from stdin; the sheet's name is the first argument, empty: the first sheet."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except (ImportError, OSError, ValueError):
        pass
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read()))
    names = book.sheet_names
    wanted = sys.argv[1] or (names[0] if names else "")
    if wanted not in names:
        json.dump(None, sys.stdout)
        return
    rows = book.get_sheet_by_name(wanted).to_python(skip_empty_area=False)
    json.dump([[as_text(cell) for cell in row] for row in rows], sys.stdout)


def as_text(cell: object) -> str:
    """Write a cell as a text table would: whole numbers without a point, times as ISO.

    >>> as_text(12.0), as_text(0.5), as_text(datetime(2019, 3, 5, 1)), as_text(None)
    ('12', '0.5', '2019-03-05 01:00:00', '')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


if __name__ == "__main__":
    main()
