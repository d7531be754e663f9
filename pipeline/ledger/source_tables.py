"""Tables of the sources: what was asked and answered, quotas, quarantine, what other agencies said."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

source_calls = Table(
    "source_calls",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("period", String(32), primary_key=True, comment="minute, hour or day and its start"),
    Column("used", Integer, nullable=False),
    Column("until", UTCDateTime, nullable=False, comment="end of the period"),
)
"""Requests made in each period that a service counts."""

source_stops = Table(
    "source_stops",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("until", UTCDateTime, nullable=False, comment="no request before this instant"),
    Column("reason", Text, nullable=False),
)
"""Services that told us to stop asking for a while."""

asked_hours = Table(
    "asked_hours",
    metadata,
    Column("world", String(64), primary_key=True),
    Column("feed", String(64), primary_key=True),
    Column("unit", String(200), primary_key=True, comment="station, or empty: the whole feed"),
    Column("hour", UTCDateTime, primary_key=True, comment="interval end or issue"),
    Column("asked_at", UTCDateTime, nullable=False, comment="when it was last answered"),
)
"""Which interval ends were answered when; what is not here is lacking."""

source_gaps = Table(
    "source_gaps",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("unit", String(200), nullable=False),
    Column("hour", UTCDateTime, nullable=False),
    Column("noticed_at", UTCDateTime, nullable=False),
    UniqueConstraint("world", "feed", "unit", "hour"),
    sqlite_autoincrement=True,
)
"""Interval ends that no longer can be had: the source keeps them no more."""

feed_attempts = Table(
    "feed_attempts",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("answers", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False, comment="rows that were new or changed"),
    Column("newest", UTCDateTime, comment="newest interval end or issue in the answers"),
    Column("errors", JSON, nullable=False, comment="one line each"),
    CheckConstraint("outcome IN ('ok', 'partial', 'nothing', 'failed', 'stopped')", name="outcome"),
    Index("ix_feed_attempts_feed", "world", "feed", "seq"),
    sqlite_autoincrement=True,
)
"""Every time a feed was asked and what came of it."""

quarantined = Table(
    "quarantined",
    metadata,
    Column("id", String(120), primary_key=True, comment="name of the raw file"),
    Column("world", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("reason", String(64), nullable=False, comment="class of the error"),
    Column("what", Text, nullable=False),
    Column("field", String(200), nullable=False),
    Column("remedy", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("asked", JSON, nullable=False, comment="parameters that the answer does not repeat"),
    Column("fetched_at", UTCDateTime, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("seen", Integer, nullable=False, comment="how often the same bytes came"),
    Column("resolved_at", UTCDateTime, comment="when it needed nobody any more; NULL: open"),
    Index("ix_quarantined_open", "world", "source", "resolved_at"),
)
"""Raw answers that could not be read, or not wholly; the bytes lie in the quarantine folder."""

bulletins = Table(
    "bulletins",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(300), nullable=False),
    Column("issued_at", UTCDateTime, nullable=False),
    Column("valid_from", UTCDateTime, nullable=False),
    Column("valid_until", UTCDateTime),
    Column("received_at", UTCDateTime, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content", JSON, nullable=False),
    Index("ix_bulletins_key", "world", "source", "kind", "key", "seq"),
    sqlite_autoincrement=True,
)
"""Every version of every forecast and advisory of other agencies."""

forecast_files = Table(
    "forecast_files",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, comment="SHA-256 of the file, which is named by it"),
    Column("world", String(64), nullable=False),
    Column("source", String(64), nullable=False, comment="feed that delivered it"),
    Column("reference_time", UTCDateTime, nullable=False, comment="run of the model"),
    Column("first_time", UTCDateTime, nullable=False),
    Column("last_time", UTCDateTime, nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
    Column("receipt", String(8), nullable=False, comment="live, or assumed"),
    Column("path", Text, nullable=False, comment="relative to the folder of forecast fields"),
    Column("attributes", JSON, nullable=False),
    UniqueConstraint("world", "source", "id"),
    CheckConstraint("receipt IN ('live', 'assumed')", name="receipt"),
    Index("ix_forecast_files_run", "world", "source", "reference_time"),
    sqlite_autoincrement=True,
)
"""Weather and composition forecasts of other agencies, one file per run."""

station_verdicts = Table(
    "station_verdicts",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("station", String(200), nullable=False),
    Column("quantity", String(64), nullable=False),
    Column("kind", String(32), nullable=False, comment="clock_shift, swapped, …"),
    Column("state", String(8), nullable=False),
    Column("since", UTCDateTime, nullable=False, comment="first interval end concerned"),
    Column("noticed_at", UTCDateTime, nullable=False),
    Column("score", Float, nullable=False),
    Column("detail", Text, nullable=False),
    CheckConstraint("state IN ('suspect', 'cleared')", name="state"),
    Index("ix_station_verdicts_station", "world", "station", "seq"),
    sqlite_autoincrement=True,
)
"""Stations whose clock or place is in doubt, and when the doubt ended."""

operator_notices = Table(
    "operator_notices",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("world", String(64), nullable=False),
    Column("subject", String(200), nullable=False, comment="what it is about, such as a feed"),
    Column("state", String(32), nullable=False),
    Column("severity", Integer, nullable=False, comment="0: over; higher is worse"),
    Column("text", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("sent_at", UTCDateTime, comment="when the mail left; NULL: waits"),
    Index("ix_operator_notices_subject", "world", "subject", "seq"),
    sqlite_autoincrement=True,
)
"""What operators were told about sources: once, again when worse, and when it was over."""
