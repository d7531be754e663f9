"""``sameair explain``: why a cycle was forecast as it was, and what would change it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, Cycle, DataDir, OneCity, World, cycle_of, make_settings
from cli.output import print_json, print_lines


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("explain")(explain)


def explain(
    cycle: Cycle = None,
    world: World = None,
    city: OneCity = None,
    language: Annotated[str, typer.Option("--language", help="en, ko or zh.")] = "en",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell which readings moved a cycle's forecast, what followed alike situations, what would change it."""
    from flows.combine import combination_of_run
    from flows.combine_lines import combination_lines, evidence_lines
    from flows.reasons import explained_run
    from flows.workspace import open_workspace
    from forecasting.reasons.stored import reason_lines
    from forecasting.reasons.words import LANGUAGES
    from pipeline.cities import city as known_city
    from pipeline.errors import UsageError
    from pipeline.times import iso

    if language not in LANGUAGES:
        raise UsageError(f"--language {language}: there are {', '.join(LANGUAGES)}")
    if city is not None:
        known_city(city)
    ws = open_workspace(make_settings(data_dir))
    run, document = explained_run(ws, world, cycle_of(cycle) if cycle else None)
    others = combination_of_run(ws, run)
    told = [one for one in document["cities"] if city in (None, one["city"])]
    if as_json:
        print_json({"run": run.id, **document, "cities": told, "others": others})
        return
    print_lines([f"{run.world}, cycle {iso(run.cycle)}, run {run.id}, model {document['model_id']}"])
    for one in told:
        print_lines(["", *reason_lines(one, language)])
    if others is not None:
        print_lines(["", "forecasts of others:", *combination_lines(others, city)])
        print_lines(["how far each is heard, and why:", *evidence_lines(others, city)])
