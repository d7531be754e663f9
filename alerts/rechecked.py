"""How a version stands to clock and other side: minutes to its decision, the bulletin beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.policy import Policy
from alerts.timetable import decision_of, time_left
from alerts.versions import OPEN
from pipeline.ledger.audit import rows_about
from pipeline.ledger.warnings import VersionRow
from pipeline.times import parse_instant

Plain = dict[str, Any]

RECHECK: Final = "warning.recheck"
"""The action under which the audit trail holds each comparison with the other side's bulletin."""


def rechecked(conn: Connection, row: VersionRow, until: datetime | None = None) -> Plain | None:
    """Return the newest comparison of a version's text with the other side's bulletin, or None.

    With ``until`` the newest that had been made by that instant.
    """
    rows = rows_about(conn, row.warning_id, RECHECK)
    said: list[Plain] = [r["payload"] for r in rows if until is None or r["at"] <= until]
    mine = [p for p in said if (p["version"], p["digest"]) == (row.version, row.content_digest)]
    return mine[-1] if mine else None


def recheck_text(said: Plain, policy: Policy) -> str:
    """Return a comparison in one line.

    >>> from alerts.policy import load_policy
    >>> recheck_text({"outcome": "absent", "day": "2026-01-14"}, load_policy())
    'no bulletin of the other side had arrived by 19:00 on 2026-01-14'
    """
    if said["outcome"] == "absent":
        return f"no bulletin of the other side had arrived by {policy.duty.recheck} on {said['day']}"
    days = ", ".join(f"{d['city']} {d['day']} {d['said']:.0f} ug/m3" for d in said["days"])
    return f"bulletin of the other side of {said['day']}: {said['outcome']}" + (f" ({days})" if days else "")


def decision_left(policy: Policy, row: VersionRow, now: datetime) -> str:
    """Return how long a version that waits still has to the decision it serves; empty where it serves none.

    An exercise plays in its own time: its minutes count from its snapshot.
    """
    content = WarningContent.from_dict(row.content)
    issue = parse_instant(content.issue_time)
    task = policy.task(issue)
    decision = decision_of(task, issue, policy.review.timezone)
    if row.state not in OPEN or decision is None:
        return ""
    is_live = not content.simulated and content.cap_status in ("Actual", "Test")
    return f"{task.before}: {time_left(decision, now if is_live else parse_instant(content.as_of))}"
