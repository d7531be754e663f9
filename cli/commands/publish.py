"""``sameair publish``: what a party lets anybody read of its own part."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(publish)


def publish(
    product: Annotated[
        str | None, typer.Argument(help="warnings, forecasts or observations.", show_default=False)
    ] = None,
    party: Annotated[str, typer.Option("--party", help="Whose part it is.")] = "",
    person: Annotated[str, typer.Option("--person", help="Your name; it stands in the audit trail.")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="Publish it no more.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let anybody read a part of one party's own, at /public/v1 of `sameair review --public`; alone: list.

    By default nothing is public. What concerns both parties is public where both publish it.
    """
    from pipeline.errors import UsageError
    from pipeline.ledger import open_ledger
    from pipeline.ledger.publications import publish as note
    from pipeline.ledger.publications import published
    from pipeline.times import system_clock

    if product is not None and not (party and person.strip()):
        raise UsageError("say whose part it is (--party) and who says so (--person)")
    ledger = open_ledger(make_settings(data_dir).ledger)
    try:
        with ledger.write() as conn:
            if product is not None:
                note(conn, party, product, public=not stop, by=person, at=system_clock())
            found = published(conn)
    finally:
        ledger.close()
    if as_json:
        print_json({"published": {name: list(products) for name, products in found.items()}})
    else:
        lines = [f"{name:<8} {', '.join(products)}" for name, products in found.items()]
        print_lines(lines or ["nothing is public"])
