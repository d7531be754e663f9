"""The audit trail: who did what when, filtered; and whether its chain is whole."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import Query, Request
from fastapi.responses import Response

from pipeline.ledger.audit import AuditReport, audit_end, verify_audit
from pipeline.ledger.audit_reads import Wanted, find_rows
from review.operations.page import show

ROWS: Final = 50
LONGEST: Final = 200


def trail(
    request: Request,
    actor: str = "",
    action: str = "",
    subject: str = "",
    before: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> Response:
    """Show the newest rows that satisfy the filters."""
    return _page(request, Wanted(actor[:LONGEST], action[:LONGEST], subject[:LONGEST], before))


def verify(request: Request) -> Response:
    """Recompute the whole chain and say what is wrong with it, if anything."""
    with request.app.state.ledger.read() as conn:
        report = verify_audit(conn)
    return _page(request, Wanted(), report)


def _page(request: Request, wanted: Wanted, report: AuditReport | None = None) -> Response:
    with request.app.state.ledger.read() as conn:
        rows, end = find_rows(conn, wanted, ROWS + 1), audit_end(conn)
    return show(
        request,
        "operations/audit.html.j2",
        "audit",
        rows=[{**row, "said": _said(row["payload"])} for row in rows[:ROWS]],
        following=rows[ROWS - 1]["seq"] if len(rows) > ROWS else 0,
        wanted=wanted,
        end=end,
        report=report,
    )


def _said(payload: Any) -> str:
    """Return what a row says, in one line."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True) if payload else ""
