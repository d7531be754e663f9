"""The cycle and its steps: run, ingest, forecast, propose, issue, deliver, serve."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DEFAULT_SEED, AsJson, DataDir, Instant, Quiet, Seed, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    from flows.plan import CyclePlan
    from flows.workspace import Workspace

Drill = Annotated[
    bool | None,
    typer.Option("--drill/--no-drill", help="Approve drafts as a drill [default: only in simulated worlds]."),
]
Again = Annotated[bool, typer.Option("--again", help="Make another run of a cycle that is done.")]

MOST_TOLD = 3
"""So many different errors of a source stand in the table of an ingest."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (run, ingest, forecast, propose, issue, deliver, serve):
        app.command()(command)


@dataclass(frozen=True)
class Wanted:
    """Which cycle of which world the options name."""

    at: str | None
    world: str | None
    seed: int
    quiet: bool


@contextmanager
def opened(data_dir: Any, as_json: bool) -> Iterator[Workspace]:
    """Open the workspace and tell progress on standard error while the step runs."""
    from flows.workspace import open_workspace, reporter

    workspace = open_workspace(make_settings(data_dir))
    with progress_bars(enabled=not as_json) as report:
        token = reporter.set(report)
        try:
            yield workspace
        finally:
            reporter.reset(token)


def make_plan(
    ws: Workspace,
    wanted: Wanted,
    *,
    drill: bool | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> CyclePlan:
    """Decide which cycle of which world is meant: ``--at`` means measurements, else the simulated world.

    ``meanwhile`` is called before a world is simulated, which takes a while.
    """
    from flows.plan import plan_measured, world_of
    from flows.simulated import plan_simulated
    from pipeline.errors import UsageError
    from pipeline.names import MEASURED
    from pipeline.times import system_clock

    if wanted.at is not None and wanted.world not in (None, MEASURED):
        raise UsageError("--at is for measurements; a simulated world stands at one cycle, so leave it out")
    if wanted.at is not None or wanted.world == MEASURED:
        return plan_measured(wanted.at, system_clock(), drill=bool(drill))
    seed, quiet = world_of(wanted.world) if wanted.world else (wanted.seed, wanted.quiet)
    return plan_simulated(ws, seed, quiet, drill=drill is not False, meanwhile=meanwhile)


def run(  # noqa: PLR0913 - one argument per option
    at: Instant = None,
    world: World = None,
    seed: Seed = DEFAULT_SEED,
    quiet_season: Quiet = False,
    drill: Drill = None,
    again: Again = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run one whole cycle: ingest, forecast, assess, propose, issue what is approved, deliver.

    Without options it runs the demonstration: a simulated world whose warning both parties approve as a
    drill. With --at it replays a past cycle on imported measurements, as it would have been run then; its
    drafts wait for `sameair warnings approve`. A cycle that is done is not run again, unless --again.
    """
    from flows.run import run_cycle
    from flows.runtime import begin_server
    from flows.school import offer_lessons
    from flows.summary import summary_lines, summary_of

    with opened(data_dir, as_json) as ws:
        wanted = Wanted(at, world, seed, quiet_season)
        plan = make_plan(ws, wanted, drill=drill, meanwhile=lambda: begin_server(ws.settings.data_dir))
        done_before = run_cycle(ws, plan, again=again)
        found = summary_of(ws, plan)
        lessons = offer_lessons(ws, plan.world, plan.cycle)
    if as_json:
        print_json({**found, "done_before": done_before})
    else:
        told = [f"school     {lessons} lessons on this world's past"] * bool(lessons)
        print_lines([*summary_lines(found), *told, _pages_line(data_dir)])
    if found["degraded"]:
        raise typer.Exit(3)


def _pages_line(data_dir: Path | None) -> str:
    """Return the command that shows this result in a browser."""
    words = ["sameair", "review", *(["--data-dir", str(data_dir)] if data_dir else [])]
    return f"pages      {shlex.join(words)}   (the forecasters' room: what to decide, and why)"


def ingest(  # noqa: PLR0913 - one argument per option
    at: Instant = None,
    world: World = None,
    seed: Seed = DEFAULT_SEED,
    quiet_season: Quiet = False,
    live: Annotated[bool, typer.Option("--live", help="Ask the live sources now.")] = False,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="With --live: only this one.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask every source for what it owes (step 1); one that fails does not stop the others (exit code 5)."""
    from flows.hour import take_hour
    from flows.ingest import ingest as take_in
    from pipeline.errors import UsageError

    if source and not live:
        raise UsageError("--source goes with --live; add --live")
    with opened(data_dir, as_json) as ws:
        if live:
            found = take_hour(ws, services=True, only=source or ())
        else:
            found = take_in(ws, make_plan(ws, Wanted(at, world, seed, quiet_season)))
    if as_json:
        print_json([vars(r) for r in found])
    else:
        rows = [(r.source, r.answers, r.rows, r.stored, _briefly([*r.errors, *r.notes])) for r in found]
        print_table("sources", ("source", "answers", "rows read", "new or changed", "errors and notes"), rows)
    if any(r.errors for r in found):
        raise typer.Exit(5)


def _briefly(told: list[str]) -> str:
    """Return the first of what is told, each line once with its number; --json names all."""
    counted = Counter(told)
    lines = [f"{text} ({n} times)" if n > 1 else text for text, n in counted.most_common(MOST_TOLD)]
    if len(counted) > MOST_TOLD:
        lines.append(f"and {len(counted) - MOST_TOLD} more like that; --json names all")
    return "\n".join(lines)


def forecast(
    at: Instant = None,
    world: World = None,
    seed: Seed = DEFAULT_SEED,
    quiet_season: Quiet = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Forecast a cycle (steps 2 and 3): makes a new run of it and prints its id."""
    from flows.forecast import forecast_cycle
    from flows.run import cycle_lock

    with opened(data_dir, as_json) as ws:
        plan = make_plan(ws, Wanted(at, world, seed, quiet_season))
        with cycle_lock(ws, plan.world):
            run_id = forecast_cycle(ws, plan)
    if as_json:
        print_json({"run": run_id, **plan.to_dict()})
    else:
        print_lines([f"run {run_id}; next: sameair propose {run_id}"])


def propose(
    run_id: Annotated[str, typer.Argument(help="A finished run, see `sameair status`.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Judge a run by the rules and draft warnings (steps 4 and 5); repeating changes nothing."""
    from flows.assess import propose_warnings
    from flows.bulletin import write_bulletin

    with opened(data_dir, as_json) as ws:
        proposal, filed = propose_warnings(ws, run_id)
        page = write_bulletin(ws, run_id)
    drafts = [{"warning": p.warning_id, "version": p.version, "outcome": p.outcome} for p in filed]
    if as_json:
        print_json({"notes": list(proposal.notes), "warnings": drafts, "bulletin": str(page)})
    else:
        print_lines([*proposal.notes, f"bulletin: {page}"])


def issue(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Issue every warning that all its parties have approved (step 7), one transaction each."""
    from flows.worlds import issue_everywhere

    with opened(data_dir, as_json) as ws:
        done = issue_everywhere(ws, world)
    rows = [{"warning": d.warning_id, "version": d.version, "messages": len(d.outbox_ids)} for d in done]
    if as_json:
        print_json(rows)
    else:
        print_table("issued", ("warning", "version", "messages"), [list(r.values()) for r in rows])


def deliver(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Send what stands in the outbox (step 7); exit code 3 if something could not be sent yet."""
    from flows.worlds import deliver_everywhere

    with opened(data_dir, as_json) as ws:
        report = deliver_everywhere(ws, world)
    counts = {
        "sent": len(report.sent),
        "deferred": len(report.deferred),
        "failed": len(report.failed),
        "unknown": len(report.unknown),
        "down": report.down,
    }
    if as_json:
        print_json(counts)
    else:
        print_lines(
            [", ".join(f"{name} {value}" for name, value in counts.items() if name != "down" or value)]
        )
    if report.deferred or report.failed or report.unknown or report.down:
        raise typer.Exit(3)


def serve(data_dir: DataDir = None) -> None:
    """Run the schedule on measurements until stopped: cycles at 05, 11, 17, 23 KST; issue and deliver."""
    from flows.runtime import await_server, begin_server
    from flows.serving import serving_alone
    from flows.starts import cycle_times

    settings = make_settings(data_dir)
    with serving_alone(settings.data_dir):
        begin_server(settings.data_dir, scheduling=True)
        from flows.service import serve as serve_flows

        url = await_server()
        print_lines([f"Prefect's server: {url}"])
        cycles = ", ".join(cycle_times())
        print_lines([f"cycles at {cycles} KST, sources at HH:27, the post every five minutes; Ctrl-C"])
        serve_flows(str(settings.data_dir.resolve()))
