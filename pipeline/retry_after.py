"""How long a service asks us to wait, as its headers say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIELDS: Final = ("retry-after", "x-ratelimit-reset")
"""OpenAQ's reset holds the seconds that are left, and can be negative."""


def told_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait, None where the headers do not say.

    >>> now = datetime(2025, 1, 1, tzinfo=UTC)
    >>> told_wait({"retry-after": "7"}, now), told_wait({"x-ratelimit-reset": "-2"}, now)
    (7.0, 0.0)
    >>> told_wait({"retry-after": "Wed, 01 Jan 2025 00:01:00 GMT"}, now), told_wait({}, now)
    (60.0, None)
    """
    for field in FIELDS:
        text = headers.get(field)
        seconds = None if text is None else _seconds(text, now)
        if seconds is not None:
            return max(seconds, 0.0)
    return None


def _seconds(text: str, now: datetime) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return _until(text, now)
    return seconds if math.isfinite(seconds) else None


def _until(text: str, now: datetime) -> float | None:
    try:
        when = parsedate_to_datetime(text)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        return (when - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
