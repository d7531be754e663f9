"""``sameair quarantine``: answers of sources that could not be read, and reading them again."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

app = typer.Typer(help="Answers that could not be read: list, show, read again, close.")

Source = Annotated[str | None, typer.Option("--source", help="Only of this source.", show_default=False)]
UNREADABLE = 5


@app.command("list")
def list_(
    source: Source = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also those that were read since.")] = False,
    data_dir: DataDir = None,
    world: World = None,
    as_json: AsJson = False,
) -> None:
    """List answers that could not be read, or not wholly: when, from where, and why."""
    from flows.quarantine import quarantine_rows
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    rows = quarantine_rows(ws, world=world, source=source, resolved=resolved)
    if as_json:
        print_json(rows)
    else:
        print_table("quarantine", list(rows[0]) if rows else [], [list(row.values()) for row in rows])


@app.command()
def show(
    answer_id: Annotated[str, typer.Argument(help="Id of an answer, or the end of it.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show all about one answer: what was asked, what is wrong, where the bytes lie, how they begin."""
    from flows.quarantine import quarantine_entry
    from flows.workspace import open_workspace

    found = quarantine_entry(open_workspace(make_settings(data_dir)), answer_id)
    if as_json:
        print_json(found)
    else:
        print_lines([f"{name}: {value}" for name, value in found.items()])


@app.command()
def retry(
    answer_id: Annotated[
        list[str] | None, typer.Argument(help="Ids of answers [default: every open one].", show_default=False)
    ] = None,
    source: Source = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Read answers again, after a fix or once a list has the station; exit code 5 if one still cannot be."""
    from flows.quarantine import retry_quarantined
    from flows.workspace import open_workspace

    done = retry_quarantined(open_workspace(make_settings(data_dir)), answer_id or [], source=source)
    rows = [{"id": d.id, "rows stored": d.rows, "still wrong": d.trouble} for d in done]
    if as_json:
        print_json(rows)
    else:
        print_table("read again", list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    if any(d.trouble for d in done):
        raise typer.Exit(UNREADABLE)


@app.command()
def close(
    answer_id: Annotated[list[str], typer.Argument(help="Ids of answers, or the ends of them.")],
    person: Annotated[str, typer.Option("--person", help="Who decides it.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why nobody will read it again.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Close answers that nobody will read again; the bytes stay, and name and reason are audited."""
    from flows.quarantine import close_quarantined
    from flows.workspace import open_workspace

    done = close_quarantined(open_workspace(make_settings(data_dir)), answer_id, person=person, reason=reason)
    if as_json:
        print_json({"closed": done})
    else:
        print_lines([f"closed {one}" for one in done])
