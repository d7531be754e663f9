"""Which cities an installation has chosen: sets of the package, and folders of its own."""

from __future__ import annotations

import json
import os
import tomllib
from typing import Any, Final

from pipeline.configuration import config_file
from pipeline.errors import UsageError

VARIABLE: Final = "SAMEAIR_CITIES"
KEY: Final = "cities"
"""Its name in the configuration file."""
DEFAULT: Final = ("seoul-beijing",)


def chosen_sets() -> tuple[str, ...]:
    """Return the chosen sets and folders: of the variable, else of the configuration file, else the default.

    Cities are rows that every room reads, in every process of a node, so they are no argument: a process
    and those it starts read the same choice.

    Raises
    ------
    UsageError
        the variable is no JSON list of texts, or it is empty
    """
    text = os.environ.get(VARIABLE, "")
    if text:
        try:
            return _checked(json.loads(text), VARIABLE)
        except ValueError:
            raise UsageError(f'{VARIABLE}: this is no JSON list; write it like ["areas-2019"]') from None
    path = config_file()
    if path is None:
        return DEFAULT
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None
    return _checked(table[KEY], f"{path}: {KEY}") if KEY in table else DEFAULT


def _checked(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(x, str) and x for x in value):
        raise UsageError(f'{where}: it must be a list of sets and folders, like ["areas-2019"]')
    return tuple(value)
