"""Consultation between two nodes: sealed numbers, questions with deadlines, and whom to ring unanswered."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import Connection

from alerts.roster import duty_of, load_roster
from alerts.sealed import commitment
from flows.consult_words import consult_poster, note, question_row
from flows.exchange_notes import remember_chain
from flows.node import Node, node_of, parties
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.post import post
from pipeline.ledger.consultation import (
    AnswerRow,
    CallRow,
    QuestionRow,
    SealRow,
    insert_answer,
    insert_call,
    insert_question,
    insert_seal,
    is_late,
    read_answers,
    read_calls,
    read_openings,
    read_questions,
    read_seals,
)
from pipeline.times import iso

Plain = dict[str, Any]


def seal_number(ws: Workspace, subject: str, probability: float, person: str, opens: datetime) -> Plain:
    """Commit this node's party to a probability; it is opened when both have sealed, or at ``opens``.

    Raises UsageError where it is no probability, the party has sealed the subject, or the time is over, also
    that of the other party's seal: its number may be known by now.
    """
    node, at = _node(ws), ws.clock()
    if not 0 <= probability <= 1:
        raise UsageError(f"--probability {probability}: it lies between 0 and 1")
    if opens <= at or not person.strip():
        raise UsageError("a seal needs a name and an instant to come at which it opens")
    nonce = token_hex(32)
    row = SealRow(
        party=node.party,
        subject=subject,
        person=person,
        commitment=commitment(subject, node.party, probability, nonce),
        secret=json.dumps({"probability": probability, "nonce": nonce}),
        at=at,
        opens=opens,
    )
    with ws.ledger.write() as conn:
        others = [s for s in read_seals(conn, subject) if s.party != node.party]
        if is_late(row, [row, *others]):
            raise UsageError(
                f"the other party's number about {subject} opened before; it is too late to seal"
            )
        if not insert_seal(conn, row):
            raise UsageError(f"{node.party} has sealed {subject} before; that stands")
        note(conn, at, person, "seal", subject, {"commitment": row.commitment})
        _post_all(conn, node, at)
    remember_chain(ws, node.sender, node.peers)
    return {"subject": subject, "commitment": row.commitment, "opens": iso(opens)}


def ask(
    ws: Workspace,
    subject: str,
    text: str,
    person: str,
    within: timedelta,
    *,
    party: str = "",
    at: datetime | None = None,
) -> Plain:
    """Ask the other party something, to be answered within a time; what it still owes is not asked twice.

    Parameters
    ----------
    party : who asks, where one node serves both parties; a party's node asks for its own alone
    at : the present of an exercise on a node of both parties; None: now
    """
    node, asker, asked = _sides(ws, party)
    at = ws.clock() if at is None or node is not None else at
    if not text.strip() or not person.strip():
        raise UsageError("a question needs words and the name of who asks")
    with ws.ledger.write() as conn:
        same = (asker, subject, text)
        known = [q for q in read_questions(conn) if (q.asker, q.subject, q.text) == same]
        waiting = [q for q in known if q.id not in read_answers(conn)]
        if waiting:
            return {"question": waiting[-1].id, "due": iso(waiting[-1].due)}
        ring = _ring(ws, asker, at)
        row = question_row((asker, asked), subject, text, person, at, within, ring=ring)
        insert_question(conn, row)
        note(conn, at, person, "question", row.id, {"subject": subject, "party": asker, "due": iso(row.due)})
        _post_all(conn, node, at)
    _remember(ws, node)
    return {"question": row.id, "due": iso(row.due)}


def answer(
    ws: Workspace,
    question: str,
    text: str,
    person: str,
    *,
    party: str = "",
    at: datetime | None = None,
) -> Plain:
    """Answer a question of the other party; raises UsageError where there is none such, or it is answered.

    ``party`` and ``at`` are those of :func:`ask`.
    """
    node, own, _ = _sides(ws, party)
    at = ws.clock() if at is None or node is not None else at
    if not text.strip() or not person.strip():
        raise UsageError("an answer needs words and the name of who answers")
    with ws.ledger.write() as conn:
        row = _find(conn, question)
        if row.asked != own:
            raise UsageError(f"question {row.id} is for {row.asked} to answer")
        if not insert_answer(conn, AnswerRow(row.id, own, person, text, at)):
            raise UsageError(f"question {row.id} is answered; that stands")
        note(conn, at, person, "answer", row.id, {"party": own})
        _post_all(conn, node, at)
    _remember(ws, node)
    return {"question": row.id, "answered": iso(at)}


def log_call(ws: Workspace, question: str, person: str, outcome: str) -> Plain:
    """Write down a telephone call about a question, and to which number it was to go."""
    at = ws.clock()
    if not outcome.strip() or not person.strip():
        raise UsageError("say who called, and what came of it")
    with ws.ledger.write() as conn:
        row = _find(conn, question)
        number = str(_whom(ws, conn, row, at).get("telephone", ""))
        insert_call(conn, CallRow(row.id, person, number, outcome, at))
        note(conn, at, person, "call", row.id, {"outcome": outcome})
    return {"question": row.id, "telephone": number or "not known", "called": iso(at)}


def consultations(ws: Workspace) -> dict[str, list[Plain]]:
    """Return questions with what became of them, and sealed subjects with both numbers once opened."""
    at = ws.clock()
    with ws.ledger.read() as conn:
        answered = read_answers(conn)
        asked = [_question_row(ws, conn, q, answered.get(q.id), at) for q in read_questions(conn)]
        opened = {(o.subject, o.party): o for o in read_openings(conn)}
        sealed: dict[str, Plain] = {}
        for seal in (seals := read_seals(conn)):
            row = sealed.setdefault(seal.subject, {"subject": seal.subject, "opens": iso(seal.opens)})
            found = opened.get((seal.subject, seal.party))
            late = " late" if is_late(seal, seals) else ""
            said = "sealed" if found is None else f"{found.probability:g}" if found.fits else "does not fit"
            row[seal.party] = said + late
    return {"questions": asked, "sealed": list(sealed.values())}


def _node(ws: Workspace) -> Node:
    node = node_of(ws)
    if node is None:
        raise UsageError("one node serves both parties here; consultation is between nodes (SAMEAIR_PARTY)")
    return node


def _sides(ws: Workspace, party: str) -> tuple[Node | None, str, str]:
    """Return this node, None where it serves both parties, who speaks, and to whom."""
    node = node_of(ws)
    own = node.party if node is not None else party
    if party not in ("", own):
        raise UsageError(f"this node speaks for {own} alone; {party} speaks on its own")
    if own not in parties():
        raise UsageError(f"say for which party with --party: {', '.join(parties())}")
    return node, own, next(p for p in parties() if p != own)


def _remember(ws: Workspace, node: Node | None) -> None:
    """Note beside the ledger that the chain goes on."""
    if node is not None:
        remember_chain(ws, node.sender, node.peers)


def _find(conn: Connection, question: str) -> QuestionRow:
    """Return a question by its id or the end of it."""
    found = [q for q in read_questions(conn) if question and q.id.endswith(question)]
    if len(found) != 1:
        raise UsageError(f"{question or 'nothing'} names {len(found)} questions; see `sameair consult list`")
    return found[0]


def _ring(ws: Workspace, party: str, at: datetime) -> str:
    """Return whom the other party may ring here, as far as the roster shares it."""
    one = duty_of(load_roster(_roster(ws)), party, at)
    return json.dumps(one.shared() if one else {}, ensure_ascii=False)


NOBODY: Final = "nobody is known; enter a [[liaison]] of that party in roster.toml"


def _whom(ws: Workspace, conn: Connection, question: QuestionRow, at: datetime) -> Plain:
    """Return whom to ring at the party that was asked: by our roster, else as it last told us."""
    one = duty_of(load_roster(_roster(ws)), question.asked, at)
    if one is not None:
        return {"role": one.role, "telephone": one.telephone, "languages": list(one.languages)}
    told = [json.loads(q.ring) for q in read_questions(conn) if q.asker == question.asked]
    found: Plain = next((ring for ring in reversed(told) if ring), {})
    return found


def _question_row(
    ws: Workspace, conn: Connection, question: QuestionRow, said: AnswerRow | None, at: datetime
) -> Plain:
    """Return a question as a row; one that is overdue says whom to ring."""
    overdue = said is None and at > question.due
    whom = _whom(ws, conn, question, at) if overdue else {}
    ring = (f"{whom['role']} {whom['telephone']}" if whom else NOBODY) if overdue else ""
    calls = [f"{iso(c.at)} {c.person}: {c.outcome}" for c in read_calls(conn, question.id)]
    return {
        "question": question.id,
        "asked": f"{question.asker} ({question.person}) asks {question.asked}",
        "subject": question.subject,
        "text": question.text,
        "due": iso(question.due),
        "answer": "" if said is None else f"{said.person}: {said.text}",
        "ring": ring,
        "calls": "; ".join(calls),
    }


def _roster(ws: Workspace) -> Path:
    return ws.settings.data_dir / "roster.toml"


def _post_all(conn: Connection, node: Node | None, at: datetime) -> None:
    """Put what was just written into the chain, in the same transaction; a node of both parties has none."""
    if node is None:
        return
    for message in consult_poster(conn, node, at):
        post(conn, node.sender, message, at)
