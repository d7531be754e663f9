"""Measures: hand arithmetic, agreement with `scores`, and the guarantees that they are used for."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm
from scores.probability import brier_score, roc_auc

from forecasting.verification.calibration_tables import COST_LOSS, acting_rates, economic_value
from forecasting.verification.intervals import BLOCK_DAYS, block_counts, interval
from forecasting.verification.measures import crps, event_measures, pod_at_far, roc_areas, skill
from forecasting.verification.reliability import (
    calibrated_range,
    calibration_error,
    decomposition,
    reliability_table,
    simulated_events,
)
from pipeline.names import QUANTILE_LEVELS

PROBABILITIES = hnp.arrays(float, st.integers(2, 60), elements=st.floats(0, 1))


def counts(**values):
    return {name: np.array([float(value)]) for name, value in values.items()}


def test_contingency_measures_by_hand():
    # hits 20, false alarms 10, misses 5, correct rejections 65
    found = event_measures(counts(n=100, events=25, said=30, hits=20, brier=12.5))
    expected_right = (30 * 25 + 70 * 75) / 100
    wanted = {
        "pod": 20 / 25,
        "far": 10 / 30,
        "csi": 20 / 35,
        "pss": 20 / 25 - 10 / 75,
        "hss": (85 - expected_right) / (100 - expected_right),
        "frequency_bias": 30 / 25,
        "brier_score": 0.125,
    }
    assert {name: v[0] for name, v in found.items()} == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("table", "undefined"),
    [
        (counts(n=9, events=0, said=2, hits=0, brier=1), {"pod", "pss", "frequency_bias"}),
        (counts(n=9, events=3, said=0, hits=0, brier=1), {"far"}),
        (counts(n=0, events=0, said=0, hits=0, brier=0), {"pod", "far", "csi", "hss", "pss", "brier_score"}),
    ],
)
def test_what_has_a_zero_denominator_is_nan_and_nothing_is_infinite(table, undefined):
    found = event_measures(table)
    assert undefined <= {name for name, v in found.items() if np.isnan(v[0])}
    assert not any(np.isinf(v[0]) for v in found.values())
    assert np.isnan(skill(np.array([0.1]), np.array([0.0]))[0])


def test_crps_of_quantiles_comes_near_that_of_the_whole_distribution():
    # Gneiting and Raftery (2007), eq. 21: the CRPS of a normal distribution
    said = norm(40, 12).ppf(np.array(QUANTILE_LEVELS))
    seen = norm(40, 12).ppf((np.arange(1000) + 0.5) / 1000)
    z = (seen - 40) / 12
    whole = 12 * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = crps(np.tile(said, (1000, 1)), seen)
    assert found.mean() == pytest.approx(whole.mean(), rel=0.02)
    assert np.abs(found - whole).max() < 0.05 * 12


def test_roc_area_is_that_of_scores_with_ties_counted_half():
    rng = np.random.default_rng(2)
    p = np.round(rng.random((300, 2)), 1)
    event = rng.random((300, 2)) < p
    wanted = [
        roc_auc(xr.DataArray(p[:, i], dims="row"), xr.DataArray(event[:, i].astype(float), dims="row")).item()
        for i in range(2)
    ]
    assert roc_areas(p, event) == pytest.approx(wanted)
    assert np.isnan(roc_areas(p[:, :1], np.zeros((300, 1), bool))[0])


def test_pod_at_an_allowed_false_alarm_ratio():
    p = np.array([0.9, 0.8, 0.8, 0.4])
    event = np.array([True, False, True, True])
    # from 0.9: 1 hit; from 0.8: 2 hits, 1 false alarm; from 0.4: 3 hits, 1 false alarm
    assert pod_at_far(p, event, 0.0) == 1 / 3
    assert pod_at_far(p, event, 0.25) == 1.0
    assert np.isnan(pod_at_far(p, np.zeros(4, bool), 0.5))


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_brier_score_is_proper(truth, said):
    def expected(p):
        return truth * (p - 1) ** 2 + (1 - truth) * p**2

    assert expected(truth) <= expected(said) + 1e-12


@given(st.floats(-30, 30), st.floats(0.3, 3))
def test_crps_of_quantiles_is_proper(shift, stretch):
    seen = norm(40, 12).ppf((np.arange(400) + 0.5) / 400)
    z = norm.ppf(np.array(QUANTILE_LEVELS))
    right = crps(np.tile(40 + 12 * z, (400, 1)), seen).mean()
    other = crps(np.tile(40 + shift + 12 * stretch * z, (400, 1)), seen).mean()
    assert right <= other + 0.01


@given(PROBABILITIES, st.randoms(use_true_random=False))
def test_the_parts_of_the_brier_score_add_up(p, random):
    event = np.array([random.random() < 0.4 for _ in p])
    parts = decomposition(p, event)
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within_bins"]
    whole = brier_score(xr.DataArray(p, dims="row"), xr.DataArray(event.astype(float), dims="row")).item()
    assert total == pytest.approx(whole, abs=1e-12)
    assert parts["brier_score"] == pytest.approx(whole)
    assert min(parts["reliability"], parts["resolution"], parts["uncertainty"]) >= 0


def test_a_calibrated_forecast_falls_into_its_range_nine_times_in_ten():
    rng = np.random.default_rng(11)
    days = np.repeat(np.arange(120), 4)
    inside = below = 0
    for _ in range(300):
        p = np.clip(np.repeat(rng.beta(0.8, 2.0, 120), 4) + rng.normal(0, 0.05, 480), 0, 1)
        event = rng.random(120)[days] < p
        low, _, high = calibrated_range(p, simulated_events(p, days, rng, 200))
        error = calibration_error(p, event)
        inside += low <= error <= high
        below += error <= high
    # binomial with 300 tries: three standard deviations are 0.052 and 0.038
    assert inside / 300 == pytest.approx(0.90, abs=0.052)
    assert below / 300 == pytest.approx(0.95, abs=0.038)


def test_rows_of_one_day_do_not_feign_a_larger_sample():
    p = np.full(400, 0.3)
    alone = simulated_events(p, np.arange(400), np.random.default_rng(0))
    shared = simulated_events(p, np.repeat(np.arange(100), 4), np.random.default_rng(0))
    assert shared[:, 3].std() == pytest.approx(2 * alone[:, 3].std(), rel=0.15)


def test_an_overconfident_forecast_falls_out_of_the_band():
    rng = np.random.default_rng(5)
    p = rng.choice([0.05, 0.95], 600)
    event = rng.random(600) < np.where(p > 0.5, 0.7, 0.3)
    simulated = simulated_events(p, np.arange(600), rng)
    table = reliability_table(p, event, simulated)
    assert (
        (table["observed_frequency"] < table["band_low"]) | (table["observed_frequency"] > table["band_high"])
    ).all()
    assert calibration_error(p, event) > calibrated_range(p, simulated)[2]


@given(
    hnp.arrays(float, st.integers(2 * BLOCK_DAYS, 80), elements=st.floats(-100, 100)), st.integers(0, 2**31)
)
def test_the_interval_of_a_mean_contains_it(values, seed):
    weights = block_counts(len(values), np.random.default_rng(seed), draws=400)
    means = weights @ values / weights.sum(axis=1)
    low, high = interval(means[1:, None])
    assert low[0] - 1e-9 <= means[0] <= high[0] + 1e-9


def test_blocks_are_five_successive_days_and_every_day_is_as_likely():
    weights = block_counts(20, np.random.default_rng(3), draws=4000)[1:]
    assert (weights.sum(axis=1) == 20).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(20), abs=0.06)
    one = block_counts(10, np.random.default_rng(1), draws=1)[1]
    assert sorted(set(one)) in ([1.0], [0.0, 1.0, 2.0])


def test_blocks_widen_the_interval_of_days_that_are_alike():
    rng = np.random.default_rng(8)
    alike = np.repeat(rng.normal(size=60), 5)
    mixed = rng.permutation(alike)
    widths = []
    for values in (alike, mixed):
        weights = block_counts(len(values), np.random.default_rng(1), draws=1000)
        low, high = interval((weights @ values / weights.sum(axis=1))[1:, None])
        widths.append(high[0] - low[0])
    assert widths[0] > 1.4 * widths[1]


def test_an_interval_needs_two_blocks_and_a_statistic_that_is_mostly_defined():
    assert block_counts(2 * BLOCK_DAYS - 1, np.random.default_rng(0)).shape == (1, 9)
    assert np.isnan(interval(np.empty((0, 1)))).all()
    half = np.array([[1.0]] * 5 + [[np.nan]] * 5)
    assert np.isnan(interval(half)).all()
    assert interval(np.vstack([half, [[1.0]]]))[0][0] == 1.0


def test_economic_value_by_hand():
    # base rate 0.25; acting from 0.5 on: both events met, one false alarm of six
    p = np.array([[0.9], [0.6], [0.7], [0.1], [0.1], [0.1], [0.1], [0.1]])
    event = np.array([[True], [True], [False], [False], [False], [False], [False], [False]])
    pod, pofd = acting_rates(p, event)
    value = economic_value(pod, pofd, event.mean(axis=0))[0, COST_LOSS.index(0.5)]
    # expense per row in losses: climatology min(0.5, 0.25), perfect 0.25·0.5, forecast 3 actions of 8 · 0.5
    assert value == pytest.approx((0.25 - 3 / 8 * 0.5) / (0.25 - 0.25 * 0.5))
    assert np.isnan(economic_value(pod * np.nan, pofd, np.zeros(1))).all()
