"""The audit trail: a hash chain in which no row can be altered, removed or moved without it showing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pipeline.ledger.tables import audit, audit_head
from pipeline.times import to_utc

GENESIS = "0" * 64
"""What stands in the place of a previous digest in the first row."""


@dataclass(frozen=True)
class AuditReport:
    """What :func:`verify_audit` found: ``first_bad_seq`` is the first row that is wrong or missing."""

    ok: bool
    rows: int
    first_bad_seq: int | None
    message: str


def append_audit(
    conn: Connection, *, at: datetime, actor: str, action: str, subject: str, payload: Mapping[str, Any]
) -> str:
    """Append one row in the caller's transaction and return its digest.

    Parameters
    ----------
    conn : a connection of ``Ledger.write()``
    at : when it happened
    actor : who did it: a person, or the program itself
    action : what was done, such as ``warning.approve``
    subject : what it was done to: the id of a run, warning, envelope …
    payload : JSON values that say the rest; no secrets

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         digest = append_audit(conn, at=datetime(2019, 3, 3, 8, tzinfo=UTC), actor="seoul.kim",
    ...                               action="warning.approve", subject="01H", payload={"version": 1})
    ...         print(verify_audit(conn).message)
    ...     ledger.close()
    the audit trail is whole: 1 row
    """
    head = _head(conn)
    seq, previous = (head.seq + 1, head.digest) if head else (1, GENESIS)
    instant = to_utc(at)
    payload = json.loads(_canonical(payload))
    digest = row_digest((seq, instant, actor, action, subject, payload, previous))
    conn.execute(
        insert(audit).values(
            seq=seq,
            at=instant,
            actor=actor,
            action=action,
            subject=subject,
            payload=payload,
            previous=previous,
            digest=digest,
        )
    )
    if head:
        conn.execute(update(audit_head).values(seq=seq, digest=digest))
    else:
        conn.execute(insert(audit_head).values(id=1, seq=seq, digest=digest))
    return digest


def row_digest(row: tuple[int, datetime, str, str, str, Any, str]) -> str:
    """Return SHA-256 over the canonical JSON of (seq, at, actor, action, subject, payload, previous)."""
    seq, at, *rest = row
    stamp = at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(_canonical([seq, stamp, *rest]).encode()).hexdigest()


def verify_audit(conn: Connection) -> AuditReport:
    """Recompute the whole chain and name the first row that is altered, missing or out of place.

    A trail whose end was cut off is found by comparing it with the head that is kept apart. Whoever can
    rewrite every row and the head can forge a trail; keep the newest digest elsewhere to exclude that too.
    """
    previous, expected = GENESIS, 1
    for row in conn.execute(select(audit).order_by(audit.c.seq).execution_options(yield_per=1000)):
        problem = _problem(row, expected, previous)
        if problem:
            rows = conn.execute(select(func.count()).select_from(audit)).scalar_one()
            return AuditReport(False, rows, expected, f"audit row {expected} {problem}")
        previous, expected = row.digest, expected + 1
    return _verify_end(conn, expected - 1, previous)


def newest_rows(conn: Connection, limit: int = 30) -> list[dict[str, Any]]:
    """Return the last rows of the trail, newest first, as plain data."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    return [dict(row._mapping) for row in conn.execute(query)]


def audit_end(conn: Connection) -> tuple[int, str] | None:
    """Return number and digest of the last row, None before the first."""
    found = conn.execute(select(audit_head.c.seq, audit_head.c.digest)).one_or_none()
    return None if found is None else (found.seq, found.digest)


def audit_digest(conn: Connection, seq: int) -> str | None:
    """Return the digest of a row, None where there is none."""
    found: str | None = conn.execute(select(audit.c.digest).where(audit.c.seq == seq)).scalar()
    return found


def rows_about(conn: Connection, subject: str, action: str) -> list[dict[str, Any]]:
    """Return what was written of one action on one subject, oldest first, as plain data."""
    query = select(audit).where(audit.c.subject == subject, audit.c.action == action)
    return [dict(row._mapping) for row in conn.execute(query.order_by(audit.c.seq))]


def _problem(row: Row[Any], expected: int, previous: str) -> str:
    """Return what is wrong with one row, or nothing."""
    if row.seq != expected:
        return "is missing"
    if row.previous != previous:
        return "does not follow the row before it"
    content = (row.seq, row.at, row.actor, row.action, row.subject, row.payload, row.previous)
    return "" if row_digest(content) == row.digest else "was altered"


def _verify_end(conn: Connection, rows: int, digest: str) -> AuditReport:
    """Compare the end of an unbroken chain with the head."""
    head = _head(conn)
    recorded = (head.seq, head.digest) if head else (0, GENESIS)
    if recorded != (rows, digest):
        message = f"audit row {rows + 1} is missing: the trail ends before its recorded head"
        return AuditReport(False, rows, rows + 1, message)
    return AuditReport(True, rows, None, f"the audit trail is whole: {rows} row{'' if rows == 1 else 's'}")


def _head(conn: Connection) -> Row[Any] | None:
    """Return the recorded last row; whoever appends holds the write lock of the ledger."""
    return conn.execute(select(audit_head)).one_or_none()


def _canonical(value: object) -> str:
    """Write JSON in the one form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
