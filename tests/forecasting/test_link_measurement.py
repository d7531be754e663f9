"""Links measured beyond chance: transport is found, shared weather and seasons are not taken for it."""

import json

import numpy as np
import pytest
import xarray as xr

from forecasting.transport import link_paths
from forecasting.transport.link_evidence import LinkMeasurement, measure_link
from forecasting.transport.link_history import Terms
from forecasting.transport.link_paths import day_number, passing_lags, path_evidence, paths_back
from forecasting.transport.link_test import Excess, LinkTest, Passings, confidence_of
from forecasting.transport.splines import Grid
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.times import hour_range, parse_instant, to_ns

DAYS = 6 * 365 + 2
BEIJING, SEOUL = city("beijing"), city("seoul")


def spells(rng, rate=0.15, days=DAYS):
    """Days that exceed in spells of about three days, more in winter."""
    noise = rng.standard_normal(days)
    state = np.zeros(days)
    for day in range(1, days):
        state[day] = 0.7 * state[day - 1] + noise[day]
    season = np.cos(2 * np.pi * np.arange(days) / 365.25)
    total = state / state.std() + 0.6 * season
    return total > np.quantile(total, 1 - rate)


def passing_some(rng, lag_days=2, share=0.3, days=DAYS):
    """Two paths a day; on some days both passed upwind the given days before."""
    arrived = np.repeat(np.arange(days), 2)
    passed = np.repeat(rng.random(days) < share, 2)
    lag = np.where(passed, 24.0 * lag_days, np.nan)
    return Passings(arrived, lag, arrived - lag_days, arrived + lag_days, days), passed[::2]


def by_path(up, down, passings):
    test = LinkTest(up, down, passings, np.random.default_rng(0))
    return test.by_path("all"), test.by_path("all", "after")


def test_transport_along_the_paths_is_found():
    rng = np.random.default_rng(1)
    up = spells(rng)
    passings, agree = passing_some(rng)
    down = spells(rng, 0.1) | (np.roll(up, 2) & agree & (rng.random(DAYS) < 0.6))
    found, placebo = by_path(up, down, passings)
    assert found.rate == pytest.approx(0.64, abs=0.1)  # 0.6 and a little of its own
    assert found.excess > 0.3
    assert found.low > placebo.excess
    assert confidence_of(found, placebo) == "strong"


def test_weather_that_both_share_is_not_taken_for_transport():
    words = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        up = spells(rng)
        passings, _ = passing_some(rng, lag_days=1)
        found, placebo = by_path(up, up & (rng.random(DAYS) < 0.6), passings)
        assert found.excess > 0.05  # persistence alone shows up
        words.append(confidence_of(found, placebo))
    assert words.count("none") >= 9


def test_independent_cities_with_the_same_season_have_no_excess():
    found_linked, excess = 0, []
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        up, down = spells(rng), spells(rng)
        found, placebo = by_path(up, down, passing_some(rng)[0])
        excess.append(found.excess)
        found_linked += confidence_of(found, placebo) != "none"
    assert abs(np.mean(excess)) < 3 * np.std(excess) / np.sqrt(20)
    assert found_linked <= 4  # 2 expected; P(more than 4 of 20 at 0.1) = 4 %


def test_chance_by_plain_shuffling_is_less_than_that_of_other_years_at_the_same_season():
    rng = np.random.default_rng(3)
    season = np.cos(2 * np.pi * np.arange(DAYS) / 365.25) > 0.5
    up, down = spells(rng) & season, spells(rng) & season
    test = LinkTest(up, down, passing_some(rng)[0], rng)
    honest = test.by_lag_alone("in order", 2)
    plain = test.by_lag_alone("shuffled", 2, shuffled=True)
    assert honest.chance > 1.5 * plain.chance
    assert honest.rate == plain.rate == test.by_lag_alone("again", 2).rate


def test_a_share_counts_paths_that_passed_while_upwind_exceeded():
    paths = Passings(
        np.array([2, 2, 2, 2, 3]),
        np.array([24.0, 48.0, 24.0, np.nan, 24.0]),
        np.array([1, 0, 1, 2, 2]),
        np.array([3, 4, 3, 2, 4]),
        5,
    )
    up = np.array([False, True, False, False, True])
    assert paths.share(up).tolist() == [0, 0, 2 / 4, 0, 0]
    assert paths.share(up, "after").tolist() == [0, 0, 1 / 4, 1, 0]
    assert paths.share(up, lags=(24.0, 72.0)).tolist() == [0, 0, 0, 0, 0]


