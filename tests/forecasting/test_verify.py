"""Verification: expected numbers by hand, nothing where undefined, every model on the same rows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from forecasting.verify import as_of_everything, observed_truth, score_predictions
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.times import hour_range
from tests.forecasting.verification_cases import rows_of, truth_of


def entry(scores, kind, **key):
    (found,) = [e for e in scores[kind] if key.items() <= e.items()]
    return found


TRUTH = truth_of([20.0, 40.0, 60.0, 30.0])
OURS = rows_of("sameair", [0.1, 0.8, 0.9, 0.6], [25.0, 40.0, 50.0, 36.0])
CLIMATE = rows_of("climatology", [0.5] * 4, [37.5] * 4)
PERSIST = rows_of("persistence", [0.0, 0.0, 1.0, 1.0], [20.0, 20.0, 40.0, 60.0])


def test_scores_of_four_days_by_hand():
    scores = score_predictions(pd.concat([OURS, CLIMATE, PERSIST]), TRUTH)
    ours = entry(scores, "exceedance", model="sameair", threshold=35)
    brier = (0.1**2 + 0.2**2 + 0.1**2 + 0.6**2) / 4
    assert (ours["n"], ours["events"], ours["lead"]) == (4, 2, "D+1")
    assert ours["brier_score"] == pytest.approx(brier)
    assert ours["brier_skill_score_climatology"] == pytest.approx(1 - brier / 0.25)
    assert ours["brier_skill_score_persistence"] == pytest.approx(1 - brier / ((1 + 1) / 4))
    assert ours["roc_area"] == 1.0
    assert (ours["pod"], ours["far"], ours["csi"]) == (2 / 2, 1 / 3, 2 / 3)
    more = entry(scores, "continuous", model="sameair")
    assert more["rmse"] == pytest.approx(np.sqrt((5**2 + 0 + 10**2 + 6**2) / 4))
    assert more["bias"] == pytest.approx((5 + 0 - 10 + 6) / 4)
    assert more["mae"] == pytest.approx((5 + 0 + 10 + 6) / 4)
    # q05 … q95 reach 10 to both sides, q10 … q90 two thirds of it: errors 5, 0, 10, 6
    assert (more["coverage_90"], more["coverage_80"]) == (1.0, 0.75)


def test_what_is_undefined_is_none_and_never_zero():
    scores = score_predictions(pd.concat([OURS, CLIMATE]), truth_of([10.0, 10, 10, 10]))
    ours = entry(scores, "exceedance", model="sameair", threshold=250)
    assert ours["events"] == 0
    assert ours["pod"] is None
    assert ours["roc_area"] is None
    assert "brier_skill_score_persistence" not in ours


def test_every_model_is_scored_on_the_rows_that_all_have():
    short = PERSIST.iloc[:3]
    missing = OURS.copy()
    missing.loc[0, "mean"] = np.nan
    scores = score_predictions(pd.concat([missing, CLIMATE, short]), TRUTH)
    assert {e["n"] for e in scores["continuous"]} == {2}
    persistence = entry(scores, "continuous", model="persistence")
    assert persistence["mae"] == pytest.approx((20 + 20) / 2)


def test_rows_without_a_measurement_are_left_out_and_no_truth_gives_no_scores():
    scores = score_predictions(OURS, truth_of([20.0, np.nan, 60.0, np.nan]))
    assert entry(scores, "continuous")["n"] == 2
    assert score_predictions(OURS, TRUTH.iloc[:0]) == {"exceedance": [], "continuous": []}


def test_the_same_seed_gives_the_same_intervals_whatever_the_order_of_rows():
    chance = np.random.default_rng(3).random(60)
    observed = np.where(np.random.default_rng(4).random(60) < chance, 50.0, 20.0)
    tables = [rows_of("sameair", chance, observed), rows_of("climatology", [0.5] * 60, observed)]
    one = score_predictions(pd.concat(tables), truth_of(observed))
    other = score_predictions(pd.concat(tables).sample(frac=1, random_state=1), truth_of(observed))
    assert one == other
    ours = entry(one, "exceedance", model="sameair", threshold=35)
    low, high = (ours[f"brier_skill_score_climatology_{end}"] for end in ("low", "high"))
    assert low < ours["brier_skill_score_climatology"] < high


def test_truth_is_the_mean_of_days_with_three_quarters_of_their_intervals():
    start = datetime(2020, 1, 9, 16, tzinfo=UTC)
    times = hour_range(start, start + timedelta(days=3))
    values = np.arange(len(times), dtype=float)
    gone = np.zeros(len(times), bool)
    gone[24:31] = True  # 7 of the second day's 24 hours
    series = AsOfSeries(times[~gone], times[~gone] + np.timedelta64(1, "h"), values[~gone])
    panel = AsOfPanel({"beijing.pm2p5.reference": series}, "measured")
    truth = observed_truth(
        panel,
        [city("beijing")],
        start=start,
        end=start + timedelta(days=3),
        as_of=as_of_everything(panel),
        quantity="pm2p5",
    )
    days = truth[truth["target"] == "daily"].set_index("valid_end")["observed"]
    assert days.to_dict() == {
        pd.Timestamp("2020-01-10T16Z"): pytest.approx(np.arange(24).mean()),
        pd.Timestamp("2020-01-12T16Z"): pytest.approx(np.arange(48, 72).mean()),
    }
    assert (truth["target"] == "hourly").sum() == 3 * 24 - 7
