"""The units of systemd and the files beside them, as text for one installation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from flows.starts import prefect_file
from pipeline.errors import UsageError
from pipeline.files import write_atomic

FOLDER: Final = resources.files("cli") / "units"
UNITS: Final = (
    "sameair-serve.service",
    "sameair-review.service",
    "sameair-health.service",
    "sameair-health.timer",
    "sameair-watch.service",
    "sameair-watch.timer",
)
PLAIN: Final = ("sameair.rules.yml", "Containerfile")
"""Files that are written as they are."""
DEPLOYMENTS: Final = "prefect.yaml"
"""The timetable for a Prefect server with work pools."""
ENABLED: Final = (
    "sameair-serve.service",
    "sameair-review.service",
    "sameair-health.timer",
    "sameair-watch.timer",
)
"""What is enabled; the service of a timer is started by it."""
_PATH: Final = re.compile(r"/[A-Za-z0-9._/+@-]*")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Installation:
    """What the units must know: the program, its account, its configuration file and its data folder."""

    program: Path
    user: str
    config: Path
    data_dir: Path

    def check(self) -> None:
        """Refuse what a unit would read as something else.

        Raises
        ------
        UsageError
            a path is relative or holds other signs than letters, digits and ``._/+@-``; no name of an account

        Examples
        --------
        >>> Installation(Path("/x"), "air", Path("/etc/a b"), Path("/y")).check()
        Traceback (most recent call last):
        ...
        pipeline.errors.UsageError: the path '/etc/a b' cannot stand in a unit; use an absolute one of ...
        """
        for path in (self.program, self.config, self.data_dir):
            if not _PATH.fullmatch(str(path)):
                found = f"the path {str(path)!r} cannot stand in a unit"
                raise UsageError(f"{found}; use an absolute one of letters, digits and ._/+@-")
        if not _USER.fullmatch(self.user):
            raise UsageError(f"{self.user!r} is no name of an account; use small letters, digits, - and _")


def unit_texts(installation: Installation) -> dict[str, str]:
    """Return every file by its name.

    >>> made = unit_texts(Installation(Path("/a/sameair"), "air", Path("/etc/s.toml"), Path("/srv/air")))
    >>> "ExecStart=/a/sameair serve" in made["sameair-serve.service"]
    True
    """
    installation.check()
    told = {name: str(getattr(installation, name)) for name in ("program", "user", "config", "data_dir")}
    made = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    common = made.from_string(_read("common.j2")).render(told)
    texts = {name: made.from_string(_read(f"{name}.j2")).render(told, common=common) for name in UNITS}
    return texts | {name: _read(name) for name in PLAIN} | {DEPLOYMENTS: prefect_file()}


def write_units(folder: Path, installation: Installation) -> list[Path]:
    """Write the files into a folder, whole or not at all, and return where they lie."""
    texts = unit_texts(installation)
    folder.mkdir(parents=True, exist_ok=True)
    return [write_atomic(folder / name, text.encode()) for name, text in texts.items()]


def _read(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")
