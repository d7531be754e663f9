"""``sameair status``: what is stored, which runs there were, and what waits for somebody."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("status")(status)
    app.command("settings")(settings)


def status(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """Show observations, models and the newest runs of every world, or of one."""
    from flows.status import status_of
    from flows.workspace import open_workspace

    found = status_of(open_workspace(make_settings(data_dir)), world)
    if as_json:
        print_json(found)
        return
    for title, rows in found.items():
        columns = list(rows[0]) if rows else []
        print_table(title, columns, [list(row.values()) for row in rows])


def settings(
    example: Annotated[
        bool, typer.Option("--example", help="Print a complete commented configuration file instead.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every setting as it is now and where it comes from; secrets are hidden."""
    from pipeline.configuration import config_file, origins
    from pipeline.configuration_example import example_text
    from pipeline.settings import Settings

    fields = Settings.model_fields
    if example:
        typer.echo(example_text(fields), nl=False)
        return
    current = make_settings(data_dir)
    origin = origins(Settings, {"data_dir"} if data_dir else set())
    rows = [(f"SAMEAIR_{n.upper()}", str(getattr(current, n)), origin[n], f.description) for n, f in
            fields.items()]  # fmt: skip
    if as_json:
        shown = {name: {"now": now, "from": source} for name, now, source, _ in rows}
        print_json({"file": str(config_file() or ""), "settings": shown})
    else:
        print_table("settings", ("variable", "now", "from", "meaning"), rows)
