"""Paired comparisons by hand arithmetic, and a gate that lets nothing through by chance."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from forecasting.compare import compare, paired_days
from forecasting.day_losses import day_rows
from forecasting.model_scores import day_scores, score_findings
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from forecasting.promotion_gate import Gain, gate
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS

START = datetime(2019, 1, 1, 8, tzinfo=UTC)
Z = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
LIMITS = {"seoul": (50,), "beijing": (50, 75)}


def truth_of(days=200, seed=0):
    """A series with episodes: mean 45, about a third of the days above 50."""
    rng = np.random.default_rng(seed)
    slow = np.zeros(days)
    for i in range(1, days):
        slow[i] = 0.7 * slow[i - 1] + rng.standard_normal()
    ends = pd.date_range("2019-01-02T15Z", periods=days, freq="D")
    return pd.concat(
        [
            pd.DataFrame({"city": c, "target": "daily", "valid_end": ends, "observed": 45 + 12 * slow})
            for c in ("seoul", "beijing")
        ],
        ignore_index=True,
    )


def forecasts(truth, name, error, model="sameair", seed=1, spread=10.0):
    """Day forecasts D+1 whose error is normal with a given size; probabilities are those of that error."""
    from math import erf

    rng = np.random.default_rng(seed)
    mean = truth["observed"].to_numpy() + error * rng.standard_normal(len(truth))
    rows = truth.drop(columns="observed").assign(
        model=model,
        model_id=name,
        issue_time=truth["valid_end"] - pd.Timedelta(hours=31),
        lead_day=1,
        lead_hours=31.0,
        valid_start=truth["valid_end"] - pd.Timedelta(days=1),
        mean=mean,
    )
    rows[list(QUANTILE_COLUMNS)] = mean[:, None] + spread * Z
    for threshold, column in zip(PM_THRESHOLDS, PROBABILITY_COLUMNS, strict=True):
        rows[column] = [0.5 + 0.5 * erf((m - threshold) / spread / 2**0.5) for m in mean]
    return rows


def climatology(truth):
    rows = forecasts(truth, "climatology", 0.0, model="climatology")
    mean = truth["observed"].mean()
    rows["mean"] = mean
    rows[list(QUANTILE_COLUMNS)] = mean + 15 * Z
    for threshold, column in zip(PM_THRESHOLDS, PROBABILITY_COLUMNS, strict=True):
        rows[column] = (truth["observed"] > threshold).mean()
    return rows


def compared(a, b, truth, limits=LIMITS, **more):
    judged = [day_rows(rows, truth) for rows in (a, b, climatology(truth))]
    return compare(paired_days(*judged), limits, **more)


def gains(found):
    return {(g.city, g.measure): g for g in found.gains}


def test_scores_and_gains_are_those_of_the_sample():
    truth = truth_of()
    a, b = forecasts(truth, "a", 12.0), forecasts(truth, "b", 6.0, seed=2)
    found = gains(compared(a, b, truth))["beijing", "rmse"]
    rmse = {}
    for name, rows in (("a", a), ("b", b)):
        own = rows[rows["city"] == "beijing"]
        seen = truth[truth["city"] == "beijing"]["observed"].to_numpy()
        rmse[name] = float(np.sqrt(np.mean((own["mean"].to_numpy() - seen) ** 2)))
    assert (found.champion, found.challenger) == pytest.approx((rmse["a"], rmse["b"]))
    assert found.gain == pytest.approx(rmse["a"] - rmse["b"])
    assert found.low < found.gain < found.high


def test_a_clearly_better_model_passes_and_the_reverse_is_refused():
    truth = truth_of()
    a, b = forecasts(truth, "a", 14.0), forecasts(truth, "b", 6.0, seed=2)
    better, worse = compared(a, b, truth), compared(b, a, truth)
    assert better.promote, better.reasons
    assert not worse.promote
    assert any("worse beyond noise in" in reason for reason in worse.reasons)


def test_a_model_gains_nothing_over_itself():
    truth = truth_of()
    a = forecasts(truth, "a", 10.0)
    found = compared(a, a.assign(model_id="b"), truth)
    assert {(g.gain, g.low, g.high) for g in found.gains if g.gain is not None} == {(0.0, 0.0, 0.0)}
    assert not found.promote


@pytest.mark.slow
def test_equally_good_models_pass_the_gate_hardly_ever():
    passed = 0
    for seed in range(20):
        truth = truth_of(120, seed)
        a = forecasts(truth, "a", 10.0, seed=100 + seed)
        b = forecasts(truth, "b", 10.0, seed=200 + seed)
        passed += compared(a, b, truth, draws=200).promote
    assert passed <= 1


def test_only_issues_that_both_forecast_count():
    truth = truth_of(100)
    a, b = forecasts(truth, "a", 10.0), forecasts(truth, "b", 9.0).iloc[:70]
    found = compared(a, b, truth)
    assert found.pairs == {"beijing": 0, "seoul": 70}
    assert not found.promote
    assert "beijing: 0 days are too few, 60 are needed" in found.reasons


def test_better_errors_do_not_outweigh_worse_probabilities_of_high_days():
    truth = truth_of()
    a, b = forecasts(truth, "a", 14.0), forecasts(truth, "b", 6.0, seed=2)
    for column in PROBABILITY_COLUMNS:
        b[column] = 1 - b[column]
    found = compared(a, b, truth)
    assert gains(found)["seoul", "rmse"].better
    assert gains(found)["seoul", "bss_50"].worse
    assert gains(found)["seoul", "pod_50"].worse
    assert not found.promote


def test_detection_is_compared_at_the_champions_share_of_false_alarms():
    # 10 days above, 10 below. The champion says yes (0.6) on 6 events and 2 others: POD 0.6, FAR 2/8.
    # The challenger ranks 9 events above everything else: with FAR at most 2/8 it finds 9 of 10, at 0.4.
    days = pd.date_range("2019-01-02T15Z", periods=20, freq="D")
    truth = pd.DataFrame(
        {"city": "seoul", "target": "daily", "valid_end": days, "observed": [60.0, 40.0] * 10}
    )
    a, b = (forecasts(truth, name, 0.0) for name in "ab")
    event = (truth["observed"] > 50).to_numpy()
    a["p_gt_50"] = 0.1
    a.loc[np.flatnonzero(event)[:6], "p_gt_50"] = 0.6
    a.loc[np.flatnonzero(~event)[:2], "p_gt_50"] = 0.6
    b["p_gt_50"] = 0.1
    b.loc[np.flatnonzero(event)[:9], "p_gt_50"] = 0.4
    found = gains(compared(a, b, truth, {"seoul": (50,)}))["seoul", "pod_50"]
    assert (found.champion, found.challenger) == pytest.approx((0.6, 0.9))


def test_too_few_high_days_leave_their_scores_undefined_and_the_gate_shut():
    truth = truth_of()
    a, b = forecasts(truth, "a", 14.0), forecasts(truth, "b", 6.0, seed=2)
    found = compared(a, b, truth, {"seoul": (250,), "beijing": (50,)})
    rare = gains(found)["seoul", "bss_250"]
    assert rare.gain is None
    assert rare.undefined == "0 days above and 200 below; at least 5 of each are needed"
    assert ("seoul", "bss") not in gains(found)
    assert found.reasons == ["seoul: too few days above a threshold to judge exceedances"]
    assert not found.promote


def test_every_city_must_be_better():
    good = [Gain("seoul", m, 1, 1, 0.1, 0.05, 0.2) for m in ("rmse", "crps", "bss", "bss_50")]
    flat = [Gain("beijing", m, 1, 1, 0.0, -0.1, 0.1) for m in ("rmse", "crps", "bss", "bss_50")]
    assert gate([*good, *flat], {"seoul": 100, "beijing": 100}) == (
        False,
        ["beijing: better beyond noise in nothing, not in two"],
    )


def test_scores_of_a_model_by_hand():
    truth = truth_of(40)
    rows = forecasts(truth, "m", 0.0).assign(mean=lambda t: t["mean"] + 3.0)
    beside = forecasts(truth, "persistence", 0.0, model="persistence").assign(mean=lambda t: t["mean"] + 6.0)
    days = day_rows(pd.concat([rows, beside, climatology(truth)]), truth)
    found = {(e["city"], e["lead_day"]): e for e in day_scores(days, "m", LIMITS)}
    one = found["seoul", "all"]
    assert set(found) == {(c, lead) for c in LIMITS for lead in (1, "all")}
    assert (one["n"], one["days"]) == (40, 40)
    assert (one["rmse"], one["bias"]) == (3.0, 3.0)
    assert (one["rmse_low"], one["rmse_high"]) == (3.0, 3.0)
    assert one["skill_persistence"] == 1 - 3**2 / 6**2
    assert (one["coverage_80"], one["coverage_90"]) == (1.0, 1.0)
    crps = one["crps"]
    seen = truth[truth["city"] == "seoul"]["observed"].mean()
    assert one["crps_relative"] == pytest.approx(crps / seen, abs=1e-4)


def test_days_without_a_baseline_count_for_everything_but_the_skill_over_it():
    truth = truth_of(40)
    rows = forecasts(truth, "m", 0.0).assign(mean=lambda t: t["mean"] + 3.0)
    days = day_rows(pd.concat([rows, climatology(truth)]), truth)
    one = next(e for e in day_scores(days, "m", LIMITS) if e["lead_day"] == "all")
    assert one["skill_persistence"] is None
    assert one["bss"] is not None


def test_a_forecast_that_became_overconfident_is_found_and_one_as_validated_is_not():
    truth = truth_of(90)
    rng = np.random.default_rng(7)
    assert len(QUANTILE_LEVELS) == len(Z)

    def scored(error, seed):
        rows = forecasts(truth, "m", error, seed=seed, spread=10.0)
        rows = rows.sample(frac=1.0, random_state=int(rng.integers(99)))
        return day_scores(day_rows(pd.concat([rows, climatology(truth)]), truth), "m", LIMITS)

    validated = scored(10.0, 1)
    assert [f["subject"] for f in score_findings(scored(10.0, 2), validated)] == []
    found = {f["subject"] for f in score_findings(scored(25.0, 3), validated)}
    assert {"seoul coverage_80", "beijing coverage_80", "seoul crps_relative"} <= found
