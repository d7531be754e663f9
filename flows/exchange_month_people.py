"""A month of what people did together over the exchange: warnings, disagreements, consultation.

Names and telephone numbers stay out: a report is handed on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.joint import state_of
from pipeline.ledger.agreement import StatementRow, statements_about
from pipeline.ledger.consultation import (
    AnswerRow,
    OpeningRow,
    read_answers,
    read_calls,
    read_openings,
    read_questions,
    read_seals,
)
from pipeline.ledger.exchange_month import said_between
from pipeline.ledger.warnings import VersionRow, issued_versions, read_events, read_version
from pipeline.times import iso

Plain = dict[str, Any]


def warnings_of(conn: Connection, world: str, start: datetime, end: datetime) -> list[Plain]:
    """Return every version that this node issued, with how long the parties took to agree on it [min]."""
    found = []
    for warning_id, version in dict.fromkeys(issued_versions(conn, world)):
        steps = [e.at for e in read_events(conn, warning_id) if e.version == version and e.state == "issued"]
        if start <= steps[0] < end:
            found.append(_warning(conn, read_version(conn, warning_id, version), steps[0]))
    return found


def _warning(conn: Connection, row: VersionRow, at: datetime) -> Plain:
    content = row.content
    return {
        "warning": row.warning_id,
        "version": row.version,
        "product": content["product"],
        "kind": content["kind"],
        "status": content["cap_status"],
        "cities": sorted(c["city"] for c in content["cities"]),
        "issued": iso(at),
        "minutes": _agreed_after(statements_about(conn, row.warning_id, row.version), row.content_digest),
    }


def _agreed_after(rows: Sequence[StatementRow], digest: str) -> float | None:
    """Return the minutes from the first offer of a text to the second vote for it; None where it has none."""
    mine = [r for r in rows if r.digest == digest]
    offers = [r.at for r in mine if r.kind == "offer"]
    votes = {r.party: r.at for r in reversed(mine) if r.kind == "vote"}
    if not offers or len(votes) < 2:
        return None
    return round((max(votes.values()) - min(offers)).total_seconds() / 60, 1)


def told_by_others(conn: Connection, world: str, start: datetime, end: datetime) -> list[Plain]:
    """Return what other parties told to have issued to their own recipients, joint versions aside."""
    rows = [r for r in said_between(conn, world, start, end) if r.kind == "issued" and not r.own]
    bodies = [(r.party, json.loads(r.body)) for r in rows]
    return [
        {
            "party": party,
            "warning": body["warning_id"],
            "version": body["version"],
            "product": body["product"],
            "kind": body["kind"],
            "status": body["status"],
            "cities": list(body["cities"]),
            "issued": body["at"],
        }
        for party, body in bodies
        if body["product"] != "joint_warning"
    ]


def decisions_of(conn: Connection, world: str, start: datetime, end: datetime) -> Plain:
    """Return how many joint decisions were offered and how they went, and the reasons of objections."""
    rows = said_between(conn, world, start, end)
    slots = {row.slot for row in rows if row.kind in ("offer", "vote")}
    words = Counter(_ended(conn, slot) for slot in slots)
    return {
        "slots": len(slots),
        **{word: words[word] for word in ("agreed", "differed", "open")},
        "rounds": max((r.round for r in rows if r.kind == "vote"), default=0),
        "objections": [_objection(r) for r in rows if r.kind == "vote" and not r.digest],
    }


def _ended(conn: Connection, slot: str) -> str:
    """Return how a joint decision went: agreed, differed (two votes not alike, an objection), or open."""
    state = state_of(conn, slot)
    if state.agreed is not None:
        return "agreed"
    objected = OBJECTION in dict(state.votes).values()
    return "differed" if state.round > 1 or objected else "open"


def _objection(row: StatementRow) -> Plain:
    body = json.loads(row.body)
    reason = str(body.get("signature", {}).get("reason", ""))
    return {"party": row.party, "at": iso(row.at), "slot": row.slot, "round": row.round, "reason": reason}


def consultation_of(conn: Connection, start: datetime, end: datetime) -> Plain:
    """Return the questions of a month with what became of them, calls, and the sealed numbers that opened."""
    answers = read_answers(conn)
    asked = [q for q in read_questions(conn) if start <= q.at < end]
    questions = [
        {
            "asker": q.asker,
            "asked": q.asked,
            "subject": q.subject,
            "text": q.text,
            "at": iso(q.at),
            "went": _went(answers.get(q.id), q.due),
            "calls": len(read_calls(conn, q.id)),
        }
        for q in asked
    ]
    sealed = {s.subject for s in read_seals(conn) if start <= s.at < end}
    opened: dict[str, dict[str, OpeningRow]] = {}
    for one in read_openings(conn):
        if one.subject in sealed:
            opened.setdefault(one.subject, {})[one.party] = one
    pairs = [_pair(subject, sides) for subject, sides in sorted(opened.items()) if len(sides) == 2]
    return {"questions": questions, "sealed": len(sealed), "numbers": pairs}


def _went(answer: AnswerRow | None, due: datetime) -> str:
    """Return what became of a question: in_time, late, or none."""
    if answer is None:
        return "none"
    return "in_time" if answer.at <= due else "late"


def _pair(subject: str, sides: dict[str, OpeningRow]) -> Plain:
    """Return both parties' numbers of a subject, and how far they are apart."""
    numbers = {party: one.probability for party, one in sorted(sides.items())}
    apart = round(max(numbers.values()) - min(numbers.values()), 3)
    return {
        "subject": subject,
        "numbers": numbers,
        "apart": apart,
        "fit": all(o.fits for o in sides.values()),
    }
