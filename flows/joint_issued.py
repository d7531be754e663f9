"""What each party issued to its own recipients, as the other one is told: identity, times, and its headline.

The other party's forecasters read it; its recipients get nothing of it by us.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.identifiers import alert_identifier
from alerts.joint_rows import issued_row
from alerts.joint_slots import LAST_WORDS
from alerts.vocabulary import Language
from alerts.wording import wording
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.envelope import Envelope
from pipeline.ledger.agreement import insert_statement, issued_by_others
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import VersionRow
from pipeline.times import iso

Plain = dict[str, Any]

ISSUE_KIND: Final = {"alert": "issue", "update": "update", "all_clear": "end", "cancel": "cancel"}
"""The kind of envelope that tells of a version of each kind."""

LONGEST_HEADLINE: Final = 300


def note_issued(conn: Connection, party: str, row: VersionRow, at: datetime) -> None:
    """Write down that a version was issued here, to be told to the other party, once."""
    content = WarningContent.from_dict(row.content)
    body: Plain = {
        "warning_id": row.warning_id,
        "version": row.version,
        "product": content.product,
        "kind": content.kind,
        "level": content.level,
        "status": content.cap_status,
        "digest": row.content_digest,
        "cities": sorted(c.city for c in content.cities),
        "onset": content.onset,
        "expires": content.expires,
        "at": iso(at),
        "identifier": alert_identifier(row.warning_id, row.version),
        "headline": {name: wording(content, name).headline[:LONGEST_HEADLINE] for name in get_args(Language)},
    }
    if insert_statement(conn, issued_row(party, body, content.world, own=True)):
        told = {"version": row.version, "digest": row.content_digest, "last": content.kind in LAST_WORDS}
        append_audit(
            conn, at=at, actor=party, action="joint.issued_told", subject=row.warning_id, payload=told
        )


def take_issued(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Keep what the other party issued to its own recipients."""
    body = envelope.body
    if ISSUE_KIND[str(body["kind"])] != envelope.kind:
        raise EnvelopeRefused("unfit", f"a {body['kind']} is not told by {envelope.kind}")
    insert_statement(conn, issued_row(envelope.sender, body, envelope.world, own=False))
    return f"{envelope.sender} issued {body['product']} {body['warning_id']} v{body['version']}"


def others_listed(conn: Connection, world: str | None) -> list[Plain]:
    """Return what the other party said alone, as rows of the list of warnings, newest first.

    Joint versions stand there as this node's own.
    """
    return [{k: v for k, v in row.items() if k != "world"} for row in others_told(conn, world)]


def others_told(conn: Connection, world: str | None) -> list[Plain]:
    """Return the same rows with the world that each is of."""
    rows = [json.loads(r.body) | {"party": r.party, "world": r.world} for r in issued_by_others(conn, world)]
    return [
        {
            "warning": body["warning_id"],
            "v": body["version"],
            "state": f"issued by {body['party']}",
            "product": body["product"],
            "level": body["level"],
            "status": body["status"],
            "cities": ", ".join(body["cities"]),
            "onset": body["onset"],
            "text of": body["party"],
            "world": body["world"],
        }
        for body in rows
        if body["product"] != "joint_warning"
    ]


def other_shown(conn: Connection, warning_id: str, version: int | None, language: str) -> Plain | None:
    """Return what the other party issued under an id, or the end of one; None where it issued none such."""
    rows = [r for r in issued_by_others(conn, None) if warning_id and r.warning_id.endswith(warning_id)]
    chosen = [r for r in rows if version in (None, r.version)]
    if not chosen:
        return None
    body = json.loads(chosen[0].body)
    said = f"issued by {chosen[0].party} to its own recipients at {body['at']}, message {_message(body)}"
    return {
        "warning": body["warning_id"],
        "version": body["version"],
        "state": f"issued by {chosen[0].party}",
        "digest": body["digest"],
        "text": f"{_headline(body, language)}\n\n{said}\n"
        f"{body['product']} for {', '.join(body['cities'])}, {body['kind']}, {body['status']}; "
        f"onset {body['onset']}, valid until {body['expires']}",
        "content": body,
        "signatures": [f"for {chosen[0].party}, on its own node"],
        **{name: [] for name in ("episodes", "joint", "evidence", "messages")},
    }


def _headline(body: Plain, language: str) -> str:
    """Return what a message is headed, where its sender told."""
    return str(body.get("headline", {}).get(language, ""))


def _message(body: Plain) -> str:
    return str(body.get("identifier", f"{body['warning_id']} v{body['version']}"))
