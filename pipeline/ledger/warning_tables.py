"""Tables of episodes, warnings, signatures and deliveries.

Rows of the tables in ``APPEND_ONLY`` are never changed or removed; on SQLite triggers refuse it. Only
``outbox`` rows move on, and each of their moves leaves a delivery attempt behind.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
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
    "episodes",
    "episode_revisions",
    "warnings",
    "warning_episodes",
    "warning_versions",
    "warning_events",
    "signatures",
    "delivery_attempts",
    "acknowledgements",
    "bounces",
    "mailbox_mails",
    "digest_items",
)
"""Tables whose rows are facts: written once."""

episodes = Table(
    "episodes",
    metadata,
    Column("id", String(64), primary_key=True, comment="party + ULID, given by the party that owns the city"),
    Column("world", String(64), nullable=False),
    Column("party", String(64), nullable=False),
    Column("city", String(64), nullable=False),
    Column("quantity", String(64), nullable=False),
    Column("opened_at", UTCDateTime, nullable=False),
    Index("ix_episodes_city", "world", "city", "quantity"),
)
"""One continuous exceedance of one city and pollutant."""

episode_revisions = Table(
    "episode_revisions",
    metadata,
    Column("episode_id", String(64), ForeignKey("episodes.id"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(26), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("onset", UTCDateTime, nullable=False),
    Column("until", UTCDateTime, nullable=False),
    Column("details", JSON, nullable=False),
    CheckConstraint("state IN ('open', 'ended', 'withdrawn')", name="state"),
)
"""What successive runs said about an episode; the newest revision counts."""

warnings = Table(
    "warnings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("world", String(64), nullable=False),
    Column("product", String(24), nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    CheckConstraint("product IN ('joint_warning', 'notice', 'single_city_warning')", name="product"),
    Index("ix_warnings_world", "world", "created_at"),
)
"""One warning through all its versions."""

warning_episodes = Table(
    "warning_episodes",
    metadata,
    Column("warning_id", String(64), ForeignKey("warnings.id"), primary_key=True),
    Column("episode_id", String(64), primary_key=True),
    Index("ix_warning_episodes_episode", "episode_id"),
)
"""Which episodes a warning has spoken of, in any of its versions."""

warning_versions = Table(
    "warning_versions",
    metadata,
    Column("warning_id", String(64), ForeignKey("warnings.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False, comment="of a version not yet issued"),
    Column("content", Text, nullable=False, comment="canonical JSON"),
    Column("content_digest", String(64), nullable=False, comment="SHA-256 of the canonical JSON"),
    Column("review_deadline", UTCDateTime, nullable=False),
    Column("expires", UTCDateTime, nullable=False),
    Column("written_by", String(200), nullable=False),
    Column("at", UTCDateTime, nullable=False),
)
"""What each version says; the newest revision counts, and none follows once a version is issued."""

warning_events = Table(
    "warning_events",
    metadata,
    Column("warning_id", String(64), ForeignKey("warnings.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, comment="the state entered"),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    CheckConstraint(
        "state IN ('draft', 'in_review', 'issued', 'updated', 'ended', 'rejected', 'expired', 'cancelled')",
        name="state",
    ),
)
"""The life of every version; the last step is its state."""

signatures = Table(
    "signatures",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("warning_id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("content_digest", String(64), nullable=False),
    Column("party", String(64), nullable=False),
    Column("person", String(200), nullable=False),
    Column("decision", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("public_key", String(64), nullable=False),
    Column("signature", String(128), nullable=False),
    UniqueConstraint("warning_id", "version", "content_digest", "party", "decision"),
    CheckConstraint("decision IN ('approve', 'object')", name="decision"),
    sqlite_autoincrement=True,
)
"""What people of the parties decided about exactly one content; also about one not yet proposed."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("warning_id", String(64), ForeignKey("warnings.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("recipient", String(64), nullable=False),
    Column("address", String(320), nullable=False),
    Column("message_id", String(300), nullable=False),
    Column("payload_digest", String(64), nullable=False, comment="SHA-256 of the message; names its file"),
    Column("expires", UTCDateTime, nullable=False, comment="not worth sending later"),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UTCDateTime, nullable=False),
    Column("claim", String(200), comment="who is sending"),
    Column("claimed_at", UTCDateTime),
    Column("last_error", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("sent_at", UTCDateTime),
    Column("purpose", String(16), nullable=False, server_default="warning"),
    Column("number", Integer, nullable=False, server_default="0", comment="which of several reminders"),
    Column("channel", String(16), nullable=False, server_default="email"),
    UniqueConstraint("warning_id", "version", "recipient", "purpose", "number"),
    UniqueConstraint("message_id"),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed', 'unknown')", name="state"),
    CheckConstraint(
        "purpose IN ('warning', 'substitute', 'reminder', 'escalation', 'digest')", name="purpose"
    ),
    Index("ix_outbox_due", "state", "channel", "next_attempt_at"),
    Index("ix_outbox_recipient", "warning_id", "recipient", "version"),
    Index("ix_outbox_open", "expires", "purpose", "state"),
)
"""One warning per version and recipient, and what follows it: on a second channel, or as a reminder."""

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("outbox_id", String(200), ForeignKey("outbox.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("channel", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", Integer, comment="SMTP reply code, where there was one"),
    Column("detail", Text, nullable=False),
    Index("ix_delivery_attempts_outbox", "outbox_id"),
    sqlite_autoincrement=True,
)
"""Everything that was tried for a message, in order."""

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("warning_id", String(64), ForeignKey("warnings.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("recipient", String(64), nullable=False),
    Column("way", String(16), nullable=False),
    Column("person", String(200), nullable=False, comment="who entered it, where a person did"),
    Column("at", UTCDateTime, nullable=False),
    UniqueConstraint("warning_id", "version", "recipient"),
    CheckConstraint("way IN ('link', 'person', 'reply')", name="way"),
    sqlite_autoincrement=True,
)
"""Who said that a version has arrived, once each."""

bounces = Table(
    "bounces",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("outbox_id", String(200), ForeignKey("outbox.id"), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("status", String(16), nullable=False, comment="status code of RFC 3463"),
    CheckConstraint("kind IN ('hard', 'soft', 'delayed')", name="kind"),
    Index("ix_bounces_outbox", "outbox_id"),
    sqlite_autoincrement=True,
)
"""What mail servers reported later about messages that they had taken; nothing of what they wrote."""

mailbox_mails = Table(
    "mailbox_mails",
    metadata,
    Column("key", String(300), primary_key=True, comment="where it lies, or its digest"),
    Column("at", UTCDateTime, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("outbox_id", String(200), comment="the message that it answers"),
)
"""Which mails of the mailbox were read, so that each counts once; nothing of their text or sender."""

digest_items = Table(
    "digest_items",
    metadata,
    Column("recipient", String(64), primary_key=True),
    Column("warning_id", String(64), ForeignKey("warnings.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("outbox_id", String(200), ForeignKey("outbox.id"), nullable=False),
    Index("ix_digest_items_version", "warning_id", "version"),
)
"""Which versions a recipient was told of in which digest, each once."""
