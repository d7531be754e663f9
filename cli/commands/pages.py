"""``sameair review``: the forecasters' pages in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DataDir, make_settings
from cli.output import print_lines


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(review)


def review(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on.")] = 8765,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="PEM file of the TLS certificate chain.")
    ] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", help="PEM file of its key.")] = None,
    behind: Annotated[
        str, typer.Option("--behind", help="Address of the web server in front that speaks TLS.")
    ] = "",
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="Serve only the recipients' links, and the exchange of a party's node."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve the review pages and the read API until stopped; at first, print links to set a password."""
    from flows.exchange_links import receiver_of
    from flows.reviewing import Reviewing
    from flows.workspace import open_workspace
    from pipeline.errors import UsageError
    from review.serving import Listening, first_addresses, serve

    settings = make_settings(data_dir)
    if (certificate is None) != (private_key is None):
        raise UsageError("give both --certificate and --private-key, or neither")
    tls = (certificate, private_key) if certificate and private_key else None
    listening = Listening(host, port, tls, behind)
    base = listening.base(settings)
    if public:
        print_lines([f"acknowledgement links at {base}/ ; stop with Ctrl-C"])
    else:
        listening.check(settings)
        first = first_addresses(settings, base)
        lines = [
            f"no operator of {party} can sign in yet; set a password, once: {to}"
            for party, to in first.items()
        ]
        print_lines([f"review pages at {base}/ ; stop with Ctrl-C", *lines])
    doing = None if public else Reviewing(open_workspace(settings))
    serve(settings, listening, public=public, receiver_of=receiver_of(settings), doing=doing)
