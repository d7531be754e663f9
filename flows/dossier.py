"""The joint dossier of an episode: built from ledger and store as known at an instant, in versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.policy import load_policy
from flows.dossier_decisions import consultation_of, decisions_of, others_of, told_of
from flows.dossier_forecasts import changes_of, is_replay, origin_of, ours_of, runs_about, theirs_of
from flows.dossier_outcome import outcome_of
from flows.dossier_subjects import Subject, subjects_of, within_of
from flows.exchange_data import received_marks
from flows.findings import closings_of, findings_of, holds
from flows.node import parties
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.season import DocumentRow, keep_document, newest_documents, read_documents
from pipeline.names import is_simulated
from pipeline.season import calendar_of
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]

SCHEMA: Final = 1
PROGRAM: Final = "dossier"
"""Who builds dossiers in the trail where nobody asked for it."""

LOOK_BACK: Final = timedelta(days=60)
"""So far back episodes are looked for that still lack a dossier."""


def dossier_of(ws: Workspace, subject: Subject, as_of: datetime) -> Plain:
    """Return the dossier of an episode as plain data; the same ledger, store and instant give the same.

    Findings and sign-offs are not part of it: they speak of it, and stand beside it.
    """
    runs = runs_about(ws, subject, as_of)
    told, ours = told_of(ws, subject, as_of), ours_of(ws, subject, runs)
    calendar = calendar_of(ws.settings.season_file)
    return {
        "schema": SCHEMA,
        "dossier": subject.id,
        "world": subject.world,
        "simulated": is_simulated(subject.world),
        "as_of": iso(as_of),
        "node": ws.settings.party,
        "city": subject.city,
        "party": subject.party,
        "first_day": subject.first.isoformat(),
        "last_day": subject.last.isoformat(),
        "onset": iso(subject.onset),
        "end": iso(subject.end),
        "due": iso(subject.due(within_of(ws))),
        "measured": subject.observed,
        "threshold": subject.threshold,
        "policy": load_policy(ws.settings.policy_file).version,
        "winter": calendar.winter_of(subject.first),
        "season_active": calendar.active(subject.first),
        "episodes": list(subject.episodes),
        "replay": any(is_replay(run) for run in runs),
        "outcome": outcome_of(ws, subject, told, as_of),
        "forecasts": {"ours": ours, "theirs": theirs_of(ws, subject, as_of)},
        "changes": changes_of(ws, ours, runs),
        "decisions": decisions_of(ws, subject, as_of),
        "others": others_of(ws, subject, as_of),
        "consultation": consultation_of(ws, subject, as_of),
        "origin": origin_of(ws, subject, runs),
        "data": [_mark(mark) for mark in received_marks(ws)],
    }


def _mark(mark: Any) -> Plain:
    names = ("source", "attribution", "licence", "redistribution")
    return {name: str(mark[name]) for name in names}


def build_dossier(
    ws: Workspace, world: str, name: str, as_of: datetime | None = None, *, actor: str = PROGRAM
) -> DocumentRow:
    """Build the dossier of an episode and keep it; nothing is kept where it says what the newest says.

    Parameters
    ----------
    actor : who asked for it, for the trail

    Raises
    ------
    UsageError
        no episode of that name has ended by then
    """
    when = ws.clock().replace(microsecond=0) if as_of is None else as_of
    return _keep(ws, subject_named(ws, world, name, when), when, actor)


def build_due(ws: Workspace, world: str, since: datetime, until: datetime) -> list[DocumentRow]:
    """Build the dossier of every episode that ended in [since, until); each is kept once for what it says."""
    when = ws.clock().replace(microsecond=0)
    return [_keep(ws, subject, when, PROGRAM) for subject in subjects_of(ws, world, since, until, when)]


def _keep(ws: Workspace, subject: Subject, when: datetime, actor: str) -> DocumentRow:
    content = dossier_of(ws, subject, when)
    now = ws.clock()
    with ws.ledger.write() as conn:
        before = read_documents(conn, "dossier", subject.world, subject.id)
        kept = keep_document(
            conn, DocumentRow("dossier", subject.id, 0, subject.world, when, "", content, now)
        )
        if len(before) < kept.version:
            append_audit(
                conn,
                at=now,
                actor=actor,
                action="season.dossier",
                subject=subject.id,
                payload={"world": subject.world, "version": kept.version, "digest": kept.digest},
            )
    return kept


def subject_named(ws: Workspace, world: str, name: str, as_of: datetime) -> Subject:
    """Return the ended episode of a name such as ``seoul-20190303``; UsageError where there is none."""
    try:
        day = parse_instant(f"{name[-8:-4]}-{name[-4:-2]}-{name[-2:]}")
    except ValueError:
        raise UsageError(f"{name} names no episode; write it like seoul-20190303") from None
    near = subjects_of(ws, world, day - timedelta(days=2), day + timedelta(days=2), as_of)
    found = next((one for one in near if one.id == name), None)
    if found is None:
        known = ", ".join(one.id for one in near) or "none"
        raise UsageError(f"no episode {name} of {world} has ended by {iso(as_of)}; near it: {known}")
    return found


def newest_dossier(ws: Workspace, world: str, name: str) -> DocumentRow:
    """Return the newest version of a dossier; UsageError where none was built."""
    with ws.ledger.read() as conn:
        versions = read_documents(conn, "dossier", world, name)
    if not versions:
        raise UsageError(f"no dossier {name} of {world} was built; `sameair dossiers build {name}` builds it")
    return versions[-1]


def status_of(ws: Workspace, row: DocumentRow, now: datetime) -> Plain:
    """Return how a dossier stands: ``open``, ``in review``, ``closed``, and whether it is overdue.

    It is closed when every party has signed off its newest text (one with a node of its own, the text there)
    and no finding waits for an answer. A later version opens it again; the sign-offs of the earlier one stay.
    """
    findings = findings_of(ws, row.world, row.subject)
    closings = closings_of(ws, row.world, row.subject)
    closed = {c["party"] for c in closings if holds(c, row.digest, findings)}
    waits = sorted({party for f in findings for party in f["waits_for"]})
    done = closed == set(parties()) and not waits
    state = "closed" if done else "in review" if findings or closed else "open"
    due = parse_instant(row.content["due"])
    return {
        "dossier": row.subject,
        "version": row.version,
        "status": state,
        "overdue": not done and now > due,
        "due": iso(due),
        "findings": len(findings),
        "dissent": sum(f["stands"] == "dissent" for f in findings),
        "waits_for": waits,
        "signed_off": sorted(closed),
    }


def listed_dossiers(
    ws: Workspace, world: str, since: datetime, until: datetime, at: datetime | None = None
) -> list[Plain]:
    """Return every ended episode of a time with the status of its dossier, oldest first.

    Parameters
    ----------
    at : the present of the world; None: the clock's
    """
    now = ws.clock() if at is None else at
    with ws.ledger.read() as conn:
        built = {row.subject: row for row in newest_documents(conn, "dossier", world)}
    within = within_of(ws)
    found = []
    for subject in subjects_of(ws, world, since, until, now):
        row = built.pop(subject.id, None)
        found.append(_missing(subject, within, now) if row is None else _listed(ws, row, now))
    inside = [r for r in built.values() if since <= parse_instant(r.content["onset"]) < until]
    return sorted([*found, *(_listed(ws, r, now) for r in inside)], key=lambda r: (r["onset"], r["dossier"]))


def _listed(ws: Workspace, row: DocumentRow, now: datetime) -> Plain:
    said = row.content
    return {
        **status_of(ws, row, now),
        "city": said["city"],
        "onset": said["onset"],
        "end": said["end"],
        "outcome": said["outcome"]["issued"]["outcome"],
    }


def _missing(subject: Subject, within: timedelta, now: datetime) -> Plain:
    due = subject.due(within)
    return {
        "dossier": subject.id,
        "version": 0,
        "status": "not built",
        "overdue": now > due,
        "due": iso(due),
        "findings": 0,
        "dissent": 0,
        "waits_for": [],
        "signed_off": [],
        "city": subject.city,
        "onset": iso(subject.onset),
        "end": iso(subject.end),
        "outcome": "",
    }


def overdue_lines(rows: Sequence[Plain]) -> list[str]:
    """Return a line for each dossier that is late."""
    return [
        f"dossier {row['dossier']}: due {row['due']}, {row['status']}"
        + (f", waits for {', '.join(row['waits_for'])}" if row["waits_for"] else "")
        for row in rows
        if row["overdue"]
    ]
