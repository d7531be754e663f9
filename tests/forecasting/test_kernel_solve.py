"""Coefficients are those of the textbook, and held-out errors those of fits that were really repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.kernel.solve import MARGIN, coefficients, held_out_errors, inverse, year_blocks

DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def problem(seed, rows=40, outputs=3):
    """Return a kernel, truths and a penalty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4))
    kernel = 1.0 + 0.3 * x @ x.T + np.exp(-0.2 * ((x[:, None] - x[None]) ** 2).sum(axis=-1))
    truth = x @ rng.normal(size=(4, outputs)) + 0.5 * rng.normal(size=(rows, outputs))
    return kernel, truth, float(rng.uniform(0.05, 2.0))


def refitted_errors(kernel, truth, penalty, out):
    """Errors of the rows ``out``, forecast by a fit of the others; their truth may be unknown."""
    kept = np.setdiff1d(np.arange(len(kernel)), out)
    ridge = kernel[np.ix_(kept, kept)] + penalty * np.eye(len(kept))
    return truth[out] - kernel[np.ix_(out, kept)] @ np.linalg.solve(ridge, truth[kept])


@given(st.integers(0, 10_000))
def test_the_inverse_is_one(seed):
    kernel, _, penalty = problem(seed)
    product = inverse(kernel, penalty) @ (kernel + penalty * np.eye(len(kernel)))
    np.testing.assert_allclose(product, np.eye(len(kernel)), atol=1e-8)


def test_a_kernel_that_is_none_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        inverse(np.array([[1.0, 9.0], [9.0, 1.0]]), 0.1)


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_held_out_errors_are_those_of_explicit_refits(seed, blocks):
    kernel, truth, penalty = problem(seed)
    inverted = inverse(kernel, penalty)
    label = np.sort(np.random.default_rng(seed).integers(0, blocks, len(kernel)))
    pairs = [(np.flatnonzero(label == b), np.flatnonzero(label == b)) for b in np.unique(label)]
    if len(pairs) < 2:
        return
    found = held_out_errors(inverted, coefficients(inverted, truth), pairs)
    for out, _ in pairs:
        np.testing.assert_allclose(found[out], refitted_errors(kernel, truth, penalty, out), atol=1e-7)


def test_rows_near_a_block_are_held_out_with_it_but_keep_their_own_errors():
    kernel, truth, penalty = problem(7)
    inverted = inverse(kernel, penalty)
    out, kept = np.arange(5, 20), np.arange(8, 16)
    found = held_out_errors(inverted, coefficients(inverted, truth), [(out, kept)])
    explicit = refitted_errors(kernel, truth, penalty, out)
    np.testing.assert_allclose(found[kept], explicit[3:11], atol=1e-8)
    assert np.isnan(np.delete(found, kept, axis=0)).all()


@given(st.integers(0, 10_000), st.floats(0.0, 0.9))
def test_unknown_truths_do_not_count(seed, share):
    kernel, truth, penalty = problem(seed, outputs=2)
    rng = np.random.default_rng(seed)
    unknown = rng.random(len(kernel)) < share
    gappy = truth.copy()
    gappy[unknown, 0] = np.nan
    inverted = inverse(kernel, penalty)
    solved = coefficients(inverted, gappy)
    kept = ~unknown
    ridge = kernel[np.ix_(kept, kept)] + penalty * np.eye(kept.sum())
    explicit = np.linalg.solve(ridge, truth[kept, 0])
    np.testing.assert_allclose(solved[kept, 0], explicit, atol=1e-7)
    assert not solved[unknown, 0].any()
    np.testing.assert_allclose(solved[:, 1], np.linalg.solve(kernel + penalty * np.eye(40), truth[:, 1]))


def test_blocks_are_calendar_years_with_a_margin():
    issues = np.arange("2015-01-01T08", "2019-01-01T08", 24, dtype="M8[h]").astype("M8[ns]")
    blocks = year_blocks(issues)
    assert len(blocks) == 4
    np.testing.assert_array_equal(np.concatenate([kept for _, kept in blocks]), np.arange(len(issues)))
    for out, kept in blocks:
        year = issues[kept].astype("M8[Y]")
        assert (year == year[0]).all()
        assert set(kept) <= set(out)
        gap = np.min(np.abs(issues[out][:, None] - issues[kept][None]), axis=1)
        assert gap.max() <= MARGIN
        left = np.setdiff1d(np.arange(len(issues)), out)
        apart = np.min(np.abs(issues[left][:, None] - issues[kept][None]), axis=1)
        assert apart.min() > MARGIN


@pytest.mark.parametrize("days", [1, 3, 40, 400, 800])
def test_a_short_past_is_cut_into_shorter_blocks_that_hold_every_row_once(days):
    issues = np.datetime64("2018-03-01T02", "ns") + np.arange(days) * DAY
    blocks = year_blocks(issues)
    np.testing.assert_array_equal(np.sort(np.concatenate([k for _, k in blocks])), np.arange(days))
    if days >= 40:
        assert 3 <= len(blocks) <= 6
        assert all(len(out) < days for out, _ in blocks)
