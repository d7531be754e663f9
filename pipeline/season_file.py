"""The file of the season calendar, read strictly: every entry present, known and sensible."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from datetime import date, time
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import PolicyError

PACKAGED: Final = resources.files("pipeline") / "season.toml"
LANGUAGES: Final = ("en", "ko", "zh")
KINDS: Final = ("management", "campaign", "heating")
MARKS: Final = ("found", "unverified")
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Table = dict[str, Any]
Reader = Callable[[Any], Any]


def read_season(path: Path | None = None) -> Table:
    """Return the checked table of a file; None: the packaged one.

    Raises
    ------
    PolicyError
        the file cannot be read, or an entry is missing or makes no sense
    """
    name = "season.toml" if path is None else str(path)
    try:
        text = PACKAGED.read_text("utf-8") if path is None else path.read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise PolicyError(f"{name} cannot be read: {error}") from error
    return parse_season(table, name)


def parse_season(table: Mapping[str, Any], name: str = "season.toml") -> Table:
    """Check the table of a season calendar and return it with its values read.

    Raises
    ------
    PolicyError
        naming the entry

    Examples
    --------
    >>> parse_season({"version": "1"})
    Traceback (most recent call last):
    ...
    pipeline.errors.PolicyError: season.toml: must hold just mode, rhythm, row, version
    """
    if set(table) != {"version", "mode", "rhythm", "row"}:
        raise PolicyError(f"{name}: must hold just mode, rhythm, row, version")
    rows = table["row"]
    if not isinstance(rows, list):
        raise PolicyError(f"{name}: [[row]] must be a list of tables")
    read_rows = [
        _section({"last_winter": None, **row} if isinstance(row, dict) else row, ROW, f"{name}: [[row]] {n}")
        for n, row in enumerate(rows, 1)
    ]
    keys = [row["key"] for row in read_rows]
    if len(set(keys)) != len(keys):
        raise PolicyError(f"{name}: two rows have the same key")
    return {
        "version": _entry(_words, table["version"], f"{name}: version"),
        "mode": _section(table["mode"], MODE, f"{name}: [mode]"),
        "rhythm": _section(table["rhythm"], RHYTHM, f"{name}: [rhythm]"),
        "row": read_rows,
    }


def _section(found: Any, readers: Mapping[str, Reader], where: str) -> Table:
    if not isinstance(found, dict) or set(found) != set(readers):
        raise PolicyError(f"{where} must hold just {', '.join(sorted(readers))}")
    return {key: _entry(read, found[key], f"{where} {key}") for key, read in readers.items()}


def _entry(read: Reader, value: Any, where: str) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, ZoneInfoNotFoundError) as error:
        raise PolicyError(f"{where}: {error}") from None


def _words(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be words")
    return value


def _day(value: Any) -> tuple[int, int]:
    month, _, day = str(value).partition("-")
    if (month, day) == ("02", "29"):
        raise ValueError("29 February is not in every year; write 02-28 or 03-01")
    found = date.fromisoformat(f"2019-{month}-{day}")
    return found.month, found.day


def _year(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1900 <= value <= 9000:
        raise ValueError("must be a year")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 60:
        raise ValueError("must be a number of days from 1 to 60")
    return value


def _zone(value: Any) -> str:
    return ZoneInfo(_words(value)).key


def _shifts(value: Any) -> tuple[time, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of hours such as 08:00")
    found = tuple(time.fromisoformat(str(one)) for one in value)
    if list(found) != sorted(set(found)):
        raise ValueError("must ascend, each once")
    return found


def _names(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != set(LANGUAGES):
        raise ValueError(f"must hold just {', '.join(LANGUAGES)}")
    return {language: _words(value[language]) for language in LANGUAGES}


def _one_of(known: tuple[str, ...]) -> Reader:
    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return str(value)

    return read


def _weekday(value: Any) -> int:
    return WEEKDAYS.index(_one_of(WEEKDAYS)(value))


MODE: Final[Mapping[str, Reader]] = {"first": _day, "last": _day, "first_winter": _year, "timezone": _zone}
RHYTHM: Final[Mapping[str, Reader]] = {
    "outlook_weekday": _weekday,
    "outlook_time": lambda value: time.fromisoformat(str(value)),
    "outlook_timezone": _zone,
    "dossier_days": _count,
    "shifts": _shifts,
    "rota_days": _count,
}
ROW: Final[Mapping[str, Reader]] = {
    "key": _words,
    "party": _words,
    "kind": _one_of(KINDS),
    "first": _day,
    "last": _day,
    "first_winter": _year,
    "last_winter": lambda value: None if value is None else _year(value),
    "source": _words,
    "mark": _one_of(MARKS),
    "name": _names,
}
