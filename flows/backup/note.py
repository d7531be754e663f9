"""What a data folder remembers of its newest backup, for figures, the doctor and people."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from flows.backup.manifest import Manifest
from pipeline.files import write_atomic
from pipeline.times import parse_instant

NOTE: Final = "backup.json"


def newest_note(data_dir: Path) -> tuple[datetime, str] | None:
    """Return when the newest backup of a data folder was taken, and where it lies; None: never.

    >>> newest_note(Path("/nowhere")) is None
    True
    """
    try:
        held = json.loads((data_dir / NOTE).read_text("utf-8"))
        return parse_instant(held["made_at"]), str(held["to"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def write_note(data_dir: Path, to: str, manifest: Manifest, name: str) -> None:
    """Remember a backup as the newest one."""
    said = {"made_at": manifest.made_at.isoformat(), "to": to, "name": name, "bytes": manifest.size}
    write_atomic(data_dir / NOTE, f"{json.dumps(said, indent=1)}\n".encode())
