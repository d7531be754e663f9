"""What a text or vote of the other party may not be, however well it is signed: limits that spare our own.

An offer becomes a draft under the name of its warning. So it may take no name, number or time by which our
own warnings would be numbered otherwise, be held to be older, or wait for a deadline that never comes.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, get_args

from sqlalchemy import Connection

from alerts.content import CapStatus, Kind, WarningContent
from pipeline.ledger.warnings import read_versions
from pipeline.names import is_simulated
from pipeline.times import parse_instant

CLOCKS: Final = timedelta(minutes=10)
"""How far a time of what was said may lie after its envelope was written: clocks differ."""
LONGEST_REVIEW: Final = timedelta(hours=24)
LONGEST_VALID: Final = timedelta(days=31)
"""How long after its envelope was written a text may wait for a decision, and be valid."""
MOST_AHEAD: Final = 50
"""By how much the number of a version may be above those of the same warning that are known here."""
_NAME = re.compile(r"[0-9A-Z]{26}")


def why_not_taken(conn: Connection, content: WarningContent, written_at: datetime) -> list[str]:
    """Return why an offered text is not taken in, an entry for each reason.

    Parameters
    ----------
    written_at : when its envelope was written, by the sender's clock
    """
    versions = read_versions(conn, content.warning_id)
    kind = (content.world, content.product, content.cap_status, content.simulated)
    others = [v for v in versions if _kind(v.content) != kind]
    newest = max((v.version for v in versions), default=0)
    faults = {
        "its kind or status is none": content.kind not in get_args(Kind)
        or content.cap_status not in get_args(CapStatus),
        "the warning's name is not that of a joint warning": not _NAME.fullmatch(content.warning_id),
        "the warning of that name is of another kind": bool(others),
        "its version is too far ahead": not 1 <= content.version <= newest + MOST_AHEAD,
        "it is simulated, or not, against the name of its world": content.simulated
        is not is_simulated(content.world),
        **_times(content, written_at),
    }
    return [fault for fault, is_so in faults.items() if is_so]


def is_ahead(content: WarningContent, at: datetime, written_at: datetime) -> bool:
    """Tell whether something about a text of the present is dated after its envelope was written.

    Exercises play in a time of their own.
    """
    return _is_live(content) and at > written_at + CLOCKS


def _times(content: WarningContent, written_at: datetime) -> dict[str, bool]:
    """Return which times of a text of the present cannot be; years of an exercise are not judged."""
    if not _is_live(content):
        return {}
    issued, known, until, end = (
        parse_instant(text)
        for text in (content.issue_time, content.as_of, content.review_deadline, content.expires)
    )
    return {
        "it is of a cycle to come": max(issued, known) > written_at + CLOCKS,
        "it leaves more than a day to decide": until > written_at + LONGEST_REVIEW,
        "it is valid for more than a month": end > written_at + LONGEST_VALID,
    }


def _kind(content: dict[str, object]) -> tuple[object, ...]:
    return tuple(content[name] for name in ("world", "product", "cap_status", "simulated"))


def _is_live(content: WarningContent) -> bool:
    """Tell whether a text speaks of the present: Actual, or the Test of a policy not yet agreed."""
    return not content.simulated and content.cap_status in ("Actual", "Test")
