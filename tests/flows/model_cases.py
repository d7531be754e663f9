"""Models that exist only as rows and stored forecasts: enough to compare, promote and watch them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import erf

import numpy as np
import pandas as pd

from flows.model_evidence import keep_days
from flows.workspace import Workspace
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.registry import FORMAT
from forecasting.verify import as_of_everything, observed_truth
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.ledger.models import register_model
from pipeline.names import PM_THRESHOLDS
from pipeline.series import load_panel

Z = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
LEARNED_UNTIL = datetime(2019, 1, 10, tzinfo=UTC)
FIRST = datetime(2019, 1, 12, tzinfo=UTC)


def file_model(ws: Workspace, name: str, data_until: datetime = LEARNED_UNTIL, **details: object) -> None:
    """Register a model without a file."""
    with ws.ledger.write() as conn:
        register_model(
            conn,
            model_id=name,
            world="measured",
            quantity="pm2p5",
            data_until=data_until,
            trained_at=ws.clock(),
            purpose="operational",
            path=f"models/measured/{name}.model",
            digest=name,
            details={"format": FORMAT, **details},
        )


def measured(ws: Workspace) -> AsOfPanel:
    """Return the measured world."""
    return load_panel(ws.store, all_cities().values(), "measured")


def forecast_rows(ws: Workspace, name: str, error: float, spread: float = 0.2, seed: int = 1) -> pd.DataFrame:
    """Return D+1 rows of a model whose error is log-normal of a given size, and of a poor climatology."""
    panel = measured(ws)
    end = as_of_everything(panel)
    truth = observed_truth(
        panel, list(all_cities().values()), start=FIRST, end=end, as_of=end, quantity="pm2p5"
    )
    truth = truth[(truth["target"] == "daily") & (truth["valid_end"] > FIRST + timedelta(days=2))]
    rng = np.random.default_rng(seed)
    centre = np.log(truth["observed"].to_numpy()) + error * rng.standard_normal(len(truth))
    climate = np.full(len(truth), np.log(truth["observed"]).mean())
    ours = _rows(truth, name, "sameair", centre, spread)
    return pd.concat([ours, _rows(truth, "climatology", "climatology", climate, 0.6)], ignore_index=True)


def _rows(truth: pd.DataFrame, name: str, model: str, centre: np.ndarray, spread: float) -> pd.DataFrame:
    rows = truth.drop(columns="observed").assign(
        model=model,
        model_id=name,
        issue_time=truth["valid_end"].dt.floor("D") - pd.Timedelta(hours=16),
        lead_day=1,
        valid_start=truth["valid_end"] - pd.Timedelta(days=1),
        mean=np.exp(centre),
    )
    rows[list(QUANTILE_COLUMNS)] = np.exp(centre[:, None] + spread * Z)
    for threshold, column in zip(PM_THRESHOLDS, PROBABILITY_COLUMNS, strict=True):
        rows[column] = [0.5 + 0.5 * erf((c - np.log(threshold)) / spread / 2**0.5) for c in centre]
    return rows


def file_forecasts(ws: Workspace, name: str, error: float, **more: float) -> None:
    """Keep such rows as a hindcast would."""
    keep_days(ws, "measured", forecast_rows(ws, name, error, **more))