def test_without_days_or_other_years_nothing_is_claimed():
    rng = np.random.default_rng(4)
    nothing = Passings(*(np.zeros(0, np.int64),) * 4, 800)
    found, placebo = by_path(spells(rng, days=800), spells(rng, days=800), nothing)
    assert (found.days, found.rate, found.p_value) == (0, None, 1.0)
    assert confidence_of(found, placebo) == "none"
    few = Excess("all", 19, 15, 0.8, 0.1, 0.7, 0.5, 0.9, 0.01)
    assert confidence_of(few, placebo) == "none"


def test_years_without_a_day_of_the_condition_say_nothing_of_chance():
    up = np.zeros(DAYS, bool)
    up[1000] = True
    arrived = np.array([1002])
    passings = Passings(arrived, np.array([48.0]), arrived - 2, arrived + 2, DAYS)
    found = LinkTest(up, up & False, passings, np.random.default_rng(0)).by_path("all")
    assert (found.days, found.hits, found.rate) == (1, 0, 0.0)
    hit = np.arange(DAYS) == 1002
    found = LinkTest(up, hit, passings, np.random.default_rng(0)).by_path("all")
    assert (found.rate, found.p_value) == (1.0, 1.0)  # no other year has such a day


def test_days_on_which_downwind_was_not_measured_are_neither_hits_nor_misses():
    rng = np.random.default_rng(7)
    up = spells(rng)
    passings, agree = passing_some(rng)
    down = spells(rng, 0.1) | (np.roll(up, 2) & agree)
    known = rng.random(DAYS) < 0.5
    whole = LinkTest(up, down, passings, np.random.default_rng(0))
    half = LinkTest(up, down & known, passings, np.random.default_rng(0), known=known)
    assert half.by_path("all").days == int((known & (passings.share(up) >= whole.needed)).sum())
    assert half.by_path("all").rate == whole.by_path("all").rate == 1.0
    order, partly = whole.by_lag_alone("in order", 2), half.by_lag_alone("in order", 2)
    assert partly.rate == pytest.approx(order.rate, abs=0.15)
    assert partly.days < order.days / 4


def test_hours_belong_to_the_local_day_in_which_they_end():
    times = np.array(["2019-03-01T15", "2019-03-01T16", "2019-03-02T15"], "M8[ns]")
    assert day_number(times, "Asia/Seoul", np.datetime64("2019-03-01")).tolist() == [0, 1, 1]
    assert day_number(times, "Asia/Shanghai", np.datetime64("2019-03-01")).tolist() == [0, 0, 1]


def west_wind(first, last, speed=8.0, kind="surrogate"):
    """The same wind everywhere, from Beijing towards Seoul."""
    grid = Grid(np.arange(30.0, 46.0), np.arange(105.0, 132.0))
    times = np.arange(to_ns(first), to_ns(last) + np.timedelta64(1, "h"), np.timedelta64(6, "h"))
    shape = (len(times), 1, *grid.shape)
    dims = ("time", "level", "latitude", "longitude")
    level = ("level", [500.0], {"vertical": "height", "units": "m"})
    return xr.Dataset(
        {
            "eastward_wind": (dims, np.full(shape, speed)),
            "northward_wind": (dims, np.full(shape, -0.3 * speed)),
        },
        {
            "time": times.astype("M8[ns]"),
            "level": level,
            "latitude": grid.latitude,
            "longitude": grid.longitude,
        },
        {"source": "invented", "kind": kind, "world": "measured"},
    )


ARRIVAL = parse_instant("2019-03-04T06:00Z")


def paths_of_run(beijing):
    """Joint paths: Beijing's day means of 1 to 4 March, one list per member; Seoul's do not matter."""
    grid = hour_range(parse_instant("2019-02-28T16:00Z"), parse_instant("2019-03-04T16:00Z"))
    own = np.repeat(np.array(beijing, float), 24, axis=1)
    values = np.stack([own, 0 * own], axis=1)
    data = {
        "pm2p5": (("realization", "city", "time"), values),
        "is_observed": (("city", "time"), np.zeros((2, len(grid)), bool)),
    }
    coords = {"realization": np.arange(len(beijing)), "city": ["beijing", "seoul"], "time": grid}
    return xr.Dataset(data, coords=coords, attrs={"world": "measured"})


