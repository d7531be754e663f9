"""Tables of recipients: what they are to be sent, and, apart from it, who they are.

All that names a person or a desk stands in ``recipient_contacts``, and nowhere else in the ledger: deleting a
row there erases the recipient, and every digest of the audit trail still holds.
"""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, Column, Index, String, Table

from pipeline.ledger.metadata import metadata
from pipeline.ledger.types import UTCDateTime

recipients = Table(
    "recipients",
    metadata,
    Column("id", String(64), primary_key=True, comment="random; says nothing of whom it stands for"),
    Column("party", String(64), nullable=False, comment="whose node delivers to it"),
    Column("languages", JSON, nullable=False),
    Column("cities", JSON, nullable=False),
    Column("minimum_level", String(8), nullable=False),
    Column("channel", String(16), nullable=False, comment="the first to be used"),
    Column("created_at", UTCDateTime, nullable=False),
    Column("verified_at", UTCDateTime, comment="when its present addresses were confirmed"),
    Column("leave_from", UTCDateTime),
    Column("leave_until", UTCDateTime),
    Column("deputy", String(64), comment="who is addressed meanwhile"),
    Column("erased_at", UTCDateTime, comment="since when nothing is known of it but this row"),
    CheckConstraint("channel IN ('email', 'webhook')", name="channel"),
    CheckConstraint("leave_from < leave_until", name="leave"),
    Index("ix_recipients_party", "party"),
)
"""Who receives warnings, by a random id."""

recipient_contacts = Table(
    "recipient_contacts",
    metadata,
    Column("recipient_id", String(64), primary_key=True),
    Column("handle", String(64), nullable=False, comment="the name by which the list calls it"),
    Column("names", JSON, nullable=False, comment="by language"),
    Column("email", String(320), nullable=False),
    Column("webhook", String(320), nullable=False),
    Index("ix_recipient_contacts_handle", "handle"),
)
"""Personal data; also of those who stand in a recipients file only and were sent something."""
