"""Where backups lie: parts named by their content, shared by all backups, and a manifest for each.

A backup counts once its manifest is there, which is written last; a killed one leaves parts that no manifest
names, and the next retention removes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.backup.manifest import Manifest, decoded
from pipeline.errors import StorageError, UsageError
from pipeline.settings import Settings
from pipeline.storage.bucket import Bucket
from pipeline.storage.folder import Folder
from pipeline.storage.local import LocalFolder
from pipeline.storage.objects import ObjectFolder

PART_BYTES: Final = 4 * 2**20
"""Files are cut into stretches of this size: of a large ledger only what changed is written again [bytes]."""

PARTS: Final = "parts"
MANIFESTS: Final = "backups"
NODE: Final = "node"


@dataclass(frozen=True)
class Place:
    """Backups of one node, in a folder or on object storage."""

    files: Folder

    def parts(self) -> set[str]:
        """Return the digests of the parts that are there."""
        return {key.rpartition("/")[2] for key in self.files.keys(PARTS)}

    def put_part(self, digest: str, content: bytes) -> None:
        """Store a part and read it back.

        Raises
        ------
        StorageError
            the place does not take it, or what it gives back is something else
        """
        self.files.put(_part(digest), content)
        self.read_part(digest)

    def read_part(self, digest: str) -> bytes:
        """Return a part, checked against its name.

        Raises
        ------
        StorageError
            it is gone or damaged
        """
        key = _part(digest)
        try:
            content = self.files.read(key)
        except FileNotFoundError:
            raise StorageError(f"{self.files.shown(key)} is gone; take another backup") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise StorageError(f"{self.files.shown(key)} is damaged; take another backup")
        return content

    def secure(self, parts: Iterable[str]) -> None:
        """Let parts outlast a power cut; before the manifest that names them."""
        self.files.secure([_part(digest) for digest in parts])

    def names(self) -> list[str]:
        """Return the names of the manifests, the newest first."""
        found = (key.rpartition("/")[2] for key in self.files.keys(MANIFESTS))
        return sorted((name for name in found if name.endswith(".json") and name[0] != "."), reverse=True)

    def read(self, name: str) -> Manifest:
        """Return a manifest by its name. Raises StorageError where it is damaged."""
        return decoded(name, self.files.read(f"{MANIFESTS}/{name}"))

    def chosen(self, backup: str | None) -> Manifest:
        """Return the backup that a person names by the beginning of its instant; None: the newest.

        Raises
        ------
        UsageError
            there is none, or more than one begins so
        StorageError
            its manifest is damaged
        """
        found = [name for name in self.names() if backup is None or name.startswith(backup)]
        if not found:
            what = f"no backup {backup}" if backup else "no backup"
            raise UsageError(f"there is {what} in {self.shown}; `sameair backup --list` shows what there is")
        if backup is not None and len(found) > 1:
            raise UsageError(f"{len(found)} backups begin with {backup}; write more of it")
        return self.read(found[0])

    def put_manifest(self, manifest: Manifest) -> str:
        """List a backup whose parts are all in place; returns its name."""
        name, content = manifest.encoded()
        self.files.put(f"{MANIFESTS}/{name}", content)
        self.files.secure([f"{MANIFESTS}/{name}"])
        return name

    def claim(self, node: str) -> None:
        """Make it a node's own place.

        Raises
        ------
        UsageError
            it is another's: retention would remove what that one still needs
        """
        try:
            held = self.files.read(NODE).decode().strip()
        except FileNotFoundError:
            self.files.put(NODE, f"{node}\n".encode())
            return
        if held != node:
            raise UsageError(
                f"{self.shown} holds the backups of another data folder; give a place of its own"
            )

    def remove(self, names: Iterable[str], parts: Iterable[str]) -> None:
        """Remove backups, then parts that none names any more."""
        self.files.delete([f"{MANIFESTS}/{name}" for name in names])
        self.files.delete([_part(digest) for digest in parts])

    @property
    def shown(self) -> str:
        """Return what a person would call the place."""
        return str(self.files.shown("")).rstrip("/")


def place_of(settings: Settings, to: str) -> Place:
    """Return the place of backups that a person names: a folder, or ``s3://bucket/prefix``.

    Raises
    ------
    UsageError
        it is neither, or lies where the data lie that it is to protect
    """
    if to.startswith("s3://"):
        if settings.storage_url.rstrip("/") == to.rstrip("/"):
            raise UsageError(f"{to} is where the data lie; a backup belongs elsewhere")
        try:
            there = Settings.model_validate({**settings.model_dump(), "storage_url": to})
        except ValueError as error:
            raise UsageError(f"{to}: give s3://bucket/prefix or a folder") from error
        return Place(ObjectFolder(Bucket.of(there), "backup"))
    if "://" in to or not to:
        raise UsageError(f"'{to}' is no place for backups: give s3://bucket/prefix or a folder")
    folder, data = Path(to).resolve(), settings.data_dir.resolve()
    if folder.is_relative_to(data) or data.is_relative_to(folder):
        raise UsageError(f"{folder} lies with the data folder {data}; a backup belongs on another disk")
    return Place(LocalFolder(folder))


def _part(digest: str) -> str:
    return f"{PARTS}/{digest[:2]}/{digest}"
