"""The simulated world: physics holds, instruments fail, services tell nothing of the future."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest import airkorea, cnemc, open_meteo
from ingest.simulated import ingest_history, ingest_recent, make_world, simulated_sources
from ingest.simulated.grid import CELLS
from ingest.simulated.network import SEOUL, station_table
from ingest.simulated.scenario import CALM_BEIJING, CALM_SEOUL, day_means
from ingest.simulated.synoptic import Weather
from ingest.simulated.transport import departure, growth, survival
from ingest.sources import collect
from ingest.wire import Parsed
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


def test_the_same_seed_gives_the_same_world_to_the_last_digit():
    again = make_world(1)
    assert again.end == world().end
    pd.testing.assert_frame_equal(again.truth(), world().truth())
    recent = again.end - 48 * HOUR, again.end
    pd.testing.assert_frame_equal(again.observations(*recent), world().observations(*recent))


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


def test_the_quiet_season_is_quiet():
    w = world(1, True)
    assert w.name == "simulated-1-quiet"
    today = pd.Timestamp(w.end.replace(tzinfo=None)).normalize()
    ahead = days(w).loc[today - pd.Timedelta(days=2) : today + pd.Timedelta(days=4)]
    assert (ahead["seoul"] < CALM_SEOUL).all()
    assert (ahead["beijing"] < CALM_BEIJING).all()


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


def through_the_wire(w, now):
    """Everything the three services tell at an instant, read by the parsers."""
    return [collect(s, now, Path("unused")) for s in simulated_sources(w)]


def test_the_wire_gives_back_the_readings_and_nothing_else():
    w, now = world(), world().end
    got = through_the_wire(w, now)
    assert [c.errors for c in got] == [(), (), ()]
    start = now - 24 * HOUR
    rows = pd.concat([c.observations for c in got])
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
def test_nothing_is_published_before_its_time(minutes):
    w = world()
    now = w.end + timedelta(minutes=minutes)
    newest = {c.source: c.observations["time"].max() for c in through_the_wire(w, now)}
    due = {"airkorea": 15, "cnemc": 20, "open_meteo": 10}
    for source, time in newest.items():
        expected = w.end if minutes >= due[source] else w.end - HOUR
        assert time == to_ns(expected)


def test_the_hourly_poll_shows_each_station_once_and_late_ones_an_hour_behind():
    w, now = world(), world().end + timedelta(minutes=30)
    rows = airkorea.parse_measurements(w.answer("airkorea", "getCtprvnRltmMesureDnsty", now)).observations
    assert not rows.duplicated(["station", "quantity"]).any()
    assert rows["time"].max() == to_ns(w.end)
    live = cnemc.parse_live(w.answer("cnemc", "GetAllAQIPublishLive", now))
    assert len(live.stations) == 12 + 4
    assert (live.stations["city"] == "beijing").sum() == 11
    early = [
        t
        for h in range(200)
        for t in airkorea.parse_measurements(w.answer("airkorea", "getCtprvnRltmMesureDnsty", now - h * HOUR))
        .observations["time"]
        .unique()
        if t < to_ns(w.end - h * HOUR)
    ]
    assert early


def test_stations_over_the_wire_are_the_stations_of_the_world():
    got = (
        pd.concat([c.stations for c in through_the_wire(world(), world().end)])
        .set_index("station")
        .sort_index()
    )
    want = world().stations.set_index("station").sort_index()
    pd.testing.assert_frame_equal(got, want, check_dtype=False)


def test_a_province_shows_its_own_stations():
    def shown(**asked):
        payload = world().answer("airkorea", "getCtprvnRltmMesureDnsty", world().end, asked)
        return airkorea.parse_measurements(payload).observations["station"].unique()

    assert list(shown(sidoName="인천")) == ["airkorea:백령도"]
    assert len(shown(sidoName="전국")) == len(shown()) + 1


def test_a_wrong_operation_or_a_time_outside_is_a_usage_error():
    with pytest.raises(UsageError, match="no operation"):
        world().answer("airkorea", "getForecast", world().end)
    with pytest.raises(UsageError, match="outside"):
        world().answer("cnemc", "GetAllAQIPublishLive", world().end + timedelta(days=3650))
    assert (
        world().answer("cnemc", "GetAQIHistoryByConditionHis", world().end, {"date": "2020-01-01 00:00:00"})
        == b"[]"
    )


class Broken:
    """A source whose answers are partly rubbish, or that does not answer."""

    name, networks, expected_delay = "airkorea", ("airkorea",), timedelta(minutes=20)

    def __init__(self, good, silent):
        self.good, self.silent = good, silent

    def fetch(self, now):
        if self.silent:
            raise SourceUnavailable("airkorea", "no answer (Timeout)")
        answers = self.good.fetch(now)
        spoiled = type(answers[1])("airkorea", b"<<<", "spoiled", now)
        return [*answers[:3], spoiled]

    def parse(self, answer) -> Parsed:
        return self.good.parse(answer)


def test_one_bad_answer_goes_to_quarantine_and_the_rest_counts(tmp_path):
    good = simulated_sources(world())[0]
    got = collect(Broken(good, silent=False), world().end, tmp_path)
    assert got.observations["station"].nunique() == 2
    assert len(got.errors) == 1
    raw = got.quarantined[0]
    assert raw.read_bytes() == b"<<<"
    assert '"description": "spoiled"' in raw.with_suffix(".json").read_text()
    assert not list(tmp_path.glob(".*"))


def test_a_source_that_does_not_answer_is_reported(tmp_path):
    got = collect(Broken(simulated_sources(world())[0], silent=True), world().end, tmp_path)
    assert len(got.observations) == 0
    assert isinstance(got.errors[0], SourceUnavailable)
    assert not list(tmp_path.iterdir())


def test_history_and_the_last_day_meet_without_doubles(tmp_path):
    w = world()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    try:
        store = ObservationStore(tmp_path / "observations", ledger, lambda: w.end)
        given = ingest_history(w, store)
        assert given > 1_800_000
        got = ingest_recent(w, store, w.end, tmp_path / "quarantine")
        assert [c.errors for c in got] == [(), (), ()]
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
