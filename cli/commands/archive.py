"""``sameair import-archive``: measured archives into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("import-archive")(import_archive)


def import_archive(
    folder: Annotated[Path, typer.Argument(help="Folder laid out like ../shared/data, or a part of it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load measured archives: PM2.5, PM10, weather and stations; a second import adds nothing.

    Values count as received one hour after their interval's end, and are flagged so.
    """
    from flows.ingest import ingest_archive
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        found = ingest_archive(open_workspace(make_settings(data_dir)), folder)
    if as_json:
        print_json(found.as_dict())
    else:
        columns = ("file", "values", "new", "failed QC", "suspect")
        print_table(
            f"imported {folder}",
            columns,
            [
                (f.file, f"{f.values:,}", f"{f.written:,}", f"{f.failed:,}", f"{f.suspect:,}")
                for f in found.files
            ],
        )
        for skipped in found.skipped:
            print_lines([f"skipped {skipped.file}: {skipped.reason}"], styles={"skipped": "yellow"})
        print_lines(
            [f"{found.cells:,} cells, {found.values:,} values, {found.written:,} new, {found.seconds:.0f} s"]
        )
    if found.damaged:
        raise typer.Exit(5)
