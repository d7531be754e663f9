"""What follows from an agreement on a node: the agreed text becomes its own, with both signatures.

A text becomes joint on a node only here: when both votes of one round for it are known, the other party's
signature is entered beside the own one. Until then the other's signature is kept as a statement, so no
version can be issued with signatures of different rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.joint import signature_from, state_of
from alerts.joint_episodes import note_episodes
from alerts.joint_slots import slot_beginning
from alerts.joint_take import statement_body
from alerts.joint_texts import offered_text, speaks_of_same_days
from alerts.versions import CLOSED, IN_FORCE, OPEN
from alerts.warnings import advance, open_review, reopen, write_draft
from pipeline.errors import ReviewError
from pipeline.ledger.agreement import StatementRow, offer_of, slots_like, statements_of
from pipeline.ledger.audit import append_audit, rows_about
from pipeline.ledger.warnings import (
    SignatureRow,
    VersionRow,
    insert_signature,
    read_events,
    read_in_state,
    read_signatures,
    read_versions,
)
from pipeline.times import iso, parse_instant


class Waits(ReviewError):
    """An agreed text that speaks of versions which are not in force here, or not yet."""


def settled_text(conn: Connection, slot: str, at: datetime) -> str:
    """Make the text on which a slot has agreed this node's own; returns what came of it, or nothing.

    The version is then fully approved and is issued by the next step; one that is over, or about which a
    later word stands, is recorded only. Repeating it changes nothing.
    """
    state = state_of(conn, slot)
    if state.agreed is None:
        return ""
    offer = offer_of(conn, state.agreed)
    if offer is None:
        return ""
    rows = statements_of(conn, slot)
    votes = [r for r in rows if (r.kind, r.round, r.digest) == ("vote", state.round, state.agreed)]
    signed = [signature_from(statement_body(r)["signature"]) for r in votes]
    content = WarningContent.from_dict(offered_text(offer))
    said = f"agreed on version {content.version} of warning {content.warning_id}"
    if _is_done(conn, content, state.agreed):
        return said
    at = _present(conn, content, votes, at)
    try:
        version = _adopted(conn, content, state.agreed, offer.party, at)
    except ReviewError as error:
        what = "waits" if isinstance(error, Waits) else "recorded_only"
        _note(conn, f"joint.{what}", content, at, {"digest": state.agreed, "why": str(error)})
        return f"{said}: {what.replace('_', ' ')}; {error}"
    fresh = _enter(conn, signed)
    note_episodes(conn, content, at)
    if version.state in OPEN:
        open_review(conn, version.warning_id, version.version, "agreement", at)
        _drop_others(conn, content, at)
    if fresh:
        _note(conn, "joint.agreed", content, at, {"digest": state.agreed, "round": state.round, "slot": slot})
    return said


def adopt_text(conn: Connection, row: VersionRow, digest_: str, at: datetime) -> VersionRow:
    """Let a version in review bear another text that was offered for it, to be decided about.

    Raises ReviewError where no such text was offered, or it does not follow what is in force here.
    """
    offer = offer_of(conn, digest_)
    if offer is None or (offer.warning_id, offer.version) != (row.warning_id, row.version):
        raise ReviewError(f"no text {digest_[:16]} was offered for version {row.version} of {row.warning_id}")
    return _adopted(conn, WarningContent.from_dict(offered_text(offer)), digest_, offer.party, at)


def why_not_following(conn: Connection, content: WarningContent) -> str:
    """Return why a text does not follow what is in force here, or nothing.

    Versions that were agreed and here only recorded, since a later word stood, may be named all the same.
    """
    versions = read_versions(conn, content.warning_id)
    in_force = [v.version for v in versions if v.state in IN_FORCE]
    told = rows_about(conn, content.warning_id, "joint.recorded_only")
    recorded = {int(row["payload"]["version"]) for row in told}
    named = [r.version for r in content.references]
    if in_force == [n for n in named if n in in_force or n not in recorded]:
        return ""
    return f"it follows versions {named}, but in force here are {in_force}"


def _is_done(conn: Connection, content: WarningContent, digest_: str) -> bool:
    """Tell whether an agreed text was issued here, or was found to be for the record only."""
    versions = read_versions(conn, content.warning_id)
    mine = [v for v in versions if (v.version, v.content_digest) == (content.version, digest_)]
    if any(v.state in (*IN_FORCE, *CLOSED) for v in mine):
        return True
    told = rows_about(conn, content.warning_id, "joint.recorded_only")
    return any(row["payload"]["digest"] == digest_ for row in told)


def _adopted(
    conn: Connection, content: WarningContent, digest_: str, offered_by: str, at: datetime
) -> VersionRow:
    """Return the version that bears an agreed text, written or reopened as needed; raises ReviewError."""
    versions = read_versions(conn, content.warning_id)
    known = next((v for v in versions if v.version == content.version), None)
    if known is not None and known.state in (*IN_FORCE, *CLOSED):
        if known.content_digest == digest_:
            return known
        raise ReviewError(f"version {content.version} was issued here with another text")
    why = why_not_following(conn, content)
    if why:
        raise Waits(why)
    if known is None or known.state not in OPEN:
        _refuse_past(conn, content, at)
    if known is not None and known.state not in OPEN:
        reopen(conn, known, actor="agreement", reason="approved by both in time, learnt late", at=at)
    if known is None or known.content_digest != digest_:
        write_draft(conn, content, at, offered_by, is_new=known is None)
    rows = read_versions(conn, content.warning_id)
    return next(v for v in rows if v.version == content.version)


def _present(conn: Connection, content: WarningContent, votes: list[StatementRow], at: datetime) -> datetime:
    """Return the present of a text's world: an exercise stands where its newest word is."""
    if not content.simulated and content.cap_status in ("Actual", "Test"):
        return at
    told = read_in_state(conn, (*IN_FORCE, *OPEN, "expired", "rejected"), content.world)
    events = [e.at for i in sorted({r.warning_id for r in told}) for e in read_events(conn, i)]
    return max([*(v.at for v in votes), *events])


