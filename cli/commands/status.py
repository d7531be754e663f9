"""``sameair status``: what is stored, which runs there were, and what waits for somebody."""

from __future__ import annotations

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


def settings(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every setting as it is now; secrets are hidden."""
    from pipeline.settings import Settings

    current = make_settings(data_dir)
    rows = [(f"SAMEAIR_{n.upper()}", str(getattr(current, n)), f.description) for n, f in
            Settings.model_fields.items()]  # fmt: skip
    if as_json:
        print_json({name: value for name, value, _ in rows})
    else:
        print_table("settings", ("variable", "now", "meaning"), rows)
