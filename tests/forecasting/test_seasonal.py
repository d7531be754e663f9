"""Summaries of seasons on invented paths: what is found, what is refused, what is said."""

import numpy as np
import pytest

from forecasting.transport.cluster import cluster
from forecasting.transport.known_origin import Sources, across_regions, by_region, rank_correlation
from forecasting.transport.residence import residence
from forecasting.transport.season_arrivals import EAST_ASIA, Regions, all_arrivals, arrivals_of
from forecasting.transport.season_map import season_map
from forecasting.transport.season_text import LIMITS, season_lines
from forecasting.transport.seasonal import SCHEMES, season_names, summarise
from pipeline.cities import city
from pipeline.errors import ContractError, UsageError
from pipeline.regions import all_regions
from tests.forecasting.test_receptor import DAY, paths_of

SEOUL = (37.57, 126.98)
FIRST = np.datetime64("2016-12-01", "ns")
ATTRIBUTES = {"source": "invented", "kind": "forecast", "world": "simulated-1"}
FACTS = {
    "from": "2016-12-01",
    "to": "2019-11-30",
    "world": "simulated-1",
    "simulated": True,
    "winds": "invented winds",
    "kind": "forecast",
    "hours": 24,
}


def bundle(days=1095, seed=0, members=2):
    """Return straight paths of a day from west or east, some days of each in turn, two members an arrival."""
    rng = np.random.default_rng(seed)
    west = np.repeat(rng.random(days // 3 + 1) < 0.5, 3)[:days]
    back = np.arange(25.0)
    speed = rng.uniform(0.2, 0.4, days) * np.where(west, -1, 1)
    longitude = np.repeat(SEOUL[1] + speed[:, None] * back, members, axis=0)
    latitude = np.repeat(SEOUL[0] + rng.normal(0, 0.02, days)[:, None] * back, members, axis=0)
    times = np.repeat(FIRST + np.arange(days) * DAY, members)
    concentration = np.where(west, 60.0, 20.0) + rng.normal(0, 5, days)
    return paths_of(latitude, longitude, times), concentration


@pytest.fixture(scope="module")
def three_years():
    paths, concentration = bundle()
    return arrivals_of(paths), concentration


def test_west_is_found_in_every_season(three_years):
    arrivals, concentration = three_years
    seasons = summarise(
        arrivals, concentration, "quarters", np.random.default_rng(0), ATTRIBUTES, resamples=100
    )
    assert [s.name for s in seasons] == list(SCHEMES["quarters"])
    for season in seasons:
        rows = season.regions.set_index("region")
        assert rows.loc["yellow_sea", "cwt"] > 50
        assert rows.loc["yellow_sea", "cwt_significant"]
        assert rows.loc["yellow_sea", "pscf_significant"]
        east = rows.loc["east_sea" if "east_sea" in rows.index else rows["cwt"].idxmin()]
        assert east["cwt"] < 40
        assert not east["cwt_significant"]
        assert season.groups["arrivals"].sum() == season.arrivals
        assert season.maps.attrs["season"] == season.name


def test_hours_add_up(three_years):
    arrivals, _ = three_years
    assert (arrivals.known == 24).all()
    np.testing.assert_allclose(arrivals.cells.hours.sum(axis=1) + arrivals.cells.beyond, 24)
    np.testing.assert_allclose(arrivals.regions.hours.sum(axis=1) + arrivals.regions.beyond, 24)


def test_one_episode_is_refused(three_years):
    """Whatever is asked: a week of arrivals never gives a map."""
    arrivals, concentration = three_years
    week = np.arange(len(concentration)) < 7
    (season,) = summarise(
        arrivals.take(week), concentration[week], "quarters", np.random.default_rng(0), ATTRIBUTES
    )
    assert season.refused == "DJF: 7 independent arrivals of 200 needed (24 h apart); take more years"
    assert season.maps is None
    assert not len(season.regions)
    assert "Refused: DJF: 7 independent arrivals" in "\n".join(season_lines([season], city("seoul"), FACTS))


def test_more_arrivals_a_day_are_not_more_independent_ones():
    times = FIRST + np.arange(4 * 90) * DAY // 4
    paths = paths_of(np.full((360, 25), 37.0), np.full((360, 25), 127.0), times)
    (season,) = summarise(arrivals_of(paths), np.full(360, 30.0), "quarters", np.random.default_rng(0), {})
    assert (season.arrivals, season.independent) == (360, 90)
    assert season.refused


def test_unknown_concentrations_and_lost_paths_do_not_count(three_years):
    arrivals, concentration = three_years
    some = concentration.copy()
    some[::2] = np.nan
    seasons = summarise(arrivals, some, "halves", np.random.default_rng(0), ATTRIBUTES, resamples=50)
    assert [s.name for s in seasons] == ["Oct-Mar", "Apr-Sep"]
    assert sum(s.arrivals for s in seasons) == len(some) // 2


def test_the_text_says_what_it_cannot_tell(three_years):
    arrivals, concentration = three_years
    seasons = summarise(
        arrivals, concentration, "quarters", np.random.default_rng(0), ATTRIBUTES, resamples=50
    )
    text = "\n".join(season_lines(seasons, city("seoul"), FACTS)).replace("East China Sea", "")
    assert all(line in text for line in LIMITS)
    assert "SIMULATED" in text
    assert "Yellow Sea" in text
    for word in ("China", "Korea ", "contribut", "caused"):
        assert word not in text
    assert "%" not in text.replace("90 % of resampled", "").replace("rate of 10 %", "").replace("10-20 %", "")


def test_surrogate_winds_are_called_so(three_years):
    said = "\n".join(season_lines([], city("seoul"), {**FACTS, "kind": "surrogate", "simulated": False}))
    assert "no path is drawn" in said
    assert "SIMULATED" not in said


@pytest.mark.slow
def test_the_map_is_drawn(three_years):
    arrivals, concentration = three_years
    (season, _) = summarise(
        arrivals, concentration, "halves", np.random.default_rng(0), ATTRIBUTES, resamples=50
    )
    coast = [(np.array([124.0, 126.0]), np.array([39.0, 37.0]))]
    drawn = season_map(season.maps, "t", "n", place=SEOUL, coast=coast, paths=season.paths)
    assert drawn.startswith(b"\x89PNG")
    assert len(drawn) > 10_000


def test_stretches_join_in_order(three_years):
    paths, _ = bundle(days=20)
    half = paths.sizes["trajectory"] // 2
    parts = [arrivals_of(paths.isel(trajectory=part)) for part in (slice(None, half), slice(half, None))]
    whole, joined = arrivals_of(paths), all_arrivals(parts)
    np.testing.assert_array_equal(whole.cells.hours, joined.cells.hours)
    np.testing.assert_array_equal(whole.longitude, joined.longitude)
    with pytest.raises(ContractError, match="overlap"):
        all_arrivals(parts[::-1])


def test_the_member_in_the_middle_is_grouped():
    latitude = np.repeat([[30.0], [31.0], [32.0]], 3, axis=1)
    found = arrivals_of(paths_of(latitude, np.full((3, 3), 110.0), [FIRST] * 3))
    assert found.latitude.tolist() == [[31.0] * 3]
    assert found.known.tolist() == [2.0]


def test_regions_are_places():
    places = Regions()
    at = places.cells(np.array([37.57, np.nan]), np.array([126.98, 1.0]))
    assert [list(all_regions())[at[0]], at[1]] == ["seoul_area", -1]
    assert places.size == len(all_regions())
    assert EAST_ASIA.cells(np.array([37.57]), np.array([126.98]))[0] >= 0


def test_an_unknown_division_of_the_year():
    with pytest.raises(UsageError, match="quarters, halves"):
        season_names(np.array([FIRST]), "months")


def known_season(seed=0, bias=1.0):
    """Return hours over four sources and the dust from there; the third source shines ``bias`` times more."""
    rng = np.random.default_rng(seed)
    mean = np.array([8.0, 4.0, 2.0, 1.0])
    hours = rng.gamma(1.0, mean, (240, 4))
    strength = np.array([1.0, 1.0, bias, 1.0])
    return hours, hours * strength, FIRST + np.arange(240) * DAY


def test_where_dust_follows_hours_methods_are_right():
    hours, parts, times = known_season()
    rng = np.random.default_rng(1)
    found = across_regions(hours, parts, times, rng, what="test", draws=50).set_index("method")
    assert found.loc["hours", "rank_correlation"] == 1.0
    rows = by_region(list("abcd"), hours, parts, times, rng, draws=50).set_index("region")
    np.testing.assert_allclose(rows["hours_bias"], 0, atol=1e-12)
    np.testing.assert_allclose(rows["days"], 1, atol=1e-9)
    assert rows["true_share"].sum() == pytest.approx(1)


def test_where_a_source_is_stronger_the_bias_is_seen():
    hours, parts, times = known_season(bias=20.0)
    rows = by_region(list("abcd"), hours, parts, times, np.random.default_rng(1), draws=50)
    worst = rows.iloc[0]
    true = parts[:, 2].sum() / parts.sum()
    assert worst["region"] == "c"
    assert worst["hours_bias"] == pytest.approx(hours[:, 2].sum() / hours.sum() - true)
    assert worst["hours_bias_low"] < worst["hours_bias"] < worst["hours_bias_high"] < -0.3


def test_too_few_known_arrivals_are_refused():
    hours, parts, times = known_season()
    with pytest.raises(UsageError, match="JJA: 100 independent"):
        across_regions(hours[:100], parts[:100], times[:100], np.random.default_rng(0), what="JJA")


def test_a_constant_has_no_rank():
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0)))


def test_sources_take_points_of_paths():
    sources = Sources(("a",), np.array([37.0]), np.array([127.0]), np.array([1.0]))
    paths = paths_of([[37.5, 37.0, 30.0]], [[127.0, 127.0, 127.0]], [FIRST])
    assert residence(paths, sources).hours.tolist() == [[1.0]]


def test_groups_do_not_depend_on_the_order_of_paths():
    paths, _ = bundle(days=60, members=1)
    latitude, longitude = paths["latitude"].to_numpy(), paths["longitude"].to_numpy()
    order = np.random.default_rng(0).permutation(60)
    one = cluster(latitude, longitude, number=3).labels
    two = cluster(latitude[order], longitude[order], number=3).labels
    assert len(set(zip(one[order].tolist(), two.tolist(), strict=True))) == 3
