"""Shadows: models on trial that forecast every cycle beside the champion, and are shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from flows.model_evidence import PRODUCTS, SHADOW
from flows.models import load_registered
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL, forecast_issue
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import SameairError
from pipeline.ledger.model_roles import roles_at
from pipeline.ledger.models import ModelRow, get_model

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
