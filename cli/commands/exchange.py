"""``sameair exchange``: for those who write exchange files, and for those who read them."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table

app = typer.Typer(help="Files of the exchange: check them, print their schema.")

INCOMPLETE = 5
"""Exit code: a file, or rows of it, could not be read."""


class Kind(StrEnum):
    """The kinds of exchange files."""

    forecast = "forecast"
    observations = "observations"
    stations = "stations"


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; none: the inbox.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Read exchange files as an ingest would, store nothing, and say what is wrong in which row."""
    from ingest.exchange.check import check_files
    from pipeline.times import system_clock

    inbox = make_settings(data_dir).inbox_dir
    rows = check_files(files or ([inbox] if inbox.is_dir() else []), system_clock())
    if as_json:
        print_json({"files": [row._asdict() for row in rows]})
    else:
        print_table("files", ["file", "bulletins", "values", "stations"], [row[:4] for row in rows])
        print_lines([f"{row.file}: {said}" for row in rows for said in row.complaints])
    if any(row.complaints for row in rows):
        raise typer.Exit(INCOMPLETE)


@app.command()
def schema(
    kind: Annotated[Kind, typer.Argument(help="Kind of file.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the JSON schema of a kind of exchange file; --json tells the kind beside it."""
    from ingest.exchange.model import packaged_schema

    make_settings(data_dir)
    text = packaged_schema(kind.value)
    if as_json:
        print_json({"kind": kind.value, "schema": json.loads(text)})
    else:
        typer.echo(text, nl=False)
