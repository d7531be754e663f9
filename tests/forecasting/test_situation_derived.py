"""Series made of others are, at every instant, what the formula gives of what was known of both then."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.situation.derived import components, dew_point, joined, makeable, series_of, sources_of
from pipeline.asof import AsOfPanel, AsOfSeries

HOUR = np.timedelta64(3_600_000_000_000, "ns")
START = np.datetime64("2020-01-01T00", "ns")

rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 6), st.sampled_from([np.nan, 0.0, 1.0, 2.0, 3.0])),
    max_size=12,
)


def series(versions: list[tuple[int, int, float]], interval: int = 1) -> AsOfSeries:
    ordered = sorted(versions, key=lambda v: v[:2])
    time, late, value = (np.array([v[i] for v in ordered]) for i in range(3))
    times = START + time.astype(np.int64) * HOUR
    return AsOfSeries(times, times + late.astype(np.int64) * HOUR, value.astype(np.float64), interval)


@given(first=rows, second=rows)
def test_a_joined_series_is_the_join_of_what_was_known(first, second):
    a, b = series(first), series(second)

    def both(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(x == 0, 100.0, 10 * x + y)

    made = joined(a, b, both)
    grid = START + np.arange(5) * HOUR
    for hour in range(12):
        at = START + hour * HOUR
        expected = both(a.on_grid(grid, at), b.on_grid(grid, at))
        either = np.isfinite(a.on_grid(grid, at)) | np.isfinite(b.on_grid(grid, at))
        np.testing.assert_array_equal(made.on_grid(grid, at), np.where(either, expected, np.nan))


@pytest.mark.parametrize(
    ("from_direction", "eastward", "northward"),
    [(0, 0, -2), (90, -2, 0), (180, 0, 2), (270, 2, 0), (225, 2**0.5, 2**0.5)],
)
def test_wind_blows_away_from_where_it_comes(from_direction, eastward, northward):
    east, north = components(series([(0, 0, 2.0)]), series([(0, 0, float(from_direction))]))
    assert east.values == pytest.approx([eastward], abs=1e-12)
    assert north.values == pytest.approx([northward], abs=1e-12)


def test_calm_air_needs_no_direction_but_wind_does():
    east, north = components(series([(0, 0, 0.0), (1, 0, 3.0)]), series([(2, 0, 90.0)]))
    assert east.values[:1].tolist() == north.values[:1].tolist() == [0.0]
    assert np.isnan(east.values[1:]).all()


def test_speed_is_made_of_components_where_it_is_not_stored():
    panel = AsOfPanel(
        {
            "seoul.eastward_wind.weather": series([(0, 1, 3.0)]),
            "seoul.northward_wind.weather": series([(0, 2, -4.0)]),
        },
        "measured",
    )
    speed = series_of(panel, "seoul.wind_speed.weather")
    assert speed is not None
    assert np.isnan(speed.values[0])
    assert speed.values[1] == 5.0
    assert speed.received[1] == START + 2 * HOUR


def test_nothing_is_made_of_one_half():
    panel = AsOfPanel({"seoul.wind_speed.weather": series([(0, 1, 3.0)])}, "measured")
    assert not makeable("seoul.eastward_wind.weather", panel)
    assert series_of(panel, "seoul.eastward_wind.weather") is None
    assert series_of(panel, "seoul.air_temperature.weather") is None


def test_dew_points_of_a_table():
    """Saturation vapour pressures over water: 23.4 hPa at 20 °C, 12.3 hPa at 10 °C (any table)."""
    at_ten = dew_point(np.array([293.15]), np.array([12.3 / 23.4]))
    assert at_ten[0] - 273.15 == pytest.approx(10.0, abs=0.05)
    assert dew_point(np.array([300.0]), np.array([1.0]))[0] == pytest.approx(300.0)
    assert np.isfinite(dew_point(np.array([300.0]), np.array([0.0]))).all()


@pytest.mark.parametrize(
    ("key", "stored", "sources"),
    [
        ("wind_speed", ["wind_speed", "wind_from_direction"], ["wind_speed"]),
        ("wind_speed", ["eastward_wind", "northward_wind"], ["eastward_wind", "northward_wind"]),
        ("wind_speed", [], ["wind_speed"]),
        ("eastward_wind", ["wind_speed", "wind_from_direction"], ["wind_speed", "wind_from_direction"]),
        ("eastward_wind", ["eastward_wind", "northward_wind"], ["eastward_wind"]),
        ("eastward_wind", [], ["wind_speed", "wind_from_direction"]),
    ],
)
def test_what_is_missed_is_what_would_have_been_stored(key, stored, sources):
    whole = {f"a.{q}.weather": series([(0, 1, 1.0)]) for q in stored}
    found = sources_of(f"a.{key}.weather", AsOfPanel(whole, "measured"))
    assert found == tuple(f"a.{q}.weather" for q in sources)
