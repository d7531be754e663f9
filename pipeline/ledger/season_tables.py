"""Tables of what both sides keep of a season: joint documents, what people of a party said, private numbers.

All are facts, written once; triggers refuse to change them.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text, UniqueConstraint

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import SEQUENCE, UTCDateTime

APPEND_ONLY = ("joint_documents", "party_statements", "duty_telephones")
"""Tables whose rows are written once."""

joint_documents = Table(
    "joint_documents",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("subject", String(80), primary_key=True, comment="which episode, or which week"),
    Column("version", Integer, primary_key=True, comment="from 1"),
    Column("world", String(64), primary_key=True),
    Column("as_of", UTCDateTime, nullable=False, comment="nothing received later is in it"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the text without its as_of"),
    Column("text", Text, nullable=False, comment="the document as canonical JSON"),
    Column("at", UTCDateTime, nullable=False),
    CheckConstraint("kind IN ('dossier', 'outlook')", name="kind"),
)
"""Versions of joint documents; none is ever changed, a later one stands beside the earlier ones."""

party_statements = Table(
    "party_statements",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, comment="SHA-256 of the statement that was signed"),
    Column("kind", String(16), nullable=False),
    Column("world", String(64), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("party", String(32), nullable=False),
    Column("person", String(120), nullable=False),
    Column("own", Boolean, nullable=False, comment="said at this node"),
    Column("at", UTCDateTime, nullable=False, comment="by the sayer's clock"),
    Column("body", Text, nullable=False, comment="what was said, as canonical JSON"),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    UniqueConstraint("id"),
    CheckConstraint(
        "kind IN ('finding', 'answer', 'close', 'outlook', 'shift', 'handover')",
        name="kind",
    ),
    Index("ix_party_statements_subject", "kind", "world", "subject"),
    sqlite_autoincrement=True,
)
"""What people of a party said, signed with its key: findings, answers, sign-offs, shifts, handovers."""

duty_telephones = Table(
    "duty_telephones",
    metadata,
    Column("statement", String(64), primary_key=True, comment="id of the shift"),
    Column("telephone", String(40), nullable=False),
)
"""Numbers of people on duty; they stay on the node on which they were entered."""
