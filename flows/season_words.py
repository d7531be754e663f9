"""What a node says and hears of a season: findings and answers, sign-offs with what they are of, shifts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, get_args

from sqlalchemy import Connection

from flows.node import Node
from flows.outlook_offered import enclosed, keep_offered, offered_in
from flows.said import is_whole
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.arrivals import Handler
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.post import Message
from pipeline.ledger.audit import append_audit
from pipeline.ledger.season import (
    TOLD,
    PartyStatement,
    StatementKind,
    find_party_statement,
    insert_party_statement,
    untold_statements,
)
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]

SAID: Final[dict[str, frozenset[str]]] = {
    "finding": frozenset({"text"}),
    "answer": frozenset({"finding", "answer", "text"}),
    "close": frozenset({"digest"}),
    "outlook": frozenset({"digest"}),
    "shift": frozenset({"on_duty"}),
}
"""What travels, and what each holds; handovers are a party's own."""


def season_poster(conn: Connection, node: Node, _at: datetime) -> list[Message]:
    """Return what people of the own party said of a season and the peers have not been told, oldest first."""
    return [
        Message(peer, "season", said.world, occasion_of(said), {**body_of(said), **enclosed(conn, said)})
        for peer in node.peers
        for said in untold_statements(conn, node.party, peer, tuple(SAID))
    ]


def take_season(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle what a person of the other party said; it is kept as it was signed, beside what is said here."""
    said = said_in(envelope)
    _check(conn, envelope, said)
    keep_enclosed(conn, envelope, said, at)
    if not insert_party_statement(conn, said):
        return f"{said.kind} said before"
    payload = {"party": said.party, "world": said.world, "statement": said.id}
    told = parse_instant(envelope.created_at)
    append_audit(
        conn, at=told, actor=said.person, action=f"season.{said.kind}", subject=said.subject, payload=payload
    )
    return f"{said.kind} of {said.person} on {said.subject}"


def keep_enclosed(conn: Connection, envelope: Envelope, said: PartyStatement, at: datetime) -> None:
    """Keep the text that came beside a sign-off of an outlook; EnvelopeRefused for one that does not fit."""
    if said.kind == "outlook":
        keep_offered(conn, said, offered_in(envelope, said, at))
    elif "document" in envelope.body:
        raise EnvelopeRefused("unfit", f"a {said.kind} carries no document")


def said_in(envelope: Envelope, *, own: bool = False) -> PartyStatement:
    """Return the statement that an envelope carries; raises EnvelopeRefused for one that is not whole."""
    body = envelope.body
    kinds = {kind: kind for kind in get_args(StatementKind)}
    said = PartyStatement(
        id=body["id"],
        kind=kinds.get(str(body["what"]), ""),
        world=envelope.world,
        subject=body["subject"],
        party=envelope.sender,
        person=body["person"],
        own=own,
        at=parse_instant(body["at"]),
        body=dict(body["said"]),
        public_key=body["public_key"],
        signature=body["signature"],
    )
    if not is_whole(said):
        raise EnvelopeRefused("unfit", f"the {said.kind} is not what {envelope.sender} signed")
    return said


def body_of(said: PartyStatement) -> Plain:
    """Return a statement as the body of an envelope; its party is the sender, its world the envelope's."""
    told = {"id": said.id, "what": said.kind, "subject": said.subject, "person": said.person}
    proof = {"public_key": said.public_key, "signature": said.signature}
    return {**told, "at": iso(said.at), "said": said.body, **proof}


def occasion_of(said: PartyStatement) -> str:
    """Return on which occasion a statement is sent: once to each party."""
    return f"{TOLD}{said.id}"


def _check(conn: Connection, envelope: Envelope, said: PartyStatement) -> None:
    """Refuse what does not hold together: what it may not hold, a date of its future, an answer to itself."""
    if frozenset(said.body) != SAID.get(said.kind):
        raise EnvelopeRefused("unfit", f"no {said.kind} holds {', '.join(sorted(said.body)) or 'nothing'}")
    if said.at > parse_instant(envelope.created_at):
        raise EnvelopeRefused("unfit", f"the {said.kind} is dated after the envelope that carries it")
    if said.kind == "answer":
        finding = find_party_statement(conn, str(said.body["finding"]))
        if finding is not None and (finding.kind != "finding" or finding.party == said.party):
            raise EnvelopeRefused("unfit", f"{said.party} answers no finding of another party")


SEASON_HANDLERS: dict[str, Handler] = {"season": take_season}
"""What is done with the other node's words of a season."""
