"""Tables of the exchange between nodes: what was sent, what came, what was done with it, what was refused.

The first three are facts, written once; on SQLite triggers refuse to change them.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import SEQUENCE, UTCDateTime

APPEND_ONLY = ("envelopes_sent", "envelopes_received", "envelopes_handled", "envelopes_refused")
"""Tables whose rows are written once."""

envelopes_sent = Table(
    "envelopes_sent",
    metadata,
    Column("recipient", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("world", String(64), nullable=False),
    Column("occasion", String(200), nullable=False, comment="why it was sent; the same is sent once"),
    Column("at", UTCDateTime, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    UniqueConstraint("recipient", "occasion"),
)
"""Our own chain to each party, complete: what is lost on the way is sent again from here."""

envelopes_received = Table(
    "envelopes_received",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("world", String(64), nullable=False),
    Column("created_at", UTCDateTime, nullable=False, comment="by the sender's clock"),
    Column("received_at", UTCDateTime, nullable=False, comment="by ours"),
    Column("transport", String(32), nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Index("ix_envelopes_received_kind", "sender", "kind", "sequence"),
)
"""What another party signed and we hold, in whatever order it came."""

envelopes_handled = Table(
    "envelopes_handled",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("outcome", String(16), nullable=False, comment="done, or why nothing was"),
    Column("note", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
)
"""What came of each, strictly in the sender's order."""

envelopes_refused = Table(
    "envelopes_refused",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False),
    Column("transport", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("what", Text, nullable=False),
    Column("payload_digest", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Index("ix_envelopes_refused_digest", "payload_digest"),
    sqlite_autoincrement=True,
)
"""What was not taken, once for each payload and reason."""
