"""Looking object storage over: it is written, read, listed and cleared once, and its clock compared."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from flows.doctor_exchange import Found
from flows.workspace import Workspace
from pipeline.errors import StorageError
from pipeline.storage.bucket import Bucket
from pipeline.storage.objects import ObjectFolder

PROBES: Final = "doctor"
CLOCK_S: Final = 5.0
"""A larger difference of the clocks is worth a look; at a quarter of an hour S3 refuses every request [s]."""


def storage_checks(ws: Workspace) -> list[Found]:
    """Return subject, verdict, finding and remedy of object storage; nothing where it is not used."""
    if not ws.settings.storage_url:
        return []
    try:
        found = _tried(ws, ObjectFolder(Bucket.of(ws.settings), PROBES))
    except StorageError as error:
        found = [("storage", "trouble", str(error), "see docs/object-storage.md")]
    return [*found, *_way(ws)]


def _tried(ws: Workspace, folder: ObjectFolder) -> list[Found]:
    """Put an object, list it, read it and delete it."""
    key = f"{os.getpid()}-{ws.clock():%Y%m%dT%H%M%S%f}"
    content = os.urandom(64)
    folder.put(key, content)
    try:
        put_at = datetime.fromtimestamp(folder.put_at(key), UTC)
        now = ws.clock()
        is_whole = folder.read(key) == content and key in folder.keys("")
    finally:
        folder.delete([key])
    if not is_whole or folder.has(key):
        remedy = "use a server that is consistent after a write, as S3 is"
        return [("storage", "trouble", "what was written or deleted is not seen at once", remedy)]
    away = abs((now - put_at).total_seconds())
    told = f"{ws.settings.storage_url} can be written, read, listed and cleared"
    if away > CLOCK_S + 1.0:
        return [
            ("storage", "ok", told, ""),
            ("storage clock", "warning", f"{away:.0f} s from ours", "set both clocks by NTP"),
        ]
    return [("storage", "ok", told, ""), ("storage clock", "ok", "agrees with ours", "")]


def _way(ws: Workspace) -> list[Found]:
    """Look whether the way is encrypted, and whether several machines can share the ledger."""
    address, found = urlsplit(ws.settings.storage_endpoint), list[Found]()
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
        remedy = "give SAMEAIR_STORAGE_ENDPOINT as https:// (SAMEAIR_STORAGE_CA_FILE: own authority)"
        found.append(("storage way", "warning", "batches travel unencrypted", remedy))
    if Path(str(ws.ledger.engine.url.database or "")).suffix == ".sqlite":
        told = "the ledger is a file: one machine writes to this storage"
        found.append(("storage writers", "note", told, "several machines: SAMEAIR_LEDGER_URL on PostgreSQL"))
    return found
