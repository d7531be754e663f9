"""Tell whether the trail of decisions is whole: ``sameair audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines

Limit = Annotated[int, typer.Option("--limit", min=1, help="How many rows.")]

app = typer.Typer(help="The hash-chained trail of everything that was decided.")


@app.command("verify")
def verify(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check every row of the audit trail; exit code 6 and the first bad row if it is not whole."""
    from pipeline.ledger import open_ledger
    from pipeline.ledger.audit import verify_audit

    with open_ledger(make_settings(data_dir).ledger).read() as conn:
        found = verify_audit(conn)
    if as_json:
        print_json({"ok": found.ok, "rows": found.rows, "first_bad": found.first_bad_seq})
    else:
        print_lines([found.message if found.ok else f"BROKEN: {found.message}, of {found.rows} rows"])
    if not found.ok:
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
