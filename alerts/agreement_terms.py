"""What two nodes agreed about signing and consulting: read from one reviewed file, refused if it is wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pipeline.errors import PolicyError

FILE: Final = "agreement.toml"
"""Its name in the data folder of a node, and in the package."""

SILENCE: Final = {
    "after_deadline": "single_city_warning",
    "nobody_approved": "nothing",
    "last_words": "nothing",
}
"""What silence means here; another meaning has no code."""


@dataclass(frozen=True)
class AgreementTerms:
    """The terms in force: how far apart two sealed numbers call for consultation [1], time for an answer."""

    version: str
    agreed_by: tuple[str, ...]
    disagreement: float
    answer_within: timedelta

    def disagree(self, first: float, second: float) -> bool:
        """Tell whether two probabilities call for a consultation.

        >>> terms = load_terms()
        >>> terms.disagree(0.8, 0.4), terms.disagree(0.8, 0.5), terms.disagree(0.8, 0.6)
        (True, True, False)
        """
        return abs(first - second) >= self.disagreement - 1e-9


def load_terms(folder: Path | None = None) -> AgreementTerms:
    """Read the terms of a node's data folder, or the packaged ones.

    Raises
    ------
    PolicyError
        the file cannot be read, or a term is missing, unknown or out of its range
    """
    own = None if folder is None else folder / FILE
    if own is None or not own.is_file():
        return parse_terms((resources.files("alerts") / FILE).read_text("utf-8"))
    try:
        return parse_terms(own.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{FILE} cannot be read: {error}") from None


def parse_terms(text: str) -> AgreementTerms:
    """Read the terms from their text; raises PolicyError naming the field.

    >>> parse_terms('version = "1"')
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: agreement.toml: agreed_by is missing
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{FILE}: {error}") from None
    _check_names(table, ("version", "agreed_by", "silence", "consultation"), "")
    _check_names(table["silence"], tuple(SILENCE), "silence.")
    _check_names(table["consultation"], ("disagreement", "answer_minutes"), "consultation.")
    for name, meaning in SILENCE.items():
        if table["silence"][name] != meaning:
            raise PolicyError(f"{FILE}: silence.{name} must be '{meaning}', which is what the program does")
    terms = table["consultation"]
    limit = _number(terms, "disagreement", 0.05, 1.0)
    minutes = _number(terms, "answer_minutes", 1, 24 * 60)
    if not isinstance(table["version"], str) or not isinstance(table["agreed_by"], list):
        raise PolicyError(f"{FILE}: version must be a text, agreed_by a list of parties")
    return AgreementTerms(table["version"], tuple(table["agreed_by"]), limit, timedelta(minutes=minutes))


def _check_names(table: Any, names: tuple[str, ...], where: str) -> None:
    """Refuse a table that lacks a name or has another."""
    if not isinstance(table, dict):
        raise PolicyError(f"{FILE}: {where.rstrip('.')} must be a table")
    for name in [*names, *table]:
        if name not in table:
            raise PolicyError(f"{FILE}: {where}{name} is missing")
        if name not in names:
            raise PolicyError(f"{FILE}: {where}{name} is not known; remove it or correct its name")


def _number(table: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = table[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PolicyError(f"{FILE}: consultation.{name} must be a number from {low:g} to {high:g}")
    return float(value)
