"""A forecaster's edit of a draft: another text, given as a file, with a reason; earlier approvals fall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alerts.content import WarningContent
from alerts.edits import edit_version
from alerts.standing import check_standing
from alerts.versions import required_parties
from flows.desk import Decision, decision_time, find_version, person_of
from flows.workspace import Workspace
from pipeline.errors import ReviewError, UsageError


def edit_draft(
    ws: Workspace, warning_id: str, version: int | None, decision: Decision, reason: str, file: Path
) -> dict[str, Any]:
    """Replace the content of a draft or version in review by that of a JSON file.

    The file holds the object that `sameair warnings show --json` prints under ``content``, edited. Number,
    references, product, cities, episodes, world and deadline may not change; decisions about the earlier
    text no longer count.

    Raises
    ------
    UsageError
        the file cannot be read or is no content of a warning
    ReviewError
        the party has no part in the warning, or the version cannot be edited any more
    """
    row = find_version(ws, warning_id, version)
    content = read_content(file)
    if (content.warning_id, content.version) != (row.warning_id, row.version):
        raise UsageError(
            f"{file} is of warning {content.warning_id} v{content.version}, not of {row.warning_id}"
        )
    return write_edit(ws, content, decision, reason)


def write_edit(ws: Workspace, content: WarningContent, decision: Decision, reason: str) -> dict[str, Any]:
    """Replace the content of the draft or version in review that it names; as :func:`edit_draft` does."""
    row = find_version(ws, content.warning_id, content.version)
    before = WarningContent.from_dict(row.content)
    who = person_of(ws, decision)
    if who.party not in required_parties(before):
        raise ReviewError(f"{who.party} is not a party of warning {row.warning_id}")
    when = decision_time(ws, before, decision.at)
    with ws.ledger.write() as conn:
        check_standing(conn, row.warning_id, decision.shown)
        digest = edit_version(conn, content, who.person, reason, when, told=decision.told)
    return {
        "warning": row.warning_id,
        "version": row.version,
        "edited": f"{digest[:16]} by {who.person} for {who.party}",
        "reason": reason,
        "next": f"sameair warnings show {row.warning_id}; every party approves the new text",
    }


def read_content(file: Path) -> WarningContent:
    """Read a content from a JSON file: the object itself, or the document of `warnings show --json`."""
    try:
        data = json.loads(file.read_text("utf-8"))
        return WarningContent.from_dict(data.get("content", data))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{file} is not the content of a warning ({type(error).__name__}: {error})"
        ) from None
