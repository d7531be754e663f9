"""Checking a backup: every part, the ledger's pages, rows and trail, and each batch that it lists."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows.backup.manifest import LEDGER, Held, Manifest
from flows.backup.place import Place
from flows.backup.snapshot import check_snapshot
from flows.workspace import reporter
from pipeline.errors import StorageError, UsageError
from pipeline.files import reason
from pipeline.ledger.migrate import head_revision


def check_backup(place: Place, manifest: Manifest, scratch: Path, *, wholly: bool) -> None:
    """Look a backup over, leaving nothing behind.

    Parameters
    ----------
    scratch : folder to be made for the ledger meanwhile
    wholly : read every part; else only the ledger's, and look whether the others are there

    Raises
    ------
    StorageError
        something is gone, damaged or not as the manifest says; names it
    """
    refuse_newer(manifest)
    _all_there(place, manifest)
    if wholly:
        for at, held in enumerate(manifest.files):
            reporter.get()("checking", at, len(manifest.files))
            if sum(len(place.read_part(part)) for part in held.parts) != held.bytes:
                raise StorageError(f"{held.path} of the backup {manifest.id} is not whole; take another")
        reporter.get()("checking", len(manifest.files), len(manifest.files))
    scratch.mkdir(parents=True)
    try:
        bring_back(place, manifest.ledger, scratch / LEDGER)
        check_snapshot(scratch / LEDGER, manifest)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def refuse_newer(manifest: Manifest) -> None:
    """Refuse a backup that a newer program made. Raises UsageError."""
    if manifest.revision > head_revision():
        raise UsageError(
            f"the backup {manifest.id} holds a ledger at {manifest.revision}, this sameair knows"
            f" {head_revision()}; install the newer one"
        )


def _all_there(place: Place, manifest: Manifest) -> None:
    """Find out without reading whether a part is gone."""
    there = place.parts()
    lacking = [held.path for held in manifest.files if not there.issuperset(held.parts)]
    if lacking:
        raise StorageError(
            f"the backup {manifest.id} lacks parts of {len(lacking)} files, first {lacking[0]}; take another"
        )


def bring_back(place: Place, held: Held, target: Path) -> None:
    """Write a file of a backup, part by part, each checked. Raises StorageError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for part in held.parts:
                file.write(place.read_part(part))
        target.chmod(held.mode)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {reason(error)}") from error
