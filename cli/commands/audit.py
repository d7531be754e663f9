"""Tell whether the trail of decisions is whole: ``sameair audit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.settings import Settings

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many rows.")]

AgainstPeer = Annotated[
    bool, typer.Option("--against-peer", help="Also compare it with what the other party holds of it.")
]
PrintedHead = Annotated[
    str | None,
    typer.Option("--head", help="Also compare it with the record check of an e-mail.", show_default=False),
]

app = typer.Typer(help="The hash-chained trail of everything that was decided.")


@app.command("verify")
def verify(
    against_peer: AgainstPeer = False,
    head: PrintedHead = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check every row of the audit trail; exit code 6 and the first bad row if it is not whole."""
    from pipeline.ledger import open_ledger
    from pipeline.ledger.audit import verify_audit

    settings = make_settings(data_dir)
    with open_ledger(settings.ledger).read() as conn:
        found = verify_audit(conn)
        faults = _compared(conn, settings, head, against_peer=against_peer)
    if as_json:
        print_json(
            {"ok": found.ok, "rows": found.rows, "first_bad": found.first_bad_seq, "differences": faults}
        )
    else:
        print_lines([found.message if found.ok else f"BROKEN: {found.message}, of {found.rows} rows"])
        print_lines([f"REWRITTEN: {fault}" for fault in faults])
        if (against_peer or head) and not faults:
            print_lines(["what was told of it elsewhere fits"])
    if not found.ok or faults:
        raise typer.Exit(6)


@app.command("list")
def list_rows(data_dir: DataDir = None, as_json: AsJson = False, limit: Limit = 30) -> None:
    """List the newest rows of the audit trail."""
    from cli.output import print_table
    from pipeline.ledger import open_ledger
    from pipeline.ledger.audit import newest_rows

    with open_ledger(make_settings(data_dir).ledger).read() as conn:
        rows = newest_rows(conn, limit)
    if as_json:
        print_json(rows)
    else:
        columns = ("seq", "at", "actor", "action", "subject")
        print_table("audit trail, newest first", columns, [[row[c] for c in columns] for row in rows])


def _compared(conn: Connection, settings: Settings, head: str | None, *, against_peer: bool) -> list[str]:
    """Return how the trail differs from what was told of it elsewhere."""
    from flows.node import parties
    from pipeline.exchange.anchors import anchor_faults, head_fault

    faults = [head_fault(conn, head)] if head else []
    for peer in parties() if against_peer else ():
        if peer != settings.party:
            faults += anchor_faults(conn, peer)
    return [fault for fault in faults if fault]
