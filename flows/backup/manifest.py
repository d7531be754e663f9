"""What a backup holds, as one document whose digest is part of its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from pipeline.errors import StorageError
from pipeline.times import parse_instant

FORMAT: Final = 1
LEDGER: Final = "ledger.sqlite"
"""Path of the ledger's snapshot within every backup, whatever database it was taken from."""


@dataclass(frozen=True)
class Held:
    """A file of a backup.

    Parameters
    ----------
    path : within the data folder, with slashes
    modified : when it was last changed [ns since 1970]; 0 where its place does not say
    parts : SHA-256 of each stretch of it, in order
    """

    path: str
    bytes: int
    modified: int
    mode: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """A backup: when, of which ledger, and every file.

    Parameters
    ----------
    node : identity of the data folder, so that two never share a place
    revision : migration at which the ledger stood
    audit_end : number and digest of the trail's last row; None: it was empty
    rows : of the ledger, by table
    left_out : path and reason of what was not taken on purpose
    """

    made_at: datetime
    node: str
    version: str
    revision: str
    database: str
    audit_end: tuple[int, str] | None
    rows: Mapping[str, int]
    files: tuple[Held, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Return what people call it: its instant, to the microsecond."""
        return f"{self.made_at:%Y%m%dT%H%M%S}.{self.made_at.microsecond:06d}Z"

    @property
    def size(self) -> int:
        """Return the size of all files together [bytes]."""
        return sum(held.bytes for held in self.files)

    @property
    def ledger(self) -> Held:
        """Return the ledger's snapshot."""
        return next(held for held in self.files if held.path == LEDGER)

    def parts(self) -> set[str]:
        """Return the digests of all parts of all files."""
        return {part for held in self.files for part in held.parts}

    def encoded(self) -> tuple[str, bytes]:
        """Return name and content of its document."""
        document = {**asdict(self), "format": FORMAT, "made_at": self.made_at.isoformat()}
        document["files"] = [[h.path, h.bytes, h.modified, h.mode, list(h.parts)] for h in self.files]
        content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return f"{self.id}-{hashlib.sha256(content).hexdigest()}.json", content


def decoded(name: str, content: bytes) -> Manifest:
    """Read a manifest, refusing one that is not what its name says.

    Raises
    ------
    StorageError
        it was altered or cut short, or a newer program wrote it
    """
    if hashlib.sha256(content).hexdigest() != name.removesuffix(".json").rpartition("-")[2]:
        raise StorageError(f"the backup {name} was altered or is cut short; take another one")
    held: dict[str, Any] = json.loads(content)
    if held.pop("format") != FORMAT:
        raise StorageError(f"the backup {name} is of another format; restore it with the newer sameair")
    end: Sequence[Any] | None = held["audit_end"]
    return Manifest(
        **{
            **held,
            "made_at": parse_instant(held["made_at"]),
            "audit_end": None if end is None else (int(end[0]), str(end[1])),
            "files": tuple(_held(*row) for row in held["files"]),
            "left_out": tuple((path, why) for path, why in held["left_out"]),
        }
    )


def _held(path: str, size: int, modified: int, mode: int, parts: Sequence[str]) -> Held:
    """Return a file from its row of the document."""
    return Held(path, size, modified, mode, tuple(parts))
