"""Figures as data: what they refuse, what the script gets, picture and table, and colours to every eye."""

import itertools
import json
import math
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from pipeline.errors import ContractError
from review import page
from review.figures import (
    ROLES,
    XY,
    BarChart,
    Bars,
    Limit,
    Line,
    MapFigure,
    Outline,
    TimeChart,
)
from review.figures.roles import CITIES, GRADES, SERIES
from review.texts import texts
from tests.review.figure_page import EVIL, START, TIMES, chart_map, others, plume

STATIC = Path(__file__).parents[2] / "review/static"
TOKENS = (STATIC / "tokens.css").read_text("utf-8")
SEEN = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
"""Linear RGB as seen with one kind of cone missing (Machado, Oliveira and Fernandes 2009, severity 1)."""
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
)
"""Oklab (Ottosson 2020): distances in it are about as large as they look."""
APART = 0.1
"""Two fields of clearly different colour; 0.02 is just noticed."""


def write(figure, language="en", zone="Asia/Seoul"):
    text = '{% from "figures.html.j2" import chart with context %}{{ chart(f) }}'
    return page._ENVIRONMENT.from_string(text).render(t=texts(language), zone=zone, f=figure)


def theme(name):
    """Return the colours of a theme from the style sheet."""
    light, system, dark = re.findall(r"\{\n((?:  (?:color|--).*\n)+)", TOKENS)
    assert system == dark, "the two dark blocks differ"
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-fA-F]{6});", light if name == "light" else light + dark))


def linear(colour):
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def distance(one, other, cones):
    a, b = (TO_LAB @ np.cbrt(TO_CONES @ np.clip(cones @ linear(c), 0, 1)) for c in (one, other))
    return float(np.linalg.norm(a - b))


def contrast(one, other):
    low, high = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_series_of_one_chart_differ_to_every_eye_and_from_the_card(name):
    colours = theme(name)
    for group in (SERIES, CITIES, ("yes", "no")):
        for one, other in itertools.combinations(group, 2):
            for eye, cones in SEEN.items():
                apart = distance(colours[f"role-{one}"], colours[f"role-{other}"], cones)
                assert apart >= APART, f"{one} and {other} look alike with {eye} ({apart:.3f})"
    for role in (r for r in ROLES if r not in GRADES):
        assert contrast(colours[f"role-{role}"], colours["card"]) >= 3.0, role


@pytest.mark.parametrize("name", ["light", "dark"])
def test_words_stand_out_from_their_ground(name):
    colours = theme(name)
    grounds = {"mark": "mark-paper", "bad": "bad-paper", "on-accent": "accent"}
    for word in ("ink", "soft", "accent", "mark", "bad", "good", "on-accent"):
        own = [grounds[word]] if word in grounds else []
        for ground in [*own, *([] if word == "on-accent" else ["paper", "card"])]:
            assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)


def test_every_role_has_a_colour_and_a_class_and_grades_are_those_of_the_standard():
    colours = theme("light")
    assert {f"role-{role}" for role in ROLES} == {name for name in colours if name.startswith("role-")}
    for role in ROLES:
        assert f".role-{role} {{ --here: var(--role-{role}); }}" in TOKENS
    standard = ["#00E400", "#FFFF00", "#FF7E00", "#FF0000", "#99004C", "#7E0023"]
    assert [colours[f"role-{grade}"] for grade in GRADES[1:]] == standard


def test_a_chart_gives_the_script_every_number_once_and_no_way_out_of_its_block():
    written = write(plume())
    assert EVIL not in written
    (block,) = html.fromstring(written).xpath('//script[@type="application/json"]/text()')
    held = json.loads(block)["figure"]
    assert held["times"][:2] == [START.timestamp(), START.timestamp() + 3600]
    assert held["lines"][0]["values"][24:26] == [pytest.approx(60 + 35 * math.sin(24 / 13), abs=1e-4), None]
    assert held["zone"] == "Asia/Seoul"
    assert [one["value"] for one in held["limits"]] == [35, 75, 76]


def test_the_table_holds_the_same_numbers_with_the_persons_time():
    root = html.fromstring(write(plume(), "ko"))
    rows = root.xpath(".//tbody/tr")
    assert len(rows) == len(TIMES)
    assert " ".join(rows[0].text_content().split()).startswith("01-13 17:00 KST")
    assert root.xpath(".//thead/tr/th[@scope='col']")[0].text == "시각"
    assert len(rows[0].xpath("./td")) == 6 + 2


def test_every_kind_has_a_picture_with_its_marks_for_a_page_without_scripts():
    for figure in [plume(), *others(), chart_map()]:
        root = html.fromstring(write(figure))
        (picture,) = root.xpath(".//div[@class='plot']/svg")
        assert picture.get("aria-hidden") == "true"
        assert len(picture) > 4, figure.id
        assert "style" not in write(figure)
    marks = [html.fromstring(write(one)).xpath(".//@data-say") for one in others()]
    assert [len(m) for m in marks] == [3, 3, 5]
    assert "model: forecast 0.5, observed 0.55 (0.4–0.7), n = 30" in marks[0]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ContractError, match="no colour for the role 'red'"):
        Line("x", [1.0], "red")
    with pytest.raises(ContractError, match="2 values for 1 places"):
        TimeChart("t", "", "", TIMES[:1], [Line("x", [1.0, 2.0], "observed")])
    with pytest.raises(ContractError, match="do not ascend"):
        TimeChart("t", "", "", [TIMES[1], TIMES[0]])
    with pytest.raises(ContractError, match="1 values for 2 places"):
        BarChart("b", "", "", ["a", "b"], [Bars("x", [1.0], "observed")])
    with pytest.raises(ContractError, match="1 values for 2 places"):
        XY("x", [0.0, 1.0], [0.0], "observed")
    with pytest.raises(ContractError, match="1 values for 2 places"):
        Outline("x", [38.0, 39.0], [120.0])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-500, 5000), st.just(float("nan"))), min_size=1, max_size=30),
    st.floats(1, 400),
)
def test_whatever_is_drawn_lies_inside_the_scale(values, limit):
    times = [START + timedelta(hours=h) for h in range(len(values))]
    chart = TimeChart("t", "", "", times, [Line("x", values, "observed")], limits=[Limit(limit, "limit")])
    low, high = chart.extent()
    assert low < high
    assert all(low - 1e-3 <= v <= high for v in values if v is not None and math.isfinite(v))
    assert "nan" not in json.dumps(chart.document("UTC"))
    assert "nan" not in str(chart.svg())


def test_an_empty_map_still_shows_the_region_and_a_single_place_has_room_around():
    assert MapFigure("m", "Map").extent() == (32.0, 112.0, 44.0, 130.0)
    south, west, north, east = chart_map().extent()
    assert south < 37.57 < north
    assert west < 116.0 < 126.98 < east
