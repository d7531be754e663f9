"""What a workspace holds, as plain tables: observations, models, runs, warnings."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, date
from typing import Any

import pandas as pd

from alerts.policy import Policy
from alerts.rechecked import decision_left
from flows.assess import policy_of
from flows.drift import models_now
from flows.exchange_late import standing_rows
from flows.joint_issued import others_told
from flows.model_views import model_rows
from flows.promotion import decided_at
from flows.workspace import Workspace
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.ledger.warnings import list_versions
from pipeline.times import iso

Rows = list[dict[str, Any]]
LEVEL = re.compile(r"(.+)@(-?[0-9.e+]+)m")


def status_of(ws: Workspace, world: str | None = None) -> dict[str, Rows]:
    """Return tables of what is stored, of one world or of all; newest first."""
    with ws.ledger.read() as conn:
        runs = list_runs(conn, world, limit=12)
        versions = list_versions(conn, world, limit=12)
        others = others_told(conn, world)[:12]
    worlds, policy, now = [world] if world else ws.store.worlds(), policy_of(ws), ws.clock()
    return {
        "observations": [
            {"world": name, **{str(k): _written(v) for k, v in row.items()}}
            for name in worlds
            for row in ws.store.summary(name).to_dict("records")
        ],
        "profiles": [row for name in worlds for row in _profiles(ws, name)],
        "models": _models(ws, world),
        "drift": [h.row() for name in worlds for h in models_now(ws, name, decided_at(ws, name))],
        "runs": [_run_row(r) for r in runs],
        "policy": [_policy_row(policy, now.date())],
        **({"exchange": standing_rows(ws)} if ws.settings.party else {}),
        "warnings": [
            {
                "warning": v.warning_id,
                "version": v.version,
                "state": v.state,
                "product": v.content["product"],
                "level": v.content["level"],
                "world": v.content["world"],
                "review until": iso(v.review_deadline),
                "decision": decision_left(policy, v, now),
            }
            for v in versions
        ]
        + [_other_row(row) for row in others],
    }


def _other_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the other node's party issued alone, as a row of the warnings here."""
    told = {"warning": row["warning"], "version": row["v"]}
    told |= {name: row[name] for name in ("state", "product", "level", "world")}
    return told | {"review until": "", "decision": ""}


def _run_row(run: RunRow) -> dict[str, Any]:
    """Return a run: its cycle, how it went, and what is lacking."""
    return {
        "cycle": iso(run.cycle),
        "world": run.world,
        "status": run.status + (" (current)" if run.is_current else ""),
        "model": run.model_id or "",
        "degraded": run.degraded or run.error,
        "run": run.id,
    }


def _policy_row(policy: Policy, today: date) -> dict[str, Any]:
    """Return the policy in force, and whether the yearly look at its probabilities is overdue."""
    overdue = policy.review_overdue(today)
    return {
        "version": policy.version,
        "agreed by": ", ".join(policy.agreed_by) or "nobody",
        "probabilities of": policy.choice.decided.isoformat(),
        "to be looked at by": policy.choice.next_review.isoformat() + (" (overdue)" if overdue else ""),
    }


def _models(ws: Workspace, world: str | None) -> Rows:
    """Return the models trained last: until when they learned, their role, and whether they forecast."""
    names = ("id", "world", "data until", "role", "in use")
    return [{name: row[name] for name in names} for row in model_rows(ws, world, limit=8)]


def _written(value: Any) -> str:
    return iso(value.to_pydatetime().replace(tzinfo=UTC)) if isinstance(value, pd.Timestamp) else str(value)


def _profiles(ws: Workspace, world: str) -> Rows:
    """Return the places of profiles: each level is a station ``place@HEIGHTm``."""
    names = ws.store.stations(world)["station"]
    levels: dict[str, list[float]] = defaultdict(list)
    for place, height in (found.groups() for found in map(LEVEL.fullmatch, names) if found):
        levels[place].append(float(height))
    return [
        {"world": world, "place": place, "levels": len(own), "heights [m]": f"{min(own):g} to {max(own):g}"}
        for place, own in sorted(levels.items())
    ]
