"""What a node says of its own keys in a round: the next one, before it signs with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from flows.node import Node
from pipeline.exchange.key_notices import announcement
from pipeline.exchange.post import Message
from pipeline.exchange.statements import NODE_WORLD


def key_words(_conn: Connection, node: Node, _at: datetime) -> list[Message]:
    """Return the announcements of our keys that replace another; each is said once to every party."""
    own = {k.id: k for k in node.ring.of(node.party)}
    said = []
    for key in own.values():
        before = own.get(key.announced_by)
        if before is None or before.valid_to is None or key.revoked_at is not None:
            continue
        body = announcement(key, before.id, before.valid_to)
        said += [Message(peer, "key", NODE_WORLD, f"key|{key.id}", body) for peer in node.peers]
    return said
