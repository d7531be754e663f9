"""What changed between what a person was shown and how a warning stands now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.standing import standing
from alerts.vocabulary import Language
from alerts.wording import wording
from pipeline.exchange.canonical import canonical_json
from review.decide.differences import FieldChange, Piece, field_changes, text_changes

Plain = dict[str, Any]
UNTOLD = ("run_id", "references", "version")
"""Fields that say nothing to a reader when they change."""


@dataclass(frozen=True)
class TextChange:
    """How two texts differ: lines as pieces in one language, and the fields behind them."""

    lines: tuple[tuple[Piece, ...], ...]
    fields: tuple[FieldChange, ...]

    @property
    def is_same(self) -> bool:
        """Tell whether nothing differs."""
        return not self.lines and not self.fields


@dataclass(frozen=True)
class Since:
    """What happened since a page was shown: new decisions, new states and versions, and a new text."""

    decisions: tuple[Plain, ...]
    states: tuple[Plain, ...]
    offers: tuple[Plain, ...]
    text: TextChange


def compared(before: Mapping[str, Any], after: Mapping[str, Any], language: Language) -> TextChange:
    """Return how two contents differ, as stored.

    >>> from alerts.examples import example_content
    >>> old, new = example_content(level="J1").to_dict(), example_content(level="J2").to_dict()
    >>> [(c.name, c.before, c.after) for c in compared(old, new, "en").fields]
    [('level', 'J1', 'J2')]
    """
    texts = [_text(content, language) for content in (before, after)]
    old, new = (json.loads(canonical_json(content)) for content in (before, after))
    fields = tuple(c for c in field_changes(old, new) if c.name.split(".")[0] not in UNTOLD)
    return TextChange(text_changes(*texts), fields)


def changed_since(
    conn: Connection, document: Plain, warning_id: str, content: Mapping[str, Any], language: Language
) -> Since:
    """Return what changed since a document of evidence was on the screen, whose text is now ``content``."""
    old, new = document["standing"], standing(conn, warning_id)
    return Since(
        decisions=_added(old["decisions"], new["decisions"]),
        states=_added(old["versions"], new["versions"]),
        offers=_added(old["statements"], new["statements"]),
        text=compared(document["content"], content, language),
    )


def _added(old: list[Plain], new: list[Plain]) -> tuple[Plain, ...]:
    return tuple(one for one in new if one not in old)


def _text(content: Mapping[str, Any], language: Language) -> str:
    text = wording(WarningContent.from_dict(dict(content)), language)
    return "\n".join((text.headline, text.description, text.instruction))
