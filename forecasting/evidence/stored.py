"""The evidence beside a run as it is stored, for whoever shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pipeline.files import write_atomic

VERSION: Final = 1

Document = dict[str, Any]


def write_evidence(document: Document, path: Path) -> Path:
    """Write the evidence of a run, whole or not at all."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return write_atomic(path, text.encode())


def read_evidence(path: Path) -> Document | None:
    """Read the evidence of a run back; None where there is none, or of another version.

    >>> read_evidence(Path("/nowhere/evidence.json")) is None
    True
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == VERSION else None
