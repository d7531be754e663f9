"""Findings about an episode: proposed by one party, agreed or dissented from by the other; all are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from flows.node import parties
from flows.said import Speaker, checked, is_whole, say, words
from flows.workspace import Workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.season import PartyStatement, read_party_statements
from pipeline.times import iso

Plain = dict[str, Any]
Answer = Literal["agree", "dissent"]


def propose_finding(ws: Workspace, world: str, subject: str, who: Speaker, text: str) -> Plain:
    """Propose a finding about an episode; it stands until the other party answers, and after."""
    said = say(ws, "finding", (world, subject), who, {"text": words("--text", text)})
    return {"finding": said.id[:12], "dossier": subject, "by": said.party, "at": iso(said.at)}


def answer_finding(
    ws: Workspace, world: str, finding: str, who: Speaker, answer: Answer, text: str = ""
) -> Plain:
    """Agree with a finding of another party, or dissent in words; a later answer stands beside the earlier.

    Raises
    ------
    UsageError
        there is no such finding, or a dissent without words
    ReviewError
        the party that proposed it would answer itself
    """
    found = _named(ws, world, finding)
    if found.party == checked(who).party:
        raise ReviewError(f"{found.party} proposed finding {found.id[:12]}; another party answers it")
    kept = words("--text", text) if text or answer == "dissent" else ""
    body = {"finding": found.id, "answer": answer, "text": kept}
    said = say(ws, "answer", (world, found.subject), who, body)
    return {"finding": found.id[:12], "answer": answer, "by": said.party, "at": iso(said.at)}


def close_dossier(ws: Workspace, world: str, subject: str, who: Speaker, digest: str) -> Plain:
    """Sign off a dossier as it stands for one party; it is closed once every party has signed one text.

    Raises
    ------
    ReviewError
        a finding of another party waits for this party's answer
    """
    party = checked(who).party
    waiting = [f["id"] for f in findings_of(ws, world, subject) if party in f["waits_for"]]
    if waiting:
        raise ReviewError(
            f"{party} has not answered finding {waiting[0][:12]} of {subject}; agree or dissent first"
        )
    said = say(ws, "close", (world, subject), who, {"digest": digest})
    return {"dossier": subject, "closed by": said.party, "digest": digest[:12], "at": iso(said.at)}


def findings_of(ws: Workspace, world: str, subject: str, until: datetime | None = None) -> list[Plain]:
    """Return the findings about an episode, oldest first, each with every answer in the order given.

    ``stands`` is ``agreed`` where the newest answer of every other party agrees, ``dissent`` where one
    dissents, else ``open``; nothing is merged, and no answer is dropped.
    """
    with ws.ledger.read() as conn:
        proposed = read_party_statements(conn, "finding", world=world, subject=subject, until=until)
        answers = read_party_statements(conn, "answer", world=world, subject=subject, until=until)
    return [_with_answers(one, [a for a in answers if a.body["finding"] == one.id]) for one in proposed]


def closings_of(ws: Workspace, world: str, subject: str, until: datetime | None = None) -> list[Plain]:
    """Return who signed off which text of a dossier, oldest first; ``here``: at this node, on its text."""
    with ws.ledger.read() as conn:
        said = read_party_statements(conn, "close", world=world, subject=subject, until=until)
    return [
        {
            "party": s.party,
            "person": s.person,
            "digest": s.body["digest"],
            "at": iso(s.at),
            "here": s.own,
        }
        for s in said
    ]


def holds(closing: Plain, digest: str, findings: Sequence[Plain]) -> bool:
    """Tell whether a sign-off is one of a dossier as it stands.

    One given here is of this very text. One that came from another node is of the text that was built there,
    from what that node has; it holds as long as nothing was said of the episode after it.

    >>> there = {"here": False, "digest": "b", "at": "2026-01-20T08:00:00Z"}
    >>> holds(there, "a", []), holds(there | {"here": True}, "a", [])
    (True, False)
    >>> holds(there, "a", [{"at": "2026-01-20T09:00:00Z", "answers": []}])
    False
    """
    if closing["here"] or closing["digest"] == digest:
        return bool(closing["digest"] == digest)
    said = [one["at"] for found in findings for one in (found, *found["answers"])]
    return all(at <= closing["at"] for at in said)


def _with_answers(one: PartyStatement, answers: list[PartyStatement]) -> Plain:
    others = [p for p in parties() if p != one.party]
    newest = {a.party: str(a.body["answer"]) for a in answers}
    waits = [p for p in others if p not in newest]
    dissent = "dissent" in newest.values()
    return {
        "id": one.id,
        "party": one.party,
        "person": one.person,
        "at": iso(one.at),
        "text": one.body["text"],
        "whole": is_whole(one),
        "answers": [
            {
                "party": a.party,
                "person": a.person,
                "at": iso(a.at),
                "answer": a.body["answer"],
                "text": a.body["text"],
                "whole": is_whole(a),
            }
            for a in answers
        ],
        "waits_for": waits,
        "stands": "dissent" if dissent else "open" if waits else "agreed",
    }


def _named(ws: Workspace, world: str, finding: str) -> PartyStatement:
    with ws.ledger.read() as conn:
        known = read_party_statements(conn, "finding", world=world)
    found = [one for one in known if finding and one.id.startswith(finding)]
    if len(found) != 1:
        what = "is not unique" if found else "is unknown"
        raise UsageError(f"finding {finding or 'without an id'} {what}; see `sameair dossiers show`")
    return found[0]
