"""The lock by which the writers of a world take turns; the system frees it when its holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import StorageError

LOCK_TIMEOUT_SECONDS = 300


@contextmanager
def world_lock(root: Path, world: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of one world's writers under the root of the store.

    Returns
    -------
    what tells by StorageError that the lock was lost meanwhile, as by name in ``pipeline.ledger.locks``; a
    locked file never is

    Raises
    ------
    StorageError
        another writer has held it for five minutes, or the folder cannot be used
    """
    folder = root / world
    lock = FileLock(folder / ".lock", timeout=LOCK_TIMEOUT_SECONDS, poll_interval=0.01)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise StorageError(f"another process has long been writing under {folder}: {error}") from error
    except OSError as error:
        raise StorageError(f"cannot use {folder}: {error}; free it, then repeat") from error
    try:
        yield lambda: None
    finally:
        lock.release()
