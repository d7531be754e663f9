"""Lists of recipients as files, TOML or CSV: read wholly or refused, faults named by line and field."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from alerts.recipient_checks import LANGUAGES, Recipient, faults_of, recipient_from
from pipeline.errors import PolicyError

MOST_TOLD: Final = 5
"""Faults that are named at once."""
CSV_NAMES: Final = {f"name_{language}": language for language in LANGUAGES}
"""Columns of a CSV list that hold the agency's names."""


@dataclass(frozen=True)
class Entry:
    """One row of a list: its values, and in which lines it and its fields stand."""

    values: Mapping[str, Any]
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)


def load_recipients(path: Path | None = None) -> tuple[Recipient, ...]:
    """Read and check a list of recipients; the packaged drill list if no file is named.

    A name that ends in ``.csv`` is read as CSV, anything else as TOML. Raises PolicyError naming line and
    field of each fault.

    >>> [r.id for r in load_recipients() if r.party == "seoul"]
    ['seoul-air-policy', 'seoul-health-environment', 'seoul-disaster-safety']
    """
    source: Traversable = path if path is not None else resources.files("alerts") / "recipients.toml"
    try:
        text = source.read_bytes().decode("utf-8-sig")
        entries = list(_csv_entries(text) if source.name.lower().endswith(".csv") else _toml_entries(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error, ValueError) as error:
        raise PolicyError(f"list of recipients {source}: {_why(error)}") from None
    faults = [fault for entry in entries for fault in _faults(entry)] or list(_twice(entries))
    if faults:
        more = f"; and {len(faults) - MOST_TOLD} more" if len(faults) > MOST_TOLD else ""
        raise PolicyError(f"list of recipients {source}: {'; '.join(faults[:MOST_TOLD])}{more}")
    return tuple(recipient_from(entry.values) for entry in entries)


def _why(error: Exception) -> str:
    """Return what keeps a file from being read; never a piece of it."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8; save it as UTF-8"
    return f"{error.strerror or error}" if isinstance(error, OSError) else str(error)


def _faults(entry: Entry) -> Iterator[str]:
    for name, complaint in faults_of(entry.values):
        yield f"line {entry.lines.get(name, entry.line)}: {name} {complaint}"


def _twice(entries: list[Entry]) -> Iterator[str]:
    """Name ids and addresses that stand there twice, by their second line."""
    for name in ("id", "email"):
        seen: dict[str, int] = {}
        for entry in entries:
            value, line = str(entry.values[name]).lower(), entry.lines.get(name, entry.line)
            if value in seen:
                yield f"line {line}: {name} is the same as in line {seen[value]}"
            seen.setdefault(value, line)


def _toml_entries(text: str) -> Iterator[Entry]:
    """Yield the [[recipient]] tables of a TOML list."""
    table = tomllib.loads(text)
    rows = table.get("recipient")
    is_list = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not is_list or list(table) != ["recipient"] or not isinstance(rows, list):
        raise ValueError("it holds [[recipient]] tables and nothing else")
    places = _toml_places(text)
    for number, row in enumerate(rows):
        line, lines = places[number] if number < len(places) else (1, {})
        yield Entry(row, line, lines)


def _toml_places(text: str) -> list[tuple[int, dict[str, int]]]:
    """Return in which line each table begins and each of its fields stands."""
    places: list[tuple[int, dict[str, int]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[\[\s*recipient\s*\]\]", line):
            places.append((number, {}))
        elif places and (found := re.match(r"\s*([\w-]+)\s*[.=]", line)):
            places[-1][1].setdefault(found[1], number)
    return places


def _csv_entries(text: str) -> Iterator[Entry]:
    """Yield the rows of a CSV list; the first line names the columns, lists are separated by blanks or ;."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if not reader.fieldnames or "id" not in reader.fieldnames:
        raise ValueError(
            "line 1: it must name the columns id, party, email, languages, cities, minimum_level, "
            "channel, webhook, name_ko, name_zh, name_en"
        )
    end = reader.line_num
    for row in reader:
        begin, end = end + 1, reader.line_num
        if None in row or None in row.values():
            raise ValueError(f"line {begin}: it has not as many fields as line 1 has columns")
        values: dict[str, Any] = {k.strip(): v.strip() for k, v in row.items()}
        values["agency"] = {language: values.pop(k) for k, language in CSV_NAMES.items() if values.get(k)}
        for name in ("languages", "cities"):
            if name in values:
                values[name] = [part for part in re.split(r"[;\s]+", values[name]) if part]
        empty = [name for name in ("channel", "webhook") if not values.get(name)]
        yield Entry({k: v for k, v in values.items() if k not in empty and k not in CSV_NAMES}, begin)
