"""What partner organisations that look on may see: only what is older than the policy's embargo."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import Request

from alerts.policy import load_policy
from pipeline.ledger.warnings import VersionRow
from pipeline.times import parse_instant
from review.access import visitor
from review.accounts.roles import Role


def seen_until(request: Request) -> datetime | None:
    """Return until when cycles are shown to who asks: an observer's embargo ends there; None: no limit."""
    if visitor(request).role is not Role.observer:
        return None
    terms = load_policy(request.app.state.settings.policy_file).observers
    now: datetime = request.app.state.clock()
    return now - timedelta(hours=terms.embargo_hours)


def is_told(row: VersionRow, until: datetime | None) -> bool:
    """Tell whether a version of a warning is of a cycle that is shown to who sees those until an instant."""
    return until is None or parse_instant(str(row.content["issue_time"])) <= until
