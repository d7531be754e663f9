"""Who is sending right now: a claim lives as long as the process that holds its lock file.

The operating system lets go of the lock when the process dies, however it dies, so on the same machine a
crashed sender is recognised at once. Of senders on other machines only the age of their claim is known.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from ulid import ULID

from pipeline.errors import StorageError


@contextmanager
def hold_claim(folder: Path) -> Iterator[str]:
    """Hold a new claim for the length of a block; its name goes into the rows that are being sent.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with hold_claim(Path(folder)) as claim:
    ...         held = is_abandoned(Path(folder), claim, timedelta(hours=9), timedelta(minutes=15))
    ...     held, is_abandoned(Path(folder), claim, timedelta(0), timedelta(minutes=15))
    (False, True)
    """
    claim = f"{socket.gethostname()}/{ULID()}"
    path = _lock_path(folder, claim)
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except (OSError, Timeout) as error:
        raise StorageError(f"cannot hold a claim in {folder}: {error}") from error
    try:
        yield claim
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def is_abandoned(folder: Path, claim: str, age: timedelta, lease: timedelta) -> bool:
    """Tell whether nobody works on a claim any more: its process is gone, or the ``lease`` elsewhere over."""
    if claim.rpartition("/")[0] != socket.gethostname():
        return age > lease
    path = _lock_path(folder, claim)
    if not path.exists():
        return True
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    path.unlink(missing_ok=True)
    return True


def claim_age(claimed_at: datetime | None, now: datetime) -> timedelta:
    """Return how long ago a claim was made; endless if that is not known."""
    return timedelta.max if claimed_at is None else now - claimed_at


def _lock_path(folder: Path, claim: str) -> Path:
    """Return the lock file of a claim."""
    return folder / f"{claim.rpartition('/')[2]}.lock"
