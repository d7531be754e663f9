"""Open-Meteo: units, order of points, forecasts that are no observations, null tails."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ingest import open_meteo
from pipeline.errors import BadPayload, QuotaSpent, SourceUnavailable
from tests.ingest.wire_server import WIRE

TWO = open_meteo.POINTS[:2]
PATH = WIRE / "open_meteo_two_points.json"
HOUR = timedelta(hours=1)
LATER = datetime(2025, 2, 1, 12, tzinfo=UTC)


def changed(edit):
    answers = json.loads(PATH.read_text())
    edit(answers)
    return json.dumps(answers).encode()


def values(rows, quantity, station="open_meteo:seoul"):
    return rows[(rows["station"] == station) & (rows["quantity"] == quantity)]["value"].to_numpy()


def test_units_and_wind_components():
    rows = open_meteo.parse_weather(PATH.read_bytes(), LATER, TWO).observations
    np.testing.assert_allclose(values(rows, "air_temperature"), [273.15 - 5, 273.15 - 4.5, 273.15 - 4])
    np.testing.assert_allclose(values(rows, "relative_humidity"), [60 / 100, 58 / 100])
    np.testing.assert_allclose(values(rows, "surface_air_pressure"), [1021.3 * 100, 1021.0 * 100])
    np.testing.assert_allclose(values(rows, "precipitation_amount"), [0, 0.4])
    np.testing.assert_allclose(values(rows, "atmosphere_boundary_layer_thickness"), [120, 180])
    # wind *from* west, north and east
    np.testing.assert_allclose(values(rows, "eastward_wind"), [2, 0, -4], atol=1e-9)
    np.testing.assert_allclose(values(rows, "northward_wind"), [0, -3, 0], atol=1e-9)
    assert len(values(rows, "air_temperature", "open_meteo:beijing")) == 2  # the null tail gives no rows


def test_hours_after_the_request_are_forecasts_and_are_left_out():
    rows = open_meteo.parse_weather(
        PATH.read_bytes(), datetime(2025, 1, 31, 23, 20, tzinfo=UTC), TWO
    ).observations
    assert rows["time"].max() == np.datetime64("2025-01-31T23:00")


def test_one_point_comes_without_a_list():
    one = json.dumps(json.loads(PATH.read_text())[0]).encode()
    parsed = open_meteo.parse_weather(one, LATER, TWO[:1])
    assert parsed.stations["station"].tolist() == ["open_meteo:seoul"]
    assert parsed.stations["city"].tolist() == ["seoul"]


def test_kilometres_per_hour_are_understood():
    def edit(answers):
        answers[0]["hourly_units"]["wind_speed_10m"] = "km/h"

    rows = open_meteo.parse_weather(changed(edit), LATER, TWO).observations
    np.testing.assert_allclose(values(rows, "eastward_wind")[0], 2 / 3.6)


def test_local_time_is_shifted_to_utc():
    def edit(answers):
        answers[0]["utc_offset_seconds"] = 9 * 3600

    rows = open_meteo.parse_weather(changed(edit), LATER, TWO).observations
    seoul = rows[rows["station"] == "open_meteo:seoul"]
    assert seoul["time"].min() == np.datetime64("2025-01-31T13:00")


def unit(answers):
    answers[0]["hourly_units"]["wind_speed_10m"] = "mph"


def order(answers):
    answers.reverse()


def fewer(answers):
    del answers[1]


def short(answers):
    del answers[0]["hourly"]["precipitation"][-1]


def text(answers):
    answers[0]["hourly"]["precipitation"][0] = "wet"


def absent(answers):
    del answers[1]["hourly"]["boundary_layer_height"]


def twice(answers):
    for answer in answers:
        answer["hourly"] = {name: [*cells, *cells] for name, cells in answer["hourly"].items()}


def test_columns_that_come_twice_count_once():
    once = open_meteo.parse_weather(PATH.read_bytes(), LATER, TWO).observations
    pd.testing.assert_frame_equal(open_meteo.parse_weather(changed(twice), LATER, TWO).observations, once)


def test_hours_with_values_are_answered_and_old_nulls_are_given_up():
    hours = [datetime(2025, 1, 31, 22, tzinfo=UTC) + n * HOUR for n in range(3)]
    fresh = open_meteo.parse_weather(PATH.read_bytes(), hours[-1] + HOUR, TWO)
    assert fresh.covered == tuple(("", hour) for hour in hours)  # Seoul has a temperature at 00

    def silence(answers):
        for answer in answers:
            for name, cells in answer["hourly"].items():
                if name != "time":
                    cells[1:] = [None, None]

    for age, known in ((HOUR, 1), (24 * HOUR, 3)):
        parsed = open_meteo.parse_weather(changed(silence), hours[-1] + age, TWO)
        assert parsed.covered == tuple(("", hour) for hour in hours[:known])


def stamp(answers):
    answers[0]["hourly"]["time"][0] = 1738360800


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (unit, "wind_speed_unit=ms"),
        (order, "same order"),
        (fewer, "1 points"),
        (short, "2 values for 3"),
        (text, "precipitation"),
        (absent, "boundary_layer_height"),
        (stamp, "iso8601"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(edit, says):
    with pytest.raises(BadPayload, match=says):
        open_meteo.parse_weather(changed(edit), LATER, TWO)


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("Minutely API request limit exceeded. Please try again in one minute.", SourceUnavailable),
        ("Too many concurrent requests", SourceUnavailable),
        ("Daily API request limit exceeded. Please try again tomorrow.", QuotaSpent),
        ("Cannot initialize WeatherVariable", BadPayload),
    ],
)
def test_refusals(reason, error):
    payload = json.dumps({"error": True, "reason": reason}).encode()
    with pytest.raises(error, match=reason[:10]):
        open_meteo.parse_weather(payload, LATER, TWO)
