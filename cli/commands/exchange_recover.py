"""``sameair exchange recover`` and ``hand-back``: after a ledger was restored from a backup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines

WAITS = 3
"""Exit code: something is still missing, and the chain does not go on."""

Peer = Annotated[str, typer.Argument(help="The other party: seoul or beijing.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the group."""
    app.command()(recover)
    app.command("hand-back")(hand_back)


def recover(
    peer: Peer,
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with our envelopes, as the other side handed them back."),
    ] = None,
    nothing_under_way: Annotated[
        bool, typer.Option("--nothing-under-way", help="What is then still missing reached nobody: go on.")
    ] = False,
    person: Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")] = "operator",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Fetch back the envelopes that this node had sent and a restored ledger no longer knows."""
    from flows.exchange_recover import recover_chain
    from flows.workspace import open_workspace

    ws = open_workspace(make_settings(data_dir))
    _tell(recover_chain(ws, peer, person, folder, nothing_under_way=nothing_under_way), as_json=as_json)


def hand_back(
    peer: Peer,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write every envelope that came from a party into a folder, for its operator to recover from."""
    from flows.exchange_recover import hand_back as write
    from flows.workspace import open_workspace

    _tell(write(open_workspace(make_settings(data_dir)), peer, out), as_json=as_json)


def _tell(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(found))
    else:
        print_lines(
            [f"{name:<22} {_words(value)}" for name, value in found.items() if value not in ("", [], {})]
        )
    if found.get("goes on") is False:
        raise typer.Exit(WAITS)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{count} {kind}" for kind, count in value.items())
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
