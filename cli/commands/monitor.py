"""``sameair health`` and ``sameair monitor``: whether the installation is ready, for people and machines."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines

DEGRADED = 3


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(health)
    app.command()(monitor)
    app.command()(watch)


def health(
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Part that is not asked about: ledger, disk, cycle.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether ledger, disk and the newest cycle are as they should be; exit code 3 if one is not."""
    from flows.workspace import open_workspace
    from pipeline.errors import UsageError
    from pipeline.readiness import PARTS, readiness_of

    left_out = frozenset(exclude or ())
    if not left_out <= set(PARTS):
        raise UsageError(f"--exclude: choose of {', '.join(PARTS)}")
    ws = open_workspace(make_settings(data_dir))
    parts = readiness_of(ws.ledger, ws.settings, ws.clock(), left_out)
    if as_json:
        print_json({"ready": all(p.is_ready for p in parts), "parts": [vars(p) for p in parts]})
    else:
        print_lines([f"{'ready    ' if p.is_ready else 'NOT READY'} {p.name}: {p.reason}" for p in parts])
    if not all(part.is_ready for part in parts):
        raise typer.Exit(DEGRADED)


def monitor(
    host: Annotated[str, typer.Option("--host", help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 9465,
    data_dir: DataDir = None,
) -> None:
    """Serve /healthz, /readyz and /metrics to this machine's own watchers until stopped."""
    from flows.reviewing import Reviewing
    from flows.workspace import open_workspace
    from review.serving import Listening, serve_monitor

    settings = make_settings(data_dir)
    operating = Reviewing(open_workspace(settings))
    listening = Listening(host, port)
    print_lines([f"/healthz, /readyz and /metrics at http://{host}:{port} ; stop with Ctrl-C"])
    serve_monitor(settings, listening, operating)


def watch(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look once what did not happen, tell the operator what is news; exit code 3 if anything is wrong."""
    from flows.watch import watch as look_at_all
    from pipeline.times import system_clock

    look = look_at_all(make_settings(data_dir), system_clock())
    if as_json:
        print_json({"well": not look.ill, "ill": [vars(c) for c in look.ill], "untold": look.untold})
    else:
        lines = [f"{c.subject.removeprefix('watch ')}: {c.text}" for c in look.ill] or ["all is well"]
        print_lines([*lines, *([f"{look.untold} could not be told yet"] if look.untold else [])])
    if look.ill or look.untold:
        raise typer.Exit(DEGRADED)
