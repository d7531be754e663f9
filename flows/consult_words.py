"""What a node says and hears in consultation: seals, openings, questions, answers."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from alerts.episodes import stable_ulid
from alerts.sealed import commitment
from flows.node import Node
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.arrivals import Handler
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.post import Message
from pipeline.ledger.audit import append_audit
from pipeline.ledger.consultation import (
    AnswerRow,
    OpeningRow,
    QuestionRow,
    SealRow,
    insert_answer,
    insert_opening,
    insert_question,
    insert_seal,
    read_answers,
    read_openings,
    read_questions,
    read_seals,
)
from pipeline.ledger.envelopes import sent_for
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]


def consult_poster(conn: Connection, node: Node, at: datetime) -> list[Message]:
    """Return seals, openings, questions and answers that were not said yet; opens what is due.

    A seal is opened once the other party has sealed the same, or its instant has come. Two opened numbers
    that lie far apart ask a question, by the party with the greater one.
    """
    _open_due(conn, node, at)
    _ask_disagreed(conn, node, at)
    found = [m for peer in node.peers for m in _messages(conn, node.party, peer)]
    return [m for m in found if sent_for(conn, m.recipient, m.occasion) is None]


def take_seal(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Handle the other party's commitment."""
    return "sealed" if insert_seal(conn, sealed_in(envelope)) else "sealed before; that stands"


def sealed_in(envelope: Envelope) -> SealRow:
    """Return the commitment that an envelope tells of; its secret number is not in it."""
    body = envelope.body
    return SealRow(
        party=envelope.sender,
        subject=body["subject"],
        person=body["person"],
        commitment=body["commitment"],
        secret="",
        at=parse_instant(body["at"]),
        opens=parse_instant(body["opens"]),
    )


