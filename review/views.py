"""What the review pages and the read API show: plain data read from the ledger in one consistent view."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.plain_text import one_line
from alerts.policy import Policy
from alerts.rechecked import decision_left, recheck_text, rechecked
from alerts.versions import OPEN, required_parties
from pipeline.cities import all_cities
from pipeline.exchange.standing import standing_of
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.runs import RunRow, list_runs, newest_current_run
from pipeline.ledger.warnings import (
    EventRow,
    SignatureRow,
    VersionRow,
    list_versions,
    read_events,
    read_in_state,
    read_signatures,
    read_versions,
)
from pipeline.names import is_simulated
from pipeline.programme import programme_of
from pipeline.settings import Settings
from pipeline.times import iso, latest_cycle

DEFAULT_DATA_DIR = Path("var")
"""The folder that commands use when none is named."""

LATE_CYCLES = 2
"""From this many missing cycles on, the desk says that a world stands still."""


@dataclass(frozen=True)
class Waiting:
    """A version that waits for decisions: by when, of whom, how long to the decision it serves [min].

    ``beside`` says how the other side's bulletin compared with it.
    """

    row: VersionRow
    content: WarningContent
    unsigned: tuple[str, ...]
    hours_left: float
    decision: str
    beside: str

    @property
    def is_over(self) -> bool:
        """Tell whether the deadline has passed; an exercise is decided in its own time."""
        is_live = not self.content.simulated and self.content.cap_status in ("Actual", "Test")
        return self.hours_left < 0 and is_live


@dataclass(frozen=True)
class WorldState:
    """One world on the desk: its newest current run, its last attempt, and how many cycles it is behind."""

    world: str
    simulated: bool
    current: RunRow | None
    last: RunRow
    cycles_behind: int

    @property
    def health(self) -> str:
        """Return ``failed``, ``late``, ``degraded`` or ``good``; a simulated world is never late."""
        if self.last.status == "failed":
            return "failed"
        if self.cycles_behind >= LATE_CYCLES and not self.simulated:
            return "late"
        return "degraded" if self.last.degraded else "good"


@dataclass(frozen=True)
class VersionView:
    """One version with its life, its decisions and its messages."""

    row: VersionRow
    content: WarningContent
    events: tuple[EventRow, ...]
    signatures: tuple[SignatureRow, ...]
    unsigned: tuple[str, ...]
    messages: tuple[OutboxRow, ...]

    @property
    def is_open(self) -> bool:
        """Tell whether the version still waits for a decision."""
        return self.row.state in OPEN


def approve_command(row: VersionRow, party: str, data_dir: Path = DEFAULT_DATA_DIR) -> str:
    """Return the command with which a person of a party approves a version as shown."""
    words = ["sameair", "warnings", "approve", row.warning_id, "--version", str(row.version)]
    words += ["--party", party]
    if data_dir != DEFAULT_DATA_DIR:
        words += ["--data-dir", str(data_dir.resolve())]
    return shlex.join(words) + ' --person "NAME"'


def world_states(conn: Connection, now: datetime) -> list[WorldState]:
    """Return every world that has runs, measured first."""
    newest: dict[str, RunRow] = {}
    for run in list_runs(conn, limit=500):
        newest.setdefault(run.world, run)
    states = []
    for world, last in newest.items():
        current = newest_current_run(conn, world)
        done = current.cycle if current else last.cycle
        behind = int((latest_cycle(now) - done).total_seconds() // (6 * 3600))
        states.append(WorldState(world, is_simulated(world), current, last, max(behind, 0)))
    return sorted(states, key=lambda state: (state.simulated, state.world))


def exchange_lines(conn: Connection, settings: Settings, now: datetime) -> list[tuple[str, bool]]:
    """Return how every other party's node stands, and whether it is silent; none on a node of all parties."""
    if not settings.party:
        return []
    silent = programme_of(settings.programme_file).silent
    others = {city.party for city in all_cities().values()} - {settings.party}
    found = [standing_of(conn, peer, now) for peer in sorted(others)]
    return [(one.line(now), one.silence(now) > silent or bool(one.fault)) for one in found]


