"""``sameair drill``: exercises for agencies, played through the real chain."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

app = typer.Typer(help="Play scripted exercises to chosen recipients, and tell who acknowledged when.")


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the scenarios, and the drills that were played here."""
    from alerts.drill_scenarios import all_scenarios
    from flows.drill_report import listed_drills
    from flows.recipients import with_names
    from flows.workspace import open_workspace

    scenarios = [
        {"scenario": s.id, "hours": s.hours, "steps": len(s.steps), "what": s.title, "trains": s.trains}
        for s in all_scenarios().values()
    ]
    workspace = open_workspace(make_settings(data_dir))
    drills = with_names(workspace, listed_drills(workspace))
    if as_json:
        print_json({"scenarios": scenarios, "drills": drills})
        return
    print_table("scenarios", list(scenarios[0]), [list(s.values()) for s in scenarios])
    shown = [{**d, "recipients": ", ".join(d["recipients"])} for d in drills]
    print_table("drills", list(shown[0]) if shown else [], [list(d.values()) for d in shown])


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="A scenario, see `sameair drill list`.")],
    recipients: Annotated[
        list[str] | None,
        typer.Option("--recipients", help="Id or name of a recipient that takes part; again for more."),
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", help="1: real time, 60: an hour in a minute, 0: at once.")
    ] = 0.0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Play a scenario through the real chain, to the chosen recipients and to nobody else.

    Every product says that it is an exercise. The recipients acknowledge as always; `sameair drill report`
    tells later who did.
    """
    from flows.drill import DrillOrder, run_drill
    from flows.drill_report import drill_report
    from flows.recipients import ids_of, with_names
    from flows.workspace import open_workspace, reporter

    workspace = open_workspace(make_settings(data_dir))
    with progress_bars(enabled=not as_json) as progress:
        token = reporter.set(progress)
        try:
            record = run_drill(workspace, DrillOrder(scenario, ids_of(workspace, recipients or ()), speed))
        finally:
            reporter.reset(token)
    _show(with_names(workspace, drill_report(workspace, record.id)), as_json)


@app.command()
def report(
    drill: Annotated[
        str | None, typer.Argument(help="Id of a drill; the newest if left out.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell who was sent what when, who acknowledged after how long, and who never did."""
    from flows.drill_report import drill_report
    from flows.recipients import with_names
    from flows.workspace import open_workspace

    workspace = open_workspace(make_settings(data_dir))
    _show(with_names(workspace, drill_report(workspace, drill)), as_json)


def _show(found: dict[str, object], as_json: bool) -> None:
    """Print a report."""
    if as_json:
        print_json(found)
        return
    print_lines([f"EXERCISE {found['drill']}: {found['scenario']}, {found['begun']} to {found['ended']}"])
    for name in ("steps", "messages", "summary"):
        rows: list[dict[str, object]] = found[name]  # type: ignore[assignment]
        print_table(name, list(rows[0]) if rows else [], [[str(v) for v in r.values()] for r in rows])
    silent: list[str] = found["silent"]  # type: ignore[assignment]
    unaddressed: list[str] = found["unaddressed"]  # type: ignore[assignment]
    print_lines([f"never acknowledged: {', '.join(silent) or 'nobody'}"])
    if unaddressed:
        print_lines([f"no version was meant for: {', '.join(unaddressed)}"])
