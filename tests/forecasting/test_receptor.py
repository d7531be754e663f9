"""PSCF, CWT and residence against slow loops and a published table, and what chance makes of them."""

from collections import defaultdict

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecasting.transport.receptor import HIGH, cwt, fields, maps, pscf, weights
from forecasting.transport.residence import MIXING, Grid, joined, residence
from forecasting.transport.significance import (
    NEEDED,
    days_of,
    discoveries,
    independent_arrivals,
    shuffled,
)
from pipeline.errors import ContractError, UsageError
from tests.forecasting.r_data import read_table

HOUR = np.timedelta64(1, "h").astype("m8[ns]")
DAY = 24 * HOUR
START = np.datetime64("2018-12-01", "ns")


def paths_of(latitude, longitude, times, *, height=None, mixing=None, age=None):
    latitude = np.asarray(latitude, float)
    age = -np.arange(latitude.shape[1], dtype=float) if age is None else np.asarray(age, float)
    one = np.full(latitude.shape, np.nan) if height is None else np.asarray(height, float)
    variables = {
        "latitude": latitude,
        "longitude": np.asarray(longitude, float),
        "height": one,
        "air_pressure": np.full(latitude.shape, np.nan),
    }
    if mixing is not None:
        variables[MIXING] = np.asarray(mixing, float)
    return xr.Dataset(
        {name: (("trajectory", "age"), values) for name, values in variables.items()}
        | {
            "start_time": ("trajectory", np.asarray(times, "M8[ns]")),
            "ended": ("trajectory", np.full(len(latitude), "")),
        },
        {"age": age},
        {"source": "invented", "kind": "analysis", "world": "measured", "method": "invented"},
    )


def random_season(rng, arrivals=240, cells=30):
    """Return hours that persist over some days, as weather does, and their instants."""
    walk = rng.normal(size=(arrivals, cells))
    for i in range(1, arrivals):
        walk[i] = 0.6 * walk[i - 1] + 0.8 * walk[i]
    return np.clip(walk, 0, None) * 6, START + np.arange(arrivals) * DAY


@pytest.fixture(scope="module")
def london(shared):
    table = read_table(shared / "data" / "trajectory" / "traj_data.rda")
    return table.assign(time=table["date"].astype("int64"))


def test_the_reference_table_is_read_whole(london):
    assert london["time"].nunique() == 56
    assert set(london.groupby("time").size()) == {97}
    assert london.loc[london["hour.inc"] == 0, "lat"].unique().tolist() == [51.5]


@pytest.mark.shared
@pytest.mark.parametrize("pollutant", ["pm2.5", "pm10"])
def test_the_reference_table_gives_the_same_as_a_slow_loop(london, pollutant):
    """One row at a time, cells by rounding to whole degrees."""
    known = london[london[pollutant].notna()]
    middle = known.sort_values(["time", "hour.inc"], ascending=[True, False])
    concentration = middle.groupby("time")[pollutant].first().to_numpy()
    limit = np.percentile(concentration, 90)
    of_cell = defaultdict(list)
    for row in middle.itertuples():
        if row[middle.columns.get_loc("hour.inc") + 1] != 0:
            value = row[middle.columns.get_loc(pollutant) + 1]
            of_cell[np.floor(row.lat + 0.5), np.floor(row.lon + 0.5)].append(value)
    mean_count = np.mean([len(v) for v in of_cell.values()])

    shape = (len(concentration), 97)
    assert shape[0] > 40
    paths = paths_of(
        middle["lat"].to_numpy().reshape(shape),
        middle["lon"].to_numpy().reshape(shape),
        np.unique(middle["time"]).astype("M8[s]"),
    )
    grid = Grid(south=-0.5, west=-180.5, rows=91, columns=360)
    found = residence(paths, grid)
    share, mean = pscf(found.hours, concentration > limit), cwt(found.hours, concentration)
    weight = weights(found.hours.sum(axis=0))
    assert int((found.hours.sum(axis=0) > 0).sum()) == len(of_cell) > 300
    for (lat, lon), values in of_cell.items():
        at = grid.cells(np.array([lat]), np.array([lon]))[0]
        count = len(values)
        step = 1.0 if count > 2 * mean_count else 0.75 if count > mean_count else 0.5
        assert share[at] == pytest.approx(sum(v > limit for v in values) / count)
        assert mean[at] == pytest.approx(sum(values) / count)
        assert weight[at] == (step if count > mean_count / 2 else 0.15)


