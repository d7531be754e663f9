"""``sameair deliveries``, ``acknowledge``, ``mailbox``, ``webhook-key``: who has what, and who said so."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(deliveries)
    app.command()(acknowledge)
    app.command("webhook-key")(show_key)
    app.command()(mailbox)


def deliveries(
    warning: Annotated[
        str | None, typer.Option("--warning", help="Id of a warning, or the end of it.", show_default=False)
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only what nobody acknowledged.")] = False,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what each recipient was sent, how far it came, and when it was acknowledged by whom."""
    from flows.deliveries import listed_deliveries
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    rows = listed_deliveries(ws, world, warning, only_open=only_open)
    if as_json:
        print_json(rows)
    else:
        print_table("deliveries", list(rows[0]) if rows else [], [list(r.values()) for r in rows])


def acknowledge(
    warning: Annotated[str, typer.Argument(help="Id of the warning, or the end of it.")],
    recipient: Annotated[str, typer.Option("--recipient", help="Id of the agency that has it.")],
    person: Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")],
    version: Annotated[int | None, typer.Option("--version", help="Version [default: the newest].")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Record that a recipient said by telephone or reply that a version has arrived."""
    from flows.deliveries import acknowledge_for
    from flows.workspace import open_workspace

    found = acknowledge_for(open_workspace(make_settings(data_dir)), warning, version, recipient, person)
    if as_json:
        print_json(found)
    else:
        print_lines([f"{name:<13} {value}" for name, value in found.items()])


def show_key(
    agency: Annotated[str, typer.Argument(help="Id of the agency in the recipients file.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the secret with which an agency checks what is posted to its webhook."""
    from flows.deliveries import key_of_webhook
    from flows.workspace import open_workspace

    key = key_of_webhook(open_workspace(make_settings(data_dir)), agency)
    if as_json:
        print_json({"agency": agency, "key": key})
    else:
        print_lines([key])


def mailbox(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Read replies and bounces from the mailbox of the settings; exit code 3 if it cannot be read."""
    from flows.mailbox import read_mailbox
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    report = read_mailbox(ws)
    counts = dict(sorted(report.counts.items()))
    if as_json:
        print_json({"read": counts, "trouble": report.trouble})
    elif not ws.settings.mailbox_url:
        print_lines(["no mailbox is named; set SAMEAIR_MAILBOX_URL"])
    else:
        told = ", ".join(f"{number} {kind}" for kind, number in counts.items())
        print_lines([told or "nothing new", *([report.trouble] if report.trouble else [])])
    if report.trouble:
        raise typer.Exit(3)
