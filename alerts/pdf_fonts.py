"""The subset fonts for PDFs, unpacked to TrueType once a process, and the widths by which lines break."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from alerts.fonts import font_bytes

FACES: Final = {"kr": "noto-sans-kr", "sc": "noto-sans-sc"}
BY_LANGUAGE: Final = {"zh": ("sc", "kr"), "ko": ("kr", "sc"), "en": ("kr", "sc")}
"""Which face draws a character: the first that holds it."""
WEIGHT: Final = {False: 400, True: 600}
NOT_FIRST: Final = frozenset("，。、；：！？）》」』】”’…％℃·)]}.,;:!?%")
"""Signs that no line begins with."""
NOT_LAST: Final = frozenset("（《「『【“‘([{")
"""Signs that no line ends with."""
UNKNOWN: Final = "□"
"""Stands where no face holds a character."""


def font_file(face: str, *, bold: bool) -> Path:
    """Return a face as a TrueType file, which lives as long as the process.

    >>> font_file("kr", bold=True).name
    'noto-sans-kr-600.ttf'
    """
    return _unpacked(face, bold)[0]


def runs(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Give the stretches of a text that one face draws: face, text.

    >>> list(runs("PM2.5 농도", "ko")), list(runs("PM2.5浓度", "zh"))
    ([('kr', 'PM2.5 농도')], [('kr', 'PM2.5'), ('sc', '浓度')])
    """
    known = "".join(c if _face_of(c, language) else UNKNOWN for c in text)
    for face, part in groupby(known, lambda c: _face_of(c, language) or "kr"):
        yield face, "".join(part)


def text_width(text: str, language: str, *, bold: bool = False) -> float:
    """Return how wide a text is at a size of 1.

    >>> text_width("서울", "ko") > text_width("서", "ko") > 0.8
    True
    """
    return sum(
        _widths(face, bold)[ord(character)] for face, part in runs(text, language) for character in part
    )


def wrapped(text: str, width: float, language: str, *, bold: bool = False) -> list[str]:
    """Break a text into lines that are at most so wide at a size of 1.

    Lines break at spaces, and beside Chinese characters, but not before a sign that closes nor after one that
    opens. A word that is wider than a line stands alone on it, broken where it must be.

    >>> wrapped("one two three", 4.5, "en")
    ['one two', 'three']
    >>> wrapped("预报显示，首尔", 4.4, "zh")
    ['预报显', '示，首尔']
    """
    lines, line, used = [], "", 0.0
    for piece in _pieces(text, language):
        wide = text_width(piece.rstrip(), language, bold=bold)
        if line and used + wide > width:
            lines.append(line.rstrip())
            line, used = "", 0.0
        while wide > width and len(piece) > 1:
            cut = _fitting(piece, width, language, bold)
            lines.append(piece[:cut])
            piece = piece[cut:]
            wide = text_width(piece.rstrip(), language, bold=bold)
        line += piece
        used += text_width(piece, language, bold=bold)
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _pieces(text: str, language: str) -> list[str]:
    """Return what is not to be broken: words with the space behind them, or single Chinese characters."""
    pieces: list[str] = []
    for character in text:
        if pieces and not _may_break(pieces[-1][-1], character, language):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _may_break(before: str, after: str, language: str) -> bool:
    if after == " " or after in NOT_FIRST or before in NOT_LAST:
        return False
    return before == " " or (language == "zh" and (_is_han(before) or _is_han(after)))


def _is_han(character: str) -> bool:
    return 0x2E80 <= ord(character) <= 0x9FFF or ord(character) >= 0xFF00


def _fitting(piece: str, width: float, language: str, bold: bool) -> int:
    """Return how many characters fit, one at least."""
    used = 0.0
    for number, character in enumerate(piece):
        used += text_width(character, language, bold=bold)
        if used > width:
            return max(number, 1)
    return len(piece)


@cache
def _face_of(character: str, language: str) -> str:
    """Return the face that draws a character in a text of a language; empty where none does."""
    held = (face for face in BY_LANGUAGE[language] if ord(character) in _widths(face, False))
    return next(held, "")


def _widths(face: str, bold: bool) -> Mapping[int, float]:
    return _unpacked(face, bold)[1]


@cache
def _unpacked(face: str, bold: bool) -> tuple[Path, dict[int, float]]:
    """Return a face's file and the width of each of its characters at a size of 1."""
    font = TTFont(BytesIO(font_bytes(FACES[face], WEIGHT[bold])), recalcTimestamp=False)
    font.flavor = None
    path = _folder() / f"{FACES[face]}-{WEIGHT[bold]}.ttf"
    font.save(path)
    size = font["head"].unitsPerEm
    metrics = font["hmtx"]
    return path, {code: metrics[glyph][0] / size for code, glyph in font.getBestCmap().items()}


@cache
def _folder() -> Path:
    held = tempfile.TemporaryDirectory(prefix="sameair-fonts-")
    atexit.register(held.cleanup)
    return Path(held.name)
