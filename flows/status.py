"""What a workspace holds, as plain tables: observations, models, runs, warnings."""

from __future__ import annotations

from typing import Any

from flows.workspace import Workspace
from pipeline.ledger.models import list_models
from pipeline.ledger.runs import list_runs
from pipeline.ledger.warnings import list_versions
from pipeline.times import iso

Rows = list[dict[str, Any]]


def status_of(ws: Workspace, world: str | None = None) -> dict[str, Rows]:
    """Return tables of what is stored, of one world or of all; newest first."""
    with ws.ledger.read() as conn:
        runs = list_runs(conn, world, limit=12)
        models = list_models(conn, world, limit=8)
        versions = list_versions(conn, world, limit=12)
    worlds = [world] if world else ws.store.worlds()
    return {
        "observations": [
            {"world": name, **{str(k): str(v) for k, v in row.items()}}
            for name in worlds
            for row in ws.store.summary(name).to_dict("records")
        ],
        "models": [{"id": m.id, "world": m.world, "data until": iso(m.data_until)} for m in models],
        "runs": [
            {
                "cycle": iso(r.cycle),
                "world": r.world,
                "status": r.status + (" (current)" if r.is_current else ""),
                "model": r.model_id or "",
                "degraded": r.degraded or r.error,
                "run": r.id,
            }
            for r in runs
        ],
        "warnings": [
            {
                "warning": v.warning_id,
                "version": v.version,
                "state": v.state,
                "product": v.content["product"],
                "level": v.content["level"],
                "world": v.content["world"],
                "review until": iso(v.review_deadline),
            }
            for v in versions
        ],
    }
