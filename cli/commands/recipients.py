"""``sameair recipients``: who receives warnings, whether the address was verified, who is on leave."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.workspace import Workspace

app = typer.Typer(help="Who receives warnings: list, import, verify, change, leave, remove.")

Who = Annotated[str, typer.Argument(help="Id of the recipient, or its name in the list.")]
Person = Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")]
OPERATOR = "operator"


def opened(data_dir: Path | None) -> Workspace:
    """Open the workspace of the options."""
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))


def tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        lines = [", ".join(value)] if name != "look at" and isinstance(value, list) else value
        shown = lines if isinstance(lines, list) else [lines]
        print_lines([f"{name:<13} {line}" for line in shown if line not in ("", None)])


@app.command("list")
def list_(
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Also addresses and agencies: personal data.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List who receives warnings: for which cities, from which level, how, and whether it was verified."""
    from flows.recipients import listed_recipients

    ws = opened(data_dir)
    rows = listed_recipients(ws, ws.clock(), addresses=addresses)
    if as_json:
        print_json(rows)
    else:
        print_table("recipients", list(rows[0]) if rows else [], [list(r.values()) for r in rows])


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="List of recipients, .toml or .csv.")],
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Enter a list of recipients, all of it or nothing; the same list again changes nothing."""
    from flows.recipient_changes import import_list

    tell(import_list(opened(data_dir), file, person), as_json=as_json)


@app.command()
def verify(
    who: Who,
    code: Annotated[
        str | None,
        typer.Option("--code", help="The code that the recipient read from its mail.", show_default=False),
    ] = None,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send the mail that asks whether messages arrive; or enter the code that the recipient tells."""
    from flows.delivering import channel_of
    from flows.recipient_verification import confirm_code, send_verification

    ws = opened(data_dir)
    if code is not None:
        tell(confirm_code(ws, who, code, person), as_json=as_json)
    else:
        tell(send_verification(ws, who, channel_of(ws.settings), person), as_json=as_json)


@app.command("set")
def set_(  # noqa: PLR0913 - one argument per option
    who: Who,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="ko, zh or en; repeat it, the first leads.")
    ] = None,
    city: Annotated[
        list[str] | None, typer.Option("--city", help="City that it answers for; repeat it.")
    ] = None,
    level: Annotated[str | None, typer.Option("--level", help="Lowest joint level: J1, J2 or J3.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="First channel: email or webhook.")] = None,
    email: Annotated[str | None, typer.Option("--email", help="Address; to be verified anew.")] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", help="https address, to be verified anew; '' for none.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Name of the agency, as en=…; repeat it.")
    ] = None,
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what a recipient is sent, in which languages, or where it is reached."""
    from flows.recipient_changes import change_recipient

    given = {
        "languages": language,
        "cities": city,
        "minimum_level": level,
        "channel": channel,
        "email": email,
        "webhook": webhook,
        "agency": dict(_named(one) for one in name) if name else None,
    }
    changes = {field: value for field, value in given.items() if value is not None and value != []}
    tell(change_recipient(opened(data_dir), who, changes, person), as_json=as_json)


@app.command()
def leave(
    who: Who,
    first: Annotated[
        str | None, typer.Option("--from", help="First local day, such as 2026-08-03.", show_default=False)
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last local day.", show_default=False)] = None,
    deputy: Annotated[
        str,
        typer.Option("--deputy", help="Who is addressed meanwhile [default: nobody].", show_default=False),
    ] = "",
    person: Person = OPERATOR,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a recipient nothing from one day to another, or its deputy instead; without days: it is back."""
    from flows.recipient_changes import set_leave
    from pipeline.errors import UsageError

    if (first is None) != (last is None):
        raise UsageError("give both --from and --to, or neither when the recipient is back")
    days = (_day("--from", first), _day("--to", last)) if first and last else None
    tell(set_leave(opened(data_dir), who, days, deputy, person), as_json=as_json)


@app.command()
def remove(who: Who, person: Person = OPERATOR, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Erase a recipient: names, addresses and mails; that something was sent stays on record."""
    from flows.recipient_removal import remove_recipient

    tell(remove_recipient(opened(data_dir), who, person), as_json=as_json)


def _named(text: str) -> tuple[str, str]:
    """Read ``en=Air quality desk``."""
    from pipeline.errors import UsageError

    language, sign, name = text.partition("=")
    if not sign:
        raise UsageError("--name is written like en=Air quality desk")
    return language.strip(), name.strip()


def _day(option: str, text: str) -> date:
    from pipeline.errors import UsageError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text}: write the day like 2026-08-03") from None
