"""Reports that were written into the data folder, as a list and as files that a browser only shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

MEDIA: Final = {
    ".html": "text/html",
    ".md": "text/plain",
    ".txt": "text/plain",
    ".toml": "text/plain",
    ".csv": "text/csv",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".nc": "application/x-netcdf",
}
"""What is served of the folder of reports, and as what."""

KINDS: Final = ("exchange", "joint", "policy", "replay", "season", "verification")

PARTS: Final = frozenset({"figures", "tables"})
"""Folders of a report that hold its single parts."""

MOST: Final = 400


@dataclass(frozen=True)
class Report:
    """One file: its name from the folder of reports on, when it was written, and its size [B]."""

    name: str
    written: datetime
    size: int

    @property
    def kind(self) -> str:
        """Return what kind of report it is: ``exchange``, ``joint``, ``replay``, ``policy`` … or ``other``.

        >>> Report("exchange-seoul-2026-01.en.html", datetime(2026, 2, 1, tzinfo=UTC), 1).kind
        'exchange'
        """
        first = self.name.partition("/")[0].partition("-")[0]
        return first if first in KINDS else "other"


def reports_in(folder: Path, until: datetime | None) -> list[Report]:
    """Return the reports of a folder, the newest first; of those written by an instant, if one is given.

    Single figures and tables of a report are not listed, they are served.
    """
    root = folder.resolve()
    found = []
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        name = path.relative_to(root)
        if PARTS.isdisjoint(name.parts) and report_file(folder, str(name), until) is not None:
            told = path.stat()
            written = datetime.fromtimestamp(told.st_mtime, UTC)
            found.append(Report(str(name), written, told.st_size))
    return sorted(found, key=lambda one: (one.written, one.name), reverse=True)[:MOST]


def report_file(folder: Path, name: str, until: datetime | None) -> Path | None:
    """Return a report if it is a plain file that truly lies in the folder and may be shown, else None."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or path.suffix not in MEDIA or path.name.startswith("."):
        return None
    if not path.is_file():
        return None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return path if until is None or written <= until else None
