"""``sameair origins``: which air brought much dust to a city, summarised over whole seasons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, progress_bars

if TYPE_CHECKING:
    from pandas import DataFrame

    from flows.origins_season import SeasonPlan
    from flows.workspace import Workspace

DEGRADED = 3


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("origins")(origins)


def origins(  # noqa: PLR0913 - one argument per option
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="UTC day of the first arrival.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="UTC day of the last arrival.")],
    city: Annotated[str, typer.Option("--city", help="The city whose air is looked at.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables, maps and text.")],
    winds: Annotated[
        str, typer.Option("--winds", help="stored, or surrogate: estimated from measured pressure.")
    ] = "stored",
    seasons: Annotated[
        str, typer.Option("--seasons", help="quarters (DJF, ...) or halves (Oct-Mar, Apr-Sep).")
    ] = "quarters",
    hours: Annotated[int, typer.Option("--hours", help="Length of the paths back in time.")] = 72,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the resamples.")] = 0,
    against_truth: Annotated[
        bool,
        typer.Option(
            "--against-truth", help="Measure the methods on a simulated world, which knows origins."
        ),
    ] = False,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Summarise where a city's air had been, by season; refused below 200 independent arrivals."""
    from flows.origins_season import plan_seasons
    from flows.workspace import open_workspace, reporter
    from pipeline.errors import UsageError

    if out.is_file():
        raise UsageError(f"--out {out} is a file; name a folder")
    plan = plan_seasons(
        first, last, city, world=world or "measured", winds=winds, scheme=seasons, hours=hours, seed=seed
    )
    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        if against_truth:
            document, lines, refused = _truth(plan, out)
        else:
            document, lines, refused = _summary(open_workspace(make_settings(data_dir)), plan, out)
    if as_json:
        print_json(document)
    else:
        print_lines(lines, styles={"Refused": "yellow", "Not told": "yellow"})
        print_lines(["", *document["files"].values()])
    if refused:
        raise typer.Exit(DEGRADED)


def _summary(ws: Workspace, plan: SeasonPlan, out: Path) -> tuple[dict[str, Any], list[str], bool]:
    from flows.origins_season import season_facts, summarise_seasons

    made = summarise_seasons(ws, plan, out)
    facts = [season_facts(season) for season in made.seasons]
    files = {name: str(path) for name, path in made.files.items()}
    document = {**made.facts, "of_season": facts, "files": files}
    return document, made.lines, any(season.refused for season in made.seasons)


def _truth(plan: SeasonPlan, out: Path) -> tuple[dict[str, Any], list[str], bool]:
    from flows.origins_truth import agreement, agreement_lines

    found = agreement(plan, out)
    document = {
        "city": plan.city.id,
        "world": plan.world,
        "methods": _records(found.methods),
        "regions": _records(found.regions),
        "refused": found.refused,
        "files": {name: str(path) for name, path in found.files.items()},
    }
    return document, agreement_lines(found, plan.city, plan.world), bool(found.refused)


def _records(table: DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, None standing for what is undefined."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
