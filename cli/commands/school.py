"""``sameair school``: lessons of the replay school from a world's own past."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.commands.cycle import opened
from cli.options import AsJson, DataDir
from cli.output import print_json, print_lines

app = typer.Typer(help="Lessons of the replay school.", no_args_is_help=True)


@app.command()
def build(
    world: Annotated[
        str | None, typer.Option("--world", help="Of which world [default: the one worked in].")
    ] = None,
    first: Annotated[
        str, typer.Option("--from", metavar="YYYY-MM-DD", help="First local day that may be asked about.")
    ] = "2000-01-01",
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last one [default: yesterday].")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=200, help="How many lessons.")] = 12,
    replayed: Annotated[
        Path | None,
        typer.Option("--hindcast", help="Folder of a `sameair hindcast` whose forecasts are shown."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Build lessons: days that were called, missed, called in vain, or quiet, as many of each as there are.

    Without --hindcast the model in use tells what it would have said in years that it was blind to.
    A day that has a lesson keeps it.
    """
    from flows.runview import find_run
    from flows.school import Wanted, build_lessons, day_between

    with opened(data_dir, as_json) as ws:
        chosen = world or find_run(ws, None, None).world
        days = day_between(first, last, ws.clock())
        found = build_lessons(ws, Wanted(chosen, *days, count, replayed))
    if as_json:
        told = {"lessons": list(found.lessons), "days": found.days, "kinds": dict(found.kinds)}
        print_json({"world": chosen, **told})
        return
    kinds = ", ".join(f"{number} {kind}" for kind, number in found.kinds.items())
    print_lines(
        [
            f"{len(found.lessons)} new lessons of world {chosen}, chosen from {found.days} days: {kinds}",
            "people find them under `sameair review`, /school",
        ]
    )
