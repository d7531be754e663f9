"""From the bytes of an exchange file to its head and rows, whether it is JSON or CSV; nothing is judged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ingest.exchange.model import FORMAT
from pipeline.errors import BadPayload

SOURCE: Final = "exchange"
REMEDY: Final = "tell the sender; the format is described in docs/exchange-files.md"
END: Final = "#end"


class Document(NamedTuple):
    """The head of a file, and its rows with the line or place where each stands."""

    head: Mapping[str, Any]
    rows: tuple[tuple[str, Any], ...]


def read_document(payload: bytes) -> Document:
    r"""Return what a file says.

    Raises
    ------
    BadPayload
        it is not UTF-8, neither JSON nor CSV of this format, or not whole

    Examples
    --------
    >>> text = b"#format,sameair-exchange\ncity,date\n110000,2026-01-16\n#end,1\n"
    >>> read_document(text).rows
    (('line 3', {'city': '110000', 'date': '2026-01-16'}),)
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadPayload(SOURCE, "the file is not UTF-8", remedy=REMEDY) from error
    if text.lstrip()[:1] == "{":
        return _json_document(text)
    if text.lstrip()[:1] == "#":
        return _csv_document(text)
    what = f"the file is neither JSON nor CSV of the exchange; it starts with {text[:20]!r}"
    raise BadPayload(SOURCE, what, remedy=REMEDY)


def is_whole(payload: bytes) -> bool:
    """Tell whether a file has its end; one that is still being written has not.

    >>> is_whole(b'{"rows": ['), is_whole(b'{"rows": []}')
    (False, True)
    """
    try:
        read_document(payload)
    except BadPayload:
        return False
    return True


def _json_document(text: str) -> Document:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"the JSON does not read ({str(error)[:80]})"
        raise BadPayload(SOURCE, what, remedy=REMEDY) from error
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list):
        raise BadPayload(SOURCE, "the file has no list of rows", field="rows", remedy=REMEDY)
    head = {name: value for name, value in content.items() if name != "rows"}
    return Document(head, tuple((f"row {n}", row) for n, row in enumerate(content["rows"], start=1)))


def _csv_document(text: str) -> Document:
    head: dict[str, str] = {}
    names: list[str] | None = None
    rows: list[tuple[str, Any]] = []
    for line, cells in _lines(text):
        if cells[0].lower() == END:
            _check_count(cells, len(rows))
            return Document(head, tuple(rows))
        if cells[0].startswith("#"):
            head[cells[0][1:].strip().lower()] = cells[1] if len(cells) > 1 else ""
        elif names is None:
            names = [cell.lower() for cell in cells]
        else:
            rows.append((f"line {line}", _row(names, cells)))
    if head.get("format") != FORMAT:
        raise BadPayload(SOURCE, f"the file does not begin with #format,{FORMAT}", remedy=REMEDY)
    raise BadPayload(SOURCE, "the file has no #end line; it was cut off", field=END, remedy=REMEDY)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line that is not empty; spreadsheets end lines with commas, which are cut."""
    reader = csv.reader(io.StringIO(text))
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise BadPayload(SOURCE, f"line {reader.line_num} is no CSV ({error})", remedy=REMEDY) from error


def _row(names: list[str], cells: list[str]) -> Any:
    """Return a row's filled cells by name; a row with more cells than names is given back as it is."""
    if len(cells) > len(names):
        return cells
    return {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _check_count(cells: list[str], count: int) -> None:
    if len(cells) < 2 or cells[1] != str(count):
        said = cells[1][:20] if len(cells) > 1 else "nothing"
        raise BadPayload(
            SOURCE, f"#end says {said!r}, but the file has {count} rows", field=END, remedy=REMEDY
        )
