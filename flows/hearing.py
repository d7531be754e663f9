"""Hearing the other node just before a deadline, without letting it hold up what is said then."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Thread
from typing import Final

from alerts.versions import OPEN
from flows.exchange import exchange_round
from flows.workspace import Workspace, open_workspace
from pipeline.ledger.warnings import read_in_state
from pipeline.names import MEASURED

log = logging.getLogger(__name__)

AT_HAND: Final = timedelta(minutes=5)
"""How long before a joint text's deadline the other node is heard first; as often as the post goes."""

LOCK_S: Final = 60.0
"""How long such a round waits for another process that is at one [s]."""

LONGEST_S: Final = 90.0
"""After this long [s] the post goes on; the round, if it still runs, goes on beside it."""


def hear_before_deadline(ws: Workspace, longest_s: float = LONGEST_S) -> bool:
    """Run a round of the exchange if a joint text's deadline is at hand or over; tells whether it ended.

    A signature that was given in time is then not learnt of just after each has warned alone. Nothing of the
    round prevents what is said at the deadline, nor holds it up for longer than ``longest_s`` [s]: it runs
    beside, in a workspace of its own, and may be cut anywhere, as any round.
    """
    try:
        if not ws.settings.party or not _is_at_hand(ws):
            return False
        beside = Thread(target=_round, args=(ws,), name="round before a deadline", daemon=True)
        beside.start()
        beside.join(longest_s)
    except Exception:
        log.exception("the other node was not heard before the deadline")
        return False
    if beside.is_alive():
        log.warning("the round before the deadline takes longer than %.0f s; the post goes on", longest_s)
    return not beside.is_alive()


def _is_at_hand(ws: Workspace) -> bool:
    with ws.ledger.read() as conn:
        waiting = read_in_state(conn, OPEN, MEASURED)
    until = ws.clock() + AT_HAND
    return any(r.content["product"] == "joint_warning" and r.review_deadline <= until for r in waiting)


def _round(ws: Workspace) -> None:
    """Run one round; what fails of it is logged."""
    try:
        own = open_workspace(ws.settings, ws.clock)
        try:
            exchange_round(own, own.clock, lock_s=LOCK_S)
        finally:
            own.ledger.close()
    except Exception:
        log.exception("the round before the deadline failed")
