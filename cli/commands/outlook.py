"""``sameair outlook``: the weekly joint outlook, drafted by the system, signed off by people, then sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, language_of, make_settings
from cli.output import print_json, print_lines

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, help="The weekly joint outlook: draft, sign off, send. Never a warning."
)

Name = Annotated[str, typer.Argument(help="An outlook, such as week-20200109.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for its files.", show_default=False)
]


@app.command()
def draft(
    at: Instant = None,
    out: Out = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Draft the outlook whose day is nearest, from the newest cycle; what says nothing new is not kept."""
    from flows.outlook import build_outlook, lacking
    from flows.outlook_paper import write_outlook
    from pipeline.errors import UsageError
    from pipeline.names import MEASURED
    from pipeline.times import parse_instant

    ws = _opened(data_dir)
    try:
        when = parse_instant(at) if at else None
    except ValueError:
        raise UsageError(f"--at {at} is no instant; write it like 2020-01-09T07:00Z") from None
    row = build_outlook(ws, world or MEASURED, when)
    missing = lacking(ws, row)
    files = write_outlook(row, missing, out) if out is not None else {}
    found = {"outlook": row.subject, "version": row.version, "digest": row.digest, "lacks": missing}
    if as_json:
        print_json({**found, "files": {name: str(path) for name, path in files.items()}})
        return
    print_lines(
        [f"{row.subject}  version {row.version}  lacks the sign-off of {', '.join(missing) or 'nobody'}"]
    )
    print_lines([str(path) for path in files.values()])


@app.command()
def show(
    name: Name,
    out: Out = None,
    language: Annotated[str, typer.Option("--language", help="en, ko or zh.")] = "en",
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the version of an outlook that counts; --out writes pages, text, PDF and JSON."""
    from flows.outlook import approvals_of, current_outlook, lacking
    from flows.outlook_offered import offered_by
    from flows.outlook_paper import outlook_paper, write_outlook
    from flows.papers import text_of
    from pipeline.names import MEASURED

    spoken = language_of(language)
    ws = _opened(data_dir)
    row = current_outlook(ws, world or MEASURED, name)
    missing, approvals, drafted = lacking(ws, row), approvals_of(ws, row), offered_by(ws, row)
    files = write_outlook(row, missing, out) if out is not None else {}
    if as_json:
        found = {"version": row.version, "digest": row.digest, "approvals": approvals, "offered_by": drafted}
        print_json({**row.content, **found})
        return
    print_lines(text_of(outlook_paper(row, missing, spoken)).splitlines())
    print_lines([f"drafted at the node of {drafted}"] if drafted else [])
    print_lines([f"signed off for {a['party']} by {a['person']} at {a['at']}" for a in approvals])
    print_lines([str(path) for path in files.values()])


@app.command()
def approve(
    name: Name,
    party: Annotated[str, typer.Option("--party", help="For which party you sign.")],
    person: Annotated[str, typer.Option("--person", help="Your name.")],
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Sign off the version of an outlook that counts for one party; the other node gets it with the text."""
    from flows.outlook import approve_outlook, current_outlook, lacking
    from flows.said import Speaker
    from pipeline.names import MEASURED

    ws = _opened(data_dir)
    row = current_outlook(ws, world or MEASURED, name)
    found = approve_outlook(ws, row, Speaker(party, person)) | {"lacks": ", ".join(lacking(ws, row))}
    if as_json:
        print_json(found)
    else:
        print_lines(["  ".join(f"{key} {value}" for key, value in found.items() if value)])


@app.command()
def send(
    name: Name,
    to: Annotated[list[str], typer.Option("--to", help="E-mail address; may be given several times.")],
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Mail an outlook that every party signed off; refused for any other."""
    from flows.outlook_send import send_outlook
    from pipeline.names import MEASURED

    found = send_outlook(_opened(data_dir), world or MEASURED, name, to)
    if as_json:
        print_json(found)
    else:
        print_lines([f"{row['to']}: {row['outcome']} {row['detail']}".rstrip() for row in found])
    if any(row["outcome"] not in ("sent", "unknown") for row in found):
        raise typer.Exit(3)


def _opened(data_dir: Path | None) -> Workspace:
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))
