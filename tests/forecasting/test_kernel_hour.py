"""One hour's regression: held-out errors are honest, gaps and missing inputs cost only what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.kernel.hour import Beside, HourModel, Rows, fit_hour, without
from forecasting.kernel.penalties import penalty_of
from forecasting.kernel.solve import year_blocks
from forecasting.outputs import outputs_of
from forecasting.targets import Target

BEIJING = Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")
SEOUL = Target("seoul", "pm2p5", "reference", 3, "Asia/Seoul")
NAMES = ("calendar | calendar.annual_cosine.issue | at the issue", *(f"air | a{i}" for i in range(7)))
KEYS = ("beijing", "seoul")


def rows_of(seed=0, days=260, gaps=0.0):
    """Situations whose second and third column say what follows, and truths of two cities."""
    rng = np.random.default_rng(seed)
    outputs = outputs_of([BEIJING, SEOUL], 8)
    issues = np.datetime64("2018-01-01T08", "ns") + np.arange(days) * np.timedelta64(86_400_000_000_000, "ns")
    values = rng.normal(size=(days, len(NAMES))).astype(np.float32)
    values[:, 0] = np.cos(2 * np.pi * np.arange(days) / 365.25)
    signal = np.stack([0.5 * values[:, 1], 0.4 * values[:, 2]])[outputs.target].T
    truth = (3.5 + signal + 0.2 * rng.standard_normal((days, len(outputs.end)))).astype(np.float32)
    truth[rng.random(truth.shape) < gaps] = np.nan
    return Rows(8, issues, values, truth, outputs)


def fitted_to(rows, columns=None) -> HourModel:
    kept = [(i, n) for i, n in enumerate(NAMES) if columns is None or i in columns]
    owner = [rows.outputs.targets[t].city for t in rows.outputs.target]
    factor = np.linspace(0.5, 1.0, len(NAMES)).astype(np.float32)[[i for i, _ in kept]]
    return fit_hour(
        rows, owner, kept, dict.fromkeys(KEYS, factor), Beside(np.array([0]), np.full(len(owner), -1))
    )


@pytest.fixture(scope="module")
def rows():
    return rows_of()


@pytest.fixture(scope="module")
def fitted(rows):
    return fitted_to(rows)


def explicit(fitted, rows, out):
    """Forecast the rows ``out`` by ridge regressions of the others, one by one."""
    z = fitted.z.astype(np.float32)
    kept = np.setdiff1d(np.arange(len(z)), out)
    said = np.empty((len(out), len(rows.outputs.end)))
    for key, gram in fitted.grams.items():
        kernel = gram.between(z, z)
        for j in np.flatnonzero(np.array(fitted.keys) == key):
            ridge = kernel[np.ix_(kept, kept)] + penalty_of(int(rows.outputs.end[j])) * np.eye(len(kept))
            y = rows.truth[kept, j].astype(float) - fitted.centre[j]
            said[:, j] = fitted.centre[j] + kernel[np.ix_(out, kept)] @ np.linalg.solve(ridge, y)
    return said


@pytest.mark.slow
def test_held_out_errors_are_those_of_regressions_that_never_saw_the_block(fitted, rows):
    for out, kept in year_blocks(rows.issues)[::2]:
        said = explicit(fitted, rows, out)[np.searchsorted(out, kept)]
        np.testing.assert_allclose(fitted.held_out()[kept], said, atol=2e-4)


def test_a_forecast_is_the_regression_on_all_rows(fitted, rows):
    new = rows_of(seed=9, days=12).values
    z, trained = fitted.scaling.apply(new), fitted.z.astype(np.float32)
    kernel = fitted.grams["seoul"].between(trained, trained)
    for j in np.flatnonzero(np.array(fitted.keys) == "seoul")[::9]:
        ridge = kernel + penalty_of(int(rows.outputs.end[j])) * np.eye(len(kernel))
        solved = np.linalg.solve(ridge, rows.truth[:, j].astype(float) - fitted.centre[j])
        said = fitted.centre[j] + fitted.grams["seoul"].between(z, trained) @ solved
        np.testing.assert_allclose(fitted.predict(new)[:, j], said, atol=2e-4)


def test_it_finds_what_follows_from_what(fitted, rows):
    for target in (0, 1):
        columns = rows.outputs.of(target, days=True)[:3]
        spread = np.nanstd(rows.truth[:, columns], axis=0)
        assert (np.nanstd(fitted.errors[:, columns], axis=0) < 0.7 * spread).all()


def test_single_gaps_of_the_truth_do_not_matter_much(fitted, rows):
    gappy = fitted_to(rows_of(gaps=0.05))
    assert np.array_equal(np.isfinite(gappy.errors), np.isfinite(gappy.truth))
    new = rows_of(seed=9, days=40).values
    change = np.abs(gappy.predict(new) - fitted.predict(new))
    assert change.mean() < 0.1 * fitted.predict(new).std()


def test_a_target_that_began_late_is_learned_from_its_own_days_only(rows):
    """Of the other target nothing changes, and nothing is made up before the first day."""
    late = rows_of()
    seoul = late.outputs.target == 1
    late.truth[:100, seoul] = np.nan
    found, whole = fitted_to(late), fitted_to(rows)
    np.testing.assert_allclose(found.alpha[:, ~seoul], whole.alpha[:, ~seoul])
    assert not found.alpha[:100, seoul].any()
    assert np.isnan(found.errors[:100, seoul]).all()
    j = int(np.flatnonzero(seoul)[5])
    part = np.arange(100, len(late.issues))
    kernel = found.grams["seoul"].between(*(found.z[part].astype(np.float32),) * 2)
    ridge = kernel + penalty_of(int(late.outputs.end[j])) * np.eye(len(part))
    expected = np.linalg.solve(ridge, late.truth[part, j].astype(float) - found.centre[j])
    np.testing.assert_allclose(found.alpha[part, j], expected, atol=1e-3)


def test_a_target_without_any_truth_is_forecast_as_nothing():
    silent = rows_of(days=210)
    silent.truth[:, silent.outputs.target == 1] = np.nan
    found = fitted_to(silent)
    seoul = silent.outputs.target == 1
    assert not found.alpha[:, seoul].any()
    assert np.isfinite(found.predict(silent.values[:3])).all()


@pytest.mark.slow
@pytest.mark.parametrize("gone", [(3, 4), (1,), (5, 6, 7)])
def test_solving_without_some_inputs_is_training_without_them(fitted, rows, gone):
    left = np.array([i not in gone for i in range(len(NAMES))])
    fewer = without(fitted, left)
    trained = fitted_to(rows, set(np.flatnonzero(left)))
    assert fewer.names == trained.names
    np.testing.assert_allclose(fewer.alpha, trained.alpha, atol=1e-5)
    np.testing.assert_allclose(fewer.errors, trained.errors, atol=1e-5)
    new = rows_of(seed=9, days=12).values
    np.testing.assert_allclose(fewer.predict(new), trained.predict(new), atol=1e-5)
    wild = new.copy()
    wild[:, list(gone)] = np.nan
    np.testing.assert_array_equal(fewer.predict(wild), fewer.predict(new))


def test_penalties_rise_with_the_lead_once_more_than_the_newest_reading_tells():
    rising = [penalty_of(end) for end in range(3, 140)]
    assert rising == sorted(rising)
    assert penalty_of(1) > penalty_of(3)
