"""Small tables of predictions and of measured days, for tests of verification."""

import numpy as np
import pandas as pd

from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS

FIRST = pd.Timestamp("2019-03-01T15Z")
"""End of 1 March 2019 in Seoul."""


def rows_of(model, chance, mean, *, city="seoul", spread=10.0, lead=1, target="daily", hour=8, first=FIRST):
    """Rows of one cycle a day, with the same probability at every threshold and evenly spaced quantiles."""
    mean = np.asarray(mean, float)
    ends = first + pd.to_timedelta(np.arange(len(mean)), "D")
    start = ends - pd.Timedelta(days=1)
    issue = start.normalize() - pd.Timedelta(days=lead - 1) + pd.Timedelta(hours=hour)
    steps = np.linspace(-spread, spread, len(QUANTILE_COLUMNS))
    chance = np.asarray(chance, float)
    chance = chance[:, None] * np.ones(len(PROBABILITY_COLUMNS)) if chance.ndim == 1 else chance
    return pd.DataFrame(
        {
            "city": city,
            "model": model,
            "issue_time": issue,
            "target": target,
            "valid_start": start,
            "valid_end": ends,
            "lead_hours": ((ends - issue) / pd.Timedelta(hours=1)).astype("int64"),
            "lead_day": pd.array([lead] * len(mean), "Int64"),
            "mean": mean,
            **{c: mean + s for c, s in zip(QUANTILE_COLUMNS, steps, strict=True)},
            **{c: chance[:, i] for i, c in enumerate(PROBABILITY_COLUMNS)},
            "observed_share": 0.0,
            "model_id": model,
            "degraded": "",
        }
    )


def truth_of(observed, city="seoul", first=FIRST):
    """Measured day means; NaN is not measured."""
    ends = first + pd.to_timedelta(np.arange(len(observed)), "D")
    table = {"city": city, "target": "daily", "valid_end": ends, "observed": np.asarray(observed, float)}
    return pd.DataFrame(table).dropna(ignore_index=True)


def row_of(table, **key):
    """The one row of a table with the given values."""
    chosen = table
    for name, value in key.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]
