"""Tables of store, runs, models and the audit trail; those of warnings are in ``warning_tables``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

batches = Table(
    "batches",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True, comment="order of listing"),
    Column("id", String(64), nullable=False, comment="SHA-256 of the Parquet file, which is named by it"),
    Column("world", String(64), nullable=False),
    Column("source", String(200), nullable=False),
    Column("month", String(7), nullable=False, comment="YYYY-MM of the interval ends, UTC"),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("first_time", UTCDateTime, nullable=False),
    Column("last_time", UTCDateTime, nullable=False),
    Column("quantities", JSON, nullable=False, comment="quantity: [rows, first, last interval end]"),
    Column("receipt", String(8), nullable=False, comment="live, assumed, or column: in the file's rows"),
    Column("received_at", UTCDateTime, comment="live: of every row"),
    Column("delay_seconds", Integer, comment="assumed: received_at = interval end + delay"),
    Column("first_received", UTCDateTime, nullable=False),
    Column("last_received", UTCDateTime, nullable=False),
    Column("listed_at", UTCDateTime, nullable=False),
    Column("superseded_at", UTCDateTime, comment="set by compaction; NULL: listed"),
    Column("superseded_by", String(64)),
    UniqueConstraint("id"),
    CheckConstraint("receipt IN ('live', 'assumed', 'column')", name="receipt"),
    Index("ix_batches_listed", "world", "superseded_at", "last_time"),
    sqlite_autoincrement=True,
)
"""Every batch of observations ever listed; readers see those that are not superseded."""

batch_parts = Table(
    "batch_parts",
    metadata,
    Column("world", String(64), primary_key=True),
    Column("source", String(200), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("digest", String(64), primary_key=True, comment="of the rows as they were given"),
    Column("recorded_at", UTCDateTime, nullable=False),
)
"""Contents that are known to equal the newest stored versions, so that a repeat need not be compared."""

receipts = Table(
    "receipts",
    metadata,
    Column("world", String(64), primary_key=True),
    Column("last_received", UTCDateTime, nullable=False),
)
"""The newest ``received_at`` of each world: a later listing is never dated before it."""

station_rows = Table(
    "station_rows",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("station", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("altitude", Float),
    Column("city", String(64), nullable=False),
    Column("interval_hours", Float, nullable=False),
    Column("note", Text, nullable=False),
    Column("source", String(200), nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
    Index("ix_station_rows_station", "world", "station"),
    sqlite_autoincrement=True,
)
"""Versions of the stations; the newest row of a station counts."""

runs = Table(
    "runs",
    metadata,
    Column("id", String(26), primary_key=True, comment="ULID"),
    Column("world", String(64), nullable=False),
    Column("cycle", UTCDateTime, nullable=False, comment="issue time"),
    Column("as_of", UTCDateTime, nullable=False, comment="instant of the snapshot"),
    Column("code_version", String(64), nullable=False),
    Column("begun_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("status", String(8), nullable=False, comment="running, finished or failed"),
    Column("is_current", Boolean, nullable=False),
    Column("model_id", String(200)),
    Column("inputs", JSON),
    Column("degraded", Text, comment="why the forecast is degraded; empty: it is not"),
    Column("products", JSON, comment="product: path"),
    Column("error", Text),
    CheckConstraint("status IN ('running', 'finished', 'failed')", name="status"),
    Index("ix_runs_cycle", "world", "cycle"),
)
"""Attempts at a cycle; none is ever overwritten and at most one of a cycle is current."""
Index(
    "uq_runs_current",
    runs.c.world,
    runs.c.cycle,
    unique=True,
    sqlite_where=runs.c.is_current.is_(True),
    postgresql_where=runs.c.is_current.is_(True),
)

models = Table(
    "models",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("world", String(64), nullable=False),
    Column("quantity", String(64), nullable=False),
    Column("data_until", UTCDateTime, nullable=False, comment="nothing received later was used"),
    Column("trained_at", UTCDateTime, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("details", JSON, nullable=False),
    Column("variant", String(64), nullable=False, server_default="standard"),
    CheckConstraint("purpose IN ('operational', 'leave_out')", name="purpose"),
    Index("ix_models_use", "world", "quantity", "purpose", "data_until"),
)
"""Trained models and until when the data went that they have seen."""

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UTCDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(100), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("previous", String(64), nullable=False, comment="digest of the row before"),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("previous"),
    Index("ix_audit_subject", "subject"),
)
"""Who did what when; each row carries the digest of the one before."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
"""The last row of the audit trail, kept apart so that a trail cut short is noticed."""
