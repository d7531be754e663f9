"""In which language a person's words seem to be written, told from their letters; people translate them."""

from __future__ import annotations

import unicodedata


def language_word(text: str) -> str:
    """Return the language that the letters of a text suggest, or nothing where they are Latin or few.

    >>> [language_word(t) for t in ("수치가 너무 높음", "级别过高", "too high")]
    ['Korean', 'Chinese', '']
    """
    names = [unicodedata.name(letter, "") for letter in text if letter.isalpha()]
    if any(name.startswith("HANGUL") for name in names):
        return "Korean"
    return "Chinese" if any(name.startswith("CJK") for name in names) else ""
