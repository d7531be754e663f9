"""Sets of cities: tables of rows, and the tables of single cities that they or a folder name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from pipeline.errors import PolicyError, UsageError

SETS: Final = resources.files("pipeline") / "cities" / "sets"
CITIES: Final = resources.files("pipeline") / "cities"

Table = dict[str, Any]


def set_names() -> list[str]:
    """Return the names of the packaged sets.

    >>> set_names()
    ['areas-2019', 'east-asian-clean-air-cities', 'seoul-beijing']
    """
    return sorted(f.name.removesuffix(".toml") for f in SETS.iterdir() if f.name.endswith(".toml"))


def city_tables(chosen: Sequence[str]) -> list[Table]:
    """Return a table for each city of some sets and folders, each city once.

    A name is that of a packaged set; what holds a ``/`` is a folder of city files, and one of these
    replaces a city of the same id.

    Raises
    ------
    UsageError
        there is no such set or folder, or the folder holds no city
    PolicyError
        a file cannot be read or a row lacks its id
    """
    found: dict[str, Table] = {}
    for name in chosen:
        own = "/" in name
        for table in _folder(Path(name)) if own else _set(name):
            if own or table["id"] not in found:
                found[table["id"]] = table
    return list(found.values())


def _set(name: str) -> Iterator[Table]:
    if name not in set_names():
        raise UsageError(
            f"SAMEAIR_CITIES: there is no set {name[:60]!r}; there are {', '.join(set_names())},"
            " and folders, written with a /"
        )
    yield from _rows(_read(SETS / f"{name}.toml"), f"{name}.toml")


def _folder(folder: Path) -> Iterator[Table]:
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise UsageError(f"SAMEAIR_CITIES: {folder} holds no city file (*.toml)")
    for file in files:
        table = _read(file)
        yield from _rows(table, file.name) if "city" in table else [_named(table, file.name)]


def _rows(table: Table, where: str) -> Iterator[Table]:
    """Give the cities of a set: those it names, then its rows, each filled in from its kind."""
    for name in table.get("cities", ()):
        yield _named(_read(CITIES / f"{name}.toml"), f"{name}.toml")
    kinds = table.get("kind", {})
    for row in table.get("city", ()):
        given = dict(_named(row, where))
        kind = kinds.get(given.pop("kind", ""))
        if kind is None:
            raise PolicyError(f"{where}: {row['id']} is of no kind of this file")
        yield _filled(kind, given)


def _filled(kind: Table, row: Table) -> Table:
    """Return a city's table: what its kind shares, its series with the row's words, and the row itself."""
    shared = {name: value for name, value in kind.items() if name != "series"}
    series = [_words(one, {"id": row["id"], "code": row["geocode"]["value"]}) for one in kind["series"]]
    return {**shared, "series": series, **row}


def _words(series: Table, words: dict[str, str]) -> Table:
    stations = [station.format(**words) for station in series.get("stations", ())]
    return {**series, "stations": stations}


def _named(table: Table, where: str) -> Table:
    if not isinstance(table.get("id"), str):
        raise PolicyError(f"{where}: a city lacks its id; compare it with cities/seoul.toml")
    return table


def _read(file: Traversable | Path) -> Table:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(f"{file.name}: {error}") from None
