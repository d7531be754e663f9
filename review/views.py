"""What the review pages and the read API show: plain data read from the ledger in one consistent view."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.versions import OPEN, required_parties
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.warnings import (
    EventRow,
    SignatureRow,
    VersionRow,
    list_versions,
    read_events,
    read_signatures,
    read_versions,
)

DEFAULT_DATA_DIR = Path("var")
"""The folder that commands use when none is named."""


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