def waiting_versions(conn: Connection, now: datetime, policy: Policy) -> list[Waiting]:
    """Return what waits for decisions, the nearest deadline first."""
    found = []
    for row in read_in_state(conn, OPEN):
        content = WarningContent.from_dict(row.content)
        hours = (row.review_deadline - now).total_seconds() / 3600
        beside = rechecked(conn, row)
        clock = (decision_left(policy, row, now), recheck_text(beside, policy) if beside else "")
        found.append(Waiting(row, content, _unsigned(conn, row, content), hours, *clock))
    return sorted(found, key=lambda waiting: waiting.row.review_deadline)


def version_views(conn: Connection, warning_id: str) -> list[VersionView]:
    """Return every version of a warning, newest first; an empty list for an unknown one."""
    rows = read_versions(conn, warning_id)
    events = read_events(conn, warning_id) if rows else []
    names = known_as(conn)
    sent = read_outbox(conn, warning_id) if rows else []
    messages = [replace(m, recipient=name_shown(names, m)) for m in sent]
    views = []
    for row in rows:
        content = WarningContent.from_dict(row.content)
        views.append(
            VersionView(
                row,
                content,
                tuple(e for e in events if e.version == row.version),
                tuple(read_signatures(conn, warning_id, row.version)),
                _unsigned(conn, row, content),
                tuple(m for m in messages if m.version == row.version),
            )
        )
    return views[::-1]


def warning_rows(conn: Connection, world: str | None, limit: int) -> list[VersionRow]:
    """Return the newest versions of all warnings."""
    return list_versions(conn, world, limit)


def _unsigned(conn: Connection, row: VersionRow, content: WarningContent) -> tuple[str, ...]:
    """Return the parties that have not yet decided about the text as it stands."""
    decided = {
        s.party
        for s in read_signatures(conn, row.warning_id, row.version)
        if s.content_digest == row.content_digest
    }
    return tuple(party for party in required_parties(content) if party not in decided)


def run_document(run: RunRow) -> dict[str, Any]:
    """Return a run as the read API gives it."""
    return {
        "id": run.id,
        "world": run.world,
        "simulated": is_simulated(run.world),
        "cycle": iso(run.cycle),
        "as_of": iso(run.as_of),
        "status": run.status,
        "is_current": run.is_current,
        "model_id": run.model_id,
        "degraded": run.degraded,
        "error": one_line(run.error),
        "code_version": run.code_version,
        "begun_at": iso(run.begun_at),
        "ended_at": iso(run.ended_at) if run.ended_at else None,
        "products": sorted(run.products),
    }


def version_document(row: VersionRow) -> dict[str, Any]:
    """Return one version in a list of the read API."""
    return {
        "warning_id": row.warning_id,
        "version": row.version,
        "state": row.state,
        "world": row.content["world"],
        "simulated": row.content["simulated"],
        "cap_status": row.content["cap_status"],
        "product": row.content["product"],
        "kind": row.content["kind"],
        "level": row.content["level"],
        "content_digest": row.content_digest,
        "review_deadline": iso(row.review_deadline),
        "expires": iso(row.expires),
    }


def warning_document(views: list[VersionView]) -> dict[str, Any]:
    """Return a whole warning as the read API gives it; addresses of recipients stay inside."""
    return {
        "warning_id": views[0].row.warning_id,
        "world": views[0].content.world,
        "simulated": views[0].content.simulated,
        "versions": [
            {
                **version_document(view.row),
                "content": view.row.content,
                "unsigned": list(view.unsigned),
                "events": [{"state": e.state, "actor": e.actor, "at": iso(e.at)} for e in view.events],
                "signatures": [
                    {
                        "party": s.party,
                        "person": s.person,
                        "decision": s.decision,
                        "reason": s.reason,
                        "drill": s.drill,
                        "content_digest": s.content_digest,
                        "at": iso(s.at),
                    }
                    for s in view.signatures
                ],
                "deliveries": [
                    {
                        "recipient": m.recipient,
                        "state": m.state,
                        "attempts": m.attempts,
                        "sent_at": iso(m.sent_at) if m.sent_at else None,
                    }
                    for m in view.messages
                ],
            }
            for view in views
        ],
    }
