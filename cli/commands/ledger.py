"""Moving the ledger into another database: ``sameair ledger``."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines

app = typer.Typer(help="The database of everything that was decided, sent and listed.")

Target = Annotated[
    str, typer.Option("--to", help="URL of an empty ledger: postgresql+psycopg://user@host/db or sqlite:///…")
]


@app.command("copy")
def copy(to: Target, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Copy every row into an empty ledger; both are compared and the trail verified before it counts."""
    from pipeline.ledger import open_ledger
    from pipeline.ledger.copying import copy_ledger

    source = open_ledger(make_settings(data_dir).ledger)
    target = open_ledger(to)
    try:
        copied = copy_ledger(source, target, lambda _table, _rows: None)
    finally:
        source.close()
        target.close()
    seq = copied.audit_end[0] if copied.audit_end else 0
    if as_json:
        print_json({"rows": copied.rows, "audit_rows": seq, "from": source.place, "to": target.place})
        return
    print_lines(
        [
            f"copied {sum(copied.rows.values())} rows of {len(copied.rows)} tables"
            f" from {source.place} to {target.place}; every row was compared",
            f"the audit trail is whole at both ends: {seq} rows",
            "now set SAMEAIR_LEDGER_URL to the new ledger for every process; write no more to the old one",
        ]
    )
