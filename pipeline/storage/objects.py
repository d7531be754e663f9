"""Files as objects of an S3-compatible server: a put is whole or not at all, and nothing is renamed."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa

from pipeline.errors import StorageError
from pipeline.ledger.connect import Ledger
from pipeline.ledger.locks import ledger_lock
from pipeline.storage.bucket import CONNECTIONS, Bucket
from pipeline.storage.cache import Cache
from pipeline.storage.folder import Item, Result, StillHeld

TURN_SECONDS: Final = 300.0
DELETED_AT_ONCE: Final = 1000
WHOLE_BELOW: Final = 2**20
"""Smaller objects are read whole where nothing is cached; of larger ones the wanted ranges [bytes]."""
SLOWEST: Final = 1e6
"""A slower put is broken off and begun again, for a server may fall silent [bytes s-1]."""
DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ObjectFolder:
    """The objects under one name of a bucket; see :class:`pipeline.storage.folder.Folder`.

    Parameters
    ----------
    name : folder within the bucket's prefix, such as ``observations``
    cache : of objects named by their content; None: they are read anew each time
    """

    bucket: Bucket
    name: str
    cache: Cache | None = None

    @property
    def lists_under_lock(self) -> bool:
        """A lock in the ledger is lost where the connection to it breaks."""
        return True

    def put(self, key: str, content: bytes) -> None:
        """Store an object; it is there whole when this returns, and not at all before."""
        path, whole = self._path(key), self.bucket.timeout + len(content) / SLOWEST
        self.bucket.ask(f"putting {key}", lambda files: files.pipe_file(path, content, timeout=whole))
        if self.cache is not None and _digest_of(key):
            self.cache.keep(_digest_of(key), content)

    def secure(self, keys: Collection[str]) -> None:
        """Do nothing: what the server has acknowledged outlasts a power cut."""

    def read(self, key: str) -> bytes:
        """Return an object, from the cache where it is there; what its name says is checked."""
        held = self._cached(key)
        if held is not None:
            return held
        return self._fetched(key)

    def opened(self, key: str, size: int) -> pa.NativeFile:
        """Open an object in the cache, filling it; where it cannot hold it, read ranges of larger ones."""
        name = _digest_of(key)
        if self.cache is not None and name and size <= self.cache.limit // 4:
            path = self.cache.path(name)
            try:
                if path is not None and path.stat().st_size == size:
                    return pa.OSFile(str(path))
            except FileNotFoundError:
                pass
            return pa.BufferReader(self._fetched(key))
        if size <= WHOLE_BELOW:
            return pa.BufferReader(self._fetched(key))
        return pa.PythonFile(_Ranged(self, key, size), mode="r")

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys below a folder, a page of a thousand at a time."""
        start = f"{self.bucket.prefix}{self.name}/"
        asked: dict[str, Any] = {
            "Bucket": self.bucket.name,
            "Prefix": f"{start}{prefix}/" if prefix else start,
        }
        while True:
            page = self.bucket.ask(
                f"listing {self.name}/{prefix}", lambda files: files.call_s3("list_objects_v2", **asked)
            )
            yield from (found["Key"].removeprefix(start) for found in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def has(self, key: str) -> bool:
        """Tell whether there is an object of that key."""
        try:
            self.put_at(key)
        except FileNotFoundError:
            return False
        return True

    def put_at(self, key: str) -> int:
        """Return when an object was put, by the server's clock [s since 1970]; raises as :meth:`read`."""
        whole = f"{self.bucket.prefix}{self.name}/{key}"
        found = self.bucket.ask(
            f"looking for {key}",
            lambda files: files.call_s3("head_object", Bucket=self.bucket.name, Key=whole),
        )
        return int(found["LastModified"].timestamp())

    def delete(self, keys: Collection[str]) -> None:
        """Remove objects, up to a thousand at a time."""
        start, ordered = f"{self.bucket.prefix}{self.name}/", sorted(keys)
        for at in range(0, len(ordered), DELETED_AT_ONCE):
            wanted = [{"Key": start + key} for key in ordered[at : at + DELETED_AT_ONCE]]
            done = self.bucket.ask(f"deleting in {self.name}", partial(self._deleted, wanted))
            refused = done.get("Errors", [])
            if refused:
                raise StorageError(
                    f"storage {self.bucket.url}: {len(refused)} objects cannot be deleted"
                    f" ({refused[0].get('Code')}); see docs/object-storage.md: rights"
                )

    def _deleted(self, wanted: list[dict[str, str]], files: Any) -> Any:
        return files.call_s3(
            "delete_objects", Bucket=self.bucket.name, Delete={"Objects": wanted, "Quiet": True}
        )

    def shown(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self.bucket.url}/{self.name}/{key}"

    def turn(self, ledger: Ledger, name: str) -> AbstractContextManager[StillHeld]:
        """Lock a name of the ledger, which all machines share."""
        return ledger_lock(ledger, f"writing {name}", wait_s=TURN_SECONDS)

    def each(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Do it for several at once: most of the time is spent waiting for the server."""
        wanted = list(items)
        if len(wanted) <= 1:
            return map(work, wanted)
        with ThreadPoolExecutor(min(CONNECTIONS, len(wanted))) as pool:
            return iter(list(pool.map(work, wanted)))

    def part(self, key: str, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to before ``end`` of an object."""
        found: bytes = self.bucket.ask(
            f"reading {key}", lambda files: files.cat_file(self._path(key), start=start, end=end)
        )
        return found

    def _path(self, key: str) -> str:
        return f"{self.bucket.name}/{self.bucket.prefix}{self.name}/{key}"

    def _cached(self, key: str) -> bytes | None:
        """Return an object of the cache, None where it is not there whole."""
        name = _digest_of(key)
        path = self.cache.path(name) if self.cache is not None and name else None
        if self.cache is None or path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() == name:
            return content
        self.cache.drop(name)
        return None

    def _fetched(self, key: str) -> bytes:
        """Return an object of the server, checked against its name, and keep it."""
        content: bytes = self.bucket.ask(
            f"reading {key}", lambda files: files.cat_file(self._path(key), start=0)
        )
        name = _digest_of(key)
        if name and hashlib.sha256(content).hexdigest() != name:
            raise StorageError(
                f"{self.shown(key)} is damaged; restore it from a backup or an earlier version of it"
            )
        if name and self.cache is not None:
            self.cache.keep(name, content)
        return content


class _Ranged(io.RawIOBase):
    """An object as a file of which only what is asked for is fetched."""

    def __init__(self, folder: ObjectFolder, key: str, size: int) -> None:
        self._folder, self._key, self._size, self._at = folder, key, size, 0

    def seekable(self) -> bool:
        """Say that one may jump."""
        return True

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is asked for yet."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Fetch the next bytes."""
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        found = self._folder.part(self._key, self._at, end)
        self._at += len(found)
        return found


def _digest_of(key: str) -> str:
    """Return the SHA-256 that a key names its content by, or nothing."""
    stem = PurePosixPath(key).stem
    return stem if DIGEST.fullmatch(stem) else ""
