"""Foreign text made harmless before it enters a header, a template or an XML element."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that no shown value may hold: controls, bidi marks, surrogates, separators."""


def one_line(text: str, limit: int = 300) -> str:
    r"""Return the text on one line, without control or invisible characters, at most ``limit`` long.

    Line breaks become spaces, so that no value can open a header line or a paragraph of its own.

    >>> one_line("duty\r\nBcc: x@y\x00  desk")
    'duty Bcc: x@y desk'
    >>> one_line("a" * 9, limit=5)
    'aaaa…'
    """
    shown = "".join(" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    flat = " ".join(shown.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def header_text(text: str, limit: int = 300) -> str:
    """Return foreign text for an e-mail header: on one line and without the mark of encoded words.

    The standard library decodes ``=?utf-8?q?=0D=0A...?=`` in a value that is set, which could smuggle a line
    break past :func:`one_line`.

    >>> header_text("=?utf-8?q?=0D=0ABcc:_x?=")
    '= ?utf-8?q?=0D=0ABcc:_x?='
    """
    return one_line(text, limit).replace("=?", "= ?")
