"""Large arguments of many errands, laid down in a file once and mapped into the memory of every process.

Processes of one machine share the pages of such a file; arrays that come out of it cannot be written to.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import pickle
import shutil
import tempfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from filelock import FileLock, Timeout

from pipeline.errors import HeavyWorkError, StorageError
from pipeline.files import reason

ALIGNED: Final = 64
"""Arrays begin at whole multiples of this [bytes], as they do in memory of their own."""

KEPT: Final = 3
"""Inputs that lie in the folder, and are open in a process, at a time."""

_HEAD: Final = 16


@dataclass(frozen=True)
class Laid:
    """An input in a file: where, and the SHA-256 of its content."""

    path: Path
    digest: str


class Inputs:
    """The inputs of one job in a folder of its own, which goes with the job.

    Parameters
    ----------
    folder : in which that folder is made; None: where the system keeps temporary files

    Examples
    --------
    >>> with Inputs(None) as inputs:
    ...     opened(inputs.laid({"a": 1}))
    {'a': 1}
    """

    def __init__(self, folder: Path | None) -> None:
        self._parent = folder
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._kept: OrderedDict[int, tuple[object, Laid]] = OrderedDict()

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()

    @property
    def folder(self) -> Path:
        """Return the job's folder, made when it is first needed; those of jobs that died are removed."""
        if self._folder is None:
            try:
                if self._parent is not None:
                    self._parent.mkdir(parents=True, exist_ok=True)
                    _sweep(self._parent)
                self._folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._parent)).resolve()
                self._folder.chmod(0o755)
                self._lock = FileLock(self._folder / ".lock")
                self._lock.acquire(timeout=10)
            except OSError as error:
                raise StorageError(f"cannot write {self._parent}: {reason(error)}") from error
        return self._folder

    def laid(self, value: object) -> Laid:
        """Lay down a value, unless this very object lies there already.

        Raises
        ------
        StorageError
            the disk is full or cannot be written
        """
        if id(value) in self._kept:
            self._kept.move_to_end(id(value))
            return self._kept[id(value)][1]
        path = self.folder / f"{len(list(self.folder.iterdir()))}-{id(value):x}.input"
        try:
            with path.open("wb") as file:
                found = Laid(path, _write(value, file))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StorageError(f"cannot write {path}: {reason(error)}") from error
        self._kept[id(value)] = (value, found)
        while len(self._kept) > KEPT:
            _, (_, old) = self._kept.popitem(last=False)
            old.path.unlink(missing_ok=True)
        return found


def opened(laid: Laid, content: bytes | None = None) -> Any:
    """Return what was laid down, from its file or from content that travelled; the last few are remembered.

    Raises
    ------
    HeavyWorkError
        the file is not to be seen from here, or is not what was laid down
    """
    if content is None:
        return _from_file(laid)
    return _travelled(laid.digest, _Content(content))


@lru_cache(KEPT)
def _from_file(laid: Laid) -> Any:
    try:
        with laid.path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise HeavyWorkError(
            f"{laid.path} cannot be read here ({error.strerror}); give every machine the same data folder"
        ) from None
    return _read(view, laid.digest)


class _Content:
    """Bytes that are told apart by nothing: what they are is told by the digest beside them."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content)

    def __hash__(self) -> int:
        return 0


@lru_cache(KEPT)
def _travelled(digest: str, content: _Content) -> Any:
    return _read(memoryview(content.content), digest)


def _write(value: object, file: BinaryIO) -> str:
    """Write sizes, then what is no array, then every array at an aligned place; return the digest."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    head = json.dumps([len(body), *(view.nbytes for view in raw)]).encode()
    digest, at = hashlib.sha256(), 0
    for part in (memoryview(len(head).to_bytes(_HEAD, "big")), memoryview(head), memoryview(body), *raw):
        gap = memoryview(bytes(-at % ALIGNED))
        for piece in (gap, part):
            file.write(piece)
            digest.update(piece)
        at += gap.nbytes + part.nbytes
    return digest.hexdigest()


def _read(view: memoryview, digest: str) -> Any:
    if hashlib.sha256(view).hexdigest() != digest:
        raise HeavyWorkError("a shared input is not what was laid down; run the command again")
    size = int.from_bytes(view[:_HEAD], "big")
    sizes = json.loads(bytes(view[ALIGNED : ALIGNED + size]))
    at, parts = ALIGNED + size, []
    for length in sizes:
        at += -at % ALIGNED
        parts.append(view[at : at + length])
        at += length
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - its digest came with the errand


def _sweep(parent: Path) -> None:
    """Remove the folders of jobs whose process is gone, whose locks nobody holds."""
    for folder in parent.glob("job-*"):
        lock = FileLock(folder / ".lock")
        with suppress(Timeout, OSError), lock.acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
