"""Winds from sea-level pressure: a known gradient comes back, no future, a bad barometer is left out."""

import numpy as np
import pytest
import xarray as xr

from forecasting.transport.surrogate import (
    FEWEST_PLACES,
    SLOWED,
    SOURCE,
    TURNED_DEG,
    barometers,
    surrogate_winds,
)
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.surroundings import all_places
from pipeline.times import HOUR, parse_instant, to_ns

START, NOW = parse_instant("2019-01-10T00:00Z"), parse_instant("2019-01-12T00:00Z")
HPA_PER_DEGREE = 1.0


def key_of(place):
    quantity = "surface_air_pressure" if place.group == "sea" else "air_pressure_at_mean_sea_level"
    return f"around.{quantity}.{place.id}"


def panel_of(change=lambda place, values: values, until=NOW, most=1000):
    """Pressure that falls by one hPa a degree towards the north: a west wind everywhere."""
    times = np.arange(to_ns(START - 24 * HOUR), to_ns(until + HOUR), np.timedelta64(3, "h")).astype("M8[ns]")
    chosen = [p for p in all_places().values() if p.group in ("weather", "sea")][:most]
    held = {}
    for place in chosen:
        values = np.full(len(times), 1e5 * (1.013 - HPA_PER_DEGREE * 1e-3 * (place.latitude - 37)))
        received = times + np.timedelta64(1, "h")
        held[key_of(place)] = AsOfSeries(times, received, change(place, values), 3)
    return AsOfPanel(held, "measured")


def made(panel, end=NOW, as_of=NOW + 3 * HOUR):
    return surrogate_winds(panel, start=START, end=end, as_of=as_of)


def expected(latitude):
    coriolis = 2 * 7.2921e-5 * np.sin(np.radians(latitude))
    speed = HPA_PER_DEGREE * 100 / (np.pi / 180 * 6_371_000) / (1.2 * coriolis)
    return speed * SLOWED * np.exp(1j * np.radians(TURNED_DEG))


def test_a_known_gradient_gives_its_geostrophic_wind_slowed_and_turned():
    winds = made(panel_of())
    for latitude in (32.0, 38.0, 44.0):
        at = winds.sel(latitude=latitude, longitude=120.0).isel(time=0, level=0)
        wind = complex(at["eastward_wind"], at["northward_wind"])
        assert abs(wind - expected(latitude)) < 0.02
    assert winds.attrs["source"] == SOURCE
    assert winds.attrs["kind"] == "surrogate"
    assert winds.sizes["level"] == 1
    assert np.isnan(winds["eastward_wind"].sel(latitude=49.0, longitude=101.0)).all()  # outside the places


def test_hours_ahead_are_the_last_analysis_and_say_so():
    winds = made(panel_of(), end=NOW + 48 * HOUR)
    assert winds.attrs["persisted_from"] == "2019-01-12T00:00:00Z"
    ahead = winds["eastward_wind"].sel(time=slice("2019-01-12", None))
    assert ahead.sizes["time"] == 9
    np.testing.assert_array_equal(ahead[0], ahead[-1])


def test_an_old_analysis_stands_for_nothing():
    """A record that ended long ago, or a source that fell silent, gives no wind after its last hour."""
    winds = made(panel_of(), end=NOW + 48 * HOUR, as_of=NOW + 25 * HOUR)["eastward_wind"]
    assert np.isfinite(winds.sel(time="2019-01-12T00")).any()
    assert np.isnan(winds.sel(time=slice("2019-01-12T06", None))).all()


def test_nothing_received_later_enters():
    known = panel_of()
    later = panel_of(
        until=NOW + 24 * HOUR, change=lambda p, v: np.r_[v[:25], v[25:] + 900 * p.longitude / 99]
    )
    xr.testing.assert_identical(made(known, NOW + 24 * HOUR), made(later, NOW + 24 * HOUR))


def test_a_barometer_that_nobody_supports_is_left_out():
    def wrong(place, values):
        return values + 2500.0 * (place.id == "jinan")

    clean, bad = made(panel_of()), made(panel_of(wrong))
    near = {"latitude": 37.0, "longitude": 117.0}
    difference = np.abs(clean["eastward_wind"].sel(near) - bad["eastward_wind"].sel(near)).max()
    assert difference < 0.05
    assert np.isnan(barometers(panel_of(lambda p, v: v - 60_000), np.array([to_ns(NOW)]), NOW).pressure).all()


@pytest.mark.parametrize("most", [0, FEWEST_PLACES - 1])
def test_too_few_places_give_nothing(most):
    assert made(panel_of(most=most)) is None
    assert made(panel_of(), as_of=START - 24 * HOUR) is None
