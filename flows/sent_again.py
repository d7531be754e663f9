"""A message that is sent once more because a person asks for it, to a recipient of their own party."""

from __future__ import annotations

from typing import Any

from alerts.delivery import put_back
from flows.recipients import recipients_of
from flows.workspace import Workspace
from flows.worlds import present_of
from pipeline.errors import ReviewError
from pipeline.ledger.deliveries import find_message
from pipeline.ledger.recipients import party_of_recipient
from pipeline.ledger.warnings import read_version


def send_message_again(ws: Workspace, outbox_id: str, party: str, person: str, reason: str) -> dict[str, Any]:
    """Put a message back into the outbox; the next delivery sends the same bytes again.

    Raises
    ------
    ReviewError
        there is no such message, its recipient is not the party's, or it is of no use any more
    """
    with ws.ledger.read() as conn:
        row = find_message(conn, outbox_id)
        if row is None:
            raise ReviewError(f"there is no message {outbox_id}; see `sameair deliveries`")
        owner = party_of_recipient(conn, row.recipient)
        world = str(read_version(conn, row.warning_id, row.version).content["world"])
    if owner is None:
        listed = {r.id: r.party for r in recipients_of(ws, ws.clock())}
        owner = listed.get(row.recipient, "")
    if owner != party:
        raise ReviewError(f"message {outbox_id} is to no recipient of {party}; its own party sends it again")
    at = present_of(ws, world)
    with ws.ledger.write() as conn:
        state = put_back(conn, outbox_id, person=person, party=party, reason=reason, at=at)
    return {"message": outbox_id, "was": state, "world": world}
