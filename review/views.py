"""What the review pages and the read API show: plain data read from the ledger in one consistent view."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.policy import Policy
from alerts.rechecked import decision_left, recheck_text, rechecked
from alerts.versions import OPEN, required_parties
from pipeline.cities import all_cities
from pipeline.exchange.standing import standing_of
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.recipients import known_as, name_shown
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
from pipeline.programme import programme_of
from pipeline.settings import Settings

DEFAULT_DATA_DIR = Path("var")
"""The folder that commands use when none is named."""


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
