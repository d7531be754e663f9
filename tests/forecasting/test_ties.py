"""Joint futures keep every margin, hang together as past errors did, and agree with their day means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.outputs import interval_matrix, outputs_of
from forecasting.targets import Target
from forecasting.ties import LARGEST_CHANGE, MEMBERS, Ties, agree_with_days, ties_of
from pipeline.times import FORECAST_DAYS

BEIJING = Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")
SEOUL = Target("seoul", "pm2p5", "reference", 3, "Asia/Seoul")
OUTPUTS = outputs_of([BEIJING, SEOUL], 8)
WIDTH = len(OUTPUTS.end)


def issues(days):
    return np.datetime64("2016-01-01T08", "ns") + np.arange(days) * np.timedelta64(86_400_000_000_000, "ns")


def autocorrelated(seed, days=800):
    """Errors whose neighbours in lead go together, and of which the cities share half."""
    rng = np.random.default_rng(seed)
    z = np.zeros((days, WIDTH))
    shared = rng.standard_normal((days, 1))
    for target in (0, 1):
        for whole_days in (False, True):
            columns = OUTPUTS.of(target, days=whole_days)
            walk = np.cumsum(0.2 * rng.standard_normal((days, len(columns))), axis=1)
            z[:, columns] = shared + walk
    return z


def margins_of(seed):
    """Rising margins whose day margins differ by a factor from the means of their hours."""
    rng = np.random.default_rng(seed)
    levels = np.sort(np.exp(rng.normal(0, 0.5, MEMBERS)))
    return rng.uniform(10, 80, (WIDTH, 1)) * levels


def ranks(columns):
    return np.argsort(np.argsort(columns, axis=0), axis=0)


@pytest.fixture(scope="module")
def ties():
    return ties_of(autocorrelated(1), issues(800), OUTPUTS)


@given(st.integers(0, 999), st.integers(1, 12))
def test_tying_keeps_every_margin(ties, seed, month):
    margins = margins_of(seed)
    got = ties.tie(margins, month)
    np.testing.assert_array_equal(np.sort(got, axis=0), margins.T)
    np.testing.assert_array_equal(ranks(got), ties.ranks[month - 1])


def test_ranks_are_a_permutation_at_every_output(ties):
    assert ties.ranks.shape == (12, MEMBERS, WIDTH)
    assert (np.sort(ties.ranks, axis=1) == np.arange(MEMBERS)[None, :, None]).all()


def test_members_hang_together_as_the_errors_did(ties):
    z = autocorrelated(1)
    single = OUTPUTS.of(0, days=False)
    other = OUTPUTS.of(1, days=False)
    for one, two in [(single[40], single[41]), (single[40], single[70]), (single[60], other[20])]:
        wanted = np.corrcoef(ranks(z[:, [one, two]]).T)[0, 1]
        got = np.corrcoef(ties.ranks[0][:, [one, two]].astype(float).T)[0, 1]
        assert got == pytest.approx(wanted, abs=0.15)


def test_a_month_borrows_its_own_season():
    """In winter neighbouring leads go together, in summer they do not."""
    z, rng = autocorrelated(3, 1500), np.random.default_rng(4)
    month = issues(1500).astype("M8[M]").astype(int) % 12
    summer = np.isin(month, range(3, 9))
    z[summer] = rng.standard_normal((summer.sum(), WIDTH))
    seasonal = ties_of(z, issues(1500), OUTPUTS)
    pair = OUTPUTS.of(0, days=False)[[50, 51]]
    january, july = (np.corrcoef(seasonal.ranks[m][:, pair].astype(float).T)[0, 1] for m in (0, 6))
    assert january > 0.8
    assert abs(july) < 0.3


def test_gaps_and_silent_targets_still_give_every_member():
    z, rng = autocorrelated(5), np.random.default_rng(6)
    z[rng.random(z.shape) < 0.2] = np.nan
    z[:, OUTPUTS.target == 1] = np.nan
    found = ties_of(z, issues(800), OUTPUTS)
    assert (np.sort(found.ranks, axis=1) == np.arange(MEMBERS)[None, :, None]).all()
    whole = Ties(found.ranks).tie(margins_of(0), 5)
    assert np.isfinite(whole).all()


def test_the_same_errors_give_the_same_ties():
    one, two = (ties_of(autocorrelated(1), issues(800), OUTPUTS) for _ in range(2))
    np.testing.assert_array_equal(one.ranks, two.ranks)


@given(st.integers(0, 999))
def test_days_follow_their_own_margins_and_hours_average_to_them(ties, seed):
    margins = margins_of(seed)
    # the hours say much the same as the day, within what hours may be stretched
    for target in (0, 1):
        single, means = interval_matrix(OUTPUTS, target)
        for day, weights in zip(OUTPUTS.of(target, days=True), means, strict=True):
            if weights.any():
                margins[day] = (weights @ margins[single]) * np.linspace(0.8, 1.3, MEMBERS)
    got = agree_with_days(ties.tie(margins, 1), margins, OUTPUTS)
    for target in (0, 1):
        single, means = interval_matrix(OUTPUTS, target)
        for day, weights in zip(OUTPUTS.of(target, days=True), means, strict=True):
            if weights.any():
                np.testing.assert_allclose(got[:, single] @ weights, got[:, day], rtol=1e-9)
                np.testing.assert_allclose(np.sort(got[:, day]), margins[day], rtol=1e-9)
    assert (got >= 0).all()


def test_members_keep_their_order_among_the_days_and_outlooks_stay(ties):
    margins = margins_of(8)
    drawn = ties.tie(margins, 3)
    got = agree_with_days(drawn, margins, OUTPUTS)
    single, means = interval_matrix(OUTPUTS, 0)
    day = OUTPUTS.of(0, days=True)[2]
    before = drawn[:, single] @ means[2]
    np.testing.assert_array_equal(ranks(before[:, None]), ranks((got[:, single] @ means[2])[:, None]))
    assert OUTPUTS.day[day] == 2
    outlook = OUTPUTS.day > FORECAST_DAYS
    np.testing.assert_array_equal(got[:, outlook], drawn[:, outlook])


def test_hours_are_stretched_no_further_than_allowed(ties):
    margins = margins_of(2)
    margins[OUTPUTS.day >= 0] *= 50.0
    drawn = ties.tie(margins, 1)
    got = agree_with_days(drawn, margins, OUTPUTS)
    single = OUTPUTS.of(0, days=False)
    assert (got[:, single] / drawn[:, single]).max() <= LARGEST_CHANGE * (1 + 1e-12)
