"""Weather ahead: measured means of local days whatever their receipt, forecast ones only as known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.situation import Recipe, situations
from forecasting.situation.ahead import ahead_columns, ahead_observed, finished
from forecasting.situation.forecast_weather import ahead_forecast
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.names import QUANTITIES
from pipeline.surroundings import all_places
from pipeline.times import from_ns, local_date, local_day_bounds, parse_instant, to_ns

HOUR = np.timedelta64(3_600_000_000_000, "ns")
START = np.datetime64("2020-01-01T00", "ns")
SEOUL, BEIJING = all_cities()["seoul"], all_cities()["beijing"]
ISSUE = np.array(["2020-01-03T08"], "M8[ns]")
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def hourly(values: np.ndarray, delay_hours: int = 1, step: int = 1) -> AsOfSeries:
    times = START + np.arange(len(values)) * step * HOUR
    return AsOfSeries(times, times + delay_hours * HOUR, values.astype(np.float64), step)


def small_panel(seed: int = 0, hours: int = 240) -> AsOfPanel:
    rng = np.random.default_rng(seed)
    return AsOfPanel(
        {
            "seoul.air_temperature.weather": hourly(273 + rng.random(hours)),
            "seoul.pm2p5.reference": hourly(rng.random(hours)),
            "around.wind_speed.erenhot": hourly(rng.random(hours // 3), step=3),
            "around.wind_from_direction.erenhot": hourly(rng.random(hours // 3) * 360, step=3),
        },
        "measured",
    )


@settings(max_examples=20)
@given(hour=st.integers(0, 120), gone=st.lists(st.integers(0, 239), max_size=120, unique=True))
@pytest.mark.parametrize("city", [SEOUL, BEIJING])
def test_observed_weather_is_the_mean_of_the_local_day(city, hour, gone):
    values = 273 + np.arange(240) % 37
    kept = np.isin(np.arange(240), gone, invert=True)
    whole = hourly(values, delay_hours=1000)
    series = AsOfSeries(whole.times[kept], whole.received[kept], whole.values[kept])
    panel = AsOfPanel({"seoul.air_temperature.weather": series}, "measured")
    columns = ahead_columns(panel, city)
    issue = from_ns(START + hour * HOUR)
    found = ahead_observed(panel, columns, city, np.array([to_ns(issue)]))[0]
    for column, value in zip(columns, found, strict=True):
        day = local_date(issue, city.timezone) + timedelta(days=column.day or 0)
        times, known = series.window(*(to_ns(t) for t in local_day_bounds(day, city.timezone)), to_ns(FAR))
        expected = known.mean() if len(times) >= 12 else np.nan
        assert value == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_columns_ahead_hold_no_air_and_nothing_that_shows_it():
    t = np.array(["2020-01-01"], "M8[ns]")
    kinds = [*QUANTITIES]
    panel = AsOfPanel(
        {f"{owner}.{q}.{role}": AsOfSeries(t, t, np.ones(1)) for q in kinds for owner, role in
         [("seoul", "weather"), ("around", "erenhot"), ("around", "shenyang_embassy")]},
        "measured",
    )  # fmt: skip
    columns = ahead_columns(panel, SEOUL)
    assert {c.quantity for c in columns} == {
        "air_temperature", "dew_point_temperature", "relative_humidity", "eastward_wind", "northward_wind",
        "air_pressure_at_mean_sea_level", "precipitation_amount", "cloud_area_fraction", "wind_speed",
        "atmosphere_boundary_layer_thickness",
    }  # fmt: skip
    assert {c.key.split(".")[2] for c in columns} == {"weather", "erenhot"}
    assert [c.day for c in columns] == sorted(c.day for c in columns)
    assert {c.group for c in columns} == {f"weather ahead, D+{day}" for day in range(4)}
    assert len({c.name for c in (*columns, *ahead_columns(panel, BEIJING))}) == 2 * len(columns)


def test_later_receipt_changes_what_was_observed_in_no_way_but_later_values_do():
    panel = small_panel()
    late = AsOfPanel(
        {
            k: AsOfSeries(s.times, s.received + 999 * HOUR, s.values, s.interval_hours)
            for k, s in panel.items()
        },
        "measured",
    )
    other = small_panel(seed=1)
    columns = ahead_columns(panel, SEOUL)
    found = ahead_observed(panel, columns, SEOUL, ISSUE)
    assert np.isfinite(found).all()
    assert np.array_equal(found, ahead_observed(late, columns, SEOUL, ISSUE))
    assert not np.array_equal(found, ahead_observed(other, columns, SEOUL, ISSUE))


def test_rows_of_weather_ahead_do_not_depend_on_each_other():
    panel = small_panel()
    columns = ahead_columns(panel, SEOUL)
    issues = START + np.array([80, 2, 50, 51]) * HOUR
    together = ahead_observed(panel, columns, SEOUL, issues)
    alone = np.vstack([ahead_observed(panel, columns, SEOUL, issues[i : i + 1]) for i in range(4)])
    assert np.array_equal(together, alone, equal_nan=True)
    assert ahead_observed(panel, columns, SEOUL, issues[:0]).shape == (0, len(columns))


def test_a_situation_leaves_the_weather_ahead_to_others():
    panel = small_panel()
    recipe = Recipe(ahead_columns(panel, SEOUL))
    assert np.isnan(situations(panel, recipe, ISSUE)).all()


def test_the_last_version_counts():
    t = np.array(["2020-01-01", "2020-01-01", "2020-01-02"], "M8[ns]")
    series = finished(AsOfSeries(t, t + np.array([1, 2, 1]) * HOUR, np.array([1.0, 2.0, 3.0])))
    assert series.values.tolist() == [2.0, 3.0]


def forecast(
    hours: int, value: Callable[[np.ndarray], np.ndarray], reference: str = "2020-01-03T06"
) -> xr.Dataset:
    """Return a forecast at Seoul and Erenhot, hour by hour."""
    times = np.datetime64(reference, "ns") + np.arange(hours + 1) * HOUR
    values = value((times - START) / HOUR)
    points = [
        (SEOUL.latitude, SEOUL.longitude),
        (all_places()["erenhot"].latitude, all_places()["erenhot"].longitude),
    ]
    both = np.column_stack([values, values + 100])
    return xr.Dataset(
        {
            "air_temperature": (("forecast_period", "station"), both),
            "eastward_wind": (("forecast_period", "station"), np.full_like(both, 3.0)),
            "northward_wind": (("forecast_period", "station"), np.full_like(both, -4.0)),
        },
        {
            "forecast_reference_time": np.datetime64(reference, "ns"),
            "forecast_period": np.arange(hours + 1),
            "station": ["x:1", "x:2"],
            "latitude": ("station", [p[0] for p in points]),
            "longitude": ("station", [p[1] for p in points]),
        },
    )  # fmt: skip


def perfect(panel: AsOfPanel) -> Callable[[datetime], xr.Dataset]:
    """Return a reader of forecasts of Seoul's temperature that come true."""
    truth = panel["seoul.air_temperature.weather"].values
    return lambda at: forecast(110, lambda h: truth[h.astype(int)], f"{at:%Y-%m-%dT%H}")


