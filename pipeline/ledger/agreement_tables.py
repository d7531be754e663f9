"""Tables of agreeing with another node: what each side said, sealed numbers, questions, answers, calls.

All are facts, written once; on SQLite triggers refuse to change them.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import SEQUENCE, UTCDateTime

APPEND_ONLY = (
    *("agreement_statements", "episode_aliases", "seals", "openings"),
    *("questions", "answers", "consultation_calls"),
)
"""Tables whose rows are written once."""

agreement_statements = Table(
    "agreement_statements",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("party", String(32), nullable=False),
    Column("own", Boolean, nullable=False, comment="said by this node"),
    Column("slot", String(200), nullable=False, comment="world|cities|cycle|number: one joint decision"),
    Column("world", String(64), nullable=False),
    Column("round", Integer, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("digest", String(64), nullable=False, comment="of the text; empty for an objection"),
    Column("warning_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", UTCDateTime, nullable=False, comment="by the sayer's clock"),
    Column("body", Text, nullable=False, comment="what was said, as canonical JSON"),
    UniqueConstraint("party", "slot", "round", "kind", "digest"),
    CheckConstraint("kind IN ('offer', 'vote', 'issued')", name="kind"),
    Index("ix_agreement_statements_slot", "slot", "seq"),
    Index("ix_agreement_statements_text", "warning_id", "version"),
    sqlite_autoincrement=True,
)
"""What both parties said of joint texts, each party's in the order in which it said it."""

episode_aliases = Table(
    "episode_aliases",
    metadata,
    Column("foreign_id", String(64), primary_key=True),
    Column("own_id", String(64), nullable=False),
    Column("at", UTCDateTime, nullable=False),
)
"""Which of our own episodes an episode is that an agreed text of the other node names."""

seals = Table(
    "seals",
    metadata,
    Column("party", String(32), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("person", String(200), nullable=False),
    Column("commitment", String(64), nullable=False),
    Column("secret", Text, nullable=False, comment="number and nonce; of the other party's nothing"),
    Column("at", UTCDateTime, nullable=False),
    Column("opens", UTCDateTime, nullable=False, comment="at the latest"),
)
"""Probabilities to which forecasters committed before they saw the other's."""

openings = Table(
    "openings",
    metadata,
    Column("party", String(32), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("probability", Float, nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("fits", Boolean, nullable=False, comment="it is what was sealed"),
    Column("at", UTCDateTime, nullable=False),
)
"""What was in the seals."""

questions = Table(
    "questions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("asker", String(32), nullable=False),
    Column("asked", String(32), nullable=False),
    Column("person", String(200), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("due", UTCDateTime, nullable=False),
    Column("ring", Text, nullable=False, comment="role and duty telephone that the asker shares, as JSON"),
)
"""Consultation: what one party asks the other."""

answers = Table(
    "answers",
    metadata,
    Column("question", String(64), primary_key=True),
    Column("party", String(32), nullable=False),
    Column("person", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
)
"""The answer to a question."""

consultation_calls = Table(
    "consultation_calls",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("question", String(64), nullable=False),
    Column("person", String(200), nullable=False),
    Column("telephone", String(64), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Index("ix_consultation_calls_question", "question"),
    sqlite_autoincrement=True,
)
"""Telephone calls that were made since nobody answered."""
