"""Removing by age what ``retention.toml`` names, and nothing else; the audit trail says what went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flows.retention_files import Gone
from flows.retention_kinds import fields_gone, products_gone, quarantine_gone, screens_gone
from flows.retention_table import retention_table
from flows.workspace import Workspace
from pipeline.compaction import BACKUP_LOCK
from pipeline.errors import UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.jobs_past import count_ended_jobs, remove_ended_jobs
from pipeline.ledger.locks import LockHeld, ledger_lock

NOTES_A_ROW: Final = 500
"""As many notes as one row of the audit trail names."""

LEFT: Final = "left for the next time: a backup is reading"


@dataclass(frozen=True)
class Rule:
    """What goes, for how long it stays, and why no longer.

    Parameters
    ----------
    kind, name : table and key of ``retention.toml``
    files : patterns of names, where the kind is of files
    """

    kind: str
    name: str
    age: timedelta
    why: str
    files: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Return the name by which notes and the audit trail call it."""
        return f"{self.kind}.{self.name}"


def retention_rules() -> list[Rule]:
    """Return the rules of the upkeep, in the order in which they are written.

    >>> [(rule.id, rule.age.days) for rule in retention_rules()][:4]
    [('jobs.post', 90), ('jobs.exchange', 90), ('jobs.ingest', 400), ('products.working', 400)]
    """
    return [
        Rule(kind, name, timedelta(days=one["days"]), one["why"], tuple(one.get("files", ())))
        for kind, rules in retention_table().items()
        if kind in KINDS
        for name, one in rules.items()
    ]


def prune(ws: Workspace, rules: Sequence[Rule], *, dry_run: bool) -> list[dict[str, Any]]:
    """Remove what is older than the rules say; what a page or a reader then misses, a note explains.

    Repeating it is safe, also after it was killed. While a backup reads, files stay.

    Parameters
    ----------
    dry_run : remove nothing, only count

    Returns
    -------
    for each rule what it is about, its age, how many rows or files, their bytes, and why

    Raises
    ------
    StorageError
        disk, object storage or ledger cannot be used; what was removed before is noted
    """
    held = nullcontext() if dry_run else ledger_lock(ws.ledger, BACKUP_LOCK, wait_s=0)
    try:
        with held:
            return [_pruned(ws, rule, dry_run=dry_run) for rule in rules]
    except LockHeld:
        rows = [rule for rule in rules if rule.kind == "jobs"]
        left = [_line(rule, Gone(), LEFT) for rule in rules if rule.kind != "jobs"]
        return [_pruned(ws, rule, dry_run=dry_run) for rule in rows] + left


def _pruned(ws: Workspace, rule: Rule, *, dry_run: bool) -> dict[str, Any]:
    gone = KINDS[rule.kind](ws, rule, dry_run)
    if gone.number and not dry_run:
        _told(ws, rule, gone)
    return _line(rule, gone, rule.why)


def _line(rule: Rule, gone: Gone, why: str) -> dict[str, Any]:
    return {"what": rule.id, "days": rule.age.days, "removed": gone.number, "bytes": gone.bytes, "why": why}


def _told(ws: Workspace, rule: Rule, gone: Gone) -> None:
    """Write into the audit trail how much went, and the digest of every note that says what."""
    notes = sorted(gone.notes.items())
    parts = [dict(notes[at : at + NOTES_A_ROW]) for at in range(0, len(notes), NOTES_A_ROW)] or [{}]
    about = {"actor": "sameair", "action": "retention.removed", "subject": rule.id}
    with ws.ledger.write() as conn:
        for number, part in enumerate(parts):
            counted = {"removed": gone.number, "bytes": gone.bytes} if not number else {}
            payload = {"rule": rule.id, "days": rule.age.days, **counted, "notes": part}
            append_audit(conn, at=ws.clock(), payload=payload, **about)


def _jobs_gone(ws: Workspace, rule: Rule, dry_run: bool) -> Gone:
    """Remove ended rows of a flow; the newest of each state stays, however old."""
    before = ws.clock() - rule.age
    if dry_run:
        with ws.ledger.read() as conn:
            return Gone(count_ended_jobs(conn, rule.name, before))
    with ws.ledger.write() as conn:
        return Gone(remove_ended_jobs(conn, rule.name, before))


def _quarantine(ws: Workspace, rule: Rule, dry_run: bool) -> Gone:
    if rule.name not in ("closed", "open"):
        raise UsageError(f"retention.toml: quarantine.{rule.name} is neither closed nor open")
    return quarantine_gone(ws, rule.id, rule.age, is_open=rule.name == "open", dry_run=dry_run)


KINDS: Final[Mapping[str, Callable[[Workspace, Rule, bool], Gone]]] = {
    "jobs": _jobs_gone,
    "products": lambda ws, rule, dry: products_gone(
        ws, rule.id, rule.age, rule.files, ("finished",), dry_run=dry
    ),
    "failed": lambda ws, rule, dry: products_gone(
        ws, rule.id, rule.age, ("*",), ("failed", "running"), dry_run=dry
    ),
    "quarantine": _quarantine,
    "screens": lambda ws, rule, dry: screens_gone(ws, rule.age, dry_run=dry),
    "winds": lambda ws, rule, dry: fields_gone(ws, rule.id, rule.name, rule.age, dry_run=dry),
}
"""What removes, by the tables of ``retention.toml``; ``prefect`` is left to Prefect's own server."""
