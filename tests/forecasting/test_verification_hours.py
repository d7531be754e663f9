"""Simple forecasts of hours are what they say, know nothing late, and win where they are right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecasting.verification.hours import hour_rows
from forecasting.verification.score_tables import Options

HOUR = pd.Timedelta(hours=1)


def truth_of(days=500, seed=1):
    rng = np.random.default_rng(seed)
    level = np.zeros(24 * days)
    for t in range(1, len(level)):
        level[t] = 0.95 * level[t - 1] + 0.2 * rng.standard_normal()
    ends = pd.date_range("2018-01-01T01Z", periods=len(level), freq="h")
    observed = np.maximum(40.0 * np.exp(level) - 5.0, 0.0)
    return pd.DataFrame({"city": "beijing", "target": "hourly", "valid_end": ends, "observed": observed})


def predictions_of(truth, first="2019-02-01T08Z", days=90, lead=6, error=0.0):
    issues = pd.date_range(first, periods=days, freq="D")
    known = truth.set_index("valid_end")["observed"]
    observed = known.reindex(issues + lead * HOUR).to_numpy()
    given = {"city": "beijing", "model": "sameair", "target": "hourly", "lead_hours": lead}
    rows = pd.DataFrame({"issue_time": issues, "valid_end": issues + lead * HOUR}).assign(**given)
    return rows.assign(mean=observed + error, p_gt_75=(observed > 75).astype(float))


def test_a_perfect_forecast_is_no_worse_and_a_poor_one_is():
    truth = truth_of()
    (good,) = hour_rows(predictions_of(truth), truth, Options())
    assert (good["rmse"], good["brier"], good["no_worse"]) == (0.0, 0.0, True)
    assert good["learned_before"]
    (poor,) = hour_rows(predictions_of(truth, error=500.0), truth, Options())
    assert poor["rmse"] == pytest.approx(500.0)
    assert not poor["no_worse"]


def test_autoregression_is_best_where_the_truth_is_one():
    truth = truth_of(days=700)
    found = hour_rows(predictions_of(truth, days=250, lead=18, error=100.0), truth, Options())
    assert {row["rmse_best_of"] for row in found} == {"autoregression"}


def test_what_is_measured_within_the_hour_before_the_issue_is_not_known():
    truth = truth_of()
    rows = predictions_of(truth, lead=1)
    changed = truth.copy()
    late = changed["valid_end"].isin(rows["issue_time"])
    changed.loc[late, "observed"] = 999.0
    before, after = (hour_rows(rows, t, Options())[0] for t in (truth, changed))
    assert (before["rmse_best"], before["brier_best"]) == (after["rmse_best"], after["brier_best"])


def test_with_little_past_they_learn_from_the_scored_rows():
    truth = truth_of(days=160)
    rows = predictions_of(truth, first="2018-02-01T08Z")
    assert [row["learned_before"] for row in hour_rows(rows, truth, Options())] == [False]
    assert hour_rows(rows.head(10), truth, Options()) == []
