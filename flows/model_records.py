"""What hindcasts leave behind of the models they used: day rows to compare, scores, cards."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from flows.model_evidence import keep_days
from flows.promotion import judged_thresholds
from flows.registration import report_hindcast
from flows.workspace import Workspace
from forecasting.day_losses import day_rows
from forecasting.issue import OPERATIONAL
from forecasting.model_scores import day_scores
from pipeline.ledger.models import get_model


def record_hindcast(
    ws: Workspace,
    world: str,
    tables: Mapping[str, pd.DataFrame],
    truths: Mapping[str, pd.DataFrame],
    caveats: list[str],
) -> None:
    """Keep what a hindcast found out about its models: their day rows, and their scores in ledger and card.

    Parameters
    ----------
    tables, truths : of each quantity the rows that were forecast, and what was measured
    caveats : in which way the replay knew more than a forecaster could have known
    """
    for quantity, rows in tables.items():
        keep_days(ws, world, rows)
        days = day_rows(rows, truths[quantity])
        for name in sorted(set(days.loc[days["model"] == OPERATIONAL, "model_id"])):
            with ws.ledger.read() as conn:
                known = get_model(conn, name) is not None
            if known:
                own = days.loc[days["model_id"] == name, "issue_time"]
                span = {"from": f"{own.min():%Y-%m-%d}", "to": f"{own.max():%Y-%m-%d}"}
                scores = day_scores(days, name, judged_thresholds(ws, quantity))
                report_hindcast(ws, name, {**span, "caveats": caveats, "scores": scores})
