"""The simulated weather service foretells: with growing error, nothing known later, read by the real feed."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import open_meteo
from ingest.open_meteo_forecast import LEVELS, parse_forecast, weather_fields
from ingest.open_meteo_points import WEATHER_POINTS
from ingest.simulated import ingest_recent, make_world
from ingest.simulated.aloft import LEVELS as WORLD_LEVELS
from ingest.simulated.aloft import heights, winds_aloft
from ingest.simulated.analysed_winds import analysed_winds
from ingest.simulated.analysis import SURFACE_SHARE
from ingest.simulated.forecast_error import draws, size, wind_error
from ingest.simulated.predicted import predicted
from ingest.simulated.previous_winds import COUNT, quarters, spread_points, store_previous_winds
from ingest.simulated.service_forecast import forecast_fields, newest_run
from ingest.simulated.synoptic import weather
from ingest.simulated.twin import twin_session
from ingest.simulated.world import climate_of
from pipeline.errors import UsageError
from pipeline.forecast_store import ForecastStore
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.previous_runs import ASSUMED_RUN_DELAY, forecast_as_known
from pipeline.times import HOUR, from_ns, to_ns
from pipeline.weather_schema import check_previous_runs, check_weather_forecast

URL = "https://api.open-meteo.com/v1/forecast"
WHERE = np.array([38.0, 35.0, 41.0]), np.array([118.0, 122.0, 126.0])


@cache
def world(seed=1):
    return make_world(seed)


def asked(points, **more):
    return {
        "latitude": ",".join(str(p.latitude) for p in points),
        "longitude": ",".join(str(p.longitude) for p in points),
        "timezone": "GMT",
        "wind_speed_unit": "ms",
        **more,
    }


def errors(lead, seed=1, runs=240):
    """Vector error of the mixed-layer wind at WHERE, of runs two days apart over the three years."""
    climate = climate_of(seed)
    run = 1000 + 96 * np.arange(runs)
    told = predicted(climate, seed, run + lead, run, *WHERE)
    came = predicted(climate, seed, run + lead, run + lead, *WHERE)
    return np.hypot(told.u - came.u, told.v - came.v)


def test_the_error_grows_with_the_lead_and_then_no_more():
    rms = [np.sqrt((errors(lead) ** 2).mean()) for lead in (6, 24, 48, 72, 120)]
    assert rms == sorted(rms)
    assert 1.0 < rms[1] < 3.5
    assert 1.5 * rms[1] < rms[3]
    assert rms[4] < 8


@pytest.mark.parametrize("lead", [0, 24, 96])
def test_waves_of_the_error_have_the_documented_size(lead):
    runs = np.arange(4000) * 6
    random = draws(3, runs, 1)
    parts = wind_error(random, np.full(4000, float(lead)), *WHERE)
    for part in parts[:2]:
        assert part.std() == pytest.approx(float(size(np.array(float(lead)))), rel=0.05)
        assert abs(part.mean()) < 0.1
    assert parts[2].std() == pytest.approx(1, rel=0.05)


@given(run=st.integers(100, 20_000), seed=st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_a_forecast_knows_nothing_that_is_drawn_for_later_hours(run, seed):
    """All noise after the start of the run is replaced; the forecast does not change by a digit."""
    run = run // 6 * 6
    climate = climate_of(seed)
    later = np.arange(len(climate.slow_u)) > run
    noise = np.random.default_rng(run).normal(0, 5, len(later))
    other = replace(
        climate,
        slow_u=np.where(later, noise, climate.slow_u),
        slow_v=np.where(later, -noise, climate.slow_v),
        moisture=np.where(later, noise, climate.moisture),
    )
    valid = np.arange(run - 24, run + 120)
    one, two = (forecast_fields(c, seed, valid, run, WHERE) for c in (climate, other))
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])


def test_what_a_run_says_of_a_place_does_not_depend_on_what_else_is_asked():
    climate, valid = climate_of(2), np.arange(3000, 3040)
    both = forecast_fields(climate, 2, valid, 3000, WHERE)
    alone = forecast_fields(climate, 2, valid, 3000, (WHERE[0][1:2], WHERE[1][1:2]))
    for name, values in both.items():
        np.testing.assert_array_equal(values[:, 1:2], alone[name])


def test_runs_err_differently_and_each_always_alike():
    climate, valid = climate_of(1), np.array([5000])
    one, again, other = (predicted(climate, 1, valid, np.array([r]), *WHERE).u for r in (4952, 4952, 4946))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.05


def test_without_lead_it_is_the_weather_of_the_world_but_for_the_analysis_error():
    hours = np.arange(4000, 4400)
    found = weather(climate_of(1), 4000, 4400)
    at = [8 * 25 + 10, 5 * 25 + 14, 11 * 25 + 18]
    told = predicted(climate_of(1), 1, hours, hours, *WHERE)
    for name in ("u", "v"):
        difference = getattr(told, name) - getattr(found, name)[:, at]
        assert np.sqrt((difference**2).mean()) == pytest.approx(float(size(np.zeros(1))[0]), rel=0.3)


def test_winds_veer_and_strengthen_with_height():
    u, v = np.zeros((1, 1)), np.full((1, 1), -5.0)
    east, north = winds_aloft(u, v, np.array([38.0]), np.zeros(1))
    speed = np.hypot(east, north)[0, :, 0]
    assert (np.diff(speed) > 0).all()
    still = winds_aloft(u, 0 * v, np.array([38.0]), np.ones(1))[0][0, :, 0]
    turned = np.degrees(np.arctan2(-(east[0, 2, 0]), -north[0, 2, 0]))
    assert speed[0] == pytest.approx(5, rel=0.1)
    assert turned < 0  # a north wind turns to the north-west ... or on to the west above
    assert still[0] == 0 < still[1] < still[2] < still[3]


def test_levels_lie_where_hypsometry_puts_them():
    """Of two levels the thickness is R T / g ln(p1 / p2), T at the middle of the layer."""
    temperature, pressure = np.array([[280.0]]), np.array([[1020.0]])
    z = heights(pressure, temperature)[0, :, 0]
    middle = 280.0 - 0.0065 * (z[0] + z[1]) / 2
    assert z[1] - z[0] == pytest.approx(287.0 * middle / 9.81 * np.log(925 / 850), rel=1e-3)


def test_the_service_has_the_levels_that_the_feed_asks():
    assert WORLD_LEVELS == LEVELS


@pytest.mark.slow
def test_the_real_parser_reads_any_point_and_every_field():
    now = world().end + timedelta(minutes=19)
    reference = world().end - HOUR
    query = asked(WEATHER_POINTS, hourly=",".join(weather_fields()), forecast_days="6")
    with twin_session(world(), lambda: now) as session:
        payload = session.get(URL, params=query).content
    (found,) = parse_forecast(payload, reference).forecasts
    check_weather_forecast(found)
    assert found.sizes["station"] == len(WEATHER_POINTS)
    assert not any(bool(v.isnull().any()) for v in found.data_vars.values())
    assert int(found["forecast_period"][-1]) >= 96
    aloft = np.hypot(found["eastward_wind_aloft"], found["northward_wind_aloft"]).mean(
        ["forecast_period", "station"]
    )
    assert (np.diff(aloft) > 0).all()
    # The weather near the ground fits what is published of the past: air 10 m above is part of the layer.
    assert 150 < float(found["atmosphere_boundary_layer_thickness"].mean()) < 1500
    assert (found["dew_point_temperature"] <= found["air_temperature"] + 0.11).all()


@pytest.mark.slow
def test_published_hours_are_as_published_and_hours_ahead_are_foretold():
    now = world().end + timedelta(minutes=30)
    query = asked(open_meteo.POINTS, hourly="wind_speed_10m,wind_speed_850hPa", forecast_days="2")
    with twin_session(world(), lambda: now) as session:
        answers = json.loads(session.get(URL, params=query).content)
    hours = answers[0]["hourly"]["time"]
    past = [i for i, text in enumerate(hours) if np.datetime64(text, "ns") <= to_ns(world().end)]
    at = world().hour_at(to_ns(world().end))
    printed = world().printed["wind_speed_10m"][at - len(past) + 1 : at + 1, 0]
    assert answers[0]["hourly"]["wind_speed_10m"][: len(past)] == printed.tolist()
    assert None not in answers[0]["hourly"]["wind_speed_10m"]
    assert None not in answers[3]["hourly"]["wind_speed_850hPa"]


def test_an_hour_that_is_not_yet_published_is_null_where_it_will_be():
    now = world().end + timedelta(minutes=5)
    query = asked(open_meteo.POINTS[:1], hourly="temperature_2m", forecast_days="1")
    with twin_session(world(), lambda: now) as session:
        hourly = json.loads(session.get(URL, params=query).content)["hourly"]
    cells = dict(zip(hourly["time"], hourly["temperature_2m"], strict=True))
    assert cells[f"{world().end:%Y-%m-%dT%H:%M}"] is None
    assert cells[f"{world().end + HOUR:%Y-%m-%dT%H:%M}"] is not None


def test_a_run_is_used_once_it_can_be_there():
    for hour in range(4, 100):
        run = newest_run(hour)
        assert run % 6 == 0
        assert 4 <= hour - run < 10


@pytest.fixture
def stores(tmp_path):
    w = world()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield (
        ObservationStore(tmp_path / "observations", ledger, lambda: w.end + HOUR / 3),
        ForecastStore(tmp_path / "forecasts", ledger, lambda: w.end + HOUR / 3),
    )
    ledger.close()


@pytest.mark.slow
def test_the_feed_takes_the_forecast_into_the_store_labelled_simulated(stores, tmp_path):
    observations, forecasts = stores
    now = world().end + HOUR / 3
    found = ingest_recent(world(), observations, now, tmp_path / "quarantine", forecasts=forecasts)
    (report,) = [r for r in found if r.feed == "open_meteo.forecast"]
    assert (report.outcome, report.answers, report.errors) == ("ok", 1, ())
    (listed,) = forecasts.listed(world().name)
    assert listed.source == "open_meteo.forecast"
    assert listed.reference_time <= now
    dataset = forecasts.newest(listed.source, world().name, now + HOUR / 60)
    assert "simulated" in dataset.attrs["source"]
    assert "eastward_wind_aloft" in dataset


@pytest.mark.slow
def test_history_holds_what_earlier_runs_had_said_of_the_winds(stores):
    _, forecasts = stores
    w = world()
    assert store_previous_winds(w, forecasts) == len(forecasts.listed(w.name)) == 9
    assert store_previous_winds(w, forecasts) == 0
    files = forecasts.listed(w.name)
    assert max(f.last_time for f in files) <= w.end
    assert all("simulated" in forecasts.read(f).attrs["source"] for f in files[:2])
    assert sum((forecasts.root / f.path).stat().st_size for f in files) < 30e6
    at = w.end - 40 * 24 * HOUR + 3 * HOUR
    known = forecasts.newest("open_meteo.previous_runs", w.name, at)
    assert float(known["forecast_period"].max()) <= 96


def test_earlier_runs_err_more_the_earlier_they_are():
    part = next(iter(quarters(world())))
    check_previous_runs(part)
    assert part.sizes["station"] == COUNT
    now = predicted(
        world().climate,
        1,
        (at := np.array([world().hour_at(t) for t in part["time"].to_numpy()])),
        at,
        part["latitude"].to_numpy(),
        part["longitude"].to_numpy(),
    )
    said = part["eastward_wind"].transpose("lead_day", "time", "station").to_numpy()
    rms = np.sqrt(((said - SURFACE_SHARE * now.u) ** 2).mean(axis=(1, 2)))
    assert (np.diff(rms) > 0).all()


def test_a_hindcast_sees_only_runs_that_were_published():
    parts = iter(quarters(world()))
    next(parts)
    part = next(parts)
    as_of = from_ns(part["time"].to_numpy()[20]) + HOUR
    told = forecast_as_known([part], as_of)
    valid = as_of.replace(minute=0) + int(told["forecast_period"][0]) * HOUR
    lead = -(-(valid - as_of + ASSUMED_RUN_DELAY) // timedelta(days=1))
    want = part.sel(lead_day=lead, time=to_ns(valid))["eastward_wind_aloft"]
    np.testing.assert_array_equal(told["eastward_wind_aloft"][0], want)


def test_points_of_history_are_spread_and_hold_both_cities():
    points = spread_points()
    assert len({p.id for p in points}) == COUNT
    assert [p.id for p in points[:2]] == ["seoul", "beijing"]
    assert set(points) <= set(WEATHER_POINTS)


def test_analysed_winds_are_winds_and_stop_at_the_simulated_hours():
    w = world()
    found = analysed_winds(1, w.end - 48 * HOUR, w.end)
    assert found.attrs["kind"] == "analysis"
    assert "simulated" in found.attrs["source"]
    assert (np.diff(found["geopotential_height"].mean(["time", "latitude", "longitude"])) > 0).all()
    with pytest.raises(UsageError, match="analyses reach"):
        analysed_winds(1, w.end, w.end + 3000 * HOUR)
