"""``sameair warnings``: what waits for a decision, and the decisions of the parties' forecasters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(help="Review, approve, object to, end or cancel warnings.")

WarningId = Annotated[str, typer.Argument(help="Id of the warning, or the end of it.")]
Party = Annotated[str, typer.Option("--party", help="The party for which you decide.")]
Person = Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the record.")]
Note = Annotated[str, typer.Option("--reason", help="What was wrong, in your words; shown as written.")]
Because = Annotated[
    str,
    typer.Option(
        "--because",
        help="What was wrong, said in every language: wrong_measurements, wrong_forecast, wrong_level, "
        "wrong_place_or_time, sent_by_mistake, exercise_as_real, duplicate or other.",
    ),
]
Version = Annotated[int | None, typer.Option("--version", help="Version [default: the newest].")]
Text = Annotated[
    str, typer.Option("--text", help="Beginning of the digest of the offered text that you approve.")
]
Other = Annotated[
    str, typer.Option("--text", help="Beginning of the digest of the offered text that you object to.")
]
Deliver = Annotated[bool, typer.Option("--deliver/--no-deliver", help="Send at once what became complete.")]


def opened(data_dir: object) -> Workspace:
    """Open the workspace of the options."""
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))  # type: ignore[arg-type]


@app.command("list")
def list_(data_dir: DataDir = None, world: World = None, as_json: AsJson = False) -> None:
    """List warnings, newest first: state, level, cities, and until when to decide."""
    from flows.desk_views import listed

    rows = listed(opened(data_dir), world)
    if as_json:
        print_json(rows)
    else:
        print_table("warnings", list(rows[0]) if rows else [], [list(r.values()) for r in rows])


@app.command()
def show(
    warning_id: WarningId,
    version: Version = None,
    language: Annotated[str, typer.Option("--language", help="ko, zh or en.")] = "en",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a version as its recipients would read it, who has signed, and what became of its messages."""
    from flows.desk_views import shown

    found = shown(opened(data_dir), warning_id, version, language)
    if as_json:
        print_json(found)
    else:
        print_lines([found["text"], ""])
        print_lines([f"state      {found['state']}; digest {found['digest'][:16]}"])
        print_lines([f"episode    {line}" for line in found["episodes"]])
        print_lines([f"signed     {line}" for line in found["signatures"]] or ["signed     by nobody"])
        print_lines([f"joint      {line}" for line in found["joint"]])
        print_lines([f"evidence   {line}" for line in found["evidence"]])
        print_lines([f"message    {line}" for line in found["messages"]])


@app.command()
def approve(  # noqa: PLR0913 - one argument per option
    warning_id: WarningId,
    party: Party,
    person: Person,
    version: Version = None,
    at: Instant = None,
    deliver: Deliver = True,
    text: Text = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Approve a version for your party; when all its parties have, it is issued and sent.

    In an exercise (a replay, a simulated world) the decision is dated in the exercise's own time, one
    hour after its snapshot, unless --at says otherwise; a real warning is always decided now.
    """
    from flows.desk import Decision, approve_version

    decision = Decision(party, person, at, deliver)
    report(approve_version(opened(data_dir), warning_id, version, decision, text), as_json)


@app.command("object")
def object_(  # noqa: PLR0913 - one argument per option
    warning_id: WarningId,
    party: Party,
    person: Person,
    reason: Reason,
    version: Version = None,
    at: Instant = None,
    deliver: Deliver = True,
    text: Other = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Object to a version for your party, with a reason; it can then not become joint.

    Where the other party has approved already, its own warning for its own city is issued and sent.
    """
    from flows.desk import Decision, object_to_version

    decision = Decision(party, person, at, deliver)
    report(object_to_version(opened(data_dir), warning_id, version, decision, reason, text), as_json)


@app.command()
def edit(  # noqa: PLR0913 - one argument per option
    warning_id: WarningId,
    party: Party,
    person: Person,
    reason: Reason,
    file: Annotated[Path, typer.Option("--file", help="The edited content, as `show --json` prints it.")],
    version: Version = None,
    at: Instant = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Edit a draft, with a reason; decisions about its earlier text no longer count."""
    from flows.desk import Decision
    from flows.edits import edit_draft

    found = edit_draft(opened(data_dir), warning_id, version, Decision(party, person, at), reason, file)
    report(found, as_json)


@app.command()
def end(
    warning_id: WarningId,
    party: Party,
    person: Person,
    reason: Reason,
    at: Instant = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Draft the all-clear of a warning in force; it is signed and sent like any other version."""
    from flows.desk import Decision, draft_ending

    decision = Decision(party, person, at)
    report(draft_ending(opened(data_dir), warning_id, "all_clear", decision, reason), as_json)


@app.command()
def cancel(  # noqa: PLR0913 - one argument per option
    warning_id: WarningId,
    party: Party,
    person: Person,
    because: Because = "",
    reason: Note = "",
    at: Instant = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Draft the cancellation of a warning that was issued in error; it is signed and sent like any other."""
    from alerts.cancel_reasons import recorded_reason
    from flows.desk import Decision, draft_ending

    decision = Decision(party, person, at)
    why = recorded_reason(because, reason)
    report(draft_ending(opened(data_dir), warning_id, "cancel", decision, why), as_json)


def report(found: dict[str, object], as_json: bool) -> None:
    """Print what a decision led to."""
    if as_json:
        print_json(found)
    else:
        print_lines([f"{name:<10} {value}" for name, value in found.items() if value not in ("", [], None)])
