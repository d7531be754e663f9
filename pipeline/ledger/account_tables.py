"""Tables of the people who use the pages: accounts, one-time links, sessions, tokens, attempts to sign in."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, String, Table, UniqueConstraint

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import SEQUENCE, UTCDateTime

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("name", String(64), nullable=False, comment="with which a person signs in; lower case"),
    Column("person", String(200), nullable=False, comment="as it stands beside decisions"),
    Column("party", String(32), nullable=False, comment="the one party for which the person acts"),
    Column("role", String(16), nullable=False),
    Column("state", String(8), nullable=False, comment="invited, active or closed"),
    Column("language", String(8), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("password", String(200), nullable=False, comment="argon2id; empty: none was set"),
    Column("totp", String(200), nullable=False, comment="sealed secret; empty: no second factor"),
    Column("totp_step", Integer, nullable=False, comment="newest time step that was used"),
    Column("oidc_subject", String(300), comment="issuer and subject of the identity provider"),
    Column("created_at", UTCDateTime, nullable=False),
    UniqueConstraint("name"),
    UniqueConstraint("oidc_subject"),
    CheckConstraint("state IN ('invited', 'active', 'closed')", name="state"),
)
"""Who may sign in; every change is also a row of the audit trail, without its secrets."""

account_links = Table(
    "account_links",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the link's token"),
    Column("account_id", String(26), nullable=False),
    Column("made_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("used_at", UTCDateTime),
    Index("ix_account_links_account", "account_id"),
)
"""Links with which a person sets a password, once."""

account_sessions = Table(
    "account_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the cookie's token"),
    Column("account_id", String(26), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("started_at", UTCDateTime, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("way", String(8), nullable=False, server_default="password", comment="password or oidc"),
    Column("agent", String(200), nullable=False, server_default="", comment="as the browser names itself"),
    Index("ix_account_sessions_account", "account_id"),
)
"""Who is signed in."""

account_tokens = Table(
    "account_tokens",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("account_id", String(26), nullable=False),
    Column("name", String(64), nullable=False, comment="which program holds it, in the person's words"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the token"),
    Column("acknowledges", Boolean, nullable=False, comment="may acknowledge, too; else it only reads"),
    Column("made_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("used_at", UTCDateTime, comment="to the nearest five minutes"),
    Column("revoked_at", UTCDateTime),
    UniqueConstraint("digest"),
    Index("ix_account_tokens_account", "account_id"),
)
"""Tokens with which programs read as a person may."""

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("seq", SEQUENCE, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, comment="SHA-256 of the name that was tried"),
    Column("address", String(64), nullable=False, comment="SHA-256 of the address that tried"),
    Column("at", UTCDateTime, nullable=False),
    Column("worked", Boolean, nullable=False),
    Index("ix_sign_in_attempts_name", "name", "at"),
    Index("ix_sign_in_attempts_address", "address", "at"),
    sqlite_autoincrement=True,
)
"""Attempts of the last day, by which trying is slowed down."""
