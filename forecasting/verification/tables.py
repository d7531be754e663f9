"""All tables of a verification, by name; see docs/verification.md for their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from forecasting.verification.calibration_tables import calibration_rows
from forecasting.verification.episodes import episode_tables
from forecasting.verification.fairmode import fairmode_rows
from forecasting.verification.hours import hour_rows
from forecasting.verification.joint import joint_rows
from forecasting.verification.nier import Grades, grade_rows
from forecasting.verification.pairs import groups
from forecasting.verification.score_tables import Collected, Options, score_group
from forecasting.verification.stated import Statement, stated_rows

Tables = dict[str, pd.DataFrame]


def verify(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    quantity: str,
    *,
    grades: Mapping[str, Grades],
    statements: Sequence[Statement] = (),
    options: Options | None = None,
) -> Tables:
    """Score a table of predictions in every way there is, all models on the same rows.

    Parameters
    ----------
    predictions : rows of ``forecasting.predictions``, of one quantity and any number of models
    truth : rows of ``forecasting.verify.observed_truth``, as far back as climatologies shall reach
    quantity : ``pm2p5`` or ``pm10``
    grades : the grades of each city's country; only PM2.5 is graded
    statements : what agencies have stated of days
    options : the model that differences are taken of, seed and number of resamples

    Returns
    -------
    tables by name, each with a column ``quantity``; one without rows is left out
    """
    chosen = options or Options()
    found = list(groups(predictions, truth))
    collected = Collected()
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("calibration", "reliability", "economic_value", "fairmode", "grades")
    }
    for group in found:
        score_group(group, chosen, collected)
        parts = calibration_rows(group, chosen)
        for name, part in zip(("calibration", "reliability", "economic_value"), parts, strict=True):
            rows[name] += part
        rows["fairmode"] += fairmode_rows(group, quantity, chosen)
        if group.city in grades:
            rows["grades"] += grade_rows(group, grades[group.city], chosen)
    rows["episodes"], rows["episode_list"] = episode_tables(found)
    rows["joint"] = joint_rows(predictions, truth, chosen)
    rows["hours"] = hour_rows(predictions, truth, chosen)
    rows["statements"] = stated_rows(statements, found, grades, chosen.subject)
    tables = {**collected.tables(), **{name: pd.DataFrame(part) for name, part in rows.items()}}
    return {name: _named(table, quantity) for name, table in tables.items() if len(table)}


def _named(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    return pd.concat([pd.Series(quantity, table.index, name="quantity"), table], axis=1)
