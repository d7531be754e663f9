"""Probabilities of stretches of days are shares of whole futures, and hold together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.stretches import (
    HOUR_STRETCHES,
    JOINT_COLUMNS,
    STRETCHES,
    hour_statistics,
    joint_statistics,
    unknown,
)


def means_of(seed, issues=3, members=40, days=4):
    return np.random.default_rng(seed).gamma(2.0, 40.0, (issues, members, days))


def test_shares_are_counted_over_whole_futures():
    # of four futures two exceed 50 on both days, one only tomorrow, one never
    means = np.array([[[60.0, 80.0], [55.0, 51.0], [20.0, 90.0], [10.0, 10.0]]])
    found = joint_statistics(means)
    assert found["p_2_days_gt_50"][0, 1] == 2 / 4
    assert found["p_2_days_gt_75"][0, 1] == 0 / 4
    gaps = [80 - 60, 55 - 51, 90 - 20, 0]
    assert found["variogram_1_day"][0, 1] == np.mean(np.sqrt(gaps))
    assert all(np.isnan(v[0, 0]) for name, v in found.items() if not name.startswith("p_gt"))
    assert found["p_gt_30"].tolist() == [[2 / 4, 3 / 4]]


@given(st.integers(0, 10_000))
def test_a_stretch_is_no_likelier_than_its_days_and_no_rarer_than_they_force(seed):
    means = means_of(seed)
    found = joint_statistics(means)
    for days, above in STRETCHES:
        joint = found[f"p_{days}_days_gt_{above}"][:, days - 1 :]
        single = (means > above).mean(axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(single, days, axis=1)
        assert (joint <= windows.min(axis=2) + 1e-12).all()
        assert (joint >= windows.sum(axis=2) - (days - 1) - 1e-12).all()


def test_a_missing_day_leaves_its_stretches_unknown():
    means = means_of(1)
    means[0, :, 2] = np.nan
    found = joint_statistics(means)
    assert np.isnan(found["p_2_days_gt_50"][0, 2:]).all()
    assert np.isfinite(found["p_2_days_gt_50"][1, 2:]).all()
    assert np.isnan(found["variogram_1_day"][0, 2:]).all()


def test_rows_that_are_no_days_have_the_same_columns():
    assert tuple(unknown((2, 3))) == JOINT_COLUMNS
    assert {*joint_statistics(means_of(2)), *hour_statistics(means_of(2), 1)} == set(JOINT_COLUMNS)


@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_hours_running_are_found_as_by_walking_along_each_future(seed, step):
    values = np.random.default_rng(seed).gamma(2.0, 50.0, (2, 20, 8))
    values[1, :, 4] = np.nan
    found = hour_statistics(values, step)
    for hours, least in HOUR_STRETCHES:
        needed = int(np.ceil(hours / step))
        for issue in range(2):
            longest = [
                max(len(run) for run in "".join("x" if v >= least else " " for v in m).split(" "))
                for m in values[issue]
            ]
            assert found[f"p_{hours}_hours_ge_{least}"][issue] == np.mean(np.array(longest) >= needed)
