"""Blocks read for many issues at once are the same as series read issue by issue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.asof import AsOfSeries
from pipeline.asof_blocks import known_at, window_known

HOUR = 3_600_000_000_000
START = int(np.datetime64("2020-01-01T00", "ns").astype("int64"))

versions = st.tuples(
    st.integers(0, 12 * 4).map(lambda q: q * HOUR // 4),
    st.integers(-2, 60).map(lambda q: q * HOUR // 4),
    st.one_of(st.just(np.nan), st.just(np.inf), st.floats(-1e6, 1e6)),
)
some_issues = st.lists(st.integers(-20, 40 * 6).map(lambda m: START + m * HOUR // 6), max_size=12)


def made(rows: list[tuple[int, int, float]], interval_hours: int = 1) -> AsOfSeries:
    rows = sorted(rows, key=lambda r: (r[0], r[0] + r[1]))
    times = np.array([START + t for t, _, _ in rows], "int64")
    delays = np.array([d for _, d, _ in rows], "int64")
    values = np.array([v for _, _, v in rows], "float64")
    return AsOfSeries(times.astype("M8[ns]"), (times + delays).astype("M8[ns]"), values, interval_hours)


def one_by_one(series: AsOfSeries, issues: np.ndarray, ages: list[int]) -> np.ndarray:
    out = np.full((len(issues), len(ages)), np.nan)
    for i, issue in enumerate(issues):
        for j, age in enumerate(ages):
            grid = issue.astype("M8[h]").astype("M8[ns]")[None] - np.timedelta64(age, "h")
            out[i, j] = series.on_grid(grid, issue)[0]
    return out


@given(st.lists(versions, max_size=40), some_issues, st.lists(st.integers(-3, 20), max_size=6))
def test_known_at_is_the_series_read_at_each_issue(
    rows: list[tuple[int, int, float]], issues: list[int], ages: list[int]
) -> None:
    at = np.array(issues, "int64").astype("M8[ns]")
    series = made(rows)
    got = known_at(series, at, np.array(ages, "int64"))
    np.testing.assert_array_equal(got, one_by_one(series, at, ages))


@given(
    st.lists(versions, max_size=40),
    some_issues,
    st.lists(st.tuples(st.integers(-3, 8), st.integers(1, 10)), max_size=3),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.sampled_from([1, 3]),
)
def test_window_known_is_the_mean_of_what_each_issue_knew(
    rows: list[tuple[int, int, float]],
    issues: list[int],
    spans: list[tuple[int, int]],
    share: float,
    interval: int,
) -> None:
    at = np.array(issues, "int64").astype("M8[ns]")
    series = made(rows, interval)
    windows = [(a, a + width) for a, width in spans]
    got = window_known(series, at, windows, share)
    assert got.shape == (len(issues), len(windows))
    for column, (age_from, age_to) in enumerate(windows):
        ages = np.arange(age_from + 1, age_to + 1)
        values = known_at(series, at, ages)
        count = np.isfinite(values).sum(axis=1)
        enough = count >= max(1, np.ceil(share * (len(ages) // interval) - 1e-9))
        mean = np.nansum(values, axis=1) / np.maximum(count, 1)
        np.testing.assert_allclose(got[:, column], np.where(enough, mean, np.nan), rtol=0, atol=1e-8)


@given(st.lists(versions, max_size=40), some_issues)
def test_a_mean_does_not_depend_on_the_issues_asked_with_it(
    rows: list[tuple[int, int, float]], issues: list[int]
) -> None:
    at = np.array(issues, "int64").astype("M8[ns]")
    series, windows = made(rows), [(0, 6), (-1, 11)]
    together = window_known(series, at, windows, 0.0)
    alone = [window_known(series, at[i : i + 1], windows, 0.0) for i in range(len(at))]
    np.testing.assert_array_equal(together, np.concatenate([together[:0], *alone]))


def test_a_correction_counts_from_its_receipt_and_a_withdrawal_takes_the_value_away() -> None:
    rows = [(HOUR, HOUR, 40.0), (HOUR, 2 * HOUR, 44.0), (HOUR, 3 * HOUR, np.nan)]
    at = (START + HOUR * np.array([1, 2, 3, 4])).astype("M8[ns]")
    assert window_known(made(rows), at, [(-1, 5)], 0.0)[:, 0].tolist()[:3] == pytest.approx(
        [np.nan, 40.0, 44.0], nan_ok=True
    )
    assert np.isnan(known_at(made(rows), at[3:], np.array([3]))).all()


def test_a_value_too_large_for_a_mean_is_refused() -> None:
    at = np.array([START + 2 * HOUR], "int64").astype("M8[ns]")
    with pytest.raises(ValueError, match="beyond"):
        window_known(made([(HOUR, HOUR, 1e12)]), at, [(0, 3)])
