"""What a person may change in a version that is not issued yet, and what hangs on other things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from alerts.content import CityOutlook, WarningContent
from alerts.versions import OPEN, check_content
from alerts.warnings import write_draft
from pipeline.errors import ReviewError
from pipeline.ledger.warnings import read_version

FIXED: Final = (
    *("version", "references", "product", "kind", "world", "simulated", "cap_status", "review_deadline"),
    *("run_id", "issue_time", "as_of", "model_id", "degraded", "calibrated", "inputs_missing"),
    *("policy_version", "parties"),
)
"""Fields that no edit may change."""


def edit_version(
    conn: Connection,
    content: WarningContent,
    person: str,
    reason: str,
    at: datetime,
    *,
    told: Mapping[str, Any] | None = None,
) -> str:
    """Let a person rewrite a version not yet issued; decisions about its earlier text no longer count.

    The content must bear the number and references of the version; ``reason`` is kept in it, ``told`` in
    the audit row. Returns the new digest; raises ReviewError where the life of the version does not allow it.
    """
    row = read_version(conn, content.warning_id, content.version)
    if row.state not in OPEN:
        name = f"version {row.version} of warning {row.warning_id}"
        raise ReviewError(f"{name} is {row.state} and cannot be edited; propose a new version")
    if not reason.strip():
        raise ReviewError("an edit needs a reason")
    given = replace(content, reason=reason)
    check_content(given)
    before = WarningContent.from_dict(row.content)
    changed = [name for name in FIXED if getattr(given, name) != getattr(before, name)]
    if [_subject(c) for c in given.cities] != [_subject(c) for c in before.cities]:
        changed.append("which cities and episodes it is about")
    if changed:
        raise ReviewError(f"an edit may not change {', '.join(changed)}; propose a new version instead")
    return write_draft(conn, given, at, person, is_new=False, told=told)


def _subject(city: CityOutlook) -> tuple[str, str, str]:
    """Return what an outlook is about; what a warning ends and follows hangs on it."""
    return city.city, city.party, city.episode_id
