"""Whether what somebody answers to still stands as they saw it, and a form that was sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.asked_for import Remark
from flows.said import words
from flows.workspace import Workspace
from pipeline.errors import Changed
from pipeline.ledger.season import StatementKind, read_party_statements


def said_before(ws: Workspace, remark: Remark, kind: StatementKind, body: Mapping[str, Any]) -> bool:
    """Tell whether just this was the last that the person said of the kind about the document."""
    with ws.ledger.read() as conn:
        known = read_party_statements(conn, kind, world=remark.world, subject=remark.subject)
    mine = [s for s in known if (s.party, s.person) == (remark.party, words("--person", remark.person))]
    return bool(mine) and mine[-1].body == body


def check_shown(remark: Remark, standing: str) -> None:
    """Refuse what was said of a document that stands otherwise now; raises Changed."""
    if remark.shown != standing:
        raise Changed(f"{remark.subject} does not stand any more as it was shown; read it again and repeat")
