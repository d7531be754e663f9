"""Open-Meteo's feeds against the fake: what is asked, what is stored, what forecasts hold and do not hold."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest import open_meteo, open_meteo_forecast
from ingest.open_meteo_forecast import LEVELS, parse_cams, parse_forecast
from ingest.open_meteo_history import (
    LEAD_DAYS,
    get_previous_runs,
    get_single_run,
    parse_previous_runs,
    parse_single_run,
)
from ingest.open_meteo_points import FORECAST_POINTS, NEAR_KM, POINTS, WEATHER_POINTS
from ingest.open_meteo_stand_ins import FEEDS, STAND_INS, stand_ins
from ingest.simulated.published import Published
from ingest.storing import Intake
from pipeline.cities import all_cities
from pipeline.errors import BadPayload, SourceError
from pipeline.forecast_store import ForecastStore
from pipeline.surroundings import all_places
from pipeline.times import from_ns, to_ns
from pipeline.weather_schema import check_weather_forecast, valid_times
from tests.fakes.open_meteo import OpenMeteoFake, forecast_value, point
from tests.ingest.source_rounds import rounds
from tests.ingest.toy_source import Clock

HOUR = timedelta(hours=1)
START = datetime(2025, 3, 10, tzinfo=UTC)
CITIES = POINTS[:2]


def analyses(hours=96):
    """Temperatures of all points, published ten minutes after the hour."""
    times = to_ns(START) + np.arange(hours) * np.timedelta64(1, "h")
    rows = pd.DataFrame(
        [
            (f"open_meteo:{p.id}", "air_temperature", t, 273.15 + n % 24 + at, np.int8(0))
            for at, p in enumerate(POINTS)
            for n, t in enumerate(times)
        ],
        columns=["station", "quantity", "time", "value", "qc"],
    )
    rows["time"] = rows["time"].astype("datetime64[ns]")
    stations = pd.DataFrame([open_meteo.point_station(p) for p in POINTS])
    return Published(rows.assign(published_at=rows["time"] + pd.Timedelta(minutes=10)), stations)


@pytest.fixture
def clock():
    return Clock(START + timedelta(days=2, hours=13, minutes=27))


@pytest.fixture
def asking(tmp_path, clock):
    fake = OpenMeteoFake(analyses(), clock)
    with rounds(tmp_path, open_meteo, fake, clock, SecretStr("")) as found:
        intake = found.intake
        fields = ForecastStore(tmp_path / "fields", intake.ledger, clock)
        found.intake = Intake(intake.store, intake.world, intake.quarantine_dir, fields)
        yield found


def stored(asking):
    return asking.intake.store.read(world=asking.intake.world, as_of=asking.intake.clock() + HOUR)


def test_the_analysis_is_asked_once_and_then_only_for_what_is_new(asking, clock):
    asking.collect("open_meteo.weather")
    [(_, query)] = asking.calls()
    assert (query["wind_speed_unit"], query["timezone"], query["past_days"]) == ("ms", "GMT", "3")
    assert query["latitude"].split(",")[0] == "37.5665"
    rows = stored(asking)
    hours = int((clock.now - START) / HOUR) + 1
    assert len(rows) == len(POINTS) * hours
    first = rows[(rows["station"] == "open_meteo:seoul") & (rows["time"] == to_ns(START + 5 * HOUR))]
    assert first["value"].tolist() == pytest.approx([273.15 + 5])
    assert asking.collect("open_meteo.weather")["open_meteo.weather"].outcome == "idle"
    clock.now += HOUR
    report = asking.collect("open_meteo.weather")["open_meteo.weather"]
    assert [q["past_days"] for _, q in asking.calls()] == ["1"]
    assert report.rows == len(POINTS)


def test_after_an_outage_all_hours_come_in_one_request(asking, clock):
    asking.collect("open_meteo.weather")
    asking.calls()
    clock.now += 26 * HOUR
    asking.collect("open_meteo.weather")
    assert [q["past_days"] for _, q in asking.calls()] == ["1"]
    times = stored(asking)["time"].unique()
    assert len(times) == int((clock.now - START) / HOUR) + 1


@pytest.mark.slow
def test_forecasts_are_stored_as_they_were_known(asking, clock):
    reports = asking.collect("open_meteo.forecast", "open_meteo.cams")
    assert [r.outcome for r in reports.values()] == ["ok", "ok"]
    store = asking.intake.forecasts
    weather = store.newest("open_meteo.forecast", asking.intake.world, clock.now + HOUR)
    cams = store.newest("open_meteo.cams", asking.intake.world, clock.now + HOUR)
    day = START + timedelta(days=2)
    assert from_ns(weather["forecast_reference_time"].to_numpy()) == day + 13 * HOUR
    assert from_ns(cams["forecast_reference_time"].to_numpy()) == day + 10 * HOUR
    assert from_ns(valid_times(weather)[-1]) == day + timedelta(days=6) - HOUR
    assert store.newest("open_meteo.cams", asking.intake.world, clock.now - HOUR) is None
    assert asking.collect("open_meteo.forecast")["open_meteo.forecast"].outcome == "idle"


@pytest.mark.slow
def test_a_forecast_that_was_missed_is_gone_for_good(asking, clock):
    asking.collect("open_meteo.forecast")
    clock.now += 13 * HOUR
    report = asking.collect("open_meteo.forecast")["open_meteo.forecast"]
    day = START + timedelta(days=2)
    assert [hour for _, hour in report.lost] == [day + 19 * HOUR]
    assert report.newest == day + 25 * HOUR


@pytest.mark.slow
def test_values_of_a_forecast_in_our_units(asking, clock):
    asking.collect("open_meteo.forecast", "open_meteo.cams")
    world, later = asking.intake.world, clock.now + HOUR
    weather = asking.intake.forecasts.newest("open_meteo.forecast", world, later)
    cams = asking.intake.forecasts.newest("open_meteo.cams", world, later)
    place = FORECAST_POINTS[9]
    lead = 7
    when = from_ns(valid_times(weather)[lead])
    at = weather.sel(station=f"open_meteo:{place.id}").isel(forecast_period=lead)

    def told(field):
        return forecast_value(field, place.latitude, place.longitude, when)

    close = {"rel": 1e-6}
    assert float(at["air_temperature"]) == pytest.approx(273.15 + told("temperature_2m"), **close)
    assert float(at["surface_air_pressure"]) == pytest.approx(100 * told("surface_pressure"), **close)
    assert float(at["cloud_area_fraction"]) == pytest.approx(told("cloud_cover") / 100, **close)
    assert float(at["atmosphere_boundary_layer_thickness"]) == pytest.approx(told("boundary_layer_height"))
    for level in LEVELS:
        speed, angle = told(f"wind_speed_{level}hPa") / 3.6, np.radians(told(f"wind_direction_{level}hPa"))
        aloft = at.sel(level=level)
        assert float(aloft["eastward_wind_aloft"]) == pytest.approx(-speed * np.sin(angle), abs=1e-5)
        assert float(aloft["northward_wind_aloft"]) == pytest.approx(-speed * np.cos(angle), abs=1e-5)
        height = float(aloft["geopotential_height_aloft"])
        assert height == pytest.approx(told(f"geopotential_height_{level}hPa"), **close)
    when = from_ns(valid_times(cams)[lead])
    air = cams.sel(station=f"open_meteo:{place.id}").isel(forecast_period=lead)
    assert float(air["pm2p5"]) == pytest.approx(told("pm2_5"), **close)
    assert float(air["dust"]) == pytest.approx(told("dust"), **close)
    assert float(air["aerosol_optical_depth"]) == pytest.approx(told("aerosol_optical_depth"), **close)


def answer(fields=None, hours=6, edit=None, places=CITIES):
    """An answer of two cities, six hours from midnight."""
    fields = fields or dict.fromkeys(open_meteo_forecast.weather_fields(), "")
    fake = OpenMeteoFake(analyses(), lambda: START)
    params = {
        "hourly": ",".join(fields),
        "latitude": ",".join(str(p.latitude) for p in places),
        "longitude": ",".join(str(p.longitude) for p in places),
        "wind_speed_unit": "ms",
        "forecast_days": "1",
    }
    path = "/v1/air-quality" if "pm2_5" in fields else "/v1/forecast"
    content = json.loads(fake.answer("GET", path, params, {}, {}).body)
    for one in content:
        one["hourly"] = {name: cells[:hours] for name, cells in one["hourly"].items()}
    if edit is not None:
        edit(content)
    return json.dumps(content).encode()


def only(parsed):
    [forecast] = parsed.forecasts
    return check_weather_forecast(forecast)


def test_hours_before_the_reference_time_are_no_forecast():
    forecast = only(parse_forecast(answer(), START + 2 * HOUR, CITIES))
    assert forecast["forecast_period"].to_numpy().tolist() == [0, 1, 2, 3]


def test_what_is_null_or_cannot_be_is_missing_and_a_variable_without_values_is_left_out():
    def edit(content):
        for one in content:
            one["hourly"]["boundary_layer_height"] = [None] * 6
        content[0]["hourly"]["precipitation"][1:3] = [None, -3.0]
        content[1]["hourly"]["temperature_2m"][0] = 999.0

    forecast = only(parse_forecast(answer(edit=edit), START, CITIES))
    assert "atmosphere_boundary_layer_thickness" not in forecast
    rain = forecast["precipitation_amount"].to_numpy()[:, 0]
    assert np.isnan(rain).tolist() == [False, True, True, False, False, False]
    assert np.isnan(forecast["air_temperature"][0, 1])


def shifted(content):
    content[1]["hourly"]["time"] = [t.replace("03-10", "03-11") for t in content[1]["hourly"]["time"]]


def silent(content):
    for one in content:
        one["hourly"] = {n: c if n == "time" else [None] * 6 for n, c in one["hourly"].items()}


def no_level(content):
    del content[0]["hourly"]["wind_speed_700hPa"]


def feet(content):
    content[0]["hourly_units"]["geopotential_height_500hPa"] = "ft"


@pytest.mark.parametrize(
    ("edit", "says"),
    [(shifted, "different times"), (silent, "no value"), (no_level, "700hPa"), (feet, "'ft'")],
)
def test_a_forecast_that_does_not_fit_is_refused_by_name(edit, says):
    with pytest.raises(BadPayload, match=says):
        parse_forecast(answer(edit=edit), START, CITIES)


def test_micrograms_are_understood_with_either_letter():
    for letter in ("μ", "µ"):

        def edit(content, letter=letter):
            for one in content:
                one["hourly_units"]["pm2_5"] = f"{letter}g/m³"

        fields = dict.fromkeys(open_meteo_forecast.COMPOSITION, "")
        assert "pm2p5" in only(parse_cams(answer(fields, edit=edit), START, CITIES))


def test_previous_runs_say_what_had_been_forecast_so_many_days_before(asking, clock):
    first, last = START - timedelta(days=3), START
    payload = get_previous_runs(asking.http, first, last, asking.served.url)
    runs = parse_previous_runs(payload, first, last)
    assert runs["lead_day"].to_numpy().tolist() == list(LEAD_DAYS)
    assert runs.sizes["time"] == 72
    place = FORECAST_POINTS[0]
    for day in LEAD_DAYS:
        got = float(runs["air_temperature"].sel(lead_day=day)[10, 0])
        want = forecast_value("temperature_2m", place.latitude, place.longitude, first + 10 * HOUR, day)
        assert got == pytest.approx(273.15 + want)
    [(_, query)] = asking.calls()
    assert (query["start_date"], query["end_date"]) == ("2025-03-07", "2025-03-09")


def test_previous_runs_of_a_time_before_there_were_any_are_refused(asking):
    first = datetime(2023, 12, 1, tzinfo=UTC)
    payload = get_previous_runs(asking.http, first, first + timedelta(days=1), asking.served.url)
    with pytest.raises(BadPayload, match="no previous runs"):
        parse_previous_runs(payload, first, first + timedelta(days=1))


def test_a_single_run_counts_its_leads_from_its_start(asking):
    run = START - timedelta(days=5)
    forecast = parse_single_run(get_single_run(asking.http, run, asking.served.url), run)
    assert forecast.attrs["reference"] == "run"
    assert forecast["forecast_period"].to_numpy().tolist() == list(range(6 * 24))
    assert "eastward_wind_aloft" in forecast


PARSERS = {
    "weather": lambda payload: open_meteo.parse_weather(payload, START + 3 * HOUR, CITIES),
    "forecast": lambda payload: parse_forecast(payload, START, CITIES),
    "cams": lambda payload: parse_cams(payload, START, CITIES),
    "previous": lambda payload: parse_previous_runs(payload, START, START + 6 * HOUR, CITIES),
}
SEEDS = [answer(), answer(dict.fromkeys(open_meteo_forecast.COMPOSITION, "")), b"[]", b"{}", b"null"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoiled(draw):
    """An answer with one part replaced by any JSON whatever."""
    content = json.loads(draw(st.sampled_from(SEEDS[:2])))
    one = content[draw(st.integers(0, 1))]
    node, name = draw(
        st.sampled_from(
            [(one, n) for n in one] + [(one["hourly"], n) for n in one["hourly"]]
            + [(one["hourly_units"], n) for n in one["hourly_units"]]
        )
    )  # fmt: skip
    value = draw(JSON)
    if isinstance(node[name], list) and draw(st.booleans()):
        node[name][draw(st.integers(0, len(node[name]) - 1))] = value
    else:
        node[name] = value
    return json.dumps(content).encode()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PARSERS))
@settings(max_examples=150)
@given(
    payload=st.binary(max_size=60)
    | st.sampled_from(SEEDS)
    | spoiled()
    | JSON.map(lambda x: json.dumps(x).encode())
)
def test_no_bytes_raise_anything_but_our_errors(name, payload):
    with suppress(SourceError):
        PARSERS[name](payload)


def test_the_fake_writes_points_as_the_service_does():
    one = point((37.5, 127.0), {"wind_speed_10m": ""}, [START], True, lambda *_: True)
    assert one["hourly_units"]["wind_speed_10m"] == "m/s"
    assert one["hourly"]["time"] == ["2025-03-10T00:00"]


def stand_in_weather(hours=96):
    """Weather at the places of the weather stations."""
    times = to_ns(START) + np.arange(hours) * np.timedelta64(1, "h")
    values = {
        "air_temperature": 273.15 + 4,
        "relative_humidity": 0.55,
        "wind_speed": 3.25,
        "wind_from_direction": 290.0,
        "air_pressure_at_mean_sea_level": 102_310.0,
        "surface_air_pressure": 98_760.0,
        "cloud_area_fraction": 0.3,
    }
    points = [s.point for s in STAND_INS]
    rows = pd.DataFrame(
        [
            (f"open_meteo:{p.id}", quantity, t, value, np.int8(0))
            for p in points
            for quantity, value in values.items()
            for t in times
        ],
        columns=["station", "quantity", "time", "value", "qc"],
    )
    rows["time"] = rows["time"].astype("datetime64[ns]")
    stations = pd.DataFrame([open_meteo.point_station(p) for p in points])
    return values, Published(rows.assign(published_at=rows["time"] + pd.Timedelta(minutes=10)), stations)


@pytest.mark.slow
def test_analyses_stand_in_for_stations_in_the_units_and_names_of_their_reports(tmp_path, clock):
    values, published = stand_in_weather()
    fake = OpenMeteoFake(published, clock)
    with rounds(tmp_path, open_meteo, fake, clock, SecretStr("")) as asking:
        reports = asking.collect(*FEEDS)
        rows = stored(asking)
    assert {r.outcome for r in reports.values()} == {"ok"}
    newest = rows[rows["time"] == to_ns(START + timedelta(days=2, hours=12))]
    assert set(zip(newest["station"], newest["quantity"], strict=True)) == {
        (f"open_meteo:{s.point.id}", quantity) for s in STAND_INS for quantity in s.quantities
    }
    found = newest.groupby("quantity")["value"].unique()
    for quantity, value in values.items():
        assert found[quantity].tolist() == pytest.approx([value])


@pytest.mark.slow
def test_a_stand_in_reports_as_often_as_its_station(tmp_path, clock):
    _, published = stand_in_weather()
    with rounds(tmp_path, open_meteo, OpenMeteoFake(published, clock), clock, SecretStr("")) as asking:
        asking.collect(*FEEDS)
        rows = stored(asking)
    for hours in FEEDS.values():
        here = rows[rows["station"].isin([f"open_meteo:{s.point.id}" for s in stand_ins(hours)])]
        assert set(np.diff(np.unique(here["time"].to_numpy())).tolist()) == {hours * 3600 * 10**9}


@pytest.mark.slow
def test_a_stand_in_is_asked_at_the_place_and_height_of_its_station(tmp_path, clock):
    asked = []

    class Listening(OpenMeteoFake):
        def answer(self, method, path, query, form, headers):
            asked.append(query)
            return super().answer(method, path, query, form, headers)

    with rounds(
        tmp_path, open_meteo, Listening(stand_in_weather()[1], clock), clock, SecretStr("")
    ) as asking:
        asking.collect(*FEEDS)
    heights = [[float(x) for x in query["elevation"].split(",")] for query in asked]
    assert heights == [[s.altitude for s in stand_ins(hours)] for hours in FEEDS.values()]


def test_every_place_with_a_stand_in_is_asked_for():
    named = {
        station
        for owner in (*all_cities().values(), *all_places().values())
        for spec in owner.series
        for station in spec.stations
        if station.startswith("open_meteo:at_")
    }
    assert named == {f"open_meteo:{s.point.id}" for s in STAND_INS}
    assert {"open_meteo:at_synop_54511", "open_meteo:at_kma_asos_108"} <= named


def test_a_weather_forecast_is_asked_for_near_every_place_that_forecasts_learn_from():
    places = [p for p in all_places().values() if p.group in ("weather", "sea")]
    measured = [p for p in places if any(s.world == "measured" for s in p.series)]
    points = np.array([(p.latitude, p.longitude) for p in WEATHER_POINTS])
    for place in measured:
        east = (points[:, 1] - place.longitude) * np.cos(np.deg2rad(place.latitude))
        assert 111.2 * np.hypot(points[:, 0] - place.latitude, east).min() <= NEAR_KM
    assert len({p.id for p in WEATHER_POINTS}) == len(WEATHER_POINTS) < 100
