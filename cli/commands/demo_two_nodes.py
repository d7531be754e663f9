"""``sameair demo-two-nodes``: two parties' nodes on one machine, with the link between them and without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from cli.options import DEFAULT_SEED, AsJson, DataDir, Seed, make_settings
from cli.output import print_json, print_lines

Archive = Annotated[
    Path | None,
    typer.Option("--archive", help="Folder of measured archives; without: simulated.", show_default=False),
]
Cycles = Annotated[
    int | None,
    typer.Option(
        "--cycles", min=4, help="How many are played [default: 5, of simulated air 4].", show_default=False
    ),
]
FOLDER = "two-nodes"
PLAYS = ("connected", "cut")
PARTIES = ("seoul", "beijing")


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command()(demo_two_nodes)


def demo_two_nodes(
    archive: Archive = None,
    seed: Seed = DEFAULT_SEED,
    cycles: Cycles = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Play an episode on two nodes that exchange signed messages, then again with the link cut.

    Two processes with data folders, keys and ledgers of their own, below two-nodes/ in the data folder (an
    earlier demonstration there is replaced), exchange over HTTPS on loopback. Exit code 1 if they do not end
    with the same signed messages, or a message was sent twice or to the wrong side.
    """
    from cli.demo.show import demonstrate
    from cli.demo.stage import Setting
    from pipeline.errors import UsageError
    from pipeline.times import system_clock

    if archive is not None and not archive.is_dir():
        raise UsageError(f"{archive} is no folder; leave --archive out for simulated air")
    root = make_settings(data_dir).data_dir.resolve() / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    account: list[str] = []
    number = cycles or (5 if archive else 4)
    setting = Setting(root, archive.resolve() if archive else None, seed, number)
    faults = demonstrate(setting, system_clock(), account.append if as_json else _show)
    if as_json:
        print_json({"holds": not faults, "faults": faults, "account": account, "folder": str(root)})
    else:
        print_lines(["", *(f"DOES NOT HOLD: {fault}" for fault in faults)])
        print_lines([f"look at   {root / play / p / 'outbox'}" for play in PLAYS for p in PARTIES])
        if not faults:
            print_lines(["It holds: the same signed messages and state on both sides, nothing sent twice."])
    if faults:
        raise typer.Exit(1)


def _show(line: str) -> None:
    print_lines([line])
