"""For which recipient of warnings an account of an agency speaks: the newest word of the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pipeline.ledger.audit import append_audit, rows_about
from pipeline.ledger.recipients import Contact, RecipientRow, read_recipients

ACTION = "account.recipient"


def recipient_of_account(conn: Connection, account: str) -> tuple[RecipientRow, Contact] | None:
    """Return the recipient for whom an account (its name) speaks, None if there is none or it was erased."""
    rows = rows_about(conn, account, ACTION)
    wanted = str(rows[-1]["payload"].get("recipient", "")) if rows else ""
    return next(iter(read_recipients(conn, wanted)), None) if wanted else None


def link_account(conn: Connection, account: str, recipient: str, *, by: str, at: datetime) -> None:
    """Let an account speak for a recipient (its id), or with an empty one for none.

    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.ledger.audit import verify_audit
    >>> from pipeline.times import parse_instant
    >>> at = parse_instant("2026-01-14T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         link_account(conn, "han", "r-1", by="kim", at=at)
    ...         print(recipient_of_account(conn, "han"), verify_audit(conn).rows)
    ...     ledger.close()
    None 1
    """
    append_audit(conn, at=at, actor=by, action=ACTION, subject=account, payload={"recipient": recipient})
