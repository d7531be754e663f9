"""Models as plain tables: which there are, what each is, what a comparison found."""

from __future__ import annotations

from typing import Any

from flows.promotion import decided_at, known_model
from flows.registration import card_path, score_tables
from flows.workspace import Workspace
from forecasting.promotion_gate import Comparison
from forecasting.registry import FORMAT
from pipeline.ledger.model_reports import read_reports
from pipeline.ledger.model_roles import model_in_use, role_events, roles_at
from pipeline.ledger.models import ModelRow, list_models
from pipeline.times import iso

Rows = list[dict[str, Any]]
MANY = 200


def model_rows(ws: Workspace, world: str | None = None, limit: int = MANY) -> Rows:
    """Return the models, newest first, with their roles and the one in use marked."""
    with ws.ledger.read() as conn:
        models = list_models(conn, world, limit=limit)
    kinds = {(m.world, m.quantity, m.variant) for m in models}
    used, roles = set[str](), dict[str, str]()
    for kind in kinds:
        row, given = _state(ws, *kind)
        used |= {row.id} if row is not None else set()
        roles |= given
    return [
        {
            "id": m.id,
            "world": m.world,
            "quantity": m.quantity,
            "variant": m.variant,
            "data until": iso(m.data_until),
            "trained": iso(m.trained_at),
            "role": roles.get(m.id, "" if m.purpose == "operational" else "leave-out"),
            "in use": _use(m) if m.id in used else "",
        }
        for m in models
    ]


def _use(model: ModelRow) -> str:
    """Say that a model forecasts, or why it cannot though it is its turn."""
    return "yes" if model.details.get("format", 1) == FORMAT else "other format: train it again"


def _state(ws: Workspace, world: str, quantity: str, variant: str) -> tuple[ModelRow | None, dict[str, str]]:
    at = decided_at(ws, world)
    with ws.ledger.read() as conn:
        roles = roles_at(conn, world=world, quantity=quantity, at=at, variant=variant)
        row = model_in_use(conn, world=world, quantity=quantity, known_at=at, variant=variant)
    return row, dict(roles)


def model_document(ws: Workspace, model_id: str) -> dict[str, Any]:
    """Return everything that is on record of a model; UsageError when there is none."""
    row = known_model(ws, model_id)
    with ws.ledger.read() as conn:
        reports = read_reports(conn, model_id)
        events = role_events(conn, model_id)
    used, roles = _state(ws, row.world, row.quantity, row.variant)
    return {
        "id": row.id,
        "world": row.world,
        "quantity": row.quantity,
        "variant": row.variant,
        "purpose": row.purpose,
        "role": roles.get(row.id, ""),
        "in use": used is not None and used.id == row.id,
        "data from": row.details.get("data_from"),
        "data until": iso(row.data_until),
        "trained": iso(row.trained_at),
        "file": str(ws.settings.data_dir / row.path),
        "card": str(card_path(ws, row)),
        "digest": row.digest,
        "details": row.details,
        "scores": score_tables(reports),
        "roles": [
            {"at": iso(e.at), "role": e.role, "by": e.actor, "why": e.why, "forced": e.forced} for e in events
        ],
        "reports": [
            {"at": iso(r.at), "kind": r.kind, **r.content} for r in reports if r.kind != "validation"
        ],
    }


def gain_rows(found: Comparison) -> Rows:
    """Return the gains of a comparison, a row for each city and measure."""
    rows = []
    for g in found.gains:
        verdict = "better" if g.better else "worse" if g.worse else "noise"
        rows.append(
            {
                "city": g.city,
                "measure": g.measure,
                "champion": _number(g.champion),
                "challenger": _number(g.challenger),
                "gain": _number(g.gain),
                "90 %": "" if g.low is None or g.high is None else f"{g.low:.3f} to {g.high:.3f}",
                "verdict": g.undefined or verdict,
            }
        )
    return rows


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
