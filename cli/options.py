"""Options that every command shares, and the settings made of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from alerts.vocabulary import Language
    from pipeline.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of everything [env SAMEAIR_DATA_DIR; default ./var].", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Instant = Annotated[
    str | None,
    typer.Option("--at", help="Instant or cycle, ISO 8601, UTC unless it names a zone.", show_default=False),
]
DEFAULT_SEED = 5
"""The world of the demonstration; most seeds lead to a joint warning, some to a single city's."""

Seed = Annotated[int, typer.Option("--seed", help="Seed of the simulated world.")]
Quiet = Annotated[bool, typer.Option("--quiet-season", help="Simulate a season without an episode.")]
World = Annotated[
    str | None,
    typer.Option("--world", help="'measured', or the name of a simulated world.", show_default=False),
]

Cycle = Annotated[
    str | None, typer.Argument(help="A cycle, ISO 8601; the newest if left out.", show_default=False)
]
OneCity = Annotated[str | None, typer.Option("--city", help="One city only; else all.", show_default=False)]


def make_settings(data_dir: Path | None) -> Settings:
    """Read the settings: ``--data-dir`` wins over variables, these over the configuration file.

    Raises
    ------
    UsageError
        a SAMEAIR_… variable or the file cannot be read; names the setting and what it may hold
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from pipeline.errors import UsageError
    from pipeline.logs import begin_logs
    from pipeline.settings import Settings

    try:
        found = Settings(data_dir=data_dir) if data_dir is not None else Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        parts = [str(part) for part in first["loc"]]
        message = f"{_place_of(parts)}: {first['msg']}; see docs/operations.md for what it may hold"
        raise UsageError(message) from None
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = f"SAMEAIR_{field[1].upper()}" if field else "a SAMEAIR_ variable"
        raise UsageError(f"{name}: this is no JSON; docs/operations.md shows how it is written") from None
    begin_logs(found)
    return found


def _place_of(parts: list[str]) -> str:
    """Return what a person must correct: a variable, or a key of the configuration file."""
    from pipeline.configuration import origins
    from pipeline.settings import Settings

    origin = origins(Settings, set()).get(parts[0], "")
    if origin in ("", "variable", "default"):
        return "SAMEAIR_" + "_".join(parts).upper()
    return f"{origin}: {'.'.join(parts)}"


def instant_of(text: str) -> datetime:
    """Read the instant of ``--at``.

    Raises
    ------
    UsageError
        it is no instant; says how to write one
    """
    from pipeline.errors import UsageError
    from pipeline.times import parse_instant

    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--at {text}: {error}; write it like 2019-03-03T08:00Z") from None


def cycle_of(text: str) -> datetime:
    """Read a cycle, refusing what is no instant."""
    from pipeline.errors import UsageError
    from pipeline.times import parse_instant

    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"cycle {text}: {error}; write it like 2019-03-03T08:00Z") from None


def language_of(text: str) -> Language:
    """Read ``--language``, refusing what we have no words in."""
    from alerts.vocabulary import LANGUAGES
    from pipeline.errors import UsageError

    for language in LANGUAGES:
        if text == language:
            return language
    raise UsageError(f"--language {text}: choose one of {', '.join(LANGUAGES)}")
