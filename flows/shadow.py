"""Models that forecast every cycle beside the champion: shadows, and the one told forecast weather."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from flows.model_evidence import PRODUCTS, SHADOW
from flows.models import in_use, load_registered
from flows.weather import readers_of, table_for
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL, forecast_issue
from forecasting.model import Model
from forecasting.saying import knows_ahead
from forecasting.weather_ahead import AHEAD, AS_USUAL, BESIDE, Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import SameairError
from pipeline.ledger.model_roles import roles_at
from pipeline.ledger.models import ModelRow, get_model
from pipeline.times import iso, to_ns

log = logging.getLogger(__name__)


def shadow_tables(
    ws: Workspace, panel: AsOfPanel, cities: Sequence[City], issue_time: datetime, as_of: datetime
) -> dict[str, pd.DataFrame]:
    """Return what the shadows forecast of an issue, by the name of the product; one that fails is skipped.

    The rows are as those of ``forecasting.predictions``, with ``shadow`` in the column ``model``.
    """
    found = {}
    for quantity, product in PRODUCTS.items():
        parts = [
            part
            for row in shadows_of(ws, panel.world, quantity, as_of)
            for part in _forecast(ws, row, panel, cities, issue_time, as_of)
        ]
        if parts:
            found[f"{SHADOW}_{product}"] = pd.concat(parts, ignore_index=True)
    return found


def shadows_of(ws: Workspace, world: str, quantity: str, as_of: datetime) -> list[ModelRow]:
    """Return the models that were shadows at an instant and had learned nothing later."""
    with ws.ledger.read() as conn:
        roles = roles_at(conn, world=world, quantity=quantity, at=as_of)
        rows = [get_model(conn, name) for name, role in roles.items() if role == SHADOW]
    return [row for row in rows if row is not None and row.data_until <= as_of]


def _forecast(
    ws: Workspace,
    row: ModelRow,
    panel: AsOfPanel,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
) -> list[pd.DataFrame]:
    """Return one shadow's rows; nothing where it fails, for it must not hold up the cycle."""
    model = load_registered(ws, row)
    if model is None:
        return []
    try:
        made = forecast_issue(
            panel,
            {row.quantity: model},
            cities,
            issue_time=issue_time,
            as_of=as_of,
            quantities=[row.quantity],
        )
    except SameairError as error:
        log.warning("shadow %s: %s", row.id, error)
        return []
    rows = made.rows[row.quantity]
    return [rows[rows["model"] == OPERATIONAL].assign(model=SHADOW)]


def manner_for(
    ws: Workspace,
    panel: AsOfPanel,
    models: Iterable[Model | None],
    issue_time: datetime,
    as_of: datetime,
) -> Manner:
    """Return how models are to speak of an issue: with the weather that was forecast, if any of them asks."""
    asking = [m for m in models if m is not None and m.weather == AHEAD]
    if not asking or not readers_of(ws, panel.world):
        return AS_USUAL
    issues = np.array([to_ns(issue_time)])
    return Manner(ahead=table_for(ws, panel, asking, issues, None if as_of == issue_time else as_of))


def ahead_tables(
    ws: Workspace, panel: AsOfPanel, cities: Sequence[City], issue_time: datetime, as_of: datetime
) -> dict[str, pd.DataFrame]:
    """Return by quantity what the models that read forecast weather say of an issue, BESIDE in ``model``.

    Nothing where there is no such model, or no forecast of all days was known.
    """
    models = {q: in_use(ws, panel.world, q, as_of, AHEAD) for q in PRODUCTS}
    manner = manner_for(ws, panel, models.values(), issue_time, as_of)
    found: dict[str, pd.DataFrame] = {}
    for model in models.values():
        if model is None or manner.ahead is None:
            continue
        when = np.array([to_ns(issue_time)])
        if not knows_ahead(model, panel, when, as_of, manner.ahead).all():
            log.warning("no weather forecast of all days was known at %s: no forecast with it", iso(as_of))
            continue
        found |= _told(model, panel, cities, issue_time, as_of, manner)
    return found


def _told(
    model: Model,
    panel: AsOfPanel,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    manner: Manner,
) -> dict[str, pd.DataFrame]:
    """Return one model's rows; nothing where it fails, for it must not hold up the cycle."""
    quantity = model.quantity
    try:
        made = forecast_issue(
            panel,
            {quantity: model},
            cities,
            issue_time=issue_time,
            as_of=as_of,
            quantities=[quantity],
            manner=manner,
        )
    except SameairError as error:
        log.warning("%s: %s", model.model_id, error)
        return {}
    rows = made.rows[quantity]
    return {quantity: rows[rows["model"] == OPERATIONAL].assign(model=BESIDE)}
