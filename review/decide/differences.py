"""What changed between two texts, word by word, and between two contents, field by field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final, Literal

Op = Literal["same", "gone", "new"]
WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:[.,:/-]\d+)*|\s+|.", re.DOTALL)
"""A word, a number with its points, one Chinese character, blank space, or a sign."""


@dataclass(frozen=True)
class Piece:
    """A stretch of text that stayed, went or came."""

    op: Op
    text: str


@dataclass(frozen=True)
class FieldChange:
    """A field of a content that changed; ``name`` is a path such as ``cities.seoul.onset``."""

    name: str
    before: str
    after: str


@lru_cache(maxsize=256)
def text_changes(before: str, after: str) -> tuple[tuple[Piece, ...], ...]:
    r"""Return the lines of a text that changed, each as pieces; lines that stayed are left out.

    >>> [[(p.op, p.text) for p in line] for line in text_changes("a\nb 12.5 c", "a\nb 13 c")]
    [[('same', 'b '), ('gone', '12.5'), ('new', '13'), ('same', ' c')]]
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[tuple[Piece, ...]] = []
    for op, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op != "equal":
            lines += [line for line in _paired(old[a:b], new[c:d]) if line]
    return tuple(lines)


def word_changes(before: str, after: str) -> tuple[Piece, ...]:
    """Return a line as pieces that stayed, went or came.

    >>> [(p.op, p.text) for p in word_changes("\uc11c\uc6b8 \uacbd\ubcf4", "\uc11c\uc6b8 \uc8fc\uc758\ubcf4")]
    [('same', '\uc11c\uc6b8 '), ('gone', '\uacbd\ubcf4'), ('new', '\uc8fc\uc758\ubcf4')]
    """
    old, new = WORD.findall(before), WORD.findall(after)
    pieces: list[Piece] = []
    for op, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if op == "equal":
            pieces.append(Piece("same", "".join(old[a:b])))
            continue
        pieces += [Piece("gone", "".join(old[a:b]))] if a < b else []
        pieces += [Piece("new", "".join(new[c:d]))] if c < d else []
    return tuple(pieces)


def field_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """Return every value that differs between two contents as stored, in the order of the first.

    >>> old = {"level": "J1", "cities": [{"city": "seoul", "onset": "a"}]}
    >>> new = {"level": "J2", "cities": [{"city": "seoul", "onset": "b"}]}
    >>> [(c.name, c.before, c.after) for c in field_changes(old, new)]
    [('level', 'J1', 'J2'), ('cities.seoul.onset', 'a', 'b')]
    """
    old, new = dict(_flat("", before)), dict(_flat("", after))
    names = dict.fromkeys([*old, *new])
    return tuple(
        FieldChange(n, old.get(n, "–"), new.get(n, "–")) for n in names if old.get(n, "–") != new.get(n, "–")
    )


def _paired(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Piece, ...]]:
    """Yield lines that replaced lines beside them, then those without a partner."""
    for number in range(max(len(old), len(new))):
        if number < len(old) and number < len(new):
            yield word_changes(old[number], new[number])
        elif number < len(old) and old[number].strip():
            yield (Piece("gone", old[number]),)
        elif number < len(new) and new[number].strip():
            yield (Piece("new", new[number]),)


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of plain data with their paths; rows are named by what they are about."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), one)
    elif isinstance(value, (list, tuple)) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _flat(f"{path}.{_named(one, number)}", one)
    elif isinstance(value, (list, tuple)):
        yield path, ", ".join(str(one) for one in value)
    else:
        yield path, f"{value:g}" if isinstance(value, float) else str(value)


def _named(row: Any, number: int) -> str:
    """Return by what a row of a list is known."""
    known = (("lead_day", ("day",)), ("rule", ("rule", "city", "day")), ("upwind", ("upwind", "downwind")))
    keys = next((names for mark, names in known if mark in row), ("city", "version"))
    said = "-".join(str(row[key]) for key in keys if key in row)
    return said or str(number + 1)
