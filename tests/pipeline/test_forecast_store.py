"""Forecast fields: nothing twice, nothing early, nothing half, and what comes out is what went in."""

import json
import os
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ContractError, StorageError
from pipeline.forecast_store import ForecastStore
from pipeline.ledger import open_ledger
from pipeline.previous_runs import ASSUMED_RUN_DELAY, earliest_known, forecast_as_known
from pipeline.times import to_ns
from pipeline.weather_schema import check_previous_runs, check_weather_forecast, valid_times
from tests.pipeline.weather_fields import point_forecast, previous

RUN = datetime(2025, 3, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEED = "made.forecast"


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock(RUN + 2 * HOUR)


@pytest.fixture
def store(tmp_path, clock):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield ForecastStore(tmp_path / "fields", ledger, clock)
    ledger.close()


def put(store, dataset, **more):
    return store.put(dataset, source=FEED, world="measured", **more)


def newest(store, when):
    return store.newest(FEED, "measured", when)


def test_what_comes_out_is_what_went_in(store, clock):
    before = point_forecast(RUN, base=3.0)
    assert put(store, before)
    after = newest(store, clock.now)
    xr.testing.assert_equal(check_weather_forecast(after), before)
    assert after["pm2p5"].attrs["units"] == "ug m-3"
    assert after["pm2p5"].attrs["standard_name"].startswith("mass_concentration_of_pm2p5")
    assert after.attrs["Conventions"].startswith("CF-")


def test_the_same_twice_is_stored_once(store):
    assert put(store, point_forecast(RUN))
    assert not put(store, point_forecast(RUN))
    assert len(store.listed("measured")) == 1
    assert store.put(point_forecast(RUN), source=FEED, world="simulated-5")  # another world is another matter


def test_a_reader_sees_what_had_been_received_then(store, clock):
    put(store, point_forecast(RUN, base=1))
    clock.now = RUN + 8 * HOUR
    put(store, point_forecast(RUN + 6 * HOUR, base=2))
    clock.now = RUN + 9 * HOUR
    put(store, point_forecast(RUN, base=3))  # an old run that came late is not the newest
    put(store, point_forecast(RUN + 6 * HOUR, base=4))  # but a corrected one is
    seen = [newest(store, RUN + n * HOUR) for n in (1, 2, 7, 8, 10)]
    assert seen[0] is None
    assert [float(f["pm2p5"][0, 0]) for f in seen[1:]] == [1, 1, 2, 4]
    read = store.reader(FEED, "measured")
    put(store, point_forecast(RUN + 12 * HOUR, base=5))  # a reader knows what was listed when it was made
    again = [read(RUN + n * HOUR) for n in (10, 8, 7, 2, 1)]
    assert again[-1] is None
    assert [float(f["pm2p5"][0, 0]) for f in again[:-1]] == [4, 2, 1, 1]


def test_a_listing_can_be_narrowed(store, clock):
    put(store, point_forecast(RUN))
    clock.now += 24 * HOUR
    put(store, point_forecast(RUN + 24 * HOUR))
    assert len(store.listed("measured", source=FEED)) == 2
    assert store.listed("measured", source="other") == []
    assert [s.reference_time for s in store.listed("measured", as_of=RUN + 23 * HOUR)] == [RUN]
    late = store.listed("measured", times=(RUN + 20 * HOUR, None))
    assert [s.reference_time for s in late] == [RUN + 24 * HOUR]
    assert store.listed("measured", times=(None, RUN - HOUR)) == []


def test_a_kill_between_file_and_listing_leaves_nothing_visible_and_can_be_repeated(store, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.forecast_store.next_receipt", killed)
        with pytest.raises(KeyboardInterrupt):
            put(store, point_forecast(RUN))
    assert store.listed("measured") == []
    assert put(store, point_forecast(RUN))
    assert newest(store, RUN + 3 * HOUR) is not None


def test_a_full_disk_is_a_storage_error_and_nothing_is_listed(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(StorageError, match="disk is full"):
            put(store, point_forecast(RUN))
    assert store.listed("measured") == []


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_a_lost_or_damaged_file_is_said(store, harm):
    put(store, point_forecast(RUN))
    [one] = store.listed("measured")
    path = store.root / one.path
    if harm == "lost":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(StorageError, match="restore"):
        newest(store, RUN + 3 * HOUR)


def test_the_listing_is_plain_json(store):
    put(store, point_forecast(RUN))
    [one] = store.listed("measured")
    assert json.loads(json.dumps(one.attributes))["kind"] == "forecast"
    assert (one.first_time, one.last_time) == (RUN, RUN + 5 * HOUR)


def no_reference(ds):
    return ds.drop_vars("forecast_reference_time")


def naive_reference(ds):
    return ds.assign_coords(forecast_reference_time=0)


def falling(ds):
    return ds.isel(forecast_period=slice(None, None, -1))


def fractional(ds):
    return ds.assign_coords(forecast_period=ds["forecast_period"] + 0.5)


def unknown(ds):
    return ds.rename(pm2p5="smog")


def unnamed_level(ds):
    return ds.rename(eastward_wind_aloft="eastward_wind")


def infinite(ds):
    return ds.assign(pm2p5=ds["pm2p5"] / 0.0)


def twice(ds):
    return ds.assign_coords(station=["made:a", "made:a"])


def placeless(ds):
    return ds.drop_vars("latitude")


def no_licence(ds):
    return ds.drop_attrs().assign_attrs(source="x", reference="run")


def unsaid(ds):
    return ds.assign_attrs(reference="guess")


def empty(ds):
    return ds.drop_vars(list(ds.data_vars))


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(
    "spoil",
    [
        no_reference,
        naive_reference,
        falling,
        fractional,
        unknown,
        unnamed_level,
        infinite,
        twice,
        placeless,
        no_licence,
        unsaid,
        empty,
    ],
)
def test_what_breaks_the_contract_is_refused(store, spoil):
    with pytest.raises(ContractError):
        put(store, spoil(point_forecast(RUN)))
    assert store.listed("measured") == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ds: ds.assign_coords(lead_day=[0, 1, 2]),
        lambda ds: ds.isel(time=slice(None, None, -1)),
        lambda ds: ds.drop_vars("time"),
        lambda ds: ds.transpose("time", ...),
    ],
)
def test_previous_runs_have_a_contract_too(spoil):
    with pytest.raises(ContractError):
        check_previous_runs(spoil(previous(RUN, 24)))


def test_previous_runs_need_to_say_when_they_were_known(store):
    with pytest.raises(ContractError, match="earliest_known"):
        put(store, previous(RUN, 24))


def test_previous_runs_are_read_as_the_forecast_of_that_time(store):
    for start in (RUN, RUN + 48 * HOUR):
        part = previous(start, 48)
        assert put(store, part, assumed_receipt=earliest_known(part))
    # 8 h after the start, day 1 reaches 24 - 8 = 16 h ahead, day 2 the next 24 h
    as_of = RUN + 8 * HOUR
    known = newest(store, as_of)
    assert known.attrs["reference"] == "as_of"
    assert known["forecast_period"].to_numpy().tolist()[:2] == [1, 2]
    days = known["wind_speed"].to_numpy()[:, 0] // 1000
    assert days.tolist() == [1] * 16 + [2] * 24 + [3] * 24
    assert newest(store, RUN - 10 * 24 * HOUR) is None


@given(
    minutes=st.integers(-3 * 24 * 60, 6 * 24 * 60),
    length=st.integers(1, 120),
    days=st.sets(st.integers(1, 7), min_size=1).map(sorted),
)
def test_previous_runs_never_tell_what_was_published_later(minutes, length, days):
    as_of = RUN + timedelta(minutes=minutes)
    known = forecast_as_known([previous(RUN, length, tuple(days))], as_of)
    if known is None:
        return
    times, value = valid_times(known), known["wind_speed"].to_numpy()[:, 0]
    published = (
        times - (value // 1000).astype(int) * np.timedelta64(24, "h") + np.timedelta64(ASSUMED_RUN_DELAY)
    )
    assert (published <= to_ns(as_of)).all()
    assert (times > to_ns(as_of) - np.timedelta64(1, "h")).all()
    np.testing.assert_array_equal(times - to_ns(RUN), (value % 1000).astype(int) * np.timedelta64(1, "h"))


def test_of_previous_runs_imported_twice_the_later_import_counts():
    one, two = previous(RUN, 48), previous(RUN, 48) + 0.5
    two.attrs = one.attrs
    known = forecast_as_known([one, two], RUN)
    assert set((known["wind_speed"].to_numpy() % 1).ravel()) == {0.5}
