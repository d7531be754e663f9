"""Bringing batches, fields, models and products from the folder to object storage, and back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.workspace import Workspace, reporter
from pipeline.batches import partition_key
from pipeline.errors import StorageError, UsageError
from pipeline.ledger.batches import listed_batches
from pipeline.settings import Settings
from pipeline.storage.bucket import Bucket
from pipeline.storage.folder import Folder
from pipeline.storage.local import LocalFolder
from pipeline.storage.objects import ObjectFolder
from pipeline.storage.opening import FIELDS, OBSERVATIONS
from pipeline.storage.products import KEPT

COPIED: Final = (OBSERVATIONS, FIELDS, *KEPT)


@dataclass
class Copied:
    """What a copy did: files brought, files that were there already, and bytes."""

    brought: int = 0
    there: int = 0
    bytes: int = 0

    def row(self, name: str) -> dict[str, Any]:
        """Return it as a row for people."""
        return {"folder": name, "copied": self.brought, "already there": self.there, "bytes": self.bytes}


def copy_store(ws: Workspace, to: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Copy what lies where the settings say to another place; each file is read back and compared.

    Repeating it goes on where it was: what is there already is compared by its digest. Nothing is removed,
    and the settings are not changed.

    Parameters
    ----------
    to : ``s3://bucket/prefix``, reached as the settings say, or a data folder

    Returns
    -------
    a row for each folder; and the batches that the ledger lists and the new place lacks

    Raises
    ------
    UsageError
        it is no such place, or the one they lie in already
    StorageError
        a place fails; what was copied stays
    """
    found, missing = [], list[str]()
    for name in COPIED:
        source, target = folder_now(ws.settings, name), _target(ws.settings, to, name)
        if source == target:
            raise UsageError(f"--to {to}: everything lies there already")
        copied = _copied(name, source, target)
        found.append(copied.row(name))
        if name == OBSERVATIONS:
            missing = _missing(ws, target)
    return found, missing


def folder_now(settings: Settings, name: str) -> Folder:
    """Return where a folder of batches, fields, models or products lies now."""
    if settings.storage_url:
        return ObjectFolder(Bucket.of(settings), name)
    return LocalFolder((settings.data_dir / name).resolve())


def _target(settings: Settings, to: str, name: str) -> Folder:
    """Return where a folder is to lie."""
    if not to.startswith("s3://"):
        if "://" in to:
            raise UsageError(f"--to {to}: give s3://bucket/prefix or a folder")
        return LocalFolder((Path(to) / name).resolve())
    try:
        there = Settings.model_validate({**settings.model_dump(), "storage_url": to})
    except ValueError as error:
        raise UsageError(f"--to {to}: give s3://bucket/prefix") from error
    return ObjectFolder(Bucket.of(there), name)


def _copied(name: str, source: Folder, target: Folder) -> Copied:
    """Copy every file that the target lacks."""
    done, tell = Copied(), reporter.get()
    wanted = [key for key in source.keys("") if not Path(key).name.startswith(".")]
    wanted = [key for key in wanted if not key.endswith(".lock")]
    there = set(target.keys(""))

    def bring(key: str) -> int:
        content = source.read(key)
        digest = hashlib.sha256(content).digest()
        if key in there and hashlib.sha256(target.read(key)).digest() == digest:
            return -1
        target.put(key, content)
        target.secure([key])
        if hashlib.sha256(target.read(key)).digest() != digest:
            raise StorageError(f"{target.shown(key)} is not what was copied; repeat")
        return len(content)

    many = target if isinstance(target, ObjectFolder) else source
    for at in range(0, len(wanted), 256):
        tell(f"copying {name}", at, len(wanted))
        for size in many.each(bring, wanted[at : at + 256]):
            done.there, done.brought = done.there + (size < 0), done.brought + (size >= 0)
            done.bytes += max(0, size)
    tell(f"copying {name}", len(wanted), len(wanted))
    return done


def _missing(ws: Workspace, target: Folder) -> list[str]:
    """Return the batches that the ledger lists and a place lacks."""
    lacking = []
    for world in ws.store.worlds():
        there = set(target.keys(world))
        with ws.ledger.read() as conn:
            listed = listed_batches(conn, world)
        keys = (f"{partition_key(world, b.source, b.month)}/{b.id}.parquet" for b in listed)
        lacking += [key for key in keys if key not in there]
    return lacking
