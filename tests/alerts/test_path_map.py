"""The map of paths: every path and mark of hours, no border, labelled, never of winds from pressure."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from alerts.bulletin_words import texts
from alerts.origin_example import example_panel
from alerts.origin_page import origin_cards, unknown_origins
from alerts.path_map import KM_PER_DEGREE, MARKED, ROOM, SCALE_KM, path_map_svg, path_view
from pipeline.cities import all_cities
from pipeline.origin_panel import Path

PANEL = example_panel()
BEIJING, SEOUL = PANEL.cities


def drawn(city=SEOUL, panel=PANEL, **more):
    return html.fromstring(f"<div>{path_map_svg(city, panel, **more)}</div>")


def classed(tree, name):
    return tree.xpath(f"//*[contains(concat(' ', @class, ' '), ' {name} ')]")


def test_every_path_and_every_mark_of_hours_is_drawn():
    tree = drawn()
    assert len(classed(tree, "air-path")) == len(SEOUL.paths)
    for hour in MARKED:
        (marks,) = classed(tree, f"hour-{hour}")
        assert len(marks) == len(SEOUL.paths)
    short = replace(SEOUL, hours=36.0)
    assert [len(classed(drawn(short), f"hour-{hour}")) for hour in MARKED] == [1, 0, 0]


def test_a_mark_lies_where_the_path_was_then():
    path = SEOUL.paths[3]
    view = path_view(SEOUL.paths, all_cities()["seoul"], 520)
    (marks,) = classed(drawn(), "hour-24")
    x, y = view.place(*next(p[1:3] for p in path.points if p[0] == 24))
    places = {(float(dot.get("cx")), float(dot.get("cy"))) for dot in marks}
    assert any(math.hypot(x - a, y - b) < 0.1 for a, b in places)


def test_regions_are_named_with_their_hours_and_neither_borders_nor_rings_are_drawn():
    tree = drawn(BEIJING, only="en")
    # Beijing and Tianjin holds the city, which is named already; Shandong is passed too briefly
    names = [node.text for node in classed(tree, "region-name")]
    assert names == ["Hebei 21 h", "Shanxi 10 h", "Inner Mongolia 7 h"]
    kinds = {node.get("class") for node in tree.xpath("//*[local-name() = 'path']")}
    assert kinds == {"land", "air-path", "bar"}


def test_a_simulation_is_marked_on_the_map_and_a_measured_world_is_not():
    marks = [node.text for node in classed(drawn(), "map-mark")]
    assert marks == list(texts("simulated").values())
    assert not classed(drawn(panel=replace(PANEL, world="measured")), "map-mark")
    assert [n.text for n in classed(drawn(only="en"), "map-mark")] == [texts("simulated")["en"]]


@pytest.mark.parametrize(
    "changes", [{"kind": "surrogate"}, {"kind": "none"}, {"missing": "no gridded winds are stored"}]
)
def test_without_forecast_winds_nothing_is_drawn(changes):
    panel = replace(PANEL, **changes)
    assert path_map_svg(SEOUL, panel) == ""
    assert not any(card.map for card in origin_cards(panel))


def test_what_is_missing_is_said_and_nothing_else():
    cards = origin_cards(replace(PANEL, cities=(replace(SEOUL, missing="no paths were computed"),)))
    assert cards[0].missing["ko"] == "이번 실행에서는 공기의 이동 경로를 알 수 없음: 계산된 경로가 없음."
    assert (cards[0].rows, cards[0].lines, cards[0].map) == ((), (), "")
    assert unknown_origins(None) is None
    assert unknown_origins(PANEL) is None
    assert "<x>" in unknown_origins(replace(PANEL, missing="<x>"))["en"]


def test_the_bar_is_as_long_as_it_says():
    view = path_view(SEOUL.paths, all_cities()["seoul"], 520)
    (bar,) = classed(drawn(), "bar")
    xs = [float(x) for x, _ in re.findall(r"(-?[\d.]+) (-?[\d.]+)", bar.get("d"))]
    pixels_per_degree = view.height / (view.north - view.south)
    assert max(xs) - min(xs) == pytest.approx(SCALE_KM / KM_PER_DEGREE * pixels_per_degree, abs=0.1)


spots = st.tuples(st.floats(-89, 89), st.floats(-180, 180))


@given(
    st.lists(st.lists(spots, min_size=1, max_size=5), min_size=1, max_size=6),
    st.sampled_from(["seoul", "beijing"]),
)
def test_a_view_holds_its_city_and_stays_on_the_land_file(places, name):
    city = all_cities()[name]
    paths = [
        Path(i, 100.0, tuple((float(h), *p, None) for h, p in enumerate(row))) for i, row in enumerate(places)
    ]
    view = path_view(paths, city, 520)
    west, south, east, north = ROOM
    assert west <= view.west < city.longitude < view.east <= east
    assert south <= view.south < city.latitude < view.north <= north
    assert 150 < view.height < 900
