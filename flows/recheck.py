"""Keeping the timetable: what is not confirmed by the decision, and drafts beside the other side's bulletin.

Nothing is signed, sent or withdrawn here: what is found is written down once and told to the operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts.beside import Outcome, compared, outcome_of
from alerts.content import WarningContent
from alerts.episodes import lineage_of
from alerts.policy import Policy
from alerts.rechecked import RECHECK, recheck_text, rechecked
from alerts.timetable import decision_of
from alerts.versions import OPEN
from alerts.warnings import fully_approved
from flows.assess import policy_of
from flows.delivering import channel_of
from flows.operator import tell_operator
from flows.signing import is_live
from flows.workspace import Workspace
from pipeline.bulletins import StoredBulletin, read_bulletins
from pipeline.ledger.audit import append_audit
from pipeline.ledger.episodes import read_episodes
from pipeline.ledger.notices import Condition, in_trouble
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import VersionRow, list_since
from pipeline.times import cycles_between, iso, parse_instant

Plain = dict[str, Any]

SOURCE: Final = "exchange"
"""Where the other side's bulletins come in."""

WATCHED: Final = ("decide", "confirm")
TOLD: Final = 3
"""Severity of what the operator is told at once."""

DAY: Final = timedelta(days=1)

KINDS: Final = ("decision ", "bulletin ")
"""How the subjects begin of which the operator is told here."""


def keep_timetable(ws: Workspace, world: str) -> int:
    """Compare what waits with the other side's bulletins and tell the operator; returns the lines of news.

    It is called as exchange files come in, and every few minutes, and says everything once.
    """
    now = ws.clock()
    if not _is_anything(ws, world, now):
        return 0
    recheck_warnings(ws, world, now)
    conditions = decision_conditions(ws, world, now)
    return tell_operator(ws, world, conditions, channel_of(ws.settings), "", now) if conditions else 0


def _is_anything(ws: Workspace, world: str, now: datetime) -> bool:
    """Tell whether anything waits, is in force, or was told of and is not over; most of the year nothing."""
    with ws.ledger.read() as conn:
        told = any(subject.startswith(KINDS) for subject in in_trouble(conn, world))
        return told or bool(_newest(conn, world, now))


def recheck_warnings(ws: Workspace, world: str, now: datetime) -> list[Plain]:
    """Compare what waits or is in force with the other side's bulletin of the day; returns what is new.

    It is compared once with each bulletin that arrives after it was written, however often this is called.
    Where none has arrived by the time that the policy names, that is written down instead, once a day.
    """
    policy = policy_of(ws)
    with ws.ledger.write() as conn:
        rows = [row for row in _newest(conn, world, now) if row.state in (*OPEN, "issued")]
        found = [_recheck(conn, row, policy, now) for row in rows]
    return [one for one in found if one is not None]


def decision_conditions(ws: Workspace, world: str, now: datetime) -> list[Condition]:
    """Return how each joint warning stands to the decision of its day, for the operator.

    One that waits for a signature when the decision is due, and one whose cycle was not followed by the run
    that is to confirm it, are in trouble until they are signed, closed or expired; so is one that differs
    from the other side's bulletin, or that none has arrived to compare with.
    """
    policy = policy_of(ws)
    with ws.ledger.read() as conn:
        found = [one for row in _newest(conn, world, now) for one in _conditions(conn, row, policy, now)]
        told = {one.subject for one in found}
        over = [s for s in in_trouble(conn, world) if s.startswith(KINDS) and s not in told]
    return [*found, *(Condition(subject, "over", 0, f"{subject}: over") for subject in over)]


def lineages(conn: Connection, world: str, episode_ids: Sequence[str]) -> dict[str, str]:
    """Return in words what episodes were part of or go on in; those that stand alone are left out."""
    rows = read_episodes(conn, world, episode_ids)
    found = {row.id: lineage_of(row.details) for row in rows}
    return {i: words for i, words in found.items() if words}


