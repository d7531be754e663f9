"""Keeping the scores that the forecasters' page shows: on demand, and of the stored runs once a day."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from flows.verification import Request, Verification, scored
from flows.workspace import Workspace
from forecasting.verification.kept import Kept, facts_of, keep, kept_verifications
from pipeline.errors import UsageError
from pipeline.times import iso, parse_instant

RUNS: Final = "runs"
EVERY: Final = timedelta(hours=24)
SLACK: Final = timedelta(minutes=30)
_PATHS: Final = ("predictions", "hindcast")


def source_of(request: Request) -> str:
    """Return under which name the scores of a request are kept.

    >>> from pathlib import Path
    >>> source_of(Request()), source_of(Request(hindcast=Path("out")))
    ('runs', 'hindcast')
    """
    if request.predictions is not None:
        return "table"
    return "hindcast" if request.hindcast is not None else RUNS


def keep_verification(ws: Workspace, request: Request, found: Verification, now: datetime) -> Kept:
    """Keep the scores of a request for the page; where they were read from is left out."""
    facts: dict[str, Any] = {k: v for k, v in found.facts.items() if k not in _PATHS}
    facts |= {"source": source_of(request), "made_at": iso(now)}
    return keep(ws.settings.verification_dir / request.world, source_of(request), found.tables, facts)


def keep_runs_if_due(ws: Workspace, world: str, now: datetime) -> Kept | None:
    """Score the stored runs of a world for the page once a day; None where it is not due or nothing is there.

    It reads every current run: half a minute to a minute of one core for a year of cycles.
    """
    newest = kept_verifications(ws.settings.verification_dir / world, RUNS)[:1]
    if any(now - parse_instant(facts_of(one.folder)["made_at"]) < EVERY - SLACK for one in newest):
        return None
    request = replace(Request(), world=world)
    try:
        return keep_verification(ws, request, scored(ws, request), now)
    except UsageError:
        return None
