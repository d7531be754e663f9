"""``sameair exchange sync`` and ``serve``: carrying envelopes to and from the other parties' nodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, instant_of, make_settings
from cli.output import print_json, print_lines

if TYPE_CHECKING:
    from flows.exchange_report import RoundReport

DEGRADED = 3
"""Exit code: the round was made, but something of it failed."""
EVERY_S = 600
"""Pause between rounds [s]."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the group."""
    app.command()(sync)
    app.command()(serve)


def sync(
    once: Annotated[
        bool, typer.Option("--once", help="One round; else one every ten minutes until stopped.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", help="Play one round at this instant: for simulated worlds and replays."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Exchange envelopes with the other parties' nodes: bring, handle, say, send."""
    from flows.exchange import exchange_round
    from flows.workspace import open_workspace
    from pipeline.times import system_clock

    instant = instant_of(at) if at else None
    ws = open_workspace(make_settings(data_dir), (lambda: instant) if instant else system_clock)
    if not (once or instant):
        typer.echo("a round every ten minutes until stopped with Ctrl-C; --once makes a single one", err=True)
    while True:
        report = exchange_round(ws, ws.clock)
        _show(report, as_json)
        if once or instant:
            raise typer.Exit(0 if report.is_well else DEGRADED)
        time.sleep(EVERY_S)


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8767,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="PEM file of the TLS certificate chain.")
    ] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", help="PEM file of its key.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Serve this party's exchange to the other nodes until stopped; TLS here, or by a server in front."""
    from flows.exchange_links import receiver_of
    from pipeline.errors import UsageError
    from review.serving import Listening
    from review.serving import serve as serve_app

    settings = make_settings(data_dir)
    receiver = receiver_of(settings)
    if receiver is None:
        raise UsageError("name this node's own party as SAMEAIR_PARTY to serve its exchange")
    if (certificate is None) != (private_key is None):
        raise UsageError("give both --certificate and --private-key, or neither behind a web server")
    tls = (certificate, private_key) if certificate and private_key else None
    print_lines([f"exchange at {'https' if tls else 'http'}://{host}:{port}/ ; stop with Ctrl-C"])
    serve_app(settings, Listening(host, port, tls), public=True, receiver_of=receiver)


def _show(report: RoundReport, as_json: bool) -> None:
    if as_json:
        print_json(report.to_dict())
        return
    print_lines([peer.line for peer in report.peers])
    print_lines([f"  {text}" for peer in report.peers for text in peer.trouble])
    print_lines([f"  {note}" for note in report.notes])
