"""What the models in use scored when they were trained: all there is before forecasts can be scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.ledger.model_reports import read_reports
from pipeline.ledger.model_roles import model_in_use

QUANTITIES: Final = ("pm2p5", "pm10")
MEASURES: Final = ("rmse", "crps", "coverage_80")


@dataclass(frozen=True)
class Trained:
    """The scores of a model on days that it had not learned from, by city and lead day."""

    model_id: str
    quantity: str
    rows: tuple[dict[str, Any], ...]


def trained_scores(conn: Connection, world: str, now: datetime) -> list[Trained]:
    """Return what the models in use of a world scored in their training, where that was written down."""
    found = []
    for quantity in QUANTITIES:
        row = model_in_use(conn, world=world, quantity=quantity, known_at=now)
        reports = read_reports(conn, row.id, "validation", limit=1) if row is not None else []
        if row is not None and reports and reports[0].content.get("scores"):
            found.append(Trained(row.id, quantity, tuple(reports[0].content["scores"])))
    return found
