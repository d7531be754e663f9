"""What may go by age, kind by kind: files of runs, answers in quarantine, screens of no decision, winds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from sqlalchemy import Connection, String, cast, select

from flows.retention_files import Gone, Stock, old_files, remove
from flows.workspace import Workspace
from pipeline.ledger.quarantined import list_quarantined, resolve_quarantined
from pipeline.ledger.runs_past import old_fields, old_runs
from pipeline.ledger.tables import audit
from pipeline.names import MEASURED
from pipeline.storage.opening import FIELDS
from pipeline.times import iso

RUNS: Final = "runs"
SCREENS: Final = "evidence"
RAW: Final = ".raw"
DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def products_gone(
    ws: Workspace,
    rule: str,
    age: timedelta,
    patterns: Collection[str],
    states: Collection[str],
    *,
    dry_run: bool,
) -> Gone:
    """Remove files of old runs in some states, less the runs that a warning or an episode names.

    Parameters
    ----------
    patterns : names of files, such as ``bulletin-*.pdf``
    """
    with ws.ledger.read() as conn:
        old = old_runs(conn, age, ws.clock(), states)
    stock, gone = Stock.of(ws, RUNS), Gone()
    for run in old:
        folder = f"{run.world}/{iso(run.cycle).replace(':', '')}/{run.id}"
        remove(ws, stock, folder, stock.names(folder, patterns), rule, gone, dry_run=dry_run)
    return gone


def quarantine_gone(ws: Workspace, rule: str, age: timedelta, *, is_open: bool, dry_run: bool) -> Gone:
    """Remove the bytes of measured answers closed, or of open ones fetched, longer ago than an age.

    An open one is closed by it: nobody can read it again.
    """
    before, stock, gone = ws.clock() - age, Stock.on_disk(ws, "quarantine"), Gone()
    with ws.ledger.read() as conn:
        entries = list_quarantined(conn, world=MEASURED, resolved=True)
    since = {e.id: e.fetched_at if is_open else e.resolved_at for e in entries}
    chosen = [e.id for e in entries if (e.resolved_at is None) == is_open]
    there = set(stock.names("", [f"*{RAW}"]))
    old = [name for name in chosen if (at := since[name]) is not None and at < before]
    names = [f"{name}{RAW}" for name in old if f"{name}{RAW}" in there]
    remove(ws, stock, "", names, rule, gone, dry_run=dry_run)
    if is_open and names and not dry_run:
        with ws.ledger.write() as conn:
            for name in names:
                resolve_quarantined(conn, name.removesuffix(RAW), ws.clock())
    return gone


def screens_gone(ws: Workspace, age: timedelta, *, dry_run: bool) -> Gone:
    """Remove what was on the screen of those who decided nothing; what the audit trail names stays.

    A document is named by its digest; one that nobody refers to needs no note.
    """
    before, gone = (ws.clock() - age).timestamp(), Gone()
    old = list(old_files(ws.settings.data_dir / SCREENS, lambda written: written < before))
    if not old:
        return gone
    with ws.ledger.read() as conn:
        named = _digests_named(conn)
    for path in old:
        if path.stem not in named:
            gone.number, gone.bytes = gone.number + 1, gone.bytes + path.stat().st_size
            if not dry_run:
                path.unlink(missing_ok=True)
    return gone


def fields_gone(ws: Workspace, rule: str, source: str, age: timedelta, *, dry_run: bool) -> Gone:
    """Remove stored measured-world forecasts of a source that speak only of times longer ago than an age."""
    with ws.ledger.read() as conn:
        old = old_fields(conn, MEASURED, source, ws.clock() - age)
    stock, gone = Stock.of(ws, FIELDS), Gone()
    for folder, names in _by_folder(old).items():
        there = set(stock.names(folder, ["*.nc"]))
        remove(ws, stock, folder, sorted(there & names), rule, gone, dry_run=dry_run)
    return gone


def _by_folder(paths: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in map(PurePosixPath, paths):
        found[path.parent.as_posix()].add(path.name)
    return dict(found)


def _digests_named(conn: Connection) -> set[str]:
    """Return every digest that a row of the audit trail names, whatever it is of."""
    rows = conn.execute(select(cast(audit.c.payload, String)).execution_options(yield_per=1000))
    return {digest for (payload,) in rows for digest in DIGEST.findall(payload or "")}