@pytest.mark.parametrize("issue", ["2020-01-03T02", "2020-01-03T08", "2020-01-03T14", "2020-01-03T20"])
def test_a_forecast_that_comes_true_is_what_is_measured(issue):
    panel = small_panel()
    known = AsOfPanel(
        {"seoul.air_temperature.weather": hourly(panel["seoul.air_temperature.weather"].values, 0)},
        "measured",
    )
    columns = ahead_columns(known, SEOUL)
    at = np.array([issue], "M8[ns]")
    measured = ahead_observed(known, columns, SEOUL, at)
    found = ahead_forecast(perfect(panel), known, columns, SEOUL, at)
    np.testing.assert_allclose(found, measured, rtol=1e-6)


def test_what_was_measured_after_the_issue_changes_no_forecast_weather():
    panel, other = small_panel(), small_panel(seed=1)
    limit = ISSUE[0]
    changed = {}
    for key, series in panel.items():
        later = series.received > limit
        changed[key] = AsOfSeries(
            series.times,
            series.received,
            np.where(later, other[key].values, series.values),
            series.interval_hours,
        )
    columns = ahead_columns(panel, SEOUL)
    read = perfect(panel)
    before = ahead_forecast(read, panel, columns, SEOUL, ISSUE)
    after = ahead_forecast(read, AsOfPanel(changed, "measured"), columns, SEOUL, ISSUE)
    assert np.array_equal(before, after, equal_nan=True)


