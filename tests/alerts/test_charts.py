"""Charts say what the data say: places, gaps, escapes."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from shapely.geometry import Polygon

from alerts.areas import city_area
from alerts.bulletin_data import outlooks
from alerts.bulletin_example import ISSUE, example_forecast, example_paths, example_stations
from alerts.charts import Frame, plume_svg, tick_step
from alerts.content import LinkEvidence
from alerts.map import FOLDER, region_features
from alerts.regional_map import Wind, map_svg, shade
from alerts.scales import national_scale
from alerts.svg import element
from pipeline.cities import all_cities
from pipeline.errors import ContractError, PolicyError
from pipeline.times import local_day_bounds, parse_instant

CITIES = [all_cities()["beijing"], all_cities()["seoul"]]


@pytest.fixture(scope="module")
def shown():
    paths = example_paths()
    return outlooks(example_forecast(paths), paths, CITIES, ISSUE)


def parse(svg):
    return etree.fromstring(str(svg))


def by_class(svg, name):
    return [e for e in parse(svg).iter() if name in (e.get("class") or "").split()]


def test_frame_places_time_and_value():
    frame = Frame(width=234.0, height=136.0, start=ISSUE, end=ISSUE + timedelta(hours=10), top=100.0)
    # 234 - 84 - 34 = 116 px for 10 h; 136 - 24 - 12 = 100 px for 100 ug m-3
    assert frame.x(ISSUE + timedelta(hours=5)) == 34 + 116 / 2
    assert frame.y(40.0) == 136 - 24 - 40
    assert frame.y(1000.0) == frame.y(100.0)


@given(st.floats(min_value=60, max_value=1400))
def test_ticks_are_few_and_round(highest):
    step = tick_step(highest)
    assert 2 <= highest / step <= 6


def test_days_are_whole_local_days_and_match_the_paths(shown):
    paths = example_paths()
    for outlook in shown:
        assert len(outlook.forecast_days) == 4
        row = outlook.forecast_days[1]
        assert (row.start, row.end) == local_day_bounds(row.day, outlook.city.timezone)
        hours = paths["pm2p5"].sel(city=outlook.city.id)
        times = hours["time"].values
        inside = (times > np.datetime64(row.start.replace(tzinfo=None))) & (
            times <= np.datetime64(row.end.replace(tzinfo=None))
        )
        means = hours.values[:, inside].mean(axis=1)
        assert row.mean == pytest.approx(means.mean())
        assert row.probability[75] == pytest.approx((means > 75).mean())


def test_a_plume_has_three_bands_and_its_countrys_grades(shown):
    beijing, seoul = (plume_svg(o) for o in shown)
    for svg in (beijing, seoul):
        assert len(by_class(svg, "fan")) == 3
        assert len(by_class(svg, "median")) == 1
        assert len(by_class(svg, "observed")) == 1
    said = "".join(parse(seoul).itertext())
    assert "매우나쁨" in said
    assert "重度污染" not in said
    assert "重度污染" in "".join(parse(beijing).itertext())


def test_a_gap_breaks_the_line_of_observations():
    paths = example_paths()
    hole = slice(30, 42)
    paths["is_observed"].values[:, hole] = False
    shown = outlooks(example_forecast(paths), paths, CITIES, ISSUE)
    assert len(by_class(plume_svg(shown[0]), "observed")) == 2


def test_a_city_without_any_observation_is_drawn_all_the_same():
    paths = example_paths()
    paths["is_observed"].values[:] = False
    shown = outlooks(example_forecast(paths), paths, CITIES, ISSUE)
    assert not by_class(plume_svg(shown[0]), "observed")


def test_three_hourly_series_are_joined():
    paths = example_paths(world="measured")
    coarse = paths.copy(deep=True)
    off = coarse["time"].dt.hour.values % 3 != 0
    coarse["pm2p5"].values[:, 1, off] = np.nan
    coarse["is_observed"].values[1, off] = False
    shown = outlooks(example_forecast(coarse), coarse, CITIES, ISSUE)
    assert len(by_class(plume_svg(shown[1]), "observed")) == 1
    assert len(shown[1].forecast_times) < len(shown[0].forecast_times)
    assert np.isfinite(shown[1].forecast_days[2].mean)


def test_a_forecast_that_breaks_its_contract_is_refused():
    paths = example_paths()
    with pytest.raises(ContractError):
        outlooks(example_forecast(paths).drop_vars("pm2p5_day_mean"), paths, CITIES, ISSUE)


def test_scales_change_with_the_law():
    before, after = (national_scale("kr", parse_instant(d).date()) for d in ("2018-03-26", "2018-03-27"))
    assert [b.upper for b in before.bands][1:3] == [50, 100]
    assert [b.upper for b in after.bands][1:3] == [35, 75]
    assert after.band_of(float("nan")) is None
    with pytest.raises(PolicyError):
        national_scale("xx", parse_instant("2020-01-01").date())


def test_the_map_shows_cities_stations_link_and_wind(shown):
    areas = [city_area(c, example_stations()) for c in CITIES]
    link = LinkEvidence("beijing", "seoul", 18.0, 2.4, 412, "m")
    elsewhere = replace(link, upwind="shanghai")
    wind = Wind(36.0, 121.0, 5.0, -2.0)
    svg = map_svg(shown, areas, example_stations(), links=[link, elsewhere], winds=[wind])
    assert len(by_class(svg, "city")) == 2
    assert len(by_class(svg, "link")) == 1
    assert len(by_class(svg, "wind")) == 1
    assert len(by_class(svg, "hull")) == 2
    assert by_class(svg, "stations")[0].xpath("count(*)") == 24
    assert "滞后18小时" in "".join(parse(svg).itertext())


@pytest.mark.parametrize(("share", "arrows"), [(None, 1), (0.0, 0), (0.02, 1)])
def test_a_link_that_no_path_supports_has_no_arrow(shown, share, arrows):
    link = LinkEvidence("beijing", "seoul", 18.0, 2.4, 412, "m", path_share=share)
    areas = [city_area(c, example_stations()) for c in CITIES]
    svg = map_svg(shown, areas, example_stations(), links=[link])
    assert len(by_class(svg, "link")) == arrows


def test_stations_without_a_position_are_left_out(shown):
    stations = pd.concat([example_stations(), example_stations().assign(latitude=np.nan)])
    areas = [city_area(c, stations) for c in CITIES]
    assert by_class(map_svg(shown, areas, stations), "stations")[0].xpath("count(*)") == 24


def test_the_map_file_is_small_valid_and_in_the_region():
    (land,) = region_features()
    points = [p for polygon in land["geometry"]["coordinates"] for ring in polygon for p in ring]
    assert len(str(region_features())) < 120_000
    assert all(98 <= x <= 142 and 20 <= y <= 52 for x, y in points)


def test_no_border_is_packaged_or_drawn(shown):
    folder = Path(str(FOLDER))
    assert [f.name for f in folder.glob("*.geojson")] == ["region.geojson"]
    stored = json.loads((folder / "region.geojson").read_text("utf-8"))
    assert {(f["properties"]["kind"], f["geometry"]["type"]) for f in stored["features"]} == {
        ("land", "MultiPolygon")
    }
    areas = [city_area(c, example_stations()) for c in CITIES]
    drawn = map_svg(shown, areas, example_stations())
    known = {"land", "area hull shade-5", "area hull shade-4", "area hull shade-6"}
    assert {node.get("class") for node in parse(drawn).xpath("//*[local-name()='path']")} <= known
    # a ring of land is a coast: no two of them run along each other, as lands on both sides of a border would
    rings = [Polygon(p[0], p[1:]) for p in stored["features"][0]["geometry"]["coordinates"]]
    for one, other in itertools.combinations(rings, 2):
        assert one.boundary.intersection(other.boundary).length < 0.05


@pytest.mark.parametrize(("party", "name"), [("", "황해"), ("seoul", "서해"), ("beijing", "황해")])
def test_seas_are_named_as_the_readers_party_names_them(shown, party, name):
    areas = [city_area(c, example_stations()) for c in CITIES]
    drawn = map_svg(shown, areas, example_stations(), party=party)
    names = {node.text for node in by_class(drawn, "sea-name")}
    assert name in names
    assert {"Yellow Sea", "渤海"} <= names


def test_shades_do_not_fall():
    assert [shade(v) for v in (0, 15, 16, 36, 51, 76, 116, 151)] == [0, 0, 1, 2, 3, 4, 5, 6]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"])))
def test_text_and_attributes_are_escaped(text):
    made = parse(element("text", f"x{text}", aria_label=text))
    assert made.text == f"x{text}"
    assert len(made) == 0
