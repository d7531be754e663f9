"""Situations equal a slow computation value by value, and know nothing that came after their issue."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.situation import Column, Recipe, recipe_of, situations
from forecasting.situation.calendar import ENTRIES, calendar_values
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.times import from_ns

HOUR = np.timedelta64(3_600_000_000_000, "ns")
START = np.datetime64("2020-01-01T00", "ns")
LENGTH = 60
CITIES = [all_cities()[c] for c in ("seoul", "beijing")]
KEYS = (
    "seoul.pm2p5.reference",
    "beijing.pm10.reference",
    "around.pm2p5.shenyang_embassy",
    "around.wind_speed.erenhot",
    "around.wind_from_direction.erenhot",
    "seoul.air_temperature.weather",
    "seoul.relative_humidity.weather",
)
LEVELS = {"pm": (0, 300), "air_temperature": (250, 310), "relative_humidity": (0, 1), "wind_s": (0, 20)}


def random_series(rng: np.random.Generator, key: str) -> AsOfSeries:
    """Gaps, late receipts, corrections and withdrawals."""
    step = int(rng.choice([1, 3]))
    times, received, values = [], [], []
    quantity = key.split(".")[1]
    low, high = next((r for name, r in LEVELS.items() if quantity.startswith(name)), (0, 360))
    for hour in range(0, LENGTH, step):
        versions = rng.choice(4, p=[0.2, 0.5, 0.2, 0.1])
        for at in np.sort(rng.integers(0, 30, versions)):
            times.append(hour)
            received.append(hour * 60 + at * 40)
            value = float(rng.integers(low, high + 1)) if quantity != "wind_speed" else rng.choice([0.0, 2.5])
            values.append(np.nan if rng.random() < 0.1 else value)
    minute = HOUR // 60
    return AsOfSeries(
        START + np.array(times, np.int64) * HOUR,
        START + np.array(received, np.int64) * minute,
        np.array(values, np.float64),
        step,
    )


def random_panel(seed: int) -> AsOfPanel:
    rng = np.random.default_rng(seed)
    return AsOfPanel({key: random_series(rng, key) for key in KEYS}, "measured")


def known(panel: AsOfPanel, key: str, grid: np.ndarray, as_of: datetime) -> np.ndarray:
    """Read a series hour by hour the slow way, on its scale as a column."""
    city, quantity, role = key.split(".")

    def read(q: str) -> np.ndarray:
        return panel.on_grid(f"{city}.{q}.{role}", grid, as_of)

    if quantity in ("pm2p5", "pm10"):
        return np.log(read(quantity) + 5)
    if quantity in ("eastward_wind", "northward_wind"):
        speed, towards = read("wind_speed"), np.deg2rad(read("wind_from_direction") + 180)
        wave = np.sin if quantity == "eastward_wind" else np.cos
        return np.where(speed == 0, 0.0, speed * wave(towards))
    if quantity == "dew_point_temperature":
        celsius, share = read("air_temperature") - 273.15, np.maximum(read("relative_humidity"), 0.01)
        vapour = np.log(share * np.exp(17.625 * celsius / (243.04 + celsius)))
        return 243.04 * vapour / (17.625 - vapour) + 273.15
    return read(quantity)


def interval(panel: AsOfPanel, key: str) -> int:
    """Return the longest interval of what a series is made of [h]."""
    city, quantity, role = key.split(".")
    wind = ("wind_speed", "wind_from_direction")
    made = {
        "eastward_wind": wind,
        "northward_wind": wind,
        "dew_point_temperature": ("air_temperature", "relative_humidity"),
    }
    return max(panel[f"{city}.{q}.{role}"].interval_hours for q in made.get(quantity, (quantity,)))


def slow(panel: AsOfPanel, column: Column, issue: np.datetime64, as_of: datetime) -> float:
    """Compute one number from the definition."""
    if column.what == "calendar":
        return float(calendar_values(np.array([issue]))[0, ENTRIES.index(column.quantity)])
    if column.what == "rise":
        now, before = (
            Column(column.group, column.key, "mean", a, b, None, 0.0, 0.0) for a, b in ((0, 6), (24, 30))
        )
        return slow(panel, now, issue, as_of) - slow(panel, before, issue, as_of)
    full = issue.astype("M8[h]").astype("M8[ns]")
    grid = full - np.arange(column.start + 1, column.end + 1)[::-1] * HOUR
    values = known(panel, column.key, grid, as_of)
    values = values[np.isfinite(values)]
    if len(values) < max(1, 0.5 * ((column.end - column.start) // interval(panel, column.key))):
        return np.nan
    return float({"highest": np.max, "lowest": np.min}.get(column.what, np.mean)(values))


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), minutes=st.lists(st.integers(0, LENGTH * 60), min_size=1, max_size=4))
def test_a_situation_is_what_its_definition_says(seed, minutes):
    panel = random_panel(seed)
    recipe = recipe_of(panel, CITIES, datetime(2021, 1, 1, tzinfo=UTC))
    issues = START + np.array(minutes) * (HOUR // 60)
    expected = [[slow(panel, c, issue, from_ns(issue)) for c in recipe.columns] for issue in issues]
    np.testing.assert_allclose(situations(panel, recipe, issues), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), minutes=st.lists(st.integers(0, LENGTH * 60), min_size=2, max_size=9))
def test_a_row_is_the_same_whichever_issues_are_asked_for_together(seed, minutes):
    panel = random_panel(seed)
    recipe = recipe_of(panel, CITIES, datetime(2021, 1, 1, tzinfo=UTC))
    issues = START + np.array(minutes) * (HOUR // 60)
    together = situations(panel, recipe, issues)
    alone = np.vstack([situations(panel, recipe, issues[i : i + 1]) for i in range(len(issues))])
    assert np.array_equal(together, alone, equal_nan=True)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), minute=st.integers(0, LENGTH * 60), late=st.integers(-600, 600))
def test_a_snapshot_knows_what_had_been_received_at_its_instant(seed, minute, late):
    panel = random_panel(seed)
    recipe = recipe_of(panel, CITIES, datetime(2021, 1, 1, tzinfo=UTC))
    issue = START + minute * (HOUR // 60)
    as_of = from_ns(issue + late * (HOUR // 60))
    expected = [slow(panel, c, issue, as_of) for c in recipe.columns]
    found = situations(panel, recipe, np.array([issue]), as_of)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), minutes=st.lists(st.integers(0, LENGTH * 60), min_size=1, max_size=4))
def test_nothing_received_after_an_issue_changes_its_row(seed, minutes):
    panel, other = random_panel(seed), random_panel(seed + 1)
    recipe = recipe_of(panel, CITIES, datetime(2021, 1, 1, tzinfo=UTC))
    issues = START + np.array(minutes) * (HOUR // 60)
    limit = issues.max()
    changed = AsOfPanel({key: after(series, other[key], limit) for key, series in panel.items()}, panel.world)
    assert np.array_equal(
        situations(panel, recipe, issues), situations(changed, recipe, issues), equal_nan=True
    )


def after(series: AsOfSeries, other: AsOfSeries, limit: np.datetime64) -> AsOfSeries:
    """Keep what had been received at an instant, and let another future follow."""
    mine, yours = series.received <= limit, other.received > limit
    parts = [
        np.concatenate([getattr(series, name)[mine], getattr(other, name)[yours]])
        for name in ("times", "received", "values")
    ]
    order = np.lexsort((parts[1], parts[0]))
    return AsOfSeries(*(part[order] for part in parts), series.interval_hours)


def test_a_snapshot_instant_is_for_one_issue():
    panel = random_panel(1)
    recipe = recipe_of(panel, CITIES, datetime(2021, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="one issue"):
        situations(panel, recipe, START + np.arange(2) * HOUR, datetime(2020, 1, 2, tzinfo=UTC))


def test_no_issue_gives_no_row_and_an_unknown_series_no_number():
    recipe = Recipe(
        (Column("seoul air", "seoul.pm2p5.reference", "mean", 0, 24, None, 37.6, 127.0, "seoul"),)
    )
    empty = AsOfSeries(np.array([], "M8[ns]"), np.array([], "M8[ns]"), np.array([]))
    for panel in (AsOfPanel({}, "measured"), AsOfPanel({"seoul.pm2p5.reference": empty}, "measured")):
        assert situations(panel, recipe, np.array([], "M8[ns]")).shape == (0, 1)
        assert np.isnan(situations(panel, recipe, np.array([START]))).all()


def test_a_value_from_the_issue_itself_on_is_outside_every_window():
    t = START + np.arange(30) * HOUR
    values = np.full(30, 10.0)
    values[-1] = 500.0
    panel = AsOfPanel({"seoul.pm2p5.reference": AsOfSeries(t, t, values)}, "measured")
    recipe = recipe_of(panel, CITIES[:1], from_ns(t[-1]))
    row = situations(panel, recipe, t[-1:])[0]
    air = [i for i, c in enumerate(recipe.columns) if c.group == "seoul air, latest"]
    np.testing.assert_allclose(row[air], np.log(10 + 5), rtol=1e-6)
    rise = recipe.names.index("seoul air | seoul.pm2p5.reference | rise 0-30 h")
    assert row[rise] == pytest.approx(0.0, abs=1e-6)
