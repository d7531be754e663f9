"""The kernel is what its formula says, and always one with which a regression can be solved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.kernel.gram import (
    CONSTANT,
    GAMMA,
    GAUSSIAN,
    LARGEST,
    LINEAR,
    SEASON_SHARE,
    Gram,
    gram_of,
    scaling_of,
)
from forecasting.kernel.solve import coefficients, inverse


def situations(seed, rows=30, columns=6, gaps=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(5.0, 3.0, (rows, columns)).astype(np.float32)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


def test_one_number_of_the_kernel_by_hand():
    gram = Gram(np.array([1.0, 0.5, 0.0], np.float32), season=2, length=4.0, distance=8.0)
    one = np.array([[2.0, 4.0, 1.0]], np.float32)
    other = np.array([[1.0, -2.0, -1.0]], np.float32)
    # weighted: (2, 2) and (1, -1); product 2·1 − 2·1 = 0 … and with itself 2² + 2² = 8
    product, squared = 2 * 1 + 2 * -1, (2 - 1) ** 2 + (2 + 1) ** 2
    season = 1 + SEASON_SHARE * (1.0 * -1.0)
    expected = CONSTANT + LINEAR * product * season / 4.0 + GAUSSIAN * np.exp(-GAMMA * squared / 8.0)
    assert gram.between(one, other)[0, 0] == pytest.approx(expected, rel=1e-6)
    itself = CONSTANT + LINEAR * 8 * (1 + SEASON_SHARE) / 4.0 + GAUSSIAN
    assert gram.between(one, one)[0, 0] == pytest.approx(itself, rel=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 25), st.floats(0.0, 0.6))
def test_the_kernel_is_symmetric_and_positive(seed, rows, gaps):
    values = situations(seed, rows, gaps=gaps)
    z = scaling_of(values).apply(values)
    kernel = gram_of(z, np.linspace(0.2, 1.0, 6).astype(np.float32), 0).between(z, z)
    np.testing.assert_allclose(kernel, kernel.T, rtol=1e-5)
    assert np.linalg.eigvalsh((kernel + kernel.T) / 2).min() > -1e-4


def test_sizes_do_not_depend_on_units():
    values = situations(1)
    stretched = values * np.float32(100.0) + np.float32(7.0)
    weights = np.ones(6, np.float32)
    kernels = []
    for one in (values, stretched):
        z = scaling_of(one).apply(one)
        kernels.append(gram_of(z, weights, 0).between(z, z))
    np.testing.assert_allclose(kernels[0], kernels[1], rtol=1e-3)
    # the linear part averages LINEAR on the diagonal, the Gaussian one is GAUSSIAN there
    assert np.diag(kernels[0]).mean() == pytest.approx(CONSTANT + LINEAR + GAUSSIAN, rel=1e-5)


def test_the_median_pair_is_exp_gamma_alike():
    values = situations(2, rows=80)
    z = scaling_of(values).apply(values)
    gram = gram_of(z, np.ones(6, np.float32), 0)
    far = ((z[:, None, :] - z[None, :, :]) ** 2).sum(axis=-1)[np.triu_indices(80, 1)]
    assert gram.distance == pytest.approx(np.median(far), rel=1e-4)


def test_a_column_of_no_weight_changes_nothing():
    values = situations(3)
    z = scaling_of(values).apply(values)
    weights = np.array([1, 1, 1, 1, 1, 0], np.float32)
    other = z.copy()
    other[:, 5] = 3.0
    gram = gram_of(z, weights, 0)
    np.testing.assert_array_equal(gram.between(z, z), gram.between(other, z))


def test_what_is_unknown_counts_as_ordinary_and_what_is_wild_as_much_only():
    values = situations(4)
    scaling = scaling_of(values)
    row = values[:1].copy()
    row[0, 2] = np.nan
    ordinary = row.copy()
    ordinary[0, 2] = scaling.mean[2]
    np.testing.assert_allclose(scaling.apply(row), scaling.apply(ordinary), atol=1e-6)
    row[0, 2] = 1e9
    assert scaling.apply(row)[0, 2] == LARGEST


def test_a_column_that_never_changes_or_was_never_known_is_switched_off():
    values = situations(5)
    values[:, 1], values[:, 4] = 3.0, np.nan
    scaling = scaling_of(values)
    values[0, 1], values[0, 4] = 700.0, 700.0
    assert scaling.apply(values)[0, [1, 4]].tolist() == [0.0, 0.0]


def test_columns_of_their_own_add_their_product_and_nothing_else():
    values = situations(3)
    z = scaling_of(values).apply(values)
    weights, own = np.ones(6, np.float32), np.zeros(6, np.float32)
    own[[1, 4]] = 0.5, 0.25
    plain, free = gram_of(z, weights, 0), gram_of(z, weights, 0, own)
    added = free.between(z, z) - plain.between(z, z)
    expected = 0.25 * np.outer(z[:, 1], z[:, 1]) + 0.0625 * np.outer(z[:, 4], z[:, 4])
    np.testing.assert_allclose(added, expected, atol=1e-5)
    np.testing.assert_array_equal(free.without_own().between(z, z), plain.between(z, z))


def test_a_persistent_series_is_forecast_by_its_newest_reading():
    rng = np.random.default_rng(7)
    latest = rng.normal(size=(150, 1))
    values = np.hstack([rng.normal(size=(150, 40)), latest]).astype(np.float32)
    truth, (old, new) = 0.9 * latest, (slice(0, 120), slice(120, None))
    z = scaling_of(values[old]).apply(values)
    weights, own = np.ones(41, np.float32), np.eye(41, dtype=np.float32)[40]
    errors = []
    for gram in (gram_of(z[old], weights, 0), gram_of(z[old], weights, 0, own)):
        inverted = inverse(gram.between(z[old], z[old]), 0.4)
        said = gram.between(z[new], z[old]) @ coefficients(inverted, truth[old])
        errors.append(float(np.sqrt(np.mean((truth[new] - said) ** 2))))
    assert errors[1] < 0.1 < errors[0]