def test_paths_tell_the_lag_and_how_probably_upwind_exceeded():
    winds = west_wind(parse_instant("2019-03-01T00:00Z"), ARRIVAL, kind="forecast")
    back = paths_back(winds, SEOUL, np.array([to_ns(ARRIVAL)]))
    lags = passing_lags(back, BEIJING)
    way = 950e3 / (8.0 * np.hypot(1, 0.3)) / 3600
    assert lags == pytest.approx(np.full(len(lags), way), abs=5)
    # 32 h before 4 March 06 UTC it was 3 March in Beijing; three members of four exceed there that day
    run = paths_of_run([[20, 20, 90, 20], [20, 90, 80, 20], [90, 20, 76, 20], [90, 90, 70, 90]])
    found = path_evidence(back, run, BEIJING, 75)
    assert (found.share, found.winds, found.paths) == (0.75, "forecast", 4)
    assert path_evidence(back, run, SEOUL, 75).share == 0  # where they came from, not where they passed


def history(up, down):
    """Hourly series of both cities, one mean a day."""
    first = parse_instant("2014-12-31T16:00Z")
    grid = hour_range(first, parse_instant("2019-12-31T16:00Z"))
    held = {}
    for name, days in (("beijing", up), ("seoul", down)):
        values = np.repeat(np.where(days, 120.0, 20.0), 24)[: len(grid)]
        held[f"{name}.pm2p5.reference"] = AsOfSeries(grid, grid + np.timedelta64(1, "h"), values, 1)
    return AsOfPanel(held, "simulated-7")


def measured_of(panel, as_of):
    return measure_link(
        panel,
        lambda start, end: west_wind(start, end),
        (BEIJING, SEOUL),
        Terms(75, 50, 3),
        as_of,
        np.random.default_rng(0),
    )


@pytest.mark.slow
def test_a_measurement_reads_nothing_received_later_and_survives_json(monkeypatch):
    monkeypatch.setattr(link_paths, "OFFSETS_DEG", (0.0,))
    monkeypatch.setattr(link_paths, "EVERY_HOURS", 12)
    rng = np.random.default_rng(5)
    up = spells(rng)
    panel = history(up, np.roll(up, 1) | spells(rng, 0.05))
    as_of = parse_instant("2018-01-05T00:00Z")
    found = measured_of(panel, as_of)
    changed = {
        key: AsOfSeries(s.times, s.received, np.where(s.received > to_ns(as_of), 999.0, s.values), 1)
        for key, s in panel.series.items()
    }
    assert measured_of(AsOfPanel(changed, panel.world), as_of) == found
    assert (found.first_day, found.last_day) == ("2015-01-06", "2018-01-04")  # 3 · 365.25 days
    assert found.rows["path"][0].days > 100
    assert found.word("DJF") in ("moderate", "strong")
    assert LinkMeasurement.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    with pytest.raises(ContractError, match="measure"):
        LinkMeasurement.from_dict({**found.to_dict(), "version": 0})
    with pytest.raises(ContractError, match="damaged"):
        LinkMeasurement.from_dict({"version": 1})


def test_less_than_two_years_are_not_measured():
    rng = np.random.default_rng(6)
    panel = history(spells(rng), spells(rng))
    assert measured_of(panel, parse_instant("2016-06-01T00:00Z")) is None


def test_a_season_with_hardly_a_day_has_no_word():
    def row(label, days, hits):
        return Excess(label, days, hits, 0.5, 0.1, 0.4, 0.3, 0.5, 0.01)

    rows = {"path": (row("all", 60, 30), row("DJF", 30, 15), row("JJA", 2, 1), row("SON", 9, 5))}
    rows["placebo"] = tuple(Excess(r.label, r.days, 0, 0.1, 0.1, 0.0, -0.1, 0.1, 0.5) for r in rows["path"])
    made = LinkMeasurement("beijing", "seoul", "w", "", "", "", Terms(75, 50), "", "", rows)
    assert [made.word(s) for s in ("DJF", "JJA", "SON", "MAM")] == ["strong", "none", "strong", "none"]
