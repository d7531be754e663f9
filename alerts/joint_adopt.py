"""What a node does with the other's words: checks and keeps them, and makes an agreed text its own.

A text becomes joint on a node only here: when both votes of one round for it are known, the other party's
signature is entered beside the own one. Until then the other's signature is kept as a statement, so no
version can be issued with signatures of different rounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.content import WarningContent
from alerts.joint import (
    evidence_digest,
    offered_text,
    rank_of,
    signature_from,
    slot_parties,
    state_of,
)
from alerts.signoff import statement
from alerts.versions import IN_FORCE, OPEN, check_content, required_parties
from alerts.warnings import advance, open_review, reopen, write_draft
from pipeline.errors import ContractError, EnvelopeRefused, ReviewError
from pipeline.exchange.canonical import canonical_json, digest
from pipeline.exchange.envelope import key_id
from pipeline.exchange.keys import verify
from pipeline.ledger.agreement import (
    StatementRow,
    insert_alias,
    insert_statement,
    offer_of,
    statements_of,
)
from pipeline.ledger.audit import append_audit
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


def take_offer(conn: Connection, sender: str, party: str, world: str, body: Mapping[str, Any]) -> str:
    """Keep the other party's offer and show it among the warnings; returns what became of it.

    Raises EnvelopeRefused where the text is not what its digest says, contradicts itself, or is not to be
    decided by the two parties.
    """
    content = _checked_text(sender, party, world, body)
    row = StatementRow(
        party=sender,
        own=False,
        slot=str(body["slot"]),
        world=world,
        round=int(body["round"]),
        kind="offer",
        digest=str(body["digest"]),
        warning_id=content.warning_id,
        version=content.version,
        at=parse_instant(content.as_of),
        body=canonical_json(body).decode(),
    )
    if not insert_statement(conn, row):
        return "offered before"
    versions = read_versions(conn, content.warning_id)
    if any(v.version >= content.version for v in versions):
        return f"kept beside version {content.version} of warning {content.warning_id}"
    write_draft(conn, content, row.at, sender, is_new=True)
    return f"waits as version {content.version} of warning {content.warning_id}"


def take_vote(conn: Connection, sender: str, key: str, body: Mapping[str, Any]) -> str:
    """Keep the other party's vote; raises EnvelopeRefused where its signature does not stand for it.

    ``key`` is the id of the key that signed the envelope: a decision is signed with the same, or was sent
    with an earlier vote.
    """
    signature = _signature(sender, body)
    rows = statements_of(conn, str(body["slot"]))
    earlier = {str(_signature(sender, _body(r)).signature) for r in rows if _is_vote_of(r, sender)}
    if key_id(signature.public_key) != key and signature.signature not in earlier:
        raise EnvelopeRefused("forged", "the decision is not signed with the key of its envelope")
    is_objection = body["digest"] == OBJECTION
    if not is_objection and offer_of(conn, str(body["digest"])) is None:
        raise EnvelopeRefused("unknown", f"a vote for text {str(body['digest'])[:16]}, which nobody offered")
    row = StatementRow(
        party=sender,
        own=False,
        slot=str(body["slot"]),
        world=rows[0].world if rows else "",
        round=int(body["round"]),
        kind="vote",
        digest=str(body["digest"]),
        warning_id=signature.warning_id,
        version=signature.version,
        at=parse_instant(str(body["at"])),
        body=canonical_json(body).decode(),
    )
    what = f"objection: {signature.reason}" if is_objection else "approval"
    return f"{what} by {signature.person}" if insert_statement(conn, row) else "said before"


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
    signed = [signature_from(_body(r)["signature"]) for r in votes]
    content = WarningContent.from_dict(offered_text(offer))
    at = _present(conn, content, votes, at)
    try:
        version = _adopted(conn, content, state.agreed, offer.party, at)
    except ReviewError as error:
        _note(conn, "joint.recorded_only", content, at, {"digest": state.agreed, "why": str(error)})
        return f"agreed on version {content.version} of warning {content.warning_id}: recorded only; {error}"
    fresh = _enter(conn, signed)
    if version.state in OPEN:
        open_review(conn, version.warning_id, version.version, "agreement", at)
        _drop_others(conn, rows, content, at)
    if fresh:
        _note(conn, "joint.agreed", content, at, {"digest": state.agreed, "round": state.round, "slot": slot})
    return f"agreed on version {content.version} of warning {content.warning_id}"


def adopt_text(conn: Connection, row: VersionRow, digest_: str, at: datetime) -> VersionRow:
    """Let a version in review bear another text that was offered for it, to be decided about.

    Raises ReviewError where no such text was offered, or it does not follow what is in force here.
    """
    offer = offer_of(conn, digest_)
    if offer is None or (offer.warning_id, offer.version) != (row.warning_id, row.version):
        raise ReviewError(f"no text {digest_[:16]} was offered for version {row.version} of {row.warning_id}")
    return _adopted(conn, WarningContent.from_dict(offered_text(offer)), digest_, offer.party, at)


def _checked_text(sender: str, party: str, world: str, body: Mapping[str, Any]) -> WarningContent:
    """Return the text that a body offers; raises EnvelopeRefused."""
    data = body["content"]
    try:
        content = WarningContent.from_dict(dict(data))
        check_content(content)
        stated = digest(content.to_dict())
    except (ReviewError, ContractError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvelopeRefused("unfit", f"no content of a warning: {type(error).__name__}: {error}") from None
    cities = "+".join(sorted(c.city for c in content.cities))
    faults = {
        "its digest is another": stated != body["digest"] or digest(data) != body["digest"],
        "its rank is another": list(body["rank"]) != list(rank_of(data)),
        "its evidence is another": body["evidence"] != evidence_digest(data),
        "it is of another world": content.world != world,
        "it belongs to another slot": not str(body["slot"]).startswith(
            f"{world}|{cities}|{content.issue_time}|"
        ),
        "it is no joint warning of both parties": content.product != "joint_warning"
        or set(required_parties(content)) != {sender, party},
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    if found:
        raise EnvelopeRefused("unfit", "; ".join(found))
    return content


def _signature(sender: str, body: Mapping[str, Any]) -> SignatureRow:
    """Return the signed decision of a vote; raises EnvelopeRefused where it does not stand for it."""
    try:
        row = signature_from(body["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise EnvelopeRefused("unfit", f"no decision: {type(error).__name__}: {error}") from None
    approves = body["digest"] != OBJECTION
    faults = {
        "it is another party's": row.party != sender,
        "it decides otherwise": row.decision != ("approve" if approves else "object"),
        "it is about another text": approves and row.content_digest != body["digest"],
        "its signature does not fit": not verify(row.public_key, statement(row), row.signature),
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    if found:
        raise EnvelopeRefused("forged", f"the decision: {'; '.join(found)}")
    return row


def _adopted(
    conn: Connection, content: WarningContent, digest_: str, offered_by: str, at: datetime
) -> VersionRow:
    """Return the version that bears an agreed text, written or reopened as needed; raises ReviewError."""
    versions = read_versions(conn, content.warning_id)
    known = next((v for v in versions if v.version == content.version), None)
    if known is not None and known.state in (*IN_FORCE, "ended", "cancelled"):
        if known.content_digest == digest_:
            return known
        raise ReviewError(f"version {content.version} was issued here with another text")
    in_force = [v.version for v in versions if v.state in IN_FORCE]
    if in_force != [r.version for r in content.references]:
        named = [r.version for r in content.references]
        raise ReviewError(f"it follows versions {named}, but in force here are {in_force}")
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


def _enter(conn: Connection, signed: list[SignatureRow]) -> bool:
    """Enter the signatures that make a text joint, once each; tells whether any was new."""
    is_new = False
    for row in signed:
        known = read_signatures(conn, row.warning_id, row.version)
        if not any((k.party, k.content_digest, k.decision) == _key(row) for k in known):
            insert_signature(conn, row)
            is_new = True
    return is_new


def _drop_others(conn: Connection, rows: list[StatementRow], agreed: WarningContent, at: datetime) -> None:
    """Reject the other drafts of a slot, and note whose episodes are whose."""
    others = {r.warning_id for r in rows if r.kind == "offer"} - {agreed.warning_id}
    named = {c.city: c.episode_id for c in agreed.cities}
    parties = slot_parties(rows)
    for version in (v for warning_id in sorted(others) for v in read_versions(conn, warning_id)):
        content = WarningContent.from_dict(version.content)
        if version.state not in OPEN or content.issue_time != agreed.issue_time:
            continue
        if version.written_by not in parties:
            for city in content.cities:
                if named.get(city.city, city.episode_id) != city.episode_id:
                    insert_alias(conn, named[city.city], city.episode_id, at)
        reason = f"the parties agreed on warning {agreed.warning_id} instead"
        advance(conn, version, "rejected", actor="agreement", reason=reason, at=at)


def _is_vote_of(row: StatementRow, party: str) -> bool:
    return row.kind == "vote" and row.party == party


def _body(row: StatementRow) -> dict[str, Any]:
    """Return what a row says."""
    found: dict[str, Any] = json.loads(row.body)
    return found


def _key(row: SignatureRow) -> tuple[str, str, str]:
    return row.party, row.content_digest, row.decision


def _note(conn: Connection, action: str, content: WarningContent, at: datetime, told: dict[str, Any]) -> None:
    """Write down what the agreement led to."""
    payload = {"version": content.version, **told, "known_at": iso(at)}
    append_audit(conn, at=at, actor="agreement", action=action, subject=content.warning_id, payload=payload)
