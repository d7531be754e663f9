"""``sameair duty``: who is on duty at each party, and what one shift leaves for the next."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="The duty rota of both parties, and notes between shifts.")

Party = Annotated[str, typer.Option("--party", help="For which party you speak.")]
Person = Annotated[str, typer.Option("--person", help="Your name.")]


@app.command("list")
def list_(
    days: Annotated[int, typer.Option("--days", min=1, max=60, help="So far ahead.")] = 3,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who is on duty now and next at each party, the notes of the last days, and gaps (exit code 3)."""
    from flows.duty import NOTES, gaps_of, notes_of, rota_of
    from pipeline.times import iso

    ws = _opened(data_dir)
    now = ws.clock()
    rota, notes, gaps = (
        rota_of(ws, now, now + timedelta(days=days)),
        notes_of(ws, now - NOTES),
        gaps_of(ws, now),
    )
    if as_json:
        print_json({"at": iso(now), "rota": rota, "notes": notes, "gaps": gaps})
    else:
        names = ("party", "shift", "begins", "on_duty", "telephone")
        rows = [[row[n] for n in names] + ["now" * (row["begins"] <= iso(now))] for row in rota]
        print_table("duty", (*names, ""), rows)
        print_lines([f"{n['at']}  {n['party']}, {n['person']}: {n['text']}" for n in notes])
        print_lines([f"nobody: {g['party']} {g['shift']}" for g in gaps])
    if gaps:
        raise typer.Exit(3)


@app.command()
def enter(
    party: Party,
    person: Person,
    shift: Annotated[str, typer.Option("--shift", help="Its local beginning, '2026-12-01 08:00'.")],
    on: Annotated[str, typer.Option("--on", help="Who has it; left out: nobody.")] = "",
    telephone: Annotated[str, typer.Option("--telephone", help="Stays on this node.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Enter who has a shift of your party; a later entry counts, the earlier one stays in the ledger."""
    from flows.duty import enter_shift
    from flows.said import Speaker

    found = enter_shift(_opened(data_dir), Speaker(party, person), shift, on, telephone)
    if as_json:
        print_json(found)
    else:
        print_lines(["  ".join(f"{name} {value}" for name, value in found.items())])


@app.command()
def note(
    party: Party,
    person: Person,
    text: Annotated[str, typer.Option("--text", help="What the next shift must know.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Leave a note for the next shift of your party; it is kept."""
    from flows.duty import note_handover
    from flows.said import Speaker

    found = note_handover(_opened(data_dir), Speaker(party, person), text)
    if as_json:
        print_json(found)
    else:
        print_lines(["  ".join(f"{name} {value}" for name, value in found.items())])


def _opened(data_dir: Path | None) -> Workspace:
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))
