"""Whose received data a run could rest on, as the marks that came with them ask to be told."""

from __future__ import annotations

from flows.exchange_data import received_marks
from flows.workspace import Workspace
from pipeline.ledger.batches import listed_batches
from pipeline.ledger.runs import RunRow
from pipeline.sharing import RECEIVED


def credits_of(ws: Workspace, run: RunRow) -> tuple[tuple[str, str], ...]:
    """Return what to say of the other parties' data known to a run, and their redistribution, each once.

    The words are the attribution that the sender asked for, or its name, and the licence.
    """
    with ws.ledger.read() as conn:
        listed = listed_batches(conn, run.world, as_of=run.as_of)
    known = {batch.source for batch in listed if batch.source.startswith(RECEIVED)}
    found: dict[tuple[str, str], None] = {}
    for mark in received_marks(ws):
        if mark["source"] in known:
            sender = str(mark["source"]).removeprefix(RECEIVED).partition(".")[0]
            said = f"{mark['attribution'] or sender} ({mark['licence']})"
            found[said, str(mark["redistribution"])] = None
    return tuple(found)
