"""What of the season is late: gaps in the rota, dossiers, the weekly outlook; each is told once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from flows.delivering import channel_of
from flows.dossier import LOOK_BACK, listed_dossiers, overdue_lines
from flows.duty import gaps_of
from flows.operator import tell_operator
from flows.outlook import current_outlook, lacking, outlook_name
from flows.workspace import Workspace
from pipeline.ledger.notices import Condition
from pipeline.ledger.season import read_documents
from pipeline.names import MEASURED
from pipeline.season import calendar_of
from pipeline.times import iso

SEVERITY: Final = 2
GRACE: Final = timedelta(hours=2)
"""An outlook is late so long after its hour."""


def watch_season(ws: Workspace, at: datetime) -> int:
    """Tell the operator what of the season is late, or late no more; returns the lines of news."""
    channel = channel_of(ws.settings)
    try:
        return tell_operator(ws, MEASURED, season_conditions(ws, at), channel, "", at)
    finally:
        channel.close()


def season_conditions(ws: Workspace, at: datetime) -> list[Condition]:
    """Return how rota, dossiers and outlook stand; rota and outlook count only while the mode is in force."""
    return [_rota(ws, at), _dossiers(ws, at), _outlook(ws, at)]


def _rota(ws: Workspace, at: datetime) -> Condition:
    gaps = gaps_of(ws, at)
    named = ", ".join(f"{row['party']} {row['shift']}" for row in gaps[:6])
    more = f" and {len(gaps) - 6} more" if len(gaps) > 6 else ""
    return _condition("season duty", f"nobody is on duty: {named}{more}; `sameair duty enter`", len(gaps))


def _dossiers(ws: Workspace, at: datetime) -> Condition:
    rows = listed_dossiers(ws, MEASURED, at - LOOK_BACK, at)
    late = overdue_lines(rows)
    return _condition("season dossiers", f"{len(late)} overdue: {'; '.join(late[:6])}", len(late))


def _outlook(ws: Workspace, at: datetime) -> Condition:
    calendar = calendar_of(ws.settings.season_file)
    due = calendar.rhythm.outlook_due(at - GRACE)
    name = outlook_name(due, calendar.rhythm.outlook_timezone)
    with ws.ledger.read() as conn:
        versions = read_documents(conn, "outlook", MEASURED, name)
    missing = lacking(ws, current_outlook(ws, MEASURED, name)) if versions else ["a draft"]
    ill = bool(missing) and calendar.active_at(due)
    return _condition("season outlook", f"{name}, due {iso(due)}, lacks {', '.join(missing)}", int(ill))


def _condition(subject: str, trouble: str, count: int) -> Condition:
    """Return a condition; more of the same is no news, so that a long list gives one mail."""
    name = subject.removeprefix("season ")
    text = f"{subject}: {trouble}" if count else f"{subject}: nothing is late"
    return Condition(subject, f"{name} late" if count else "ok", SEVERITY * bool(count), text)
