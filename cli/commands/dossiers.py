"""``sameair dossiers``: the joint dossier of every episode, its findings, and the pack for a forum."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, language_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from datetime import datetime

    from flows.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Joint dossiers of episodes: build, findings, sign-off, pack.")

Name = Annotated[str, typer.Argument(help="A dossier, such as seoul-20190303.")]
Party = Annotated[str, typer.Option("--party", help="For which party you speak.")]
Person = Annotated[str, typer.Option("--person", help="Your name.")]
Words = Annotated[str, typer.Option("--text", help="What is meant, in your words.")]
First = Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD [UTC].", show_default=False)]
Last = Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD [UTC].", show_default=False)]
Winter = Annotated[
    str | None, typer.Option("--winter", help="A winter instead, such as 2019-20.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder; default: the reports.", show_default=False),
]

SHOWN = ("dossier", "city", "end", "outcome", "version", "status", "overdue", "due", "findings", "dissent")


@app.command("list")
def list_(
    first: First = None,
    last: Last = None,
    winter: Winter = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the episodes that have ended, of the last 60 days unless told, and how their dossiers stand."""
    from flows.dossier import listed_dossiers

    ws = _opened(data_dir)
    rows = listed_dossiers(ws, _world(world), *_span(ws, first, last, winter))
    if as_json:
        print_json(rows)
    else:
        print_table("dossiers", SHOWN, [[row[name] for name in SHOWN] for row in rows])
    if any(row["overdue"] for row in rows):
        raise typer.Exit(3)


@app.command()
def build(  # noqa: PLR0913 - one argument per option
    name: Annotated[str | None, typer.Argument(help="One episode; else all.", show_default=False)] = None,
    first: First = None,
    last: Last = None,
    winter: Winter = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Know nothing later; with one episode.", show_default=False)
    ] = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Build the dossier of one episode, or of all that ended; what says nothing new is not kept again."""
    from flows.dossier import build_dossier, build_due
    from pipeline.errors import UsageError

    ws = _opened(data_dir)
    if as_of is not None and name is None:
        raise UsageError("--as-of goes with one episode; name it")
    if name is not None:
        rows = [build_dossier(ws, _world(world), name, _instant("--as-of", as_of))]
    else:
        rows = build_due(ws, _world(world), *_span(ws, first, last, winter))
    found = [{"dossier": r.subject, "version": r.version, "digest": r.digest} for r in rows]
    if as_json:
        print_json(found)
    else:
        print_lines([f"{r['dossier']}  version {r['version']}  {str(r['digest'])[:16]}" for r in found])


@app.command()
def show(
    name: Name,
    out: Out = None,
    language: Annotated[str, typer.Option("--language", help="en, ko or zh, for the text.")] = "en",
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a dossier as it was built last, with its findings; --out writes pages, PDF, text and JSON."""
    from flows.dossier import newest_dossier, status_of
    from flows.dossier_paper import document_of, dossier_paper, write_dossier
    from flows.findings import findings_of
    from flows.papers import text_of

    spoken = language_of(language)
    ws = _opened(data_dir)
    row = newest_dossier(ws, _world(world), name)
    findings, status = findings_of(ws, row.world, name), status_of(ws, row, ws.clock())
    files = write_dossier(row, findings, status, out) if out is not None else {}
    if as_json:
        print_json({**document_of(row, findings, status), "files": {n: str(p) for n, p in files.items()}})
        return
    paper = dossier_paper(row, findings, status, spoken)
    ids = [f"finding {f['id'][:12]}  {f['stands']}" for f in findings]
    print_lines([*text_of(paper).splitlines(), *ids, *map(str, files.values())])


@app.command()
def find(
    name: Name,
    party: Party,
    person: Person,
    text: Words,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Propose a finding about an episode for one party; the other agrees with it or dissents."""
    from flows.dossier import newest_dossier
    from flows.findings import propose_finding
    from flows.said import Speaker

    ws = _opened(data_dir)
    newest_dossier(ws, _world(world), name)
    _told(propose_finding(ws, _world(world), name, Speaker(party, person), text), as_json)


@app.command()
def answer(  # noqa: PLR0913 - one argument per option
    finding: Annotated[str, typer.Argument(help="Beginning of a finding's id, see `show`.")],
    party: Party,
    person: Person,
    agree: Annotated[bool, typer.Option("--agree/--dissent", help="Agree, or dissent in words.")],
    text: Annotated[str, typer.Option("--text", help="Your words; a dissent needs them.")] = "",
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Agree with a finding of the other party, or dissent from it; either is kept for ever."""
    from flows.findings import answer_finding
    from flows.said import Speaker

    ws = _opened(data_dir)
    kind = "agree" if agree else "dissent"
    _told(answer_finding(ws, _world(world), finding, Speaker(party, person), kind, text), as_json)  # type: ignore[arg-type]


@app.command()
def close(
    name: Name,
    party: Party,
    person: Person,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Sign off the newest version of a dossier for one party; both sign-offs close it."""
    from flows.dossier import newest_dossier
    from flows.findings import close_dossier
    from flows.said import Speaker

    ws = _opened(data_dir)
    row = newest_dossier(ws, _world(world), name)
    _told(close_dossier(ws, row.world, name, Speaker(party, person), row.digest), as_json)


@app.command()
def pack(  # noqa: PLR0913 - one argument per option
    first: First = None,
    last: Last = None,
    winter: Winter = None,
    public: Annotated[
        bool,
        typer.Option("--public", help="Leave out what is for the parties alone by the terms of its data."),
    ] = False,
    out: Out = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the dossiers of a winter or other time as a zip for a technical forum, without names."""
    from flows.forum_pack import forum_pack, write_pack

    ws = _opened(data_dir)
    span = _span(ws, first, last, winter)
    content, left = forum_pack(ws, _world(world), *span, public=public)
    path = write_pack(content, out or ws.settings.reports_dir, span)
    _told({"pack": str(path), "bytes": len(content), "left_out": left}, as_json)


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_lines(["  ".join(f"{name} {value}" for name, value in found.items())])


def _opened(data_dir: Path | None) -> Workspace:
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))


def _world(world: str | None) -> str:
    from pipeline.names import MEASURED

    return world or MEASURED


def _instant(name: str, text: str | None) -> datetime | None:
    from pipeline.errors import UsageError
    from pipeline.times import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        raise UsageError(
            f"{name} {text} is no instant; write it like 2026-01-14 or 2026-01-14T08:00Z"
        ) from None


def _span(
    ws: Workspace, first: str | None, last: str | None, winter: str | None
) -> tuple[datetime, datetime]:
    """Return the time that the options name; the last 60 days where they name none."""
    from flows.dossier import LOOK_BACK
    from pipeline.errors import UsageError
    from pipeline.season import calendar_of

    if winter is not None:
        if first or last:
            raise UsageError("--winter goes alone, without --from and --to")
        try:
            return calendar_of(ws.settings.season_file).span_of(winter)
        except ValueError as error:
            raise UsageError(f"--winter: {error}") from None
    now = ws.clock()
    end = _instant("--to", last)
    until = now if end is None else end + timedelta(days=1)
    since = _instant("--from", first) or until - LOOK_BACK
    if since >= until:
        raise UsageError("--from lies after --to; exchange them")
    return since, until
