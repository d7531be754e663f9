"""``sameair exchange report``: how the exchange went in a month, as text and page in three languages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines


def register(app: typer.Typer) -> None:
    """Add the command of this file to the group."""
    app.command()(report)


def report(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month [UTC].")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for text, pages and JSON; default: the reports of the data folder.",
            show_default=False,
        ),
    ] = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write how the exchange went in a month: way, warnings, consultation, forecasts of both sides."""
    from flows.exchange_month import month_report, write_month
    from flows.exchange_month_page import text_of
    from flows.workspace import open_workspace
    from pipeline.names import MEASURED

    settings = make_settings(data_dir)
    found = month_report(open_workspace(settings), month, world or MEASURED)
    files = write_month(found, out or settings.reports_dir)
    if as_json:
        print_json({**found, "files": {name: str(path) for name, path in files.items()}})
        return
    print_lines(text_of(found, "en").splitlines())
    print_lines([str(path) for path in files.values()])
