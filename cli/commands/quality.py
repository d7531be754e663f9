"""``sameair quality``: the review of flags, and the stations whose clock or place is in doubt."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

app = typer.Typer(help="Quality control: review flags, list stations in doubt.")


@app.command()
def review(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Look again at the flags of the last three days, and at clocks and places of stations."""
    from flows.quality import review as look_again
    from flows.quality import verdict_rows
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    ws = open_workspace(make_settings(data_dir))
    name = world or MEASURED
    found = look_again(ws, name, ws.clock())
    if as_json:
        new = {(v.station, v.kind) for v in found.verdicts}
        rows = [r for r in verdict_rows(ws, name) if (r["station"], r["kind"]) in new]
        print_json({"raised": found.raised, "lowered": found.lowered, "verdicts": rows})
        return
    print_lines(
        [
            f"flags raised: {found.raised}, lowered: {found.lowered}",
            *(f"{v.station}: {v.kind} {v.state}, {v.detail}" for v in found.verdicts),
        ]
    )


@app.command()
def verdicts(
    history: Annotated[bool, typer.Option("--history", help="Every verdict, not only the newest.")] = False,
    data_dir: DataDir = None,
    world: World = None,
    as_json: AsJson = False,
) -> None:
    """List the stations whose clock or place was in doubt, and whether it still is."""
    from flows.quality import verdict_rows
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    rows = verdict_rows(open_workspace(make_settings(data_dir)), world or MEASURED, history=history)
    if as_json:
        print_json(rows)
    else:
        print_table("verdicts", list(rows[0]) if rows else [], [list(row.values()) for row in rows])