def test_winds_and_speed_are_made_and_places_are_told_apart():
    panel = small_panel()
    columns = ahead_columns(panel, SEOUL)
    read = lambda at: forecast(120, lambda h: 0 * h + 280)  # noqa: E731
    found = ahead_forecast(read, panel, columns, SEOUL, ISSUE)[0]
    by_name = {(c.quantity, c.key.split(".")[2], c.day): v for c, v in zip(columns, found, strict=True)}
    assert by_name["air_temperature", "weather", 2] == pytest.approx(280)
    assert by_name["eastward_wind", "erenhot", 1] == pytest.approx(3)
    assert by_name["northward_wind", "erenhot", 1] == pytest.approx(-4)
    assert by_name["wind_speed", "erenhot", 3] == pytest.approx(5)


def test_unknown_is_nan():
    panel = small_panel()
    columns = ahead_columns(panel, SEOUL)
    assert np.isnan(ahead_forecast(lambda at: None, panel, columns, SEOUL, ISSUE)).all()
    short = lambda at: forecast(30, lambda h: 0 * h + 280)  # noqa: E731
    found = ahead_forecast(short, panel, columns, SEOUL, ISSUE)[0]
    assert [
        c.day for c, v in zip(columns, found, strict=True) if np.isfinite(v) and c.quantity == "eastward_wind"
    ] == [0, 1]
    far = lambda at: forecast(120, lambda h: 0 * h).assign_coords(latitude=("station", [-30.0, -31.0]))  # noqa: E731
    assert np.isnan(ahead_forecast(far, panel, columns, SEOUL, ISSUE)).all()
    with pytest.raises(ValueError, match="one issue"):
        ahead_forecast(short, panel, columns, SEOUL, np.repeat(ISSUE, 2), FAR)


def test_a_snapshot_asks_for_the_forecast_of_its_instant():
    asked = []
    panel = small_panel()
    as_of = parse_instant("2020-01-03T08:40")

    def read(at: datetime) -> None:
        asked.append(at)

    ahead_forecast(read, panel, ahead_columns(panel, SEOUL), SEOUL, ISSUE, as_of)
    ahead_forecast(read, panel, ahead_columns(panel, SEOUL), SEOUL, ISSUE)
    assert asked == [as_of, from_ns(ISSUE[0])]


def test_a_grid_is_read_at_its_nearest_point():
    panel = small_panel()
    columns = [c for c in ahead_columns(panel, SEOUL) if c.quantity == "air_temperature"]
    latitude, longitude = np.arange(35.0, 45.0), np.arange(110.0, 130.0)
    values = np.broadcast_to(latitude[:, None] * 1000 + longitude[None, :], (121, 10, 20))
    grid = xr.Dataset(
        {"air_temperature": (("forecast_period", "latitude", "longitude"), values)},
        {
            "forecast_reference_time": np.datetime64("2020-01-03T06", "ns"),
            "forecast_period": np.arange(121),
            "latitude": latitude,
            "longitude": longitude,
        },
    )
    found = ahead_forecast(lambda at: grid, panel, columns, SEOUL, ISSUE)[0]
    assert found[1:].tolist() == [38_127.0] * 3


def test_all_places_with_weather_are_ahead():
    t = np.array(["2020-01-01"], "M8[ns]")
    stations = [
        p.id for p in all_places().values() if p.group in ("weather", "sea") and p.quantities("measured")
    ]
    panel = AsOfPanel(
        {f"around.air_temperature.{p}": AsOfSeries(t, t, np.ones(1)) for p in stations}, "measured"
    )
    assert {c.key.split(".")[2] for c in ahead_columns(panel, SEOUL)} == set(stations)
