"""The reasons of a run as they are stored, for whoever shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from forecasting.reasons.words import (
    number,
    said_analogs,
    said_day,
    said_what_if,
    said_without_model,
    vocabulary,
)
from pipeline.cities import all_cities
from pipeline.files import write_atomic

VERSION: Final = 2
"""Version of the document; version 1 was a list of effects of groups, and is not shown any more."""

Document = dict[str, Any]


def write_reasons(document: Document, path: Path) -> Path:
    """Write the reasons of a run, whole or not at all."""
    return write_atomic(path, json.dumps(document, ensure_ascii=False, indent=1).encode())


def read_reasons(path: Path) -> Document | None:
    """Read the reasons of a run back; None where there are none, or of another version."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None


def reason_lines(city: Mapping[str, Any], language: str) -> list[str]:
    """Say the reasons of one city of a document in full, a line each."""
    if not city["days"]:
        return [said_without_model(city["city"], language)]
    lines = [line for day in city["days"] for line in said_day(city["city"], day, language)]
    decisive = city["what_if"]["threshold"] if city["what_if"] else None
    lines += said_analogs(city["analogs"], decisive, language)
    return lines + (said_what_if(city["what_if"], language) if city["what_if"] else [])


def because(document: Document, language: str = "en", most: int = 2) -> list[str]:
    """Say in a line for each city what moved the median of tomorrow most.

    Examples
    --------
    >>> because({"version": 2, "cities": [{"city": "seoul", "days": []}]})
    []
    """
    lines = []
    for city in document["cities"]:
        tomorrow = next((day for day in city["days"] if day["lead_day"] == 1), None)
        if tomorrow is not None:
            named = [m for m in tomorrow["moved"] if m["named"]][:most]
            said = "; ".join(f"{m['text'][language]} {number(m['effect'], signed=True)}" for m in named)
            name = all_cities()[city["city"]].name[language]
            level = vocabulary(language)["tomorrow"].format(
                median=number(tomorrow["median"]), usual=number(tomorrow["usual"])
            )
            lines.append(f"{name} D+1 {level}: {said or '-'}")
    return lines
