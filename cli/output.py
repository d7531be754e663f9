"""What a command prints: tables and progress for people, one JSON document for machines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console


_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Signs that steer a terminal, or change the order in which others stand."""
WIDTH_OF_FILES = 200
"""Columns of a table that goes to a file or another program."""


class Report(Protocol):
    """Tells how far a long step has come: label, steps done, steps in all (0: unknown)."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Show the progress of the step called ``label``."""


def console(*, stderr: bool = False) -> Console:
    """Return a console that colours on a terminal only."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_OF_FILES
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON document on standard output."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(_HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def plain(text: str) -> str:
    r"""Return text whose control and direction signs are written out: none steers a terminal or hides words.

    >>> plain("a\x1b[2J\u202eb\n서울")
    'a\\x1b[2J\\u202eb\n서울'
    """
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def print_lines(lines: Sequence[str], *, styles: Mapping[str, str] | None = None) -> None:
    """Print lines on standard output; one that begins with a key of ``styles`` is coloured on a terminal."""
    out = console()
    for line in lines:
        style = next((v for k, v in (styles or {}).items() if line.startswith(k)), None)
        out.print(plain(line), style=style, markup=False)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; an empty one says so in a line."""
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        print_lines([f"{escape(title)}: none"])
        return
    table = Table(title=escape(title), title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    for row in rows:
        table.add_row(*(escape("" if cell is None else plain(str(cell))) for cell in row))
    console().print(table)


@contextmanager
def progress_bars(*, enabled: bool) -> Iterator[Report]:
    """Yield a reporter that draws one bar per label on a terminal's standard error; silent elsewhere."""
    if not enabled or not sys.stderr.isatty():
        yield lambda label, done, total: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(32), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True)) as bars:
        known: dict[str, TaskID] = {}

        def report(label: str, done: int, total: int) -> None:
            if label not in known:
                known[label] = bars.add_task(label, total=total or None)
            bars.update(known[label], completed=done, total=total or None)
            if total and done >= total:
                bars.stop_task(known[label])

        yield report