def test_a_week_of_paths_is_refused_with_the_count(london):
    times = np.unique(london["time"]).astype("M8[s]").astype("M8[ns]")
    days = independent_arrivals(times)
    assert days == 7
    with pytest.raises(UsageError, match=f"April 2010: {days} independent arrivals of {NEEDED} needed"):
        fields(np.ones((56, 3)), np.arange(56.0), times, np.random.default_rng(0), what="April 2010")


def test_members_of_an_arrival_are_averaged_and_what_leaves_is_kept():
    latitude = [[30.5, 30.5, 31.5], [30.5, 50.0, np.nan], [31.5, 31.5, 31.5]]
    times = [START, START, START + DAY]
    found = residence(paths_of(latitude, np.full((3, 3), 110.5), times), Grid(30, 110, 2, 1))
    assert found.hours.tolist() == [[0.5, 0.5], [0.0, 2.0]]
    assert found.beyond.tolist() == [1.0, 0.0]
    assert found.mixed is None


def test_hours_below_the_mixing_height():
    height, mixing = [[100, 100, 900]], [[500, 500, 500]]
    paths = paths_of([[30.5] * 3], [[110.5] * 3], [START], height=height, mixing=mixing)
    found = residence(paths, Grid(30, 110, 1, 1))
    assert (found.hours.tolist(), found.mixed.tolist()) == ([[2.0]], [[1.0]])


def test_longer_steps_count_more():
    paths = paths_of([[30.5] * 3], [[110.5] * 3], [START], age=[0, -3, -6])
    assert residence(paths, Grid(30, 110, 1, 1)).hours.tolist() == [[6.0]]


def test_forward_paths_are_refused():
    with pytest.raises(ContractError, match="back in time"):
        residence(paths_of([[30.5, 30.5]], [[1, 1]], [START], age=[0, 1]), Grid(30, 0, 1, 2))


def test_overlapping_stretches_are_refused():
    one = residence(paths_of([[30.5, 30.5]], [[1, 1]], [START]), Grid(30, 0, 1, 2))
    with pytest.raises(ContractError, match="overlap"):
        joined([one, one])


@given(
    # Minutes that paths can spend in a cell; far below them floating point loses all digits.
    hnp.arrays(float, (12, 4), elements=st.integers(0, 24 * 60).map(lambda minutes: minutes / 60)),
    hnp.arrays(float, 12, elements=st.floats(1, 300)),
    st.permutations(range(12)),
)
def test_bounds_and_order(hours, concentration, order):
    share, mean = pscf(hours, concentration > 75), cwt(hours, concentration)
    there = np.isfinite(mean)
    assert (there == (hours.sum(axis=0) > 0)).all()
    assert ((share[there] >= 0) & (share[there] <= 1 + 1e-9)).all()
    slack = 1e-6
    assert (mean[there] >= concentration.min() - slack).all()
    assert (mean[there] <= concentration.max() + slack).all()
    np.testing.assert_allclose(cwt(3 * hours[order], concentration[order]), mean, rtol=1e-9)


def test_a_true_source_is_found():
    rng = np.random.default_rng(3)
    hours, times = random_season(rng)
    concentration = 20 + 4 * hours[:, 7] + rng.lognormal(2, 0.5, len(times))
    found = fields(hours, concentration, times, rng, what="test", resamples=300)
    assert found.threshold == np.percentile(concentration, HIGH)
    for estimate in (found.pscf, found.cwt):
        assert int(np.argmax(estimate.value)) == 7
        assert estimate.significant[7]
        assert estimate.significant.sum() <= 4
        assert estimate.low[7] < estimate.value[7] < estimate.high[7]


