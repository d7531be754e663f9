"""Who decided what of an episode, when, why and before which screen; what was sent, and what arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from flows.dossier_subjects import Subject
from flows.joint_issued import others_told
from flows.workspace import Workspace
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.audit_reads import Wanted, find_rows
from pipeline.ledger.consultation import read_answers, read_questions
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warning_tables import warning_episodes
from pipeline.ledger.warnings import (
    EventRow,
    VersionRow,
    read_events,
    read_revisions,
    read_signatures,
    read_versions,
)
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]

SAYS_NO: Final = ("all_clear", "cancel")
OVER: Final = ("updated", "ended", "cancelled")
MANY: Final = 1000


@dataclass(frozen=True)
class Told:
    """What one version said of the cities' times, from when on it stood and until when."""

    warning: str
    version: int
    at: datetime
    until: datetime
    issued: bool
    warns: bool
    spans: Mapping[str, tuple[datetime, datetime]]


def warnings_about(ws: Workspace, subject: Subject) -> list[str]:
    """Return the warnings that speak of an episode, by id, which is by age."""
    c = warning_episodes.c
    query = select(c.warning_id).where(c.episode_id.in_(subject.episodes)).distinct()
    with ws.ledger.read() as conn:
        return sorted(str(found) for found in conn.execute(query).scalars())


def told_of(ws: Workspace, subject: Subject, as_of: datetime) -> list[Told]:
    """Return what the versions of an episode's warnings said, in the order in which they were written."""
    found = []
    with ws.ledger.read() as conn:
        for warning in warnings_about(ws, subject):
            steps = [e for e in read_events(conn, warning) if e.at <= as_of]
            for row in read_versions(conn, warning):
                mine = [e for e in steps if e.version == row.version]
                found += [_told(row, mine)] * bool(mine)
    return sorted(found, key=lambda one: (one.at, one.warning, one.version))


def _told(row: VersionRow, steps: Sequence[EventRow]) -> Told:
    issued = [e.at for e in steps if e.state == "issued"]
    ends = [e.at for e in steps if e.state in (*OVER, "expired")]
    spans = {c["city"]: (parse_instant(c["onset"]), parse_instant(c["end"])) for c in row.content["cities"]}
    began = issued[0] if issued else steps[0].at
    warns = row.content["kind"] not in SAYS_NO
    return Told(row.warning_id, row.version, began, min([row.expires, *ends]), bool(issued), warns, spans)


def decisions_of(ws: Workspace, subject: Subject, as_of: datetime) -> list[Plain]:
    """Return every version of an episode's warnings with its life, signatures and deliveries."""
    with ws.ledger.read() as conn:
        return [
            _version(conn, row, as_of)
            for warning in warnings_about(ws, subject)
            for row in read_versions(conn, warning)
            if _began(conn, row) <= as_of
        ]


def _began(conn: Connection, row: VersionRow) -> datetime:
    return min(one.at for one in read_revisions(conn, row.warning_id, row.version))


def _version(conn: Connection, row: VersionRow, as_of: datetime) -> Plain:
    events = [e for e in read_events(conn, row.warning_id) if e.version == row.version and e.at <= as_of]
    signed = [s for s in read_signatures(conn, row.warning_id, row.version) if s.at <= as_of]
    seen = _screens(conn, row)
    return {
        "warning": row.warning_id,
        "version": row.version,
        "product": row.content["product"],
        "kind": row.content["kind"],
        "level": row.content["level"],
        "status": row.content["cap_status"],
        "run": row.content["run_id"],
        "digest": row.content_digest,
        "onset": row.content["onset"],
        "expires": iso(row.expires),
        "life": [{"state": e.state, "at": iso(e.at), "by": e.actor, "reason": e.reason} for e in events],
        "signatures": [
            {
                "party": s.party,
                "person": s.person,
                "decision": s.decision,
                "reason": s.reason,
                "drill": s.drill,
                "at": iso(s.at),
                "text": s.content_digest,
                "screen": seen.get((s.party, s.content_digest), ""),
            }
            for s in signed
        ],
        "deliveries": _deliveries(conn, row, as_of),
    }


def _screens(conn: Connection, row: VersionRow) -> dict[tuple[str, str], str]:
    """Return the digest of what was on the screen of each party's decision about a text, where kept."""
    found = {}
    for one in find_rows(conn, Wanted(action="warning.", subject=row.warning_id), MANY):
        payload = one["payload"]
        if payload.get("evidence") and payload.get("version") == row.version:
            key = (str(payload.get("party", "")), str(payload.get("digest", row.content_digest)))
            found[key] = str(payload["evidence"])
    return found


def _deliveries(conn: Connection, row: VersionRow, as_of: datetime) -> Plain:
    """Return how many messages left and how many recipients said that they came; no names and addresses."""
    messages = [
        m
        for m in read_outbox(conn, row.warning_id, row.version)
        if m.purpose == "warning" and m.created_at <= as_of
    ]
    said = [
        a for a in read_acknowledgements(conn, row.warning_id) if a.version == row.version and a.at <= as_of
    ]
    states: dict[str, int] = {}
    for message in messages:
        states[message.state] = states.get(message.state, 0) + 1
    return {
        "messages": len(messages),
        "states": dict(sorted(states.items())),
        "acknowledged": len({a.recipient for a in said}),
        "last_sent": max((iso(m.sent_at) for m in messages if m.sent_at), default=""),
    }


def others_of(ws: Workspace, subject: Subject, as_of: datetime) -> list[Plain]:
    """Return what other parties told to have issued about the city while the episode was."""
    with ws.ledger.read() as conn:
        told = others_told(conn, subject.world)
    names = ("warning", "v", "product", "level", "status", "cities", "onset", "issued", "text of", "party")
    return [
        {name: row[name] for name in names if name in row}
        for row in told
        if subject.city in str(row.get("cities", ""))
        and parse_instant(str(row["onset"])) < subject.end
        and str(row.get("issued", "")) <= iso(as_of)
    ]


def consultation_of(ws: Workspace, subject: Subject, as_of: datetime) -> list[Plain]:
    """Return the questions about an episode's warnings with their answers."""
    about = set(warnings_about(ws, subject))
    with ws.ledger.read() as conn:
        answers = read_answers(conn)
        asked = [q for q in read_questions(conn) if q.subject in about and q.at <= as_of]
    found = []
    for q in asked:
        answer = answers.get(q.id)
        known = answer is not None and answer.at <= as_of
        found.append(
            {
                "asker": q.asker,
                "asked": q.asked,
                "at": iso(q.at),
                "text": q.text,
                "answer": answer.text if known and answer else "",
                "answered": iso(answer.at) if known and answer else "",
            }
        )
    return found
