"""Joint texts of two nodes as the ledger holds them: which decision a text is for, and who said what of it.

``alerts.agreement`` is the protocol; here its statements are rows. A row is written in the transaction in
which the statement is also put into the chain of envelopes, so a crash leaves both or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import (
    OBJECTION,
    Offer,
    SlotState,
    Statement,
    Vote,
    slot_state,
    why_not_offer,
    why_not_vote,
)
from alerts.content import WarningContent
from alerts.joint_rows import statement_row
from alerts.joint_slots import slot_for, why_other_slot
from alerts.joint_texts import offered_text, speaks_of_same_days
from alerts.versions import OPEN, required_parties
from pipeline.errors import ReviewError
from pipeline.exchange.canonical import digest
from pipeline.ledger.agreement import (
    StatementRow,
    insert_statement,
    offer_of,
    statements_about,
    statements_of,
    votes_like,
)
from pipeline.ledger.warnings import SignatureRow, VersionRow, read_events, read_in_state, read_signatures
from pipeline.times import iso, parse_instant

_EVIDENCE = ("run_id", "as_of", "model_id", "degraded", "inputs_missing", "links", "rules", "origins")


def rank_of(content: Mapping[str, Any]) -> tuple[str, int]:
    """Return how good a text is beside another of its slot; it follows from the text alone.

    >>> from alerts.examples import example_content
    >>> rank_of(example_content().to_dict())
    ('2026-01-14T08:00:00Z', 0)
    """
    return str(content["issue_time"]), len(content["references"])


def evidence_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of what a text rests on: run, inputs, rules, links and origins."""
    return digest({name: content.get(name, []) for name in _EVIDENCE})


def said(rows: Iterable[StatementRow], parties: Sequence[str]) -> dict[str, list[Statement]]:
    """Return the statements of each party in its order."""
    found: dict[str, list[Statement]] = {party: [] for party in parties}
    for row in (r for r in rows if r.party in found):
        if row.kind == "offer":
            found[row.party].append(Offer(row.slot, row.round, row.digest, rank_of(offered_text(row))))
        elif row.kind == "vote":
            found[row.party].append(Vote(row.slot, row.round, row.digest, iso(row.at)))
    return found


def slot_parties(rows: Sequence[StatementRow]) -> tuple[str, ...]:
    """Return whose decision a slot is: the owners of the cities of its texts."""
    offer = next((r for r in rows if r.kind == "offer"), None)
    return () if offer is None else required_parties(WarningContent.from_dict(offered_text(offer)))


def state_of(conn: Connection, slot: str) -> SlotState:
    """Return where a slot stands by what this node knows; a vote counts up to the deadline of its text."""
    rows = statements_of(conn, slot)
    closes = {r.digest: str(offered_text(r)["review_deadline"]) for r in rows if r.kind == "offer"}
    return slot_state(said(rows, slot_parties(rows)), slot, closes)


def offers_due(conn: Connection, party: str) -> list[VersionRow]:
    """Return the open joint versions of a party whose text nobody has offered yet."""
    rows = read_in_state(conn, OPEN)
    joint = [r for r in rows if r.content["product"] == "joint_warning" and party in r.content["parties"]]
    unsaid = [r for r in joint if offer_of(conn, r.content_digest) is None]
    return sorted(unsaid, key=lambda r: (r.content["issue_time"], r.content["onset"], r.warning_id))


def make_offer(conn: Connection, party: str, row: VersionRow) -> StatementRow | None:
    """Offer a version's text in the round that its slot is in; None where that is not to be done now.

    A party that has objected in the round offers its next text when the other party has voted: one offered
    beside its own objection could not be agreed, and not be offered again.
    """
    content = WarningContent.from_dict(row.content)
    slot = slot_for(conn, content)
    rows = statements_of(conn, slot)
    state, number = (state_of(conn, slot), 0) if rows else (None, 1)
    if state is not None:
        known = said(rows, slot_parties(rows))
        is_refused = state.vote_of(party) == OBJECTION
        if is_refused or why_not_offer(state, known, slot, row.content_digest):
            return None
        number = state.round
    rank = rank_of(row.content)
    body = {
        "slot": slot,
        "round": number,
        "digest": row.content_digest,
        "rank": list(rank),
        "evidence": evidence_digest(row.content),
        "content": row.content,
    }
    found = statement_row(party, body, row.content, own=True, world=content.world, kind="offer", at=row.at)
    return found if insert_statement(conn, found) else None


