"""Members beside our model: intervals move it as far as they have earned, and no further."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from benchmarks.combining import BULLETINS, LIMIT, lived_through, simulated, worlds_of
from forecasting.combine import (
    ASTRAY,
    USUAL_MEAN,
    USUAL_SPREAD,
    Member,
    draws_of,
    log_bounds,
    log_likelihood,
    pooled,
    weighted_crps,
)
from forecasting.combine_fit import LEAST_CASES, fit_members, fit_one

OURS = np.exp(np.linspace(2.5, 5.0, 201)) - 5


def test_the_likelihood_of_an_interval_is_that_of_the_normal_distribution_between_its_ends():
    low, high = log_bounds(np.array([35.5]), np.array([75.5]))
    ends = np.log([40.5, 80.5])
    told = norm.cdf(ends[1], 4.0 + 0.1, 0.3) - norm.cdf(ends[0], 4.0 + 0.1, 0.3)
    astray = np.diff(norm.cdf(ends, USUAL_MEAN, USUAL_SPREAD))[0]
    found = np.exp(log_likelihood(np.array([4.0]), low, high, 0.1, 0.3))
    assert found == pytest.approx((1 - ASTRAY) * told + ASTRAY * astray)


def test_without_anybody_heard_our_forecast_stays_to_the_last_digit_nearly():
    assert pooled(OURS, [], []) == pytest.approx(OURS)
    nobody = Member("a", 0.1, 0.3, 0.0, 99, 0.0)
    assert pooled(OURS, [nobody], [(75.5, 115.5)]) == pytest.approx(OURS)


@given(st.floats(0, 200), st.floats(1, 100), st.floats(0, 1), st.integers(0, 2**32))
def test_members_keep_their_ranks_and_stay_within_what_we_held_possible(low, width, weight, seed):
    ours = np.random.default_rng(seed).permutation(OURS)
    told = pooled(ours, [Member("a", 0.1, 0.3, weight, 99, 1.0)], [(low, low + width)])
    assert (np.diff(told[np.argsort(ours, kind="stable")]) >= 0).all()
    assert ours.min() <= told.min()
    assert told.max() <= ours.max()


@given(st.floats(15, 100))
def test_an_upper_bound_alone_never_raises_the_median(high):
    told = pooled(OURS, [Member("a", 0.0, 0.3, 1.0, 99, 1.0)], [(0.0, high)])
    assert np.median(told) <= np.median(OURS) + 1e-9


def test_one_absurd_statement_cannot_rule_out_what_we_expect():
    sure = np.exp(np.random.default_rng(1).normal(3.3, 0.1, 400)) - 5
    told = pooled(sure, [Member("a", 0.0, 0.1, 1.0, 999, 9.0)], [(800.0, np.inf)])
    assert np.median(told) == pytest.approx(np.median(sure), rel=0.02)


def test_the_crps_of_weighted_draws_is_that_of_its_definition():
    rng = np.random.default_rng(4)
    draws, shares = np.sort(rng.gamma(3, 10, (5, 40))), rng.dirichlet(np.ones(40), 5)
    seen = rng.gamma(3, 10, 5)
    pairs = np.abs(draws[:, :, None] - draws[:, None, :]) * shares[:, :, None] * shares[:, None, :]
    plain = (shares * np.abs(draws - seen[:, None])).sum(axis=1) - 0.5 * pairs.sum(axis=(1, 2))
    assert weighted_crps(draws, shares, seen) == pytest.approx(plain)


def test_bias_and_spread_are_found_again_from_grades_alone():
    cases = simulated(np.random.default_rng(2), "good: errs by 0.30", 900)
    bias, spread = fit_one(cases, "bulletin")
    assert bias == pytest.approx(0.0, abs=0.05)
    assert spread == pytest.approx(0.3, abs=0.05)
    high = simulated(np.random.default_rng(2), "good, but 0.40 too high", 900)
    assert fit_one(high, "bulletin")[0] == pytest.approx(0.4, abs=0.05)


def test_with_too_few_days_nobody_is_heard():
    cases = simulated(np.random.default_rng(0), "sharp: errs by 0.15", LEAST_CASES - 1)
    assert [m.weight for m in fit_members(cases)] == [0.0]


@pytest.mark.parametrize("name", ["sharp: errs by 0.15", "good, but 0.40 too high"])
def test_a_bulletin_of_quality_is_heard_and_lowers_the_score(name):
    both, alone = lived_through(simulated(np.random.default_rng(3), name)).crps
    assert both.mean() < 0.93 * alone.mean()


@pytest.mark.parametrize(
    "name", ["noise: other days' values", "a copy of our median", "good for half a year, then noise"]
)
def test_a_bulletin_without_worth_costs_nothing_beyond_noise(name):
    both, alone = lived_through(simulated(np.random.default_rng(5), name)).crps
    lost = both - alone
    blocks = np.array([part.mean() for part in np.array_split(lost, len(lost) // 5)])
    assert lost.mean() <= 2 * blocks.std(ddof=1) / np.sqrt(len(blocks))
    assert both.mean() < 1.02 * alone.mean()


WORLDS = 3
LEAST_GAIN = {
    "exact": 0.30,
    "sharp: errs by 0.15": 0.25,
    "good: errs by 0.30": 0.15,
    "good, but 0.40 too high": 0.12,
    "good, upper ends alone": 0.01,
    "good, one day in three": 0.02,
    "good, silent on the worst tenth": 0.08,
    "good, speaks of bad days alone": 0.05,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BULLETINS)
def test_no_bulletin_costs_more_than_the_limit_and_good_ones_save(name):
    found = worlds_of(name, WORLDS)
    assert found.crps.mean() <= 1 + LIMIT - LEAST_GAIN.get(name, 0.0) * (1 + LIMIT)
    assert (found.brier <= 1 + 2 * LIMIT).all()
    assert 0.75 <= found.covered <= 0.88


@pytest.mark.slow
def test_of_worthless_bulletins_few_are_heard_however_few_the_days():
    name = "noise: other days' values"
    for days in (LEAST_CASES, 45, 90):
        cases = [simulated(np.random.default_rng([9, seed]), name, days) for seed in range(30)]
        assert sum(fit_members(one)[0].weight > 0 for one in cases) <= 3


@pytest.mark.slow
def test_bias_and_weight_stay_steady_with_few_days():
    found = [
        fit_members(simulated(np.random.default_rng([7, seed]), "good, but 0.40 too high", 40))[0]
        for seed in range(20)
    ]
    assert np.mean([m.bias for m in found]) == pytest.approx(0.4, abs=0.08)
    assert np.std([m.bias for m in found]) < 0.12
    assert max(m.weight for m in found) <= 40 / (40 + 60)


def test_of_two_that_say_the_same_the_second_is_not_heard_as_much_again():
    cases = simulated(np.random.default_rng(6), "good: errs by 0.30", 300)
    cases = type(cases)(
        cases.day, cases.draws, cases.observed, {**cases.bounds, "b": cases.bounds["bulletin"]}
    )
    weights = sorted(m.weight for m in fit_members(cases))
    assert weights[0] == 0.0
    assert weights[1] > 0.3


def test_draws_of_quantiles_reproduce_them():
    quantiles = np.exp(norm.ppf([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], 3.5, 0.5)) - 5
    found = draws_of(quantiles[None])[0]
    assert np.interp([0.1, 0.5, 0.9], (np.arange(99) + 0.5) / 99, found) == pytest.approx(
        norm.ppf([0.1, 0.5, 0.9], 3.5, 0.5), abs=0.01
    )
