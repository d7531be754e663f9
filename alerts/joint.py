"""Joint texts of two nodes as the ledger holds them: which decision a text is for, and who said what of it.

``alerts.agreement`` is the protocol; here its statements are rows. A row is written in the transaction in
which the statement is also put into the chain of envelopes, so a crash leaves both or neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

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
from alerts.versions import OPEN, required_parties
from pipeline.errors import ReviewError
from pipeline.exchange.canonical import canonical_json, digest
from pipeline.ledger.agreement import (
    StatementRow,
    insert_statement,
    offer_of,
    read_aliases,
    slots_like,
    statements_of,
)
from pipeline.ledger.warnings import SignatureRow, VersionRow, read_events, read_in_state, read_signatures
from pipeline.times import iso, parse_instant

LAST_WORDS: Final = ("all_clear", "cancel")
"""Kinds of versions that are decisions of their own, apart from the cycle's."""

_EVIDENCE = ("run_id", "as_of", "model_id", "degraded", "inputs_missing", "links", "rules", "origins")


def slot_for(conn: Connection, content: WarningContent) -> str:
    """Return the decision that a joint text belongs to: world, cities, cycle and a number.

    The number tells apart several joint warnings of one cycle: that under which either node has offered a
    text of this warning, else the first under which this node has offered none.
    """
    cities = "+".join(sorted(c.city for c in content.cities))
    beginning = f"{content.world}|{cities}|{content.issue_time}|"
    if content.kind in LAST_WORDS:
        return f"{beginning}{content.kind}-{content.version}"
    offers = [o for o in slots_like(conn, beginning) if o.slot.removeprefix(beginning).isdigit()]
    same = [o.slot for o in offers if o.warning_id == content.warning_id]
    if same:
        return same[0]
    taken = {o.slot for o in offers if o.own}
    number = 0
    while f"{beginning}{number}" in taken:
        number += 1
    return f"{beginning}{number}"


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


def offered_text(offer: StatementRow) -> dict[str, Any]:
    """Return the content that a row offers."""
    content: dict[str, Any] = json.loads(offer.body)["content"]
    return content


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
    """Offer a version's text in the round that its slot is in; None where that is not to be done now."""
    content = WarningContent.from_dict(row.content)
    slot = slot_for(conn, content)
    rows = statements_of(conn, slot)
    state, number = (state_of(conn, slot), 0) if rows else (None, 1)
    if state is not None:
        known = said(rows, slot_parties(rows))
        if why_not_offer(state, known, slot, row.content_digest):
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
    found = _row(party, content, body, kind="offer", at=row.at)
    return found if insert_statement(conn, found) else None


def make_vote(
    conn: Connection, row: VersionRow, signature: SignatureRow, at: datetime | None = None
) -> StatementRow | None:
    """Give a party's vote in the round that the slot of a version is in; None if it has been given.

    ``at`` None: when the signature was made. A signed text is voted for again in a round that leaves only it.

    Raises
    ------
    ReviewError
        the party has voted otherwise in this round, or the text is not to be voted on
    """
    offer = offer_of(conn, row.content_digest)
    if offer is None:
        raise ReviewError(f"version {row.version} of warning {row.warning_id} was not offered; try again")
    state = state_of(conn, offer.slot)
    chosen = row.content_digest if signature.decision == "approve" else OBJECTION
    if state.vote_of(signature.party) == chosen or (state.agreed is not None and state.agreed == chosen):
        return None
    why = why_not_vote(state, signature.party, chosen)
    if why:
        raise ReviewError(f"{why}; see `sameair warnings show {row.warning_id}`")
    when = signature.at if at is None else at
    body = {
        "slot": offer.slot,
        "round": state.round,
        "digest": chosen,
        "at": iso(when),
        "signature": signature_body(signature),
    }
    content = WarningContent.from_dict(row.content)
    found = _row(signature.party, content, body, kind="vote", at=when)
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
    """Return the party of the node where two nodes decide about a version, else nothing."""
    if row.content["product"] != "joint_warning":
        return ""
    offer = offer_of(conn, row.content_digest)
    if offer is None:
        return ""
    if offer.own:
        return offer.party
    return next((p for p in row.content["parties"] if p != offer.party), "")


def stand_in_text(conn: Connection, row: VersionRow, party: str) -> WarningContent | None:
    """Return the newest joint text of a version that a party signed, whatever text stands there now."""
    signed = [s for s in read_signatures(conn, row.warning_id, row.version) if s.party == party]
    approved = [s.content_digest for s in signed if s.decision == "approve"]
    if not approved or signed[-1].decision != "approve":
        return None
    offer = offer_of(conn, approved[-1])
    return None if offer is None else WarningContent.from_dict(offered_text(offer))


def own_view(conn: Connection, rows: Sequence[VersionRow]) -> list[VersionRow]:
    """Return versions as this node's own cycles read them.

    Drafts that only the other node wrote are left out, and its episodes bear the names of our own.
    """
    aliases = read_aliases(conn)
    found = []
    for row in rows:
        if row.written_by in row.content["parties"] and row.state in (*OPEN, "expired", "rejected"):
            continue
        cities = [
            c | {"episode_id": aliases.get(c["episode_id"], c["episode_id"])} for c in row.content["cities"]
        ]
        found.append(replace(row, content={**row.content, "cities": cities}))
    return found


def _row(
    party: str, content: WarningContent, body: Mapping[str, Any], *, kind: str, at: datetime
) -> StatementRow:
    """Return what this node says as a row."""
    return StatementRow(
        party=party,
        own=True,
        slot=str(body["slot"]),
        world=content.world,
        round=int(body["round"]),
        kind=kind,
        digest=str(body["digest"]),
        warning_id=content.warning_id,
        version=content.version,
        at=at,
        body=canonical_json(body).decode(),
    )
