"""Where answers go that could not be read: the raw bytes and what was wrong, for a developer."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.files import write_atomic
from pipeline.times import iso


def quarantine(
    folder: Path, payload: bytes, description: str, fetched_at: datetime, error: SourceError
) -> Path:
    """Save a raw answer and its error, whole or not at all, and return the path of the answer.

    The name holds the digest of the payload, so the same answer is kept once. The description must not
    hold keys or addresses; the error's text never does.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> from pipeline.errors import BadPayload
    >>> when = datetime(2025, 1, 1, tzinfo=UTC)
    >>> error = BadPayload("cnemc", "no JSON")
    >>> quarantine(Path(tempfile.mkdtemp()), b"<html>", "all stations", when, error).name
    'cnemc-b7d082ee12e9.raw'
    """
    name = f"{error.source}-{hashlib.sha256(payload).hexdigest()[:12]}"
    note = {
        "source": error.source,
        "what": error.what,
        "field": error.field,
        "remedy": error.remedy,
        "error": type(error).__name__,
        "description": description,
        "fetched_at": iso(fetched_at),
        "bytes": len(payload),
    }
    raw = write_atomic(folder / f"{name}.raw", payload)
    write_atomic(folder / f"{name}.json", json.dumps(note, ensure_ascii=False, indent=1).encode())
    return raw
