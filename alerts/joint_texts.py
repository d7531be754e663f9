"""Texts that were offered: what a row offers, and whether two speak of the same days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.ledger.agreement import StatementRow


def offered_text(offer: StatementRow) -> dict[str, Any]:
    """Return the content that a row offers."""
    content: dict[str, Any] = json.loads(offer.body)["content"]
    return content


def speaks_of_same_days(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two texts are about the same time in a city: two views of one episode.

    >>> from dataclasses import replace
    >>> from alerts.examples import example_content
    >>> text = example_content()
    >>> later = [c.to_dict() | {"onset": "2026-01-20T00:00:00Z", "end": "2026-01-21T00:00:00Z"}
    ...          for c in text.cities]
    >>> [speaks_of_same_days(text.to_dict(), x) for x in (text.to_dict(), {"cities": later})]
    [True, False]
    """
    mine = {c["city"]: c for c in one["cities"]}
    return any(
        c["onset"] < mine[c["city"]]["end"] and mine[c["city"]]["onset"] < c["end"]
        for c in other["cities"]
        if c["city"] in mine
    )
