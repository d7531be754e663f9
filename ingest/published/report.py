"""What an import of published files reports: by file what was read, by source what was stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ReadFile:
    """What was read from one file: ``cells`` = values + missing + not_kept + unreadable rows and cells."""

    file: str
    format: str
    source: str
    values: int
    missing: int
    not_kept: int
    left_out: int
    stations: int
    notes: tuple[str, ...] = ()


@dataclass
class SourceTotals:
    """What was stored under one source."""

    values: int = 0
    written: int = 0
    duplicates: int = 0
    failed: int = 0
    suspect: int = 0
    held: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Unread:
    """A file that was not imported; ``damaged`` if it should have been."""

    file: str
    reason: str
    damaged: bool


@dataclass(frozen=True)
class FilesReport:
    """What an import of published files did."""

    files: tuple[ReadFile, ...]
    sources: dict[str, SourceTotals]
    unread: tuple[Unread, ...]
    stations_written: int
    seconds: float

    @property
    def held(self) -> dict[str, int]:
        """Return how many values of each unknown station were held back."""
        out: dict[str, int] = {}
        for totals in self.sources.values():
            out |= totals.held
        return out

    @property
    def incomplete(self) -> bool:
        """Tell whether a file could not be read, or not as a whole."""
        return any(u.damaged for u in self.unread) or any(f.left_out for f in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for machines (JSON)."""
        return {
            "files": [asdict(f) for f in self.files],
            "sources": {name: asdict(totals) for name, totals in self.sources.items()},
            "unread": [asdict(u) for u in self.unread],
            "stations_written": self.stations_written,
            "seconds": round(self.seconds, 2),
        }
