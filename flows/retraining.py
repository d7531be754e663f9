"""A model trained anew never replaces the one in use at once: it is a shadow until shown to be better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.models import day_start, train_until
from flows.promotion import PROGRAM, decided_at, promote_if_better
from flows.weather import readers_of
from flows.workspace import Workspace
from forecasting.issue import QUANTITIES
from forecasting.weather_ahead import AHEAD, BESIDE
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.model_roles import Role, give_role, model_in_use, roles_at
from pipeline.ledger.models import get_model
from pipeline.series import load_panel
from pipeline.times import iso


@dataclass(frozen=True)
class Retrained:
    """What came of training one quantity anew: the model's id and role, and why."""

    quantity: str
    model_id: str
    role: str
    why: str


def retrain(
    ws: Workspace, world: str, *, data_until: datetime | None = None, quantities: Sequence[str] = QUANTITIES
) -> list[Retrained]:
    """Train models on what has been received, and let the gate decide whether they forecast.

    The model in use until now is made champion first, if it has no role, so that the new one cannot take its
    place unseen. The new one is a shadow from now on, or champion if there is no other.

    Parameters
    ----------
    data_until : learn from what was received by this instant; default: by the beginning of this UTC day

    Raises
    ------
    UsageError
        nothing is stored of the world
    """
    if world not in ws.store.worlds():
        raise UsageError(f"nothing is stored of the world {world}; import or ingest measurements first")
    until = data_until or day_start(decided_at(ws, world))
    panel = load_panel(ws.store, all_cities().values(), world, as_of=until)
    done = []
    for quantity in quantities:
        _settle_champion(ws, world, quantity)
        model = train_until(ws, panel, until, quantities=[quantity])[quantity]
        if model is None:
            done.append(Retrained(quantity, "", "", "too little was measured to learn from"))
        else:
            done.append(_on_trial(ws, world, quantity, model.model_id))
    return [*done, *_told_weather(ws, world, panel, until, quantities)]


def _told_weather(
    ws: Workspace, world: str, panel: AsOfPanel, until: datetime, quantities: Sequence[str]
) -> list[Retrained]:
    """Train the models that are told forecast weather too, where forecasts are stored; they run beside."""
    if not readers_of(ws, world):
        return []
    models = train_until(ws, panel, until, quantities=quantities, weather=AHEAD)
    why = "told forecast weather; forecasts beside the champion until the gate lets it"
    return [Retrained(q, model.model_id, BESIDE, why) for q, model in models.items() if model is not None]


def _settle_champion(ws: Workspace, world: str, quantity: str) -> None:
    """Make the model in use champion by name, unless it is, so that a newer one does not replace it."""
    at = decided_at(ws, world)
    with ws.ledger.write() as conn:
        row = model_in_use(conn, world=world, quantity=quantity, known_at=at)
        if row is not None and row.id not in roles_at(conn, world=world, quantity=quantity, at=at):
            why = "was in use when another model was trained"
            give_role(conn, row, "champion", at=at, actor=PROGRAM, why=why)


def _on_trial(ws: Workspace, world: str, quantity: str, model_id: str) -> Retrained:
    """Make a model a shadow unless it has a role, and put it to the gate."""
    at = decided_at(ws, world)
    with ws.ledger.write() as conn:
        role: Role | None = roles_at(conn, world=world, quantity=quantity, at=at).get(model_id)
        row = get_model(conn, model_id)
        if row is not None and role is None:
            give_role(conn, row, "shadow", at=at, actor=PROGRAM, why=f"trained until {iso(row.data_until)}")
    if role == "champion":
        return Retrained(quantity, model_id, role, "it was trained on the same data before")
    found = promote_if_better(ws, model_id)
    if found is None:
        return Retrained(quantity, model_id, "champion", "the only model there is")
    return Retrained(
        quantity, model_id, "champion" if found.promote else role or "shadow", "; ".join(found.reasons)
    )
