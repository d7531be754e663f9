"""The simulated air knows its origin: tags add up, and follow the wind; eddies stir as they should."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.simulated.city_air import city_air
from ingest.simulated.fine_winds import MEMORY_H, SPREAD, fine_winds
from ingest.simulated.grid import COARSE, EMITTERS, FINE, METRES_PER_DEGREE, patch, sampling_weights
from ingest.simulated.origin_truth import SPIN_UP_H, origin_shares
from ingest.simulated.synoptic import Weather
from ingest.simulated.tagged import DUST_TAGS, FINE_TAGS, OWN, TAGS, carry, city_parts
from ingest.simulated.transport import departure, simulate
from ingest.simulated.world import FIRST_HOUR, all_times, climate_of, make_world
from pipeline.errors import UsageError
from pipeline.times import HOUR, parse_instant, to_ns

SEASON = parse_instant("2024-11-15T00:00Z"), parse_instant("2025-02-15T00:00Z")


@cache
def season(seed=1):
    return origin_shares(seed, *SEASON)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_tags_add_up_to_the_untagged_run_on_the_same_winds(seed):
    climate = climate_of(seed)
    whole, tagged = simulate(climate, 500), carry(climate, 0, 500, COARSE)
    np.testing.assert_allclose(tagged.history.air, whole.air, rtol=1e-12)
    np.testing.assert_allclose(tagged.fine.sum(axis=1), whole.air[:, :2].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(tagged.dust.sum(axis=1), whole.air[:, 2], rtol=1e-12)
    assert (tagged.fine >= 0).all()
    assert (tagged.dust >= 0).all()
    for name in ("u", "v", "height", "rain", "humidity"):
        np.testing.assert_allclose(getattr(tagged.history, name), getattr(whole, name)[:500], rtol=1e-12)


@given(seed=st.integers(0, 10_000), first=st.integers(0, 20_000))
@settings(max_examples=8, deadline=None)
def test_tags_add_up_on_stirred_fine_winds_as_well(seed, first):
    climate = climate_of(1)
    gusts = fine_winds(np.random.default_rng(seed), 30)
    tagged = carry(climate, first, first + 30, FINE, gusts)
    for city in ("seoul", "beijing"):
        parts = city_parts(tagged, climate, first, city)
        hours = slice(first, first + 30)
        here = type(climate)(
            climate.systems,
            climate.slow_u,
            climate.slow_v,
            climate.moisture,
            climate.day_of_year[hours],
            climate.local_hour[hours],
        )
        whole = city_air(tagged.history, here, city).pm2p5
        np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-10)
        assert (parts >= 0).all()


def test_the_same_seed_and_stretch_give_the_same_shares_to_the_last_digit():
    start = parse_instant("2024-01-05T00:00Z")
    one, two = (origin_shares(4, start, start + 30 * HOUR) for _ in range(2))
    xr.testing.assert_identical(one, two)
    other = origin_shares(5, start, start + 30 * HOUR)
    assert not np.allclose(one["share"], other["share"])


@pytest.mark.slow
def test_shares_are_shares_of_every_hour_asked():
    found = season()
    np.testing.assert_allclose(found["share"].sum("tag"), 1, rtol=1e-12)
    assert (found["share"] >= 0).all()
    times = found["time"].to_numpy()
    assert (times[0], times[-1]) == (to_ns(SEASON[0] + HOUR), to_ns(SEASON[1]))
    assert (np.diff(times) == np.timedelta64(1, "h")).all()
    assert list(found["tag"].values) == [*EMITTERS, "gobi", "inflow", OWN] == list(TAGS)
    assert found.attrs["world"] == "simulated-1"
    assert "simulated" in found.attrs["source"]


def test_origins_lie_where_the_winter_wind_comes_from():
    mean = season()["share"].mean("time").to_pandas()
    assert mean.loc["beijing", ["seoul_metropolitan", "southern_korea", "pyongyang"]].sum() < 0.02
    assert mean.loc["beijing", "north_china_plain"] > mean.loc["seoul", "north_china_plain"] > 0.05
    assert mean.loc["seoul", "seoul_metropolitan"] > 0.1
    assert (mean[OWN] > 0.05).all()


@pytest.mark.slow
def test_the_tagged_air_is_much_the_air_that_the_world_measured_but_not_the_same():
    truth = make_world(1).truth().set_index("time").loc[season()["time"].to_numpy()]
    for city in ("seoul", "beijing"):
        tagged, measured = season()["pm2p5"].sel(city=city).to_numpy(), truth[f"{city}.pm2p5"].to_numpy()
        assert 0.8 < np.corrcoef(tagged, measured)[0, 1] < 0.99
        assert 0.7 < tagged.mean() / measured.mean() < 1.2


def test_the_spin_up_is_long_enough():
    """Ten days later nothing is left of the air with which a run begins."""
    start = parse_instant("2024-12-20T00:00Z")
    first = int(np.searchsorted(all_times(), to_ns(start)))
    climate = climate_of(2)
    long, short = (carry(climate, first - n, first + 24, COARSE) for n in (2 * SPIN_UP_H, SPIN_UP_H))
    a, b = long.history.air[-24:], short.history.air[-24:]
    np.testing.assert_allclose(a, b, rtol=0.01)


def test_outside_the_simulated_hours_it_is_a_usage_error():
    for start, end in ((FIRST_HOUR, FIRST_HOUR + HOUR), (SEASON[1], SEASON[0])):
        with pytest.raises(UsageError, match="origins are known from"):
            origin_shares(1, start, end)
    with pytest.raises(UsageError):
        origin_shares(1, SEASON[0], parse_instant("2026-01-01T00:00Z"))


def test_a_finer_grid_moves_a_cloud_as_far():
    """A cloud carried 5 m/s east for 20 h: 20 * 3600 * 5 m, on one degree and on half a degree."""
    for grid in (COARSE, FINE):
        cells = len(grid.cell_latitude)
        zero = np.zeros((1, cells))
        at, share = departure(Weather(zero + 5, zero, zero, zero, zero, zero), grid)
        cloud = patch(EMITTERS["beijing_tianjin"], grid)
        before = (cloud * grid.cell_longitude).sum() / cloud.sum()
        for _ in range(20):
            cloud = (cloud[at[0]] * share[0]).sum(axis=0)
        after = (cloud * grid.cell_longitude).sum() / cloud.sum()
        degrees = 20 * 3600 * 5 / (METRES_PER_DEGREE * np.cos(np.radians(39.5)))
        assert after - before == pytest.approx(degrees, rel=0.03)


@pytest.mark.parametrize("grid", [COARSE, FINE], ids=["coarse", "fine"])
def test_points_are_read_bilinearly_from_any_grid(grid):
    field = 3.0 + 0.5 * grid.cell_longitude - 2.0 * grid.cell_latitude
    weights = sampling_weights(grid)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    seoul = 3.0 + 0.5 * 126.978 - 2.0 * 37.5665
    assert float(field @ weights[:, 0]) == pytest.approx(seoul)


def test_eddies_have_the_stated_size_and_memory_and_do_not_heap_up_air():
    u, v = fine_winds(np.random.default_rng(3), 1500)
    for wind in (u, v):
        assert wind.std() == pytest.approx(SPREAD, rel=0.05)
        a, b = wind[8:, 700], wind[:-8, 700]
        assert np.corrcoef(a, b)[0, 1] == pytest.approx(np.exp(-8 / MEMORY_H), abs=0.12)
    shape = (-1, len(FINE.latitudes), len(FINE.longitudes))
    east, north = u.reshape(shape)[::50], v.reshape(shape)[::50]
    across = np.cos(np.radians(38.0))
    spread = (east[:, 1:-1, 2:] - east[:, 1:-1, :-2]) / across + (north[:, 2:, 1:-1] - north[:, :-2, 1:-1])
    shear = (north[:, 1:-1, 2:] - north[:, 1:-1, :-2]) / across - (east[:, 2:, 1:-1] - east[:, :-2, 1:-1])
    assert spread.std() < 0.25 * shear.std()


def test_eddies_are_gone_between_the_points_of_the_services():
    """Four degrees apart, eddies of one point say nothing of those of the next."""
    u, _ = fine_winds(np.random.default_rng(3), 1500)
    field = pd.DataFrame(u.reshape(1500, len(FINE.latitudes), len(FINE.longitudes))[:, 15, :])
    assert abs(field[20].corr(field[28])) < 0.15
    assert abs(field[20].corr(field[21])) > 0.5


def test_dust_and_inflow_have_tags_of_their_own():
    spring = carry(climate_of(1), 16_500, 16_900, COARSE)
    assert spring.dust.shape[1] == len(DUST_TAGS)
    assert spring.fine.shape[1] == len(FINE_TAGS)
    assert spring.dust[:, DUST_TAGS.index("gobi")].max() > 10
    assert spring.fine[:, FINE_TAGS.index("inflow")].max() > 1
