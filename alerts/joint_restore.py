"""What this node's party had said of joint texts, entered again from its own envelopes after a loss.

A vote that was given stays given: the slot is in the round in which the other node sees it, and nobody can
vote again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.content import WarningContent
from alerts.joint import signature_from
from alerts.joint_rows import issued_row, offer_row, vote_row
from alerts.joint_take import statement_body
from alerts.versions import OPEN
from alerts.warnings import open_review, write_draft
from pipeline.errors import ReviewError
from pipeline.ledger.agreement import StatementRow, insert_statement, offer_of, statements_of
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import insert_signature, read_signatures, read_version, read_versions
from pipeline.times import iso, parse_instant

ACTOR = "recovered"


def restore_offer(conn: Connection, party: str, body: Mapping[str, Any]) -> StatementRow:
    """Enter an offer that this party had made, and show its text among the warnings."""
    content = WarningContent.from_dict(dict(body["content"]))
    row = offer_row(party, body, own=True)
    insert_statement(conn, row)
    if not any(v.version >= content.version for v in read_versions(conn, content.warning_id)):
        write_draft(conn, content, row.at, ACTOR, is_new=True)
    return row


def restore_vote(conn: Connection, party: str, body: Mapping[str, Any], at: datetime) -> StatementRow:
    """Enter a vote that this party had given; before its deadline it also counts for the warning alone.

    After the deadline the node had issued alone what there was to issue, and nothing is sent twice.
    """
    known = statements_of(conn, str(body["slot"]))
    row = vote_row(party, body, known[0].world if known else "", own=True)
    insert_statement(conn, row)
    if row.digest != OBJECTION:
        _sign_again(conn, row, at)
    return row


def _sign_again(conn: Connection, row: StatementRow, at: datetime) -> None:
    """Enter the signature beside its text, while that can still be decided about."""
    offer = offer_of(conn, row.digest)
    signature = signature_from(statement_body(row)["signature"])
    try:
        version = read_version(conn, row.warning_id, row.version)
    except ReviewError:
        return
    is_same = version.content_digest == row.digest and version.state in OPEN
    signed = read_signatures(conn, row.warning_id, row.version)
    is_there = any(s.signature == signature.signature for s in signed)
    if offer is None or not is_same or is_there or parse_instant(version.content["review_deadline"]) <= at:
        return
    insert_signature(conn, signature)
    open_review(conn, row.warning_id, row.version, ACTOR, at)


def restore_issue(
    conn: Connection, party: str, world: str, body: Mapping[str, Any], at: datetime
) -> StatementRow:
    """Enter that a version was issued here, so that no agreement about its text issues it again."""
    row = issued_row(party, body, world, own=True)
    insert_statement(conn, row)
    payload = {"version": row.version, "digest": row.digest, "why": "issued before the loss"}
    payload |= {"known_at": iso(at)}
    append_audit(
        conn, at=at, actor=ACTOR, action="joint.recorded_only", subject=row.warning_id, payload=payload
    )
    return row
