"""``sameair verify``: score predictions in every way there is, and write tables, figures and one page."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    import pandas as pd

LEADS = ("D+1", "D+2", "D+3")

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for tables, figures and the page.", show_default=False),
]
Keep = Annotated[
    bool, typer.Option("--keep", help="Keep the scores for the verification page of `sameair review`.")
]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("verify")(verify)


def verify(  # noqa: PLR0913 - one argument per option
    out: Out = None,
    keep: Keep = False,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="One table.", show_default=False)
    ] = None,
    hindcast: Annotated[
        Path | None,
        typer.Option("--hindcast", metavar="DIR", help="Folder of a hindcast.", show_default=False),
    ] = None,
    runs: Annotated[bool, typer.Option("--runs", help="The stored runs (also without any source).")] = False,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First UTC day of issues.", show_default=False),
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last UTC day of issues.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the resamples.")] = 0,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Score a table, a hindcast or the stored runs against what was measured, beside the baselines."""
    from flows.verification import Request, run_verification, scored
    from flows.verification_kept import keep_verification
    from flows.workspace import open_workspace, reporter
    from forecasting.verification.score_tables import Options
    from pipeline.errors import UsageError

    if runs and (predictions or hindcast):
        raise UsageError("give one of --predictions, --hindcast and --runs")
    if out is None and not keep:
        raise UsageError("name a folder with --out DIR, or --keep the scores for the page")
    request = Request(
        predictions=predictions,
        hindcast=hindcast,
        world=world or "measured",
        first=_day("--from", first),
        last=_day("--to", last),
        options=Options(seed=seed),
    )
    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        ws = open_workspace(make_settings(data_dir))
        made = scored(ws, request) if out is None else run_verification(ws, request, out)
        kept = {"kept": str(keep_verification(ws, request, made, ws.clock()).folder)} if keep else {}
    files = {name: str(path) for name, path in made.files.items()} | kept
    if as_json:
        print_json({**made.facts, "files": files})
        return
    for quantity, tables in made.tables.items():
        _show(quantity, tables)
    print_lines(made.facts["caveats"], styles={caveat: "yellow" for caveat in made.facts["caveats"]})
    print_lines([*made.facts["absent"], *files.values()])


def _show(quantity: str, tables: dict[str, pd.DataFrame]) -> None:
    """Print what matters most: skill and detection of the shown threshold by lead and model."""
    from flows.verification import QUANTITY_NAMES, SHOWN
    from forecasting.verification.sections import with_interval

    if "exceedance" not in tables:
        return
    rows = tables["exceedance"]
    measures = [m for m in ("bss_trend", "bss_persistence", "pod", "far", "csi") if m in rows]
    rows = rows[(rows["part"] == "all") & rows["lead"].isin(LEADS)]
    for city, threshold in SHOWN[quantity].items():
        mine = rows[(rows["city"] == city) & (rows["threshold"] == threshold)].to_dict("records")
        shown: list[list[Any]] = [
            [row["lead"], row["model"], f"{row['events']:.0f}/{row['n']:.0f}"]
            + [with_interval(row, name) for name in measures]
            for row in mine
        ]
        title = f"{city} > {threshold} µg/m³, {QUANTITY_NAMES[quantity]} day means"
        print_table(title, ("lead", "model", "events/n", *measures), shown)
    _show_others(tables)


def _show_others(tables: dict[str, pd.DataFrame]) -> None:
    """Print how the forecast combined with those of others compares, where there are any."""
    from flows.verification import SHOWN
    from forecasting.verification.combined import verdict_on_use
    from forecasting.verification.sections import with_interval

    if "combined" not in tables:
        return
    rows = tables["combined"].to_dict("records")
    names = ("city", "lead", "n", "moved", "combined", "alone", "difference")
    shown = [[with_interval(row, name) for name in names] for row in rows if row["measure"] == "crps"]
    print_table("together with the forecasts of others: CRPS of day means [µg/m³]", names, shown)
    print_lines(verdict_on_use(tables["combined"], SHOWN["pm2p5"]))


def _day(option: str, text: str | None) -> date | None:
    from pipeline.errors import UsageError

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no date; write it like 2019-12-01") from None
