"""Runs: how each went, how long it took, and what it stored when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import HTTPException, Request
from fastapi.responses import Response

from alerts.vocabulary import LANGUAGES
from pipeline.ledger.models import get_model
from pipeline.ledger.runs import RunRow, get_run, list_runs
from pipeline.run_cost import read_cost
from pipeline.settings import Settings
from pipeline.times import iso
from review.operations.page import chosen_world, show
from review.removed import note_of_run
from review.security import bulletin_file, product_file

ROWS = 40


@dataclass(frozen=True)
class Stored:
    """One file that a run wrote; ``after`` is how long after its beginning [s], ``size`` in bytes."""

    name: str
    size: int
    at: datetime
    after: float


@dataclass(frozen=True)
class RunLine:
    """A run in a list; ``seconds`` is how long it took by the clock, None while it runs."""

    run: RunRow
    seconds: float | None
    has_bulletin: bool


def runs(request: Request, before: str = "") -> Response:
    """Show the runs of a world, newest first."""
    with request.app.state.ledger.read() as conn:
        chosen = chosen_world(request, conn)
        last = get_run(conn, before) if before else None
        found = list_runs(conn, chosen["world"], ROWS + 1, after=last) if chosen["world"] else []
    lines = [line_of(row, request.app.state.settings) for row in found[:ROWS]]
    following = found[ROWS - 1].id if len(found) > ROWS else ""
    return show(request, "operations/runs.html.j2", "runs", lines=lines, following=following, **chosen)


def run(request: Request, run_id: str) -> Response:
    """Show one run: what it used, what it did without, and the files it wrote, in the order of writing."""
    settings = request.app.state.settings
    with request.app.state.ledger.read() as conn:
        row = get_run(conn, run_id)
        model = get_model(conn, row.model_id) if row and row.model_id else None
    if row is None:
        raise HTTPException(404, "There is no such run.")
    return show(
        request,
        "operations/run.html.j2",
        "runs",
        run=row,
        line=line_of(row, settings),
        model=model,
        world=row.world,
        files=stored(row, settings),
        removed=sorted(note_of_run(row, settings).values(), key=lambda one: one.name),
        cost=read_cost(settings.runs_dir / row.world / iso(row.cycle).replace(":", "") / row.id),
        used=row.inputs.get("used", []),
        missing=row.inputs.get("missing", []),
        batches=len(row.inputs.get("batches", [])),
        papers=LANGUAGES,
    )


def line_of(row: RunRow, settings: Settings) -> RunLine:
    """Return a run as lists show it."""
    seconds = (row.ended_at - row.begun_at).total_seconds() if row.ended_at else None
    return RunLine(row, seconds, bulletin_file(row, settings) is not None)


def stored(row: RunRow, settings: Settings) -> list[Stored]:
    """Return the files of a run, the first written first; those that are gone are left out."""
    found = []
    for name in row.products:
        path = product_file(row, name, settings)
        if path is not None:
            stat = path.stat()
            at = datetime.fromtimestamp(stat.st_mtime, UTC)
            found.append(Stored(name, stat.st_size, at, (at - row.begun_at).total_seconds()))
    return sorted(found, key=lambda one: one.at)
