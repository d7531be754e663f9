"""The words of first screen, short line, chart and cancellations, from templates/<language>/message.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from alerts.plain_text import one_line
from alerts.vocabulary import TEMPLATE_FOLDER


@cache
def message_words(language: str) -> dict[str, Any]:
    """Return these words of one language.

    >>> message_words("ko")["screen"]["telephone"]
    '당직 전화'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "message.toml").read_text("utf-8"))


def contact_line(contact: str, language: str) -> str:
    """Return the contact in a language: the preset is translated, a contact that was set is shown as it is.

    >>> contact_line("duty desk of the issuing party", "ko"), contact_line("+82 2 000 0000", "ko")
    ('발표 당사자의 당직실', '+82 2 000 0000')
    """
    return str(message_words(language)["contact"].get(contact, one_line(contact)))
