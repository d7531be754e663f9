"""Where answers go that could not be read: the raw bytes in a folder, and in the ledger what was wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from ingest.feeds import Ask, RawAnswer
from pipeline.errors import SourceError, StorageError
from pipeline.files import write_atomic
from pipeline.ledger import Ledger
from pipeline.ledger.quarantined import Quarantined, file_quarantined
from pipeline.removed import raise_if_removed

LONGEST_FIELD: Final = 200
"""As much as the ledger holds of the field of an error [characters]."""


def answer_id(world: str, answer: RawAnswer) -> str:
    """Return the name of an answer: the same bytes to the same question have the same.

    >>> from datetime import UTC, datetime
    >>> when = datetime(2025, 1, 1, tzinfo=UTC)
    >>> answer = RawAnswer("cnemc", b"<html>", "all stations", when, feed="cnemc.hour")
    >>> answer_id("measured", answer)
    'cnemc.hour-4e6ff1455945a62b'
    """
    asked = json.dumps([world, answer.feed, dict(sorted(answer.asked.items()))], ensure_ascii=False)
    digest = hashlib.sha256(asked.encode() + b"\0" + answer.payload).hexdigest()
    return f"{answer.feed}-{digest[:16]}"


def raw_path(folder: Path, entry_id: str) -> Path:
    """Return where the bytes of an entry lie.

    >>> raw_path(Path("quarantine"), "cnemc.hour-0123456789abcdef").name
    'cnemc.hour-0123456789abcdef.raw'
    """
    return folder / f"{entry_id}.raw"


def quarantine(
    ledger: Ledger, folder: Path, world: str, answer: RawAnswer, ask: Ask, error: SourceError
) -> Quarantined:
    """Keep a raw answer and its error, the bytes first; the same answer is kept once and counted.

    The description and the parameters must not hold keys or addresses; the error's text never does.

    Raises
    ------
    StorageError
        the disk or the ledger cannot be used
    """
    entry = Quarantined(
        id=answer_id(world, answer),
        source=answer.source,
        feed=answer.feed,
        reason=type(error).__name__,
        what=error.what,
        field=(error.field or "")[:LONGEST_FIELD],
        remedy=error.remedy,
        description=answer.description,
        fetched_at=answer.fetched_at,
        bytes=len(answer.payload),
        asked=answer.asked,
        fills=ask.fills,
    )
    write_atomic(raw_path(folder, entry.id), answer.payload)
    with ledger.write() as conn:
        file_quarantined(conn, world, entry)
    return entry


def raw_answer(folder: Path, entry: Quarantined) -> RawAnswer:
    """Return an answer as it came; raises RemovedByAge where retention took its bytes, else StorageError."""
    path = raw_path(folder, entry.id)
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise_if_removed(path)
        raise StorageError(f"the bytes of {entry.id} are gone ({error.strerror}) from {folder}") from error
    return RawAnswer(entry.source, payload, entry.description, entry.fetched_at, entry.asked, entry.feed)