def test_without_a_source_hardly_anything_is_significant():
    """Concentrations that persist as paths do, but know nothing of them."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        hours, times = random_season(rng)
        concentration = np.exp(3 + random_season(rng, cells=1)[0][:, 0] / 6)
        found = fields(hours, concentration, times, rng, what="test", resamples=200)
        alarms += bool(found.cwt.significant.any())
    assert alarms <= 6, "at a false discovery rate of 10 % about two of twenty are expected"


def test_the_course_of_a_season_and_of_the_years_is_no_relation():
    """PM2.5 and the frequency of paths rise through each season; single days have no relation."""
    with_any = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        hours, _ = random_season(rng)
        times = np.concatenate([START + year * 365 * DAY + np.arange(360) * 6 * HOUR for year in range(3)])
        hours = np.resize(hours, (len(times), hours.shape[1]))
        course = np.tile(np.linspace(0, 1, 360), 3)
        hours = hours * (0.5 + course[:, None] * np.linspace(0, 2, hours.shape[1]))
        level = np.repeat([1.0, 0.8, 0.6], 360)
        concentration = level * (20 + 20 * course) * np.exp(rng.normal(0, 0.2, len(times)))
        found = fields(hours, concentration, times, rng, what="test", resamples=200).cwt
        with_any += bool(found.significant.any())
    assert with_any <= 3


def test_the_interval_covers_the_truth():
    inside = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        hours, times = random_season(rng, cells=3)
        concentration = 30 + rng.normal(0, 5, len(times))
        estimate = fields(hours, concentration, times, rng, what="test", resamples=200).cwt
        inside += int(((estimate.low < 30) & (estimate.high > 30)).sum())
    assert 70 <= inside <= 89, "about 81 of 90"


def test_the_same_seed_gives_the_same():
    hours, times = random_season(np.random.default_rng(1))
    one, two = (
        fields(hours, hours[:, 0], times, np.random.default_rng(9), what="test", resamples=50)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.cwt.p, two.cwt.p)


def test_shuffling_keeps_the_hour_of_the_day_and_loses_only_what_was_not_there():
    times = START + np.arange(400) * 6 * HOUR
    times = np.delete(times, [5, 77])
    hour = (times - times.astype("M8[D]")).astype("m8[h]").astype(float)
    dealt = shuffled(hour, times, np.random.default_rng(0), 20)
    assert all(np.allclose(row[np.isfinite(row)], hour[np.isfinite(row)]) for row in dealt)
    assert np.isnan(dealt).sum(axis=1).max() <= 2
    assert days_of(times)[-1] == 99


def test_cells_seldom_visited_are_not_tested():
    rng = np.random.default_rng(2)
    hours, times = random_season(rng)
    hours[:, 3] = 0.0
    hours[5, 3] = 1.0
    found = fields(hours, rng.uniform(1, 2, len(times)), times, rng, what="test", resamples=50)
    assert found.weight[3] == 0.15
    assert np.isnan(found.cwt.p[3])
    assert not found.cwt.significant[3]


def test_discoveries_of_nothing():
    assert not discoveries(np.full(4, np.nan)).any()


def test_maps_are_labelled():
    grid = Grid(30, 110, 5, 6)
    hours, times = random_season(np.random.default_rng(1))
    paths = paths_of(np.full((3, 2), 30.5), np.full((3, 2), 110.5), START + np.arange(3) * DAY)
    found = fields(hours, hours[:, 0], times, np.random.default_rng(0), what="test", resamples=20)
    drawn = maps(found, grid, residence(paths, grid), {"source": "invented", "world": "simulated-1"})
    assert drawn["cwt"].dims == ("latitude", "longitude")
    assert drawn["latitude"].to_numpy().tolist() == [30.5, 31.5, 32.5, 33.5, 34.5]
    assert drawn.attrs["world"] == "simulated-1"
    assert {v.attrs["units"] for v in drawn.data_vars.values()} == {"h", "1", "ug m-3"}