def _newest(conn: Connection, world: str, now: datetime) -> list[VersionRow]:
    """Return the newest version, not over yet, of every live warning that waits, is out or is of today."""
    rows = {r.warning_id: r for r in list_since(conn, world, (*OPEN, "issued"), now - DAY) if r.at <= now}
    live = (r for r in rows.values() if now < r.expires)
    return [r for r in live if is_live(WarningContent.from_dict(r.content))]


def _recheck(conn: Connection, row: VersionRow, policy: Policy, now: datetime) -> Plain | None:
    world = str(row.content["world"])
    zone = policy.review.timezone
    today = now.astimezone(ZoneInfo(zone)).date()
    arrived = _of_day(read_bulletins(conn, world, as_of=now, kind="forecast", source=SOURCE), today, zone)
    fresh = [b for b in arrived if b.received_at > row.at]
    before = rechecked(conn, row)
    payload: Plain = {"version": row.version, "digest": row.content_digest, "day": today.isoformat()}
    if fresh:
        newest = iso(max(b.received_at for b in fresh))
        if before is not None and before.get("received") == newest:
            return None
        days = compared(WarningContent.from_dict(row.content), [b.bulletin for b in arrived], policy)
        payload |= {"outcome": outcome_of(days), "received": newest, "days": [vars(d) for d in days]}
    else:
        due = policy.duty.recheck_on(today, zone)
        if arrived or row.at > due or now < due or (before is not None and before["day"] == payload["day"]):
            return None
        absent: Outcome = "absent"
        payload |= {"outcome": absent, "received": "", "days": []}
    append_audit(conn, at=now, actor="run", action=RECHECK, subject=row.warning_id, payload=payload)
    return {"warning": row.warning_id, **payload}


def _of_day(found: Sequence[StoredBulletin], day: date, zone: str) -> list[StoredBulletin]:
    return [b for b in found if b.bulletin.issued_at.astimezone(ZoneInfo(zone)).date() == day]


def _subjects(row: VersionRow) -> tuple[str, str]:
    name = f"{row.warning_id} v{row.version}"
    return f"decision {name}", f"bulletin {name}"


def _conditions(conn: Connection, row: VersionRow, policy: Policy, now: datetime) -> list[Condition]:
    decision, bulletin = _subjects(row)
    found = []
    trouble = _unconfirmed(conn, row, policy, now)
    if trouble is not None:
        text = f"{row.content['product'].replace('_', ' ')} {row.warning_id} v{row.version}: {trouble}"
        found.append(Condition(decision, "late" if trouble else "ok", TOLD if trouble else 0, text))
    said = rechecked(conn, row)
    if said is not None:
        outcome = said["outcome"]
        well = outcome in ("agrees", "not comparable")
        text = f"warning {row.warning_id} v{row.version}: {recheck_text(said, policy)}"
        found.append(Condition(bulletin, outcome, 0 if well else TOLD, text))
    return found


def _unconfirmed(conn: Connection, row: VersionRow, policy: Policy, now: datetime) -> str | None:
    """Return what is missing at the decision, an empty text if nothing is, None where it serves none yet."""
    issue = parse_instant(row.content["issue_time"])
    task, said = policy.task(issue), row.content["product"]
    decision = decision_of(task, issue, policy.review.timezone)
    if said != "joint_warning" or task.task not in WATCHED or decision is None or now < decision:
        return None
    if row.state == "expired":
        return f"it expired unsigned; nothing new is signed for the decision of {task.before}"
    if row.state in OPEN and not fully_approved(conn, row):
        return f"not signed when the decision of {task.before} was due"
    if (
        task.task == "decide"
        and row.state in (*OPEN, "issued")
        and not _confirmed(conn, row, policy, decision)
    ):
        return f"the cycle that confirms or updates it before {task.before} has not run"
    return ""


def _confirmed(conn: Connection, row: VersionRow, policy: Policy, decision: datetime) -> bool:
    """Tell whether the cycle that confirms has run; true where the timetable has none before the decision."""
    issue, world = parse_instant(row.content["issue_time"]), str(row.content["world"])
    later = [c for c in cycles_between(issue, decision) if c > issue and policy.task(c).task == "confirm"]
    return all(current_run(conn, world, cycle) is not None for cycle in later)
