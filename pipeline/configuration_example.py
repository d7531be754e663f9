"""A complete commented example of the configuration file, written from the settings themselves."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from pipeline.configuration import holds

HEAD = """\
# Settings of sameair. Take the mark before a line away and write your value; what is left out keeps its
# default.
# Variables of the environment win over this file, `--data-dir` over both. Relative paths count from this
# file's folder. A file that holds a password or key must belong to the service's account alone: chmod 600.
"""


def example_text(fields: Mapping[str, FieldInfo]) -> str:
    """Return the example: for each setting its meaning, its variable, and its default as TOML.

    >>> from pipeline.settings import Settings
    >>> '# smtp_port = 587' in example_text(Settings.model_fields)
    True
    """
    return HEAD + "\n" + "\n".join(_entry(name, field) for name, field in fields.items())


def _entry(name: str, field: FieldInfo) -> str:
    said = re.sub(r"JSON (list|object)", lambda m: {"list": "list", "object": "table"}[m[1]], _meaning(field))
    marks = [f"secret: {said}"] if holds(field, SecretStr) else [said]
    lines = textwrap.wrap(f"{marks[0]} [SAMEAIR_{name.upper()}]", 108, break_long_words=False)
    return "".join(f"## {line}\n" for line in lines) + f"# {name} = {toml_of(_shown(name, field))}\n"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _shown(name: str, field: FieldInfo) -> Any:
    """Return the default, or for what is nothing by default a value that shows how it is written."""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if default is None:
        return f"/etc/sameair/{name}" if holds(field, Path) else ""
    return default


def toml_of(value: Any) -> str:
    """Return a value as TOML writes it.

    >>> toml_of({"cnemc": "https://relay.example"}), toml_of((30, 60)), toml_of(True), toml_of("a")
    ('{"cnemc" = "https://relay.example"}', '[30, 60]', 'true', '"a"')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_of(str(k))} = {toml_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_of(v) for v in value) + "]"
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
