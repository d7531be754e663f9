"""Removing by age what ``retention.toml`` names, and nothing else; the audit trail says how much."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

from flows.workspace import Workspace
from pipeline.ledger.audit import append_audit
from pipeline.ledger.jobs_past import count_ended_jobs, remove_ended_jobs
from pipeline.times import iso


@dataclass(frozen=True)
class Rule:
    """Jobs of a flow, for how long they stay, and why no longer."""

    flow: str
    age: timedelta
    why: str


def retention_rules() -> list[Rule]:
    """Return the rules, in the order in which they are written.

    >>> [(rule.flow, rule.age.days) for rule in retention_rules()]
    [('post', 90), ('exchange', 90), ('ingest', 400)]
    """
    table = tomllib.loads((resources.files("flows") / "retention.toml").read_text("utf-8"))
    return [Rule(flow, timedelta(days=one["days"]), one["why"]) for flow, one in table["jobs"].items()]


def prune(ws: Workspace, rules: Sequence[Rule], *, dry_run: bool) -> list[dict[str, Any]]:
    """Remove what is older than the rules say; the newest row of each state of a flow stays, however old.

    Parameters
    ----------
    dry_run : remove nothing, only count

    Returns
    -------
    for each rule what it is about, before which instant, how many rows, and why
    """
    now, found = ws.clock(), list[dict[str, Any]]()
    for rule in rules:
        before = now - rule.age
        if dry_run:
            with ws.ledger.read() as conn:
                number = count_ended_jobs(conn, rule.flow, before)
        else:
            with ws.ledger.write() as conn:
                number = remove_ended_jobs(conn, rule.flow, before)
                if number:
                    payload = {"flow": rule.flow, "before": iso(before), "rows": number}
                    about = {"actor": "sameair", "action": "retention.removed", "subject": "jobs"}
                    append_audit(conn, at=now, payload=payload, **about)
        found.append(
            {"what": f"jobs {rule.flow}", "older than": iso(before), "rows": number, "why": rule.why}
        )
    return found