def _refuse_past(conn: Connection, content: WarningContent, at: datetime) -> None:
    """Refuse to bring up what is over, or what a later word here has overtaken."""
    if parse_instant(content.expires) <= at:
        raise ReviewError("its validity is over")
    cities = {c.city for c in content.cities}
    for row in read_in_state(conn, IN_FORCE, content.world):
        later = row.content["issue_time"] > content.issue_time
        same = bool({c["city"] for c in row.content["cities"]} & cities)
        if later and same and row.content["cap_status"] == content.cap_status:
            raise ReviewError(f"warning {row.warning_id} of a later cycle is in force here")


def _enter(conn: Connection, signed: Sequence[SignatureRow]) -> bool:
    """Enter the signatures that make a text joint, once each; tells whether any was new."""
    is_new = False
    for row in signed:
        known = read_signatures(conn, row.warning_id, row.version)
        if not any((k.party, k.content_digest, k.decision) == _key(row) for k in known):
            insert_signature(conn, row)
            is_new = True
    return is_new


def _drop_others(conn: Connection, agreed: WarningContent, at: datetime) -> None:
    """Reject the other drafts of the cycle about the same days; those about other days stay to be decided."""
    offers = slots_like(conn, slot_beginning(agreed))
    others = {r.warning_id for r in offers} - {agreed.warning_id}
    for version in (v for warning_id in sorted(others) for v in read_versions(conn, warning_id)):
        is_cycle = version.content["issue_time"] == agreed.issue_time
        is_same = is_cycle and speaks_of_same_days(version.content, agreed.to_dict())
        if version.state in OPEN and is_same and agreed.kind in ("alert", "update"):
            reason = f"the parties agreed on warning {agreed.warning_id} instead"
            advance(conn, version, "rejected", actor="agreement", reason=reason, at=at)


def _key(row: SignatureRow) -> tuple[str, str, str]:
    return row.party, row.content_digest, row.decision


def _note(conn: Connection, action: str, content: WarningContent, at: datetime, told: dict[str, Any]) -> None:
    """Write down what the agreement led to, once."""
    known = rows_about(conn, content.warning_id, action)
    if any(row["payload"]["digest"] == told["digest"] for row in known):
        return
    payload = {"version": content.version, **told, "known_at": iso(at)}
    append_audit(conn, at=at, actor="agreement", action=action, subject=content.warning_id, payload=payload)
