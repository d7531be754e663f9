"""The words of first screen, short line, chart and cancellations, from templates/<language>/message.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from alerts.vocabulary import TEMPLATE_FOLDER


@cache
def message_words(language: str) -> dict[str, Any]:
    """Return these words of one language.

    >>> message_words("ko")["screen"]["telephone"]
    '당직 전화'
    """
    return tomllib.loads((TEMPLATE_FOLDER / language / "message.toml").read_text("utf-8"))
