"""The one configuration file: where it lies, what may stand in it, and where each setting came from.

A file is TOML with a key for each setting in its own type: lists and tables instead of the JSON of variables.
Relative paths count from the file's folder, so that every process reads the same, wherever it was started.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from pipeline.errors import UsageError

VARIABLE: Final = "SAMEAIR_CONFIG"
"""Names the file; set and empty, none is read."""
NAME: Final = "sameair.toml"
SYSTEM_FILE: Final = Path("/etc/sameair") / NAME
LARGEST: Final = 1_000_000
"""No configuration is larger [bytes]."""


def config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the configuration file that counts, None where there is none.

    It is the one that ``SAMEAIR_CONFIG`` names (``sameair --config`` sets it), else ``./sameair.toml``, else
    ``/etc/sameair/sameair.toml``.

    Raises
    ------
    UsageError
        the one that is named is not there

    Examples
    --------
    >>> config_file({"SAMEAIR_CONFIG": ""}) is None
    True
    """
    named = environment.get(VARIABLE)
    if named is not None:
        if named and not Path(named).is_file():
            raise UsageError(f"{VARIABLE}: there is no file {named}; name one that exists, or unset it")
        return Path(named).resolve() if named else None
    return next((p.resolve() for p in (Path(NAME), SYSTEM_FILE) if p.is_file()), None)


def pin_file() -> Path | None:
    """Have this process and those it starts read one file, whatever folder they stand in; return it."""
    found = config_file()
    if found is not None:
        os.environ[VARIABLE] = str(found)
    return found


def read_config(path: Path, fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Return what a file sets, by the names of the fields, paths made absolute.

    Raises
    ------
    UsageError
        it cannot be read, others may write it, it names an unknown setting, or it holds a secret and others
        may read it; one line that names the key
    """
    try:
        mode, payload = path.stat().st_mode, path.read_bytes()[:LARGEST]
        values = tomllib.loads(payload.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; make it readable for this account") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path}: this is no TOML ({said}); see `sameair settings --example`") from error
    if mode & stat.S_IWOTH:
        raise UsageError(f"{path}: everybody may write it; run chmod 600 {path}")
    for name, value in values.items():
        if name not in fields:
            raise UsageError(f"{path}: {_unknown(name, fields)}")
        if mode & (stat.S_IRWXG | stat.S_IRWXO) and is_secret(fields[name], value):
            raise UsageError(f"{path}: {name} is a secret and others may read the file; run chmod 600 {path}")
    return {name: _placed(fields[name], value, path.parent) for name, value in values.items()}


def is_secret(field: FieldInfo, value: object) -> bool:
    """Tell whether a value must not be read by others: a password or key, or an address that holds one.

    >>> from pipeline.settings import Settings
    >>> is_secret(Settings.model_fields["ledger_url"], "postgresql://kim:pw@host/air")
    True
    >>> is_secret(Settings.model_fields["smtp_password"], "")
    False
    """
    if holds(field, SecretStr):
        return bool(value)
    texts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return any(_has_password(part) for text in texts if isinstance(text, str) for part in text.split())


def _has_password(text: str) -> bool:
    try:
        return "://" in text and bool(urlsplit(text).password)
    except ValueError:
        return False


def holds(field: FieldInfo, kind: type) -> bool:
    """Tell whether a field is of a type, or of that type or none.

    >>> from pipeline.settings import Settings
    >>> holds(Settings.model_fields["policy_file"], Path)
    True
    """
    return kind in (field.annotation, *get_args(field.annotation))


def _unknown(name: str, fields: Mapping[str, FieldInfo]) -> str:
    """Say that there is no such setting, and which may be meant."""
    plain = re.sub(r"^sameair_", "", name.lower())
    near = difflib.get_close_matches(plain, fields, 1, 0.5)
    shown = "".join(c if c.isprintable() else " " for c in name[:60])
    hint = f"did you mean {near[0]}?" if near else "`sameair settings --example` shows them all"
    return f"there is no setting {shown!r}; {hint}"


def _placed(field: FieldInfo, value: object, folder: Path) -> object:
    """Return a value with a relative path put below the file's folder."""
    return folder / value if holds(field, Path) and isinstance(value, str) and value else value


class ConfigFile(PydanticBaseSettingsSource):
    """The source of settings that reads the configuration file; below variables and arguments."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return nothing for a single field: the file is read as a whole."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return what the file sets, nothing where there is none."""
        found = config_file()
        return {} if found is None else read_config(found, self.settings_cls.model_fields)


def origins(kind: type[BaseSettings], given: set[str]) -> dict[str, str]:
    """Return for each setting where its value comes from: an option, a variable, the file, or the default.

    Parameters
    ----------
    given : settings that an option of the command line set
    """
    path = config_file()
    in_file = set() if path is None else set(read_config(path, kind.model_fields))
    variables = {name.upper() for name in os.environ}
    found = {}
    for name in kind.model_fields:
        if name in given:
            found[name] = "option"
        elif f"SAMEAIR_{name.upper()}" in variables:
            found[name] = "variable"
        else:
            found[name] = str(path) if name in in_file else "default"
    return found
