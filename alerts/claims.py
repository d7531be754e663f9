"""Who is sending right now: a claim lives as long as the process that holds its lock file.

The operating system lets go of the lock when the process dies, however it dies, so on the same machine a
crashed sender is recognised at once. Of senders on other machines only the age of their claim is known,
unless all share a ledger in PostgreSQL: then its server holds the locks of all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from ulid import ULID

from pipeline.errors import StorageError
from pipeline.ledger import Ledger
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.postgres import is_postgres

IN_LEDGER: Final = "ledger/"
"""How claims begin whose locks the server of the ledger holds."""


@contextmanager
def hold_claim(folder: Path, ledger: Ledger) -> Iterator[str]:
    """Hold a new claim for the length of a block; its name goes into the rows that are being sent.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.ledger import open_ledger
    >>> with TemporaryDirectory() as place:
    ...     folder, ledger = Path(place), open_ledger(f"sqlite:///{place}/ledger.sqlite")
    ...     with hold_claim(folder, ledger) as claim:
    ...         held = is_abandoned(folder, ledger, claim, timedelta(hours=9), timedelta(minutes=15))
    ...     held, is_abandoned(folder, ledger, claim, timedelta(0), timedelta(minutes=15))
    ...     ledger.close()
    (False, True)
    """
    if is_postgres(ledger.engine):
        claim = f"{IN_LEDGER}{ULID()}"
        with ledger_lock(ledger, f"claim {claim}", wait_s=0):
            yield claim
        return
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


def is_abandoned(folder: Path, ledger: Ledger, claim: str, age: timedelta, lease: timedelta) -> bool:
    """Tell whether nobody works on a claim any more: its process is gone, or the ``lease`` elsewhere over."""
    if is_postgres(ledger.engine) and claim.startswith(IN_LEDGER):
        return _is_free(ledger, claim)
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


def _is_free(ledger: Ledger, claim: str) -> bool:
    """Tell whether nobody holds the lock of a claim in the ledger."""
    try:
        with ledger_lock(ledger, f"claim {claim}", wait_s=0):
            return True
    except LockHeld:
        return False


def claim_age(claimed_at: datetime | None, now: datetime) -> timedelta:
    """Return how long ago a claim was made; endless if that is not known."""
    return timedelta.max if claimed_at is None else now - claimed_at


def _lock_path(folder: Path, claim: str) -> Path:
    """Return the lock file of a claim."""
    return folder / f"{claim.rpartition('/')[2]}.lock"
