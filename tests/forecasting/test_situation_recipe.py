"""Recipes name what a panel holds, once, and only what was known."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.situation import recipe_of, situations
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.surroundings import all_places
from pipeline.times import cycles_between, to_ns

CITIES = [all_cities()[c] for c in ("seoul", "beijing")]
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def everything(world: str, at: str = "2020-01-01T00") -> AsOfPanel:
    """Every series that a world could have, of one value each."""
    t = np.array([at], "M8[ns]")
    kind = "measured" if world == "measured" else "simulated"
    keys = [f"{c.id}.{s.quantity}.{s.role}" for c in CITIES for s in c.series if s.world == kind]
    keys += [f"around.{q}.{p.id}" for p in all_places().values() for q in p.quantities(kind)]
    return AsOfPanel({key: AsOfSeries(t, t, np.array([1.0])) for key in keys}, world)


@pytest.mark.parametrize("world", ["measured", "simulated-7"])
def test_names_are_unique_and_groups_are_known(world):
    recipe = recipe_of(everything(world), CITIES, LATER)
    assert len(set(recipe.names)) == len(recipe.columns)
    parts = ("air, latest", "air", "air, weeks", "air, arriving", "weather")
    own = {f"{c.id} {what}" for c in CITIES for what in parts}
    assert set(recipe.groups) - {"weather at sea"} == own | {"air upwind", "weather around", "calendar"}
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_windows_of_a_group():
    recipe = recipe_of(everything("measured"), CITIES, LATER)
    for column in recipe.columns:
        if column.group.endswith("air, latest"):
            assert column.end <= 12
        elif column.group.endswith("air"):
            assert 24 <= column.end <= 72
        elif column.group.endswith("arriving"):
            assert (column.start, column.end) == (0, 1)
        elif column.group.endswith("weeks"):
            assert column.end in (168, 720, 2160)
        assert (column.city is None) == (not column.group.startswith(("seoul", "beijing")))


def test_a_citys_own_station_is_no_place_around():
    columns = recipe_of(everything("measured"), CITIES, LATER).columns
    around = {c.key for c in columns if c.group == "weather around"}
    assert "around.air_temperature.erenhot" in around
    assert not [key for key in around if key.endswith((".seoul", ".beijing_airport"))]
    clouds = [c for c in columns if c.key == "around.cloud_area_fraction.seoul"]
    assert {c.group for c in clouds} == {"seoul weather"}
    upwind = {c.key for c in columns if c.group == "air upwind"}
    assert "around.pm10.seodaemun_air" not in upwind
    assert "around.pm2p5.seodaemun_air" in upwind
    second = [p.id for p in all_places().values() if p.group == "second_truth"]
    assert not [c.key for c in columns if c.key.split(".")[2] in second]


def test_winds_are_components_and_pressure_counts_once():
    columns = recipe_of(everything("measured"), CITIES, LATER).columns
    assert not [c for c in columns if c.quantity == "wind_from_direction"]
    assert {c.what for c in columns if c.quantity == "wind_speed"} == {"speed"}
    assert {"eastward_wind", "northward_wind"} <= {c.quantity for c in columns if c.group == "weather at sea"}
    for key in {c.key for c in columns if c.quantity == "surface_air_pressure"}:
        assert not [
            c
            for c in columns
            if c.key == key.replace("surface_air_pressure", "air_pressure_at_mean_sea_level")
        ]


def test_a_series_of_the_future_is_no_column():
    panel = everything("measured", "2020-01-01T00")
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    assert recipe_of(panel, CITIES, begun - timedelta(hours=1)).groups == ("calendar",)
    assert len(recipe_of(panel, CITIES, begun).groups) > 5


def test_a_simulated_world_has_situations(panel):
    begun = datetime(2018, 6, 1, tzinfo=UTC)
    recipe = recipe_of(panel, CITIES, begun)
    issues = np.array([to_ns(c) for c in cycles_between(begun, begun + timedelta(days=30))])
    rows = situations(panel, recipe, issues)
    assert np.isfinite(rows).all()
    assert {c.quantity for c in recipe.columns if c.group == "seoul weather"} == {"eastward_wind"}
