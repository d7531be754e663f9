"""What came of a drill: who was sent what when, who acknowledged after how long, and who never did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flows.drill_record import DrillRecord, list_records, read_record
from flows.workspace import Workspace
from pipeline.ledger.acknowledgements import AcknowledgementRow, read_acknowledgements
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.warnings import VersionRow, list_versions
from pipeline.times import iso, parse_instant

Rows = list[dict[str, Any]]
NEVER = "never"


@dataclass(frozen=True)
class _Found:
    """What the ledger holds of a drill."""

    versions: dict[tuple[str, int], VersionRow]
    messages: list[OutboxRow]
    said: dict[tuple[str, int, str], AcknowledgementRow]


def listed_drills(ws: Workspace) -> Rows:
    """Return the drills played here as table rows, newest first."""
    return [
        {
            "drill": r.id,
            "scenario": r.scenario,
            "begun": r.begun_at,
            "ended": r.ended_at or "not finished",
            "recipients": list(r.recipients),
        }
        for r in list_records(ws)
    ]


def drill_report(ws: Workspace, drill_id: str | None = None) -> dict[str, Any]:
    """Return the report of a drill, the newest unless another is named.

    ``messages`` has a row for each message with the exercise's time of sending, the true one, and when and
    by whom it was acknowledged; ``silent`` names who acknowledged none, ``unaddressed`` those chosen to whom
    no version was meant to go.

    Raises
    ------
    UsageError
        there is no such drill
    """
    newest = [drill_id] if drill_id else [r.id for r in list_records(ws)[:1]]
    record = read_record(ws, newest[0] if newest else "none")
    found = _found(ws, record.id)
    rows = [_row(found, record, m) for m in found.messages]
    reached = {m.recipient for m in found.messages}
    answered = {recipient for _, _, recipient in found.said}
    return {
        "drill": record.id,
        "scenario": record.scenario,
        "status": "Exercise",
        "begun": record.begun_at,
        "ended": record.ended_at or "not finished",
        "steps": [{"at": s.at, "truly": s.truly, "what": s.what, "outcome": s.outcome} for s in record.steps],
        "messages": rows,
        "summary": _summary(found, rows, record.recipients),
        "silent": sorted(reached - answered),
        "unaddressed": sorted(set(record.recipients) - reached),
        "not_marked": _not_marked(found.versions.values()),
    }


def _found(ws: Workspace, world: str) -> _Found:
    with ws.ledger.read() as conn:
        versions = {(v.warning_id, v.version): v for v in list_versions(conn, world)}
        messages = read_outbox(conn, world=world)
        said = {
            (a.warning_id, a.version, a.recipient): a
            for warning_id in {key[0] for key in versions}
            for a in read_acknowledgements(conn, warning_id)
        }
    return _Found(versions, sorted(messages, key=lambda m: (m.created_at, m.recipient, m.id)), said)


def _row(found: _Found, record: DrillRecord, message: OutboxRow) -> dict[str, Any]:
    """Return one message as a row of the report; it names no address."""
    content = found.versions[message.warning_id, message.version].content
    answer = found.said.get((message.warning_id, message.version, message.recipient))
    truly = next((s.truly for s in record.steps if message.id in s.sent), "")
    return {
        "recipient": message.recipient,
        "warning": message.warning_id,
        "v": message.version,
        "what": " ".join(p for p in (content["product"], content["kind"], content["level"]) if p),
        "channel": message.channel,
        "state": message.state,
        "sent": iso(message.sent_at) if message.sent_at else "",
        "truly sent": truly,
        "acknowledged": iso(answer.at) if answer else NEVER,
        "after min": _minutes(truly, answer.at) if answer else "",
        "by": (answer.person or answer.way) if answer else "",
    }


def _minutes(since: str, at: datetime) -> str:
    """Return the minutes from true sending to acknowledgement; nothing where the sending is not known."""
    return f"{(at - parse_instant(since)).total_seconds() / 60:.1f}" if since else ""


def _summary(found: _Found, rows: Rows, recipients: Sequence[str]) -> Rows:
    """Return for each chosen recipient how many versions went to it, arrived and were acknowledged."""
    table = []
    for name in recipients:
        own = [r for r in rows if r["recipient"] == name]
        waits = sorted(float(r["after min"]) for r in own if r["after min"])
        table.append(
            {
                "recipient": name,
                "versions": len({(r["warning"], r["v"]) for r in own}),
                "sent": len({(r["warning"], r["v"]) for r in own if r["state"] == "sent"}),
                "acknowledged": sum(1 for key in found.said if key[2] == name),
                "slowest min": f"{waits[-1]:.1f}" if waits else "",
            }
        )
    return table


def _not_marked(versions: Any) -> list[str]:
    """Return versions that are not marked as an exercise; there may be none."""
    return sorted(f"{v.warning_id} v{v.version}" for v in versions if v.content["cap_status"] != "Exercise")
