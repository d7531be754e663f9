"""Atomic files: written beside, synced, then renamed, so that a reader sees the whole file or none."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import StorageError


def write_atomic(path: Path, content: bytes) -> Path:
    """Write a file so that it appears whole or not at all; an existing file is replaced.

    Raises
    ------
    StorageError
        the disk is full or cannot be written; what was there before is untouched

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "a" / "note.txt", b"hello").read_bytes()
    b'hello'
    """
    return write_with(path, lambda beside: beside.write_bytes(content))


def write_with(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then sync and rename it into place."""
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        beside = Path(name)
        write(beside)
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {reason(error)}") from error
    return path


def reason(error: OSError) -> str:
    """Say what an operator can do about a disk error.

    >>> reason(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full; free space and run the same command again'
    """
    advice = {
        errno.ENOSPC: "the disk is full; free space and run the same command again",
        errno.EDQUOT: "the disk quota is used up; free space and run the same command again",
        errno.EACCES: "permission denied; check the owner of the data folder",
        errno.EROFS: "the file system is read-only",
    }
    return advice.get(error.errno or 0, error.strerror or str(error))
