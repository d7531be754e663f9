"""``sameair jobs``: what the timetable asked for, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table

app = typer.Typer(help="What the timetable asked for: done, running, failed, left out; or do what is due.")


@app.command("list")
def list_jobs(
    hours: Annotated[int, typer.Option("--hours", min=1, help="How far back to look.")] = 24,
    flow: Annotated[str | None, typer.Option("--flow", help="One flow only.", show_default=False)] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the attempts of the last hours, and what is due now."""
    from datetime import timedelta

    from flows.jobs import upcoming
    from flows.workspace import open_workspace
    from pipeline.ledger.jobs import jobs_between

    ws = open_workspace(make_settings(data_dir))
    now = ws.clock()
    _known(flow)
    with ws.ledger.read() as conn:
        found = jobs_between(conn, now - timedelta(hours=hours), now + timedelta(hours=1), flow=flow)
    due = [row for row in upcoming(ws) if flow in (None, row["flow"])]
    if as_json:
        print_json({"jobs": [_row(job) for job in found], "due": due})
        return
    _table("jobs", [_row(job) for job in found])
    _table("now", due)


@app.command()
def run(
    flow: Annotated[str | None, typer.Argument(help="One flow; else all.", show_default=False)] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Do what is due now in this process, without Prefect's schedule; for cron, or after an outage."""
    from flows.duties import DUTIES
    from flows.jobs import work_on
    from flows.timetable import flows
    from flows.workspace import open_workspace
    from pipeline.errors import SameairError

    _known(flow)
    ws = open_workspace(make_settings(data_dir))
    said: dict[str, str] = {}
    troubles = []
    for name in [flow] if flow else flows():
        try:
            done = work_on(ws, name, DUTIES[name])
            said[name] = f"{len(done)} done" if done else "nothing due"
        except SameairError as error:
            said[name] = f"failed: {error}"
            troubles.append(error)
    if as_json:
        print_json(said)
    else:
        print_lines([f"{name}: {what}" for name, what in said.items()])
    if troubles:
        raise troubles[0]


def _known(flow: str | None) -> None:
    """Refuse a flow that the timetable does not know."""
    from flows.timetable import flows
    from pipeline.errors import UsageError

    if flow is not None and flow not in flows():
        raise UsageError(f"there is no flow '{flow}'; there are {', '.join(flows())}")


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0]) if rows else ["flow", "nominal", "state"]
    print_table(title, columns, [list(row.values()) for row in rows])


def _row(job: Any) -> dict[str, Any]:
    from pipeline.times import iso

    return {
        "flow": job.flow,
        "nominal": iso(job.nominal),
        "attempt": job.attempt,
        "state": job.state,
        "begun": iso(job.begun_at),
        "ended": iso(job.ended_at) if job.ended_at else "",
        "why": job.why,
        "worker": job.worker,
    }
