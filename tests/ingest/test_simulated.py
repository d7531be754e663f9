"""The simulated world: physics holds, instruments fail, services tell nothing of the future."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from ingest import airkorea, cnemc, open_meteo
from ingest.simulated import ingest_history, ingest_recent, make_world, simulated_feeds
from ingest.simulated.grid import CELLS
from ingest.simulated.loading import LAST_HOURS
from ingest.simulated.network import SEOUL, station_table
from ingest.simulated.scenario import CALM_BEIJING, CALM_SEOUL, day_means
from ingest.simulated.services import answer
from ingest.simulated.synoptic import Weather
from ingest.simulated.transport import departure, growth, survival
from ingest.simulated.world_published import published_of
from pipeline.errors import SourceUnavailable, UsageError
from pipeline.ledger import open_ledger
from pipeline.names import is_simulated
from pipeline.observations import ObservationStore
from pipeline.schema import STATION_COLUMNS, check_observations
from pipeline.times import HOUR, is_cycle, local_date, local_day_bounds, to_ns

KEYS = ["station", "quantity", "time"]


@cache
def world(seed=1, quiet=False):
    return make_world(seed, quiet_season=quiet)


def plain(rows):
    """Rows as a sorted series by key, text instead of categories."""
    table = rows.assign(station=rows["station"].astype(str), quantity=rows["quantity"].astype(str))
    return table.set_index(KEYS)["value"].sort_index()


def days(w):
    truth = w.truth()
    return day_means(
        pd.DatetimeIndex(truth["time"]), truth["seoul.pm2p5"].to_numpy(), truth["beijing.pm2p5"].to_numpy()
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_world_to_the_last_digit():
    again = make_world(1)
    assert again.end == world().end
    pd.testing.assert_frame_equal(again.truth(), world().truth())
    recent = again.end - 48 * HOUR, again.end
    pd.testing.assert_frame_equal(again.observations(*recent), world().observations(*recent))


@pytest.mark.slow
def test_names_and_stations_say_that_it_is_simulated():
    assert world().name == "simulated-1"
    assert is_simulated(world().name)
    assert list(station_table().columns) == list(STATION_COLUMNS)
    assert station_table()["note"].str.contains("simulated").all()
    assert len(SEOUL) == 25
    assert (station_table()["station"].str.startswith("cnemc:")).sum() == 12 + 4


def test_still_air_without_loss_stays_where_it_is():
    zero = np.zeros((1, CELLS))
    at, share = departure(Weather(zero, zero, zero, zero, zero, zero))
    air = np.random.default_rng(0).uniform(1, 100, CELLS)
    np.testing.assert_allclose((air[at[0]] * share[0]).sum(0), air)


def test_advection_makes_no_new_extremes():
    rng = np.random.default_rng(0)
    u, v, zero = rng.normal(0, 12, (20, CELLS)), rng.normal(0, 12, (20, CELLS)), np.zeros((20, CELLS))
    at, share = departure(Weather(u, v, zero, zero, zero, zero))
    air = rng.uniform(5, 50, CELLS)
    moved = (air[at] * share).sum(1)
    assert moved.min() >= air.min()
    assert moved.max() <= air.max() + 1e-9
    np.testing.assert_allclose(share.sum(1), 1)


def test_rain_cleans_and_moist_air_grows_particles():
    def air(rain, humidity):
        flat = np.zeros((1, CELLS))
        return Weather(flat, flat, flat, flat + 500, flat + rain, flat + humidity)

    assert (survival(air(2.0, 0.5)) < survival(air(0.0, 0.5))).all()
    assert (growth(air(0, 0.9)) > growth(air(0, 0.3))).all()
    assert (survival(air(0, 0.5)) < 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_levels_look_like_the_region(seed):
    w = world(seed)
    truth = w.truth().set_index("time")
    assert (truth > 0).all().all()
    assert (truth["seoul.pm10"] > truth["seoul.pm2p5"]).all()
    daily = days(w)
    winter, summer = daily[daily.index.month.isin([12, 1, 2])], daily[daily.index.month.isin([6, 7, 8])]
    assert 24 < winter["seoul"].mean() < 40
    assert 45 < winter["beijing"].mean() < 75
    assert summer["seoul"].mean() < 0.75 * winter["seoul"].mean()
    assert summer["beijing"].mean() < 0.75 * winter["beijing"].mean()
    assert 60 < winter["seoul"].max() < 200
    assert 120 < winter["beijing"].max() < 400
    spring = truth[truth.index.month.isin([3, 4, 5])]
    assert (spring["beijing.pm10"] - spring["beijing.pm2p5"]).max() > 200  # a dust outbreak


def test_seoul_follows_beijing_more_than_the_other_way_round():
    winter = days(world())[lambda d: d.index.month.isin([12, 1, 2])]
    after = winter["beijing"].corr(winter["seoul"].shift(-1))
    before = winter["beijing"].corr(winter["seoul"].shift(1))
    assert after > before + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5, 6])
def test_other_seeds_have_other_episodes(seed):
    w = world(seed)
    check_episode(w)
    assert w.end != world().end


def check_episode(w):
    """At the present Beijing's air has been bad for a day and Seoul's is turning; the worst lies ahead."""
    assert is_cycle(w.end)
    truth = w.truth().set_index("time")
    known = truth.loc[: w.end.replace(tzinfo=None) - timedelta(hours=1)]
    assert known["beijing.pm2p5"].tail(24).mean() >= 75
    assert known["seoul.pm2p5"].tail(6).mean() >= 0.75 * 50
    daily, today = days(w), local_date(w.end, "Asia/Seoul")
    assert (daily.loc[pd.Timestamp(today) - pd.Timedelta(days=2) :].iloc[:2]["seoul"] <= 50).all()
    ahead = daily.loc[pd.Timestamp(today) :].iloc[:2]
    assert ahead["seoul"].max() > 50
    assert ahead["beijing"].max() > 75
    begins = local_day_bounds(ahead.index[ahead["seoul"] > 50][0].date(), "Asia/Seoul")[1]
    assert begins - w.end >= timedelta(hours=6)


def test_the_present_is_the_eve_of_an_episode():
    check_episode(world())
    check_episode(world(2))
    assert world().end != world(2).end
    assert world().start == world().end - timedelta(days=730)


@pytest.mark.slow
def test_the_quiet_season_is_quiet():
    w = world(1, True)
    assert w.name == "simulated-1-quiet"
    today = pd.Timestamp(w.end.replace(tzinfo=None)).normalize()
    ahead = days(w).loc[today - pd.Timedelta(days=2) : today + pd.Timedelta(days=4)]
    assert (ahead["seoul"] < CALM_SEOUL).all()
    assert (ahead["beijing"] < CALM_BEIJING).all()


@pytest.mark.slow
def test_choosing_another_present_changes_nothing_that_was_measured():
    calm = world(1, True)
    assert calm.end < world().end
    for name, network in calm.networks.items():
        for quantity, readings in network.readings.items():
            np.testing.assert_array_equal(readings, world().networks[name].readings[quantity])


def test_instruments_fail_now_and_then():
    for network in world().networks.values():
        for readings in network.readings.values():
            silent = np.isnan(readings).mean()
            assert 0.003 < silent < 0.06
            there = readings[np.isfinite(readings)]
            assert (there == np.rint(there)).all()
            assert there.min() >= 1
        assert (network.delay_minutes > 60).mean() > 0.005


@pytest.fixture
def wire(tmp_path):
    """Everything the three services tell at an instant, taken in by the real feeds."""
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")

    def take_in(w, now, feeds=None):
        store = ObservationStore(tmp_path / "observations", ledger, lambda: now)
        store.append_stations(w.stations.assign(city=""), source="before", world=w.name)
        found = ingest_recent(w, store, now, tmp_path / "quarantine", feeds)
        return found, store.read(world=w.name, as_of=now + HOUR), store.stations(w.name)

    yield take_in
    ledger.close()


@pytest.mark.slow
def test_the_wire_gives_back_the_readings_and_nothing_else(wire):
    w, now = world(), world().end
    found, rows, _ = wire(w, now)
    assert {r.errors for r in found} == {()}
    start = now - (LAST_HOURS - 1) * HOUR
    rows = rows[rows["time"] > to_ns(start)]
    check_observations(rows)
    want = pd.concat([plain(w.observations(start, now)), plain(w.weather(start, now))]).sort_index()
    have = plain(rows)
    pd.testing.assert_series_equal(have, want[want.index.isin(have.index)], rtol=1e-12)
    late = want[~want.index.isin(have.index)].reset_index()
    for network in w.networks.values():
        where = {s: i for i, s in enumerate(network.stations)}
        for row in late[late["station"].isin(where)].itertuples():
            delay = network.delay_minutes[w.hour_at(row.time.to_datetime64()), where[row.station]]
            assert row.time + pd.Timedelta(minutes=int(delay)) > pd.Timestamp(now.replace(tzinfo=None))


@pytest.mark.parametrize("minutes", [0, 14, 16, 30, 59])
def test_nothing_is_published_before_its_time(minutes, wire):
    w = world()
    now = w.end + timedelta(minutes=minutes)
    found, *_ = wire(w, now)
    reports = [r for r in found if r.feed != "open_meteo.forecast"]
    newest = {r.source: r.newest for r in reports if r.newest is not None}
    assert set(newest) == {"airkorea", "cnemc", "open_meteo"}
    published = {"airkorea": 15, "cnemc": 20, "open_meteo": 10}
    asked_after = {"airkorea": 15, "cnemc": 25, "open_meteo": 15}
    for source, time in newest.items():
        assert time >= (w.end if minutes >= asked_after[source] else w.end - HOUR)
        assert time <= (w.end if minutes >= published[source] else w.end - HOUR)


def answered(w, source, operation, now, parameters=None):
    """What a service of a world sends at an instant."""
    return answer(published_of(w, now - 3 * 24 * HOUR, now), source, operation, now, parameters)


@pytest.mark.slow
def test_the_hourly_poll_shows_each_station_once_and_late_ones_an_hour_behind():
    w, now = world(), world().end + timedelta(minutes=30)

    def newest(payload):
        return airkorea.parse_measurements(payload).observations

    rows = newest(answered(w, "airkorea", "getCtprvnRltmMesureDnsty", now))
    assert not rows.duplicated(["station", "quantity"]).any()
    assert rows["time"].max() == to_ns(w.end)
    live = cnemc.parse_live(answered(w, "cnemc", "GetAllAQIPublishLive", now))
    assert len(live.stations) == 12 + 4
    assert (live.stations["city"] == "beijing").sum() == 11
    early = [
        time
        for then in (now - h * HOUR for h in range(200))
        for time in newest(answered(w, "airkorea", "getCtprvnRltmMesureDnsty", then))["time"].unique()
        if time < to_ns(then - HOUR / 2)
    ]
    assert early


@pytest.mark.slow
def test_stations_over_the_wire_are_the_stations_of_the_world(wire):
    w = world()
    whole_day = [
        replace(f, timing=replace(f.timing, step=HOUR)) if f.name == "airkorea.stations" else f
        for f in simulated_feeds()
    ]
    got = wire(w, w.end, whole_day)[2].set_index("station").sort_index()
    want = world().stations.set_index("station").sort_index()
    pd.testing.assert_frame_equal(got, want, check_dtype=False)


def test_a_province_shows_its_own_stations():
    def shown(**asked):
        payload = answered(world(), "airkorea", "getCtprvnRltmMesureDnsty", world().end, asked)
        return airkorea.parse_measurements(payload).observations["station"].unique()

    assert list(shown(sidoName="인천")) == ["airkorea:백령도"]
    assert len(shown(sidoName="전국")) == len(shown()) + 1


def test_a_wrong_operation_or_a_time_outside_is_a_usage_error():
    with pytest.raises(UsageError, match="no operation"):
        answered(world(), "airkorea", "getForecast", world().end)
    with pytest.raises(UsageError, match="outside"):
        answered(world(), "cnemc", "GetAllAQIPublishLive", world().end + timedelta(days=3650))
    long_ago = {"date": "2020-01-01 00:00:00"}
    assert answered(world(), "cnemc", "GetAQIHistoryByConditionHis", world().end, long_ago) == b"[]"


def spoiled(feeds, name, fetch):
    return [replace(feed, fetch=fetch(feed)) if feed.name == name else feed for feed in feeds]


@pytest.mark.slow
def test_one_bad_answer_goes_to_quarantine_and_the_rest_counts(wire, tmp_path):
    def fetch(feed):
        return lambda http, ask: b"<<<" if "중구" in ask.description else feed.fetch(http, ask)

    found, rows, _ = wire(world(), world().end, spoiled(simulated_feeds(), "airkorea.hourly", fetch))
    (error,) = [e for r in found for e in r.errors]
    assert error.source == "airkorea"
    assert [p.read_bytes() for p in (tmp_path / "quarantine").iterdir()] == [b"<<<"]
    rows = rows[rows["time"] < to_ns(world().end - 6 * HOUR)]
    read = {s for s in rows["station"] if s.startswith("airkorea:")}
    assert read == {s for s in world().stations["station"] if s.startswith("airkorea:")} - {"airkorea:중구"}


@pytest.mark.slow
def test_a_source_that_does_not_answer_is_reported(wire, tmp_path):
    def silent(http, ask):
        raise SourceUnavailable("airkorea", "no answer (Timeout)")

    found, rows, _ = wire(
        world(), world().end, spoiled(simulated_feeds(), "airkorea.hourly", lambda _: silent)
    )
    outcomes = {r.feed: r.outcome for r in found}
    assert outcomes["airkorea.hourly"] == "failed"
    assert outcomes["cnemc.hourly"] == "ok"
    assert not rows["station"].str.startswith("airkorea:").any()
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.slow
def test_history_and_the_last_day_meet_without_doubles(tmp_path):
    w = world()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    try:
        store = ObservationStore(tmp_path / "observations", ledger, lambda: w.end)
        given = ingest_history(w, store)
        assert given > 1_800_000
        got = ingest_recent(w, store, w.end, tmp_path / "quarantine")
        assert {r.errors for r in got} == {()}
        versions = store.versions(world=w.name, start=w.end - 72 * HOUR, end=w.end + 24 * HOUR)
        assert not versions.duplicated(KEYS).any()
        assert versions["time"].max() == to_ns(w.end - HOUR)
        before = len(versions)
        ingest_recent(w, store, w.end, tmp_path / "quarantine")
        again = store.versions(world=w.name, start=w.end - 72 * HOUR, end=w.end + 24 * HOUR)
        assert len(again) == before
        rows = plain(versions[versions["station"].str.startswith("cnemc:")])
        want = plain(w.observations(w.end - 72 * HOUR, w.end))
        assert rows.isin(want).all()
        assert (rows == want[rows.index]).all()
    finally:
        ledger.close()


def test_weather_points_are_those_asked_for():
    assert [p.id for p in open_meteo.POINTS[:2]] == ["seoul", "beijing"]
    rows = world().weather(world().end - 24 * HOUR, world().end)
    assert rows["station"].nunique() == len(open_meteo.POINTS)
    assert rows["quantity"].nunique() == 7
    assert (rows["qc"] == 0).all()
