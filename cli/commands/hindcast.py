"""``sameair hindcast`` and ``sameair replay``: what would have been forecast, beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

HEADLINES = (("seoul", 35), ("beijing", 75))
"""Cities and daily PM2.5 thresholds [ug m-3] of the printed table."""

LEADS = ("D+1", "D+2", "D+3")
MODELS = ("sameair", "persistence", "climatology")

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First UTC day of issues.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last UTC day of issues.")]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes; 0: where SAMEAIR_HEAVY_WORK says.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("hindcast")(hindcast)
    app.command("replay")(replay)


def hindcast(  # noqa: PLR0913 - one argument per option
    first: From,
    last: To,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables and scores.")],
    cities: Annotated[str, typer.Option("--cities", help="Cities whose rows are written.")] = "seoul,beijing",
    train_until: Annotated[
        str | None,
        typer.Option(
            "--train-until",
            metavar="DATE",
            help="Learn only from what was received by the end of this UTC day.",
            show_default=False,
        ),
    ] = None,
    leave_out_years: Annotated[
        bool, typer.Option("--leave-out-years", help="Learn without the year that is scored.")
    ] = False,
    weather: Annotated[
        str,
        typer.Option(
            "--weather",
            help="observed; forecast: stored forecasts of the days ahead, as known at each issue; "
            "perfect-prognosis: what was measured on them, which nobody can know.",
        ),
    ] = "observed",
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Let no error known by then shift or widen a forecast.")
    ] = False,
    without_air_of: Annotated[
        str | None,
        typer.Option(
            "--without-air-of",
            metavar="CITY",
            help="Neither learn from nor read air measured on the side of this city.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 0,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Replay every issue of a period and score it: predictions.parquet and scores.json.

    Models pool all cities whichever are asked for; --cities only chooses whose rows are written.
    """
    from flows.hindcast import plan_hindcast, run_hindcast
    from flows.workspace import open_workspace, reporter

    plan = plan_hindcast(
        first,
        last,
        cities,
        train_until,
        leave_out_years=leave_out_years,
        world=world or "measured",
        workers=workers,
        weather=weather,
        frozen=frozen,
        without_air_of=without_air_of,
    )
    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        made = run_hindcast(open_workspace(make_settings(data_dir)), plan, out)
    files = {name: str(path) for name, path in made.files.items()}
    if as_json:
        print_json({**made.document, "files": files})
        return
    _show_scores(made.document)
    for name, path in files.items():
        rows = made.document["hindcast"]["rows"].get(name)
        print_lines([f"{path}" + (f" ({rows:,} rows)" if rows is not None else "")])


def _show_scores(document: dict[str, Any]) -> None:
    facts = document["hindcast"]
    columns = ("lead", "model", "events/n", "BSS clim.", "90 %", "BSS pers.", "AUC", "RMSE")
    for city, threshold in HEADLINES:
        if city in facts["cities"]:
            found = [_score_row(document, city, threshold, lead, model) for lead in LEADS for model in MODELS]
            title = (
                f"{city} > {threshold} µg/m³, day means, {facts['from']} to {facts['to']}, {facts['world']}"
            )
            print_table(title, columns, [row for row in found if row])
    print_lines(
        [
            f"{facts['issues']} issues. BSS: Brier skill score against climatology (with interval) and "
            "persistence; AUC: area under the ROC; RMSE in µg/m³."
        ]
    )
    print_lines([f"Weather: {facts['weather']}."])
    print_lines(facts["caveats"], styles={caveat: "yellow" for caveat in facts["caveats"]})


def _score_row(
    document: dict[str, Any], city: str, threshold: int, lead: str, model: str
) -> tuple[object, ...] | None:
    key = {"quantity": "pm2p5", "city": city, "target": "daily", "lead": lead, "model": model}
    skill = _entry(document["exceedance"], {**key, "threshold": threshold})
    error = _entry(document["continuous"], key)
    if skill is None or error is None:
        return None
    label = "brier_skill_score_climatology"
    low, high = _number(skill.get(f"{label}_low"), 2), _number(skill.get(f"{label}_high"), 2)
    return (
        lead,
        model,
        f"{skill['events']}/{skill['n']}",
        _number(skill.get(label)),
        f"{low}…{high}" if low and high else "",
        _number(skill.get("brier_skill_score_persistence")),
        _number(skill["roc_area"]),
        _number(error["rmse"], 1),
    )


def _entry(entries: list[dict[str, Any]], key: Mapping[str, object]) -> dict[str, Any] | None:
    return next((e for e in entries if key.items() <= e.items()), None)


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def replay(
    first: From = "2019-02-26",
    last: To = "2019-03-06",
    train_until: Annotated[
        str | None,
        typer.Option(
            "--train-until",
            metavar="DATE",
            help="Learn only from what was received by the end of this UTC day [the day before --from].",
            show_default=False,
        ),
    ] = None,
    workers: Workers = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Replay an episode: which cycle first warned of every high day, beside persistence and what came.

    Thresholds and probability are the policy's. Also writes reports/replay-….md and .json.
    """
    from flows.replay import run_replay
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        ws = open_workspace(make_settings(data_dir))
        found = run_replay(ws, first, last, train_until, workers=workers)
    if as_json:
        print_json({**found.document, "files": {k: str(v) for k, v in found.files.items()}})
        return
    for title, columns, rows in found.tables:
        print_table(title, columns, rows)
    for line in found.statements:
        print_lines([line])
    print_lines([str(path) for path in found.files.values()])
