"""What lies beside the ledger about our chains: how far each goes, and the lock of who is at a round."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flows.workspace import Workspace
from pipeline.errors import StorageError
from pipeline.exchange.post import Sender, why_silent
from pipeline.files import write_atomic
from pipeline.ledger.envelopes import last_sent
from pipeline.ledger.locks import LockHeld, ledger_lock

log = logging.getLogger(__name__)

LONGEST_ROUND: Final = 300
"""How long to wait for another process that is at a round [s]."""


@contextmanager
def one_at_a_time(ws: Workspace, lock_s: float = LONGEST_ROUND) -> Iterator[None]:
    """Let one process at a time be at a round; StorageError after waiting for so long [s]."""
    try:
        with ledger_lock(ws.ledger, "exchange", wait_s=lock_s):
            yield
    except LockHeld:
        raise StorageError("another process has long been exchanging; wait for it or end it") from None


def noted_sent(ws: Workspace, peer: str) -> int:
    """Return how far our chain to a peer went by the note beside the ledger; 0 without one."""
    note = _folder(ws) / f"{peer}.sent"
    try:
        return int(note.read_text("ascii")) if note.exists() else 0
    except ValueError:
        raise StorageError(
            f"the note {note} is damaged; write the last number that was sent into it"
        ) from None


def note_sent(ws: Workspace, peer: str, number: int) -> None:
    """Note how far our chain goes, for when the ledger is restored from a backup."""
    _folder(ws).mkdir(parents=True, exist_ok=True)
    write_atomic(_folder(ws) / f"{peer}.sent", f"{number}\n".encode())


def remember_chain(ws: Workspace, sender: Sender, peers: Iterable[str]) -> None:
    """Note how far our chains go in the ledger, but for those that may not go on.

    It holds the ledger while it notes, so that no other process notes less just after. What is in the
    ledger stands also if it cannot be noted; that is logged.
    """
    try:
        with ws.ledger.write() as conn:
            for peer in peers:
                own = last_sent(conn, peer)
                if own is not None and not why_silent(conn, sender, peer):
                    note_sent(ws, peer, own.sequence)
    except (OSError, StorageError) as error:
        log.error("how far the chain goes was not noted beside the ledger: %s", error)


def _folder(ws: Workspace) -> Path:
    return ws.settings.data_dir / "exchange"
