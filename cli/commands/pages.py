"""``sameair review``: the forecasters' pages in a browser."""

from __future__ import annotations

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
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="Serve only the recipients' links, and the exchange of a party's node."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve the review pages and the read API until stopped; decisions are made with `sameair warnings`."""
    from flows.exchange_links import receiver_of
    from review.app import first_address, serve

    settings = make_settings(data_dir)
    what = "acknowledgement links" if public else "review pages"
    base = settings.review_url or f"http://{host}:{port}"
    lines = [f"{what} at {base}/ ; stop with Ctrl-C"]
    first = "" if public else first_address(settings, base)
    lines += [f"nobody can sign in yet; set the operator's password, once: {first}"] * bool(first)
    print_lines(lines)
    serve(settings, host=host, port=port, public=public, receiver_of=receiver_of(settings))