def take_opening(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Handle what was in the other party's seal; one that does not fit is kept and so called."""
    body, sender = envelope.body, envelope.sender
    seal = next((s for s in read_seals(conn, body["subject"]) if s.party == sender), None)
    if seal is None:
        raise EnvelopeRefused("unfit", f"{sender} opens what it has not sealed: {body['subject']}")
    told = commitment(seal.subject, sender, float(body["probability"]), body["nonce"])
    fits = told == seal.commitment
    row = OpeningRow(sender, seal.subject, float(body["probability"]), body["nonce"], fits, at)
    insert_opening(conn, row)
    return f"opened: {row.probability:g}" if fits else "opened: it is not what was sealed"


def take_question(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Handle a question of the other party."""
    row = asked_in(envelope)
    if not row.id.startswith(f"{envelope.sender}-"):
        raise EnvelopeRefused("unfit", f"question {row.id} is not {envelope.sender}'s")
    return f"asked by {row.person}" if insert_question(conn, row) else "asked before"


def asked_in(envelope: Envelope) -> QuestionRow:
    """Return the question that an envelope puts."""
    body = envelope.body
    return QuestionRow(
        id=body["id"],
        asker=envelope.sender,
        asked=envelope.recipient,
        person=body["person"],
        subject=body["subject"],
        text=body["text"],
        at=parse_instant(body["at"]),
        due=parse_instant(body["due"]),
        ring=json.dumps(body["ring"], ensure_ascii=False),
    )


def take_answer(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Handle the answer to a question of ours."""
    body = envelope.body
    known = {q.id: q for q in read_questions(conn)}
    if body["question"] not in known or known[body["question"]].asked != envelope.sender:
        raise EnvelopeRefused("unfit", f"question {body['question']} was not put to {envelope.sender}")
    row = answered_in(envelope)
    return f"answered by {row.person}" if insert_answer(conn, row) else "answered before; that stands"


def answered_in(envelope: Envelope) -> AnswerRow:
    """Return the answer that an envelope gives."""
    body = envelope.body
    at = parse_instant(body["at"])
    return AnswerRow(body["question"], envelope.sender, body["person"], body["text"], at)


CONSULT_HANDLERS: dict[str, Handler] = {
    "seal": take_seal,
    "opening": take_opening,
    "question": take_question,
    "answer": take_answer,
}
"""What is done with the other node's words of consultation."""


def question_row(
    sides: tuple[str, str],
    subject: str,
    text: str,
    person: str,
    at: datetime,
    within: timedelta,
    *,
    ring: str = "{}",
) -> QuestionRow:
    """Return a question of one party to the other; the same words at an instant are the same one."""
    return QuestionRow(
        id=f"{sides[0]}-{stable_ulid(at, f'{subject}|{text}')}",
        asker=sides[0],
        asked=sides[1],
        person=person,
        subject=subject,
        text=text,
        at=at,
        due=at + within,
        ring=ring,
    )


def note(conn: Connection, at: datetime, person: str, what: str, about: str, told: Plain) -> None:
    """Write down what was done in consultation."""
    append_audit(conn, at=at, actor=person, action=f"consult.{what}", subject=about, payload=told)


def _open_due(conn: Connection, node: Node, at: datetime) -> None:
    """Open our own seals that both have made, or whose instant has come."""
    seals, opened = read_seals(conn), {(o.subject, o.party) for o in read_openings(conn)}
    both = {s.subject for s in seals if s.party != node.party}
    for seal in (s for s in seals if s.party == node.party and (s.subject, s.party) not in opened):
        if seal.secret and (seal.subject in both or seal.opens <= at):
            secret = json.loads(seal.secret)
            row = OpeningRow(node.party, seal.subject, secret["probability"], secret["nonce"], True, at)
            insert_opening(conn, row)
            note(conn, at, node.party, "opening", seal.subject, {"probability": row.probability})


def _ask_disagreed(conn: Connection, node: Node, at: datetime) -> None:
    """Ask about numbers that lie far apart, once, where the greater one is ours."""
    found: dict[str, dict[str, float]] = {}
    for row in (o for o in read_openings(conn) if o.fits):
        found.setdefault(row.subject, {})[row.party] = row.probability
    asked = {(q.subject, q.asker) for q in read_questions(conn)}
    for subject, numbers in found.items():
        mine = numbers.pop(node.party, None)
        if mine is None or not numbers or (subject, node.party) in asked:
            continue
        other = next(iter(numbers.values()))
        if mine > other and node.terms.disagree(mine, other):
            text = f"Our sealed probability is {mine:g}, yours {other:g}. What do you see that we do not?"
            within, sides = node.terms.answer_within, (node.party, node.peers[0])
            insert_question(conn, question_row(sides, subject, text, "sealed numbers", at, within))


def _messages(conn: Connection, party: str, peer: str) -> list[Message]:
    """Return everything that a party says in consultation, oldest kinds first."""
    found = []
    for s in (s for s in read_seals(conn) if s.party == party):
        body: Plain = {"subject": s.subject, "person": s.person, "commitment": s.commitment}
        body |= {"at": iso(s.at), "opens": iso(s.opens)}
        found.append(_message(peer, "seal", s.subject, body))
    for o in (o for o in read_openings(conn) if o.party == party):
        body = {"subject": o.subject, "probability": o.probability, "nonce": o.nonce, "at": iso(o.at)}
        found.append(_message(peer, "opening", o.subject, body))
    for q in (q for q in read_questions(conn) if q.asker == party):
        body = {"id": q.id, "person": q.person, "subject": q.subject, "text": q.text}
        body |= {"at": iso(q.at), "due": iso(q.due), "ring": json.loads(q.ring)}
        found.append(_message(peer, "question", q.id, body))
    for a in (a for a in read_answers(conn).values() if a.party == party):
        body = {"question": a.question, "person": a.person, "text": a.text, "at": iso(a.at)}
        found.append(_message(peer, "answer", a.question, body))
    return found


def _message(peer: str, kind: str, about: str, body: Plain) -> Message:
    """Return a message; its world is that of what it is about, where that names one."""
    world = about.split("|")[0] if "|" in about else "consultation"
    named = world if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", world) else "consultation"
    return Message(peer, kind, named, f"{kind}-{about}"[:200], body)
