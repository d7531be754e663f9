"""Headers of a letter in which no space is lost: foreign text is folded as a whole, not word by word.

The standard library encodes a header word by word and, where a line grows too long, parts words into pieces
of which a reader drops the space between: "공동 조기경보" became "공동조기경보".
"""

from __future__ import annotations

import base64
import textwrap
from email.policy import EmailPolicy
from typing import Any, Final

PIECE: Final = 45
"""Octets of text in one encoded word: 60 of base64 and 12 around them, at most 75 (RFC 2047, section 2)."""

PLAIN: Final = 69
"""Characters of a line of words that stay as they are: 78 with the name of the header (RFC 5322, 2.1.1)."""

WHOLE: Final = ("subject", "to")
"""Headers that hold foreign text."""


class WholeWords(EmailPolicy):
    """The SMTP policy, but subject and addressee are encoded as one run of text."""

    def fold(self, name: str, value: Any) -> str:
        """Return a header as lines; see :func:`folded`."""
        if name.lower() not in WHOLE or str(value).isascii():
            return str(super().fold(name, value))
        if name.lower() == "subject":
            return f"{name}: {folded(str(value))}{self.linesep}"
        to = ", ".join(f"{folded(a.display_name, whole=True)}\r\n <{a.addr_spec}>" for a in value.addresses)
        return f"{name}: {to}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return a header as octets."""
        if name.lower() not in WHOLE or str(value).isascii():
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii")


def folded(text: str, *, whole: bool = False) -> str:
    r"""Return text as ASCII lines: unless ``whole``, words before the first foreign one stay as they are.

    Examples
    --------
    >>> folded("[J2] 공동 경보")
    '[J2]\r\n =?utf-8?b?6rO164+ZIOqyveuztA==?='
    """
    words = text.split(" ")
    foreign = 0 if whole else next((n for n, word in enumerate(words) if not word.isascii()), len(words))
    plain = textwrap.wrap(" ".join(words[:foreign]), PLAIN, break_long_words=False, break_on_hyphens=False)
    return "\r\n ".join([*plain, *map(_encoded, _pieces(" ".join(words[foreign:])))])


def _pieces(text: str) -> list[str]:
    """Cut text into pieces of at most PIECE octets, never within a character."""
    pieces = [""] if text else []
    for character in text:
        if len((pieces[-1] + character).encode()) > PIECE:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _encoded(piece: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(piece.encode()).decode('ascii')}?="


WHOLE_WORDS: Final = WholeWords(linesep="\r\n")
