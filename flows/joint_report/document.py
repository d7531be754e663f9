"""A report in one language as parts that page and PDF both show: sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.joint_report.words import Words


@dataclass(frozen=True)
class Table:
    """A table as it is shown; the first column names the row, cells are text.

    ``wide`` are the columns that take the room that is left; others stay as narrow as their text.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    wide: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """A drawing with what it shows in words; ``name`` is that of its file."""

    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Points:
    """Sentences, one a point."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Head:
    """The head of a part of a section."""

    text: str


Block = str | Table | Figure | Points | Head


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report in one language.

    Parameters
    ----------
    facts : names and values of the title page
    caveats : what must be known before the first figure
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    caveats: tuple[str, ...]
    sections: tuple[Section, ...]

    def figures(self) -> list[Figure]:
        """Return the figures in their order."""
        return [b for section in self.sections for b in section.blocks if isinstance(b, Figure)]


def table_of(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Words,
    wide: Sequence[int] = (),
) -> Block:
    """Return a table, or one sentence that there is nothing of the kind."""
    if not rows:
        return words.say("table_empty", title=title)
    return Table(title, tuple(columns), tuple(tuple(row) for row in rows), frozenset(wide))