def make_vote(
    conn: Connection, digest_: str, signature: SignatureRow, at: datetime | None = None
) -> StatementRow | None:
    """Give a party's vote for or against an offered text in the round that its slot is in.

    None if it has been given. ``at`` None: when the signature was made. A signed text is voted for again in a
    round that leaves only it.

    Raises
    ------
    ReviewError
        the party has voted otherwise in this round, or the text is not to be voted on
    """
    offer, name = offer_of(conn, digest_), f"version {signature.version} of warning {signature.warning_id}"
    if offer is None:
        raise ReviewError(f"{name} was not offered; try again")
    state = state_of(conn, offer.slot)
    chosen = digest_ if signature.decision == "approve" else OBJECTION
    if state.vote_of(signature.party) == chosen or (state.agreed is not None and state.agreed == chosen):
        return None
    why = why_not_vote(state, signature.party, chosen)
    if not why and chosen:
        why = why_other_slot(conn, offer, signature.party, lambda slot: state_of(conn, slot))
    if why:
        raise ReviewError(f"{why}; see `sameair warnings show {signature.warning_id}`")
    when = signature.at if at is None else at
    signed = signature_body(signature)
    body = {
        "slot": offer.slot,
        "round": state.round,
        "digest": chosen,
        "at": iso(when),
        "signature": signed,
    }
    found = statement_row(signature.party, body, signed, own=True, world=offer.world, kind="vote", at=when)
    insert_statement(conn, found)
    return found


def signature_body(row: SignatureRow) -> dict[str, Any]:
    """Return a signature as plain data."""
    return {**{k: v for k, v in vars(row).items() if k != "at"}, "at": iso(row.at)}


def signature_from(body: Mapping[str, Any]) -> SignatureRow:
    """Return a signature from plain data."""
    return SignatureRow(**{**body, "at": parse_instant(str(body["at"]))})


def agreed_at(conn: Connection, digest_: str) -> datetime | None:
    """Return when the second of two votes for a text was given that made it joint; None if it is not."""
    offer = offer_of(conn, digest_)
    if offer is None:
        return None
    state = state_of(conn, offer.slot)
    if state.agreed != digest_:
        return None
    votes = [r.at for r in statements_of(conn, offer.slot) if (r.kind, r.round) == ("vote", state.round)]
    return max(votes)


def instant_of(conn: Connection, row: VersionRow, at: datetime) -> datetime:
    """Return when a version counts as issued: of two nodes, when the second party signed, if that is known.

    So both nodes name the same instant, and later texts of both reference the same messages. A text that had
    expired here before the other's signature came is issued when it came.
    """
    steps = [e.state for e in read_events(conn, row.warning_id) if e.version == row.version]
    if {"expired", "rejected"} & set(steps):
        return at
    return agreed_at(conn, row.content_digest) or at


def own_party(conn: Connection, row: VersionRow) -> str:
    """Return the party of the node where two nodes decide about a version, else nothing.

    Whatever text stands there now: one that a person wrote after the last offer was not offered yet.
    """
    if row.content["product"] != "joint_warning":
        return ""
    offers = [r for r in statements_about(conn, row.warning_id, row.version) if r.kind == "offer"]
    if not offers:
        return ""
    mine = next((r.party for r in offers if r.own), "")
    return mine or next((p for p in row.content["parties"] if p != offers[0].party), "")


def stand_in_text(conn: Connection, row: VersionRow, party: str) -> WarningContent | None:
    """Return the newest joint text of a version that a party signed, whatever text stands there now.

    None where the party later signed another warning about the same days of the same cycle: of its texts
    only the newest is said alone.
    """
    signed = [s for s in read_signatures(conn, row.warning_id, row.version) if s.party == party]
    approved = [s.content_digest for s in signed if s.decision == "approve"]
    if not approved or signed[-1].decision != "approve":
        return None
    offer = offer_of(conn, approved[-1])
    if offer is None:
        return None
    content = WarningContent.from_dict(offered_text(offer))
    for vote in reversed(votes_like(conn, offer.slot.rpartition("|")[0] + "|", party)):
        text = offer_of(conn, vote.digest)
        if text is None or not speaks_of_same_days(offered_text(text), offered_text(offer)):
            continue
        return content if text.warning_id == row.warning_id else None
    return content
