"""What a node does with the other's words about joint texts: checks them and keeps them as statements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.content import WarningContent
from alerts.joint import evidence_digest, rank_of, signature_from
from alerts.joint_limits import is_ahead, why_not_taken
from alerts.joint_rows import offer_row, vote_row
from alerts.joint_slots import is_slot_of
from alerts.joint_texts import offered_text
from alerts.signoff import statement
from alerts.versions import check_content, required_parties
from alerts.warnings import write_draft
from pipeline.cities import all_cities
from pipeline.errors import ContractError, EnvelopeRefused, ReviewError
from pipeline.exchange.canonical import digest
from pipeline.exchange.envelope import Envelope, key_id
from pipeline.exchange.keys import verify
from pipeline.ledger.agreement import StatementRow, insert_statement, statements_of
from pipeline.ledger.warnings import SignatureRow, read_versions
from pipeline.times import parse_instant


def take_offer(conn: Connection, envelope: Envelope) -> str:
    """Keep the other party's offer and show it among the warnings; returns what became of it.

    Raises EnvelopeRefused where the text is not what its digest says, contradicts itself, is not to be
    decided by the two parties, or stands in the way of our own warnings (``alerts.joint_limits``).
    """
    sender, world, body = envelope.sender, envelope.world, envelope.body
    content = _checked_text(sender, envelope.recipient, world, body)
    faults = why_not_taken(conn, content, parse_instant(envelope.created_at))
    if faults:
        raise EnvelopeRefused("unfit", "; ".join(faults))
    row = offer_row(sender, body, own=False)
    if not insert_statement(conn, row):
        return "offered before"
    versions = read_versions(conn, content.warning_id)
    if any(v.version >= content.version for v in versions):
        return f"kept beside version {content.version} of warning {content.warning_id}"
    write_draft(conn, content, row.at, sender, is_new=True)
    return f"waits as version {content.version} of warning {content.warning_id}"


def take_vote(conn: Connection, envelope: Envelope) -> str:
    """Keep the other party's vote; raises EnvelopeRefused where its signature does not stand for it.

    A decision is signed with the key that signed the envelope, or was sent with an earlier vote.
    """
    sender, body = envelope.sender, envelope.body
    signature = _signature(sender, body)
    rows = statements_of(conn, str(body["slot"]))
    earlier = {str(_signature(sender, statement_body(r)).signature) for r in rows if _is_vote_of(r, sender)}
    if key_id(signature.public_key) != envelope.key and signature.signature not in earlier:
        raise EnvelopeRefused("forged", "the decision is not signed with the key of its envelope")
    is_objection = body["digest"] == OBJECTION
    offers = [r for r in rows if (r.kind, r.digest) == ("offer", signature.content_digest)]
    if not offers:
        text = signature.content_digest[:16]
        raise EnvelopeRefused("unknown", f"a decision about text {text}, which nobody offered there")
    _check_about(envelope, signature, offers[0])
    row = vote_row(sender, body, offers[0].world, own=False)
    what = f"objection: {signature.reason}" if is_objection else "approval"
    return f"{what} by {signature.person}" if insert_statement(conn, row) else "said before"


def _checked_text(sender: str, party: str, world: str, body: Mapping[str, Any]) -> WarningContent:
    """Return the text that a body offers; raises EnvelopeRefused."""
    data = body["content"]
    try:
        content = WarningContent.from_dict(dict(data))
        check_content(content)
        stated = digest(content.to_dict())
    except (ReviewError, ContractError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvelopeRefused("unfit", f"no content of a warning: {type(error).__name__}: {error}") from None
    owners = {c.id: c.party for c in all_cities().values()}
    faults = {
        "its digest is another": stated != body["digest"] or digest(data) != body["digest"],
        "its rank is another": list(body["rank"]) != list(rank_of(data)),
        "its evidence is another": body["evidence"] != evidence_digest(data),
        "it is of another world": content.world != world,
        "it belongs to another slot": not is_slot_of(str(body["slot"]), content),
        "a city is said to be another party's": any(owners.get(c.city) != c.party for c in content.cities),
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
        "it was made after it was given": parse_instant(str(body["at"])) < row.at,
        "its signature does not fit": not verify(row.public_key, statement(row), row.signature),
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    if found:
        raise EnvelopeRefused("forged", f"the decision: {'; '.join(found)}")
    return row


def _check_about(envelope: Envelope, signature: SignatureRow, offer: StatementRow) -> None:
    """Refuse a vote that names another version or world than the text it is about, or a time to come."""
    content = WarningContent.from_dict(offered_text(offer))
    at = parse_instant(str(envelope.body["at"]))
    faults = {
        "it is about another version": (signature.warning_id, signature.version)
        != (offer.warning_id, offer.version),
        "it is of another world": envelope.world != offer.world,
        "it is dated after its envelope": is_ahead(content, at, parse_instant(envelope.created_at)),
    }
    found = [fault for fault, is_so in faults.items() if is_so]
    if found:
        raise EnvelopeRefused("unfit", f"the decision: {'; '.join(found)}")


def _is_vote_of(row: StatementRow, party: str) -> bool:
    return row.kind == "vote" and row.party == party


def statement_body(row: StatementRow) -> dict[str, Any]:
    """Return what a row says."""
    found: dict[str, Any] = json.loads(row.body)
    return found
