"""Reasons in three languages: the same keys and fields everywhere, numbers and directions as measured."""

import re
import tomllib
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.reasons.inputs import FIELD, SECTORS, THEMES, Input, direction, sector
from forecasting.reasons.readings import Reading, chosen, gradient_of, reading_of
from forecasting.reasons.stored import because, read_reasons, reason_lines, write_reasons
from forecasting.reasons.words import LANGUAGES, number, said_input, said_what_if, vocabulary
from forecasting.situation.columns import Column
from pipeline.cities import city
from pipeline.place_names import name_of
from pipeline.surroundings import all_places


def flat(table, path=()):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), value


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_fields(language):
    english = dict(flat(vocabulary("en")))
    own = dict(flat(vocabulary(language)))
    assert set(own) == set(english)
    for key, text in english.items():
        assert set(re.findall(r"{(\w+)}", own[key])) == set(re.findall(r"{(\w+)}", text)), key


def test_every_theme_and_sector_has_words():
    for language in LANGUAGES:
        words = vocabulary(language)
        assert set(THEMES.values()) == set(words["themes"])
        assert set(SECTORS) == set(words["sectors"])
        assert {q for q in THEMES if "ward_wind" not in q and q != "wind_speed"} <= set(words["quantities"])


def test_translated_places_exist():
    file = resources.files("pipeline") / "place_names.toml"
    known = {place.name for place in all_places().values()}
    for names in tomllib.loads(file.read_text("utf-8")).values():
        assert set(names) <= known


def wind(place, u, v, window=(0, 6)):
    group = "seoul weather" if place == "seoul" else "weather around"
    owner, role = (place, "weather") if place == "seoul" else ("around", place)
    own = place if place == "seoul" else None
    return [
        (Column(group, f"{owner}.{q}.{role}", "mean", *window, None, 36.0, 120.0, own), value)
        for q, value in (("eastward_wind", u), ("northward_wind", v))
    ]


def read(pairs, position=0, usual=0.0):
    columns = [c for c, _ in pairs]
    now = np.array([v for _, v in pairs])
    return reading_of(position, columns, now, np.full(len(now), usual))


@pytest.mark.parametrize(
    ("u", "v", "came_from"),
    [(5, 0, "w"), (-5, 0, "e"), (0, 5, "s"), (0, -5, "n"), (4, -4, "nw"), (-4, -4, "ne"), (4, 4, "sw")],
)
def test_a_wind_is_named_by_where_it_comes_from(u, v, came_from):
    reading = read(wind("jinan", u, v))
    assert reading.from_direction == came_from
    assert reading.value == pytest.approx(np.hypot(u, v), abs=0.01)


def test_a_wind_that_turned_weak_freshened_or_turned_is_said_to():
    weak = read([*wind("seoul", 2, -2), *wind("seoul", 6, -6, (24, 48))])
    assert (weak.from_direction, weak.trend) == ("nw", "weaker")
    said = said_input(Input("seoul", "wind", ()), weak, "en")
    assert said == "Seoul: wind from the north-west, turning weak, 2.8 m/s (last 6 h)"
    assert read([*wind("seoul", 6, 0), *wind("seoul", 2, 0, (24, 48))]).trend == "stronger"
    turned = read([*wind("seoul", 0, 4), *wind("seoul", 4, 0, (24, 48))])
    assert (turned.trend, turned.before, turned.from_direction) == ("turned", "w", "s")
    calm = read(wind("seoul", 0.3, 0.2))
    assert "nearly calm" in said_input(Input("seoul", "wind", ()), calm, "en")


def test_numbers_come_in_the_units_that_are_spoken():
    def one(quantity, value, usual):
        column = Column(
            "seoul weather", f"seoul.{quantity}.weather", "mean", 0, 6, None, 37.6, 127.0, "seoul"
        )
        reading = reading_of(0, [column], np.array([value]), np.array([usual]))
        return said_input(Input("seoul", "x", ()), reading, "en")

    assert one("air_temperature", 271.15, 276.15) == "Seoul −2 °C (last 6 h; usual 3)"
    assert one("relative_humidity", 0.85, 0.6) == "Seoul humidity 85 % (last 6 h; usual 60)"
    assert (
        one("air_pressure_at_mean_sea_level", 103120.0, 102500.0) == "Seoul 1031 hPa (last 6 h; usual 1025)"
    )
    assert one("atmosphere_boundary_layer_thickness", 300.2, 700.0).startswith("Seoul mixing height 300 m")
    air = Column("beijing air", "beijing.pm2p5.reference", "mean", 24, 48, None, 39.9, 116.4, "beijing")
    reading = reading_of(0, [air], np.log([185.0]), np.log([65.0]))
    assert said_input(Input("beijing", "air", ()), reading, "en") == "Beijing 180 (24-48 h ago; usual 60)"
    assert said_input(Input("beijing", "air", ()), reading, "ko") == "베이징 180 (24~48시간 전, 평년 60)"


def test_a_region_is_told_by_the_reading_that_did_most_in_its_sense():
    columns = [
        Column("air upwind", f"around.pm2p5.{place}", what, 0, 6, None, 36.7, 117.0)
        for place, what in (("jinan_air", "mean"), ("qingdao_air", "mean"), ("dalian_air", "highest"))
    ]
    assert chosen(columns, np.array([0.1, 0.4, 0.9])) == 1
    assert chosen(columns, np.array([-0.1, -0.4, 0.9])) == 2
    reading = reading_of(0, columns, np.log([145.0, 65.0, 5.0]), np.log([55.0, 55.0, 55.0]))
    said = said_input(Input("w", "air", ()), reading, "en")
    assert said == "air to the west, such as Jinan 140 (last 6 h; usual 50)"


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_the_gradient_of_a_plane_is_found_and_the_wind_keeps_the_low_to_its_left(east, north):
    """Pressure rising by ``east`` and ``north`` hPa per 1000 km gives back its size; east of a low the wind
    comes from the south."""
    if np.hypot(east, north) < 0.5:
        return
    origin = city("seoul")
    columns, now = [], []
    for i, place in enumerate([(35, 122), (39, 117), (41, 123), (36, 129), (38, 125), (34, 127), (40, 128)]):
        x = (place[1] - origin.longitude) * 111.2 * np.cos(np.deg2rad(origin.latitude)) / 1000
        y = (place[0] - origin.latitude) * 111.2 / 1000
        key = f"around.air_pressure_at_mean_sea_level.p{i}"
        columns.append(Column("weather around", key, "mean", 0, 6, None, float(place[0]), float(place[1])))
        now.append(101_500.0 + 100 * (east * x + north * y))
    reading = gradient_of(columns, origin, np.array(now), np.full(7, 101_500.0))
    assert reading.value == pytest.approx(np.hypot(east, north), abs=0.02)
    assert reading.usual == pytest.approx(0.0, abs=1e-6)
    # u is minus the slope northwards, v the slope eastwards
    assert reading.from_direction == direction(float(np.rad2deg(np.arctan2(north, -east))))
    assert said_input(Input(FIELD, "pressure", ()), reading, "en").startswith("pressure field around Seoul: ")


def test_too_few_pressures_give_no_gradient():
    column = Column("w", "around.air_pressure_at_mean_sea_level.p", "mean", 0, 6, None, 36.0, 120.0)
    assert gradient_of([column], city("seoul"), np.array([1e5]), np.array([1e5])) is None


def test_directions():
    seoul = (37.6, 127.0)
    assert [sector(seoul, p) for p in ((40.0, 127.0), (37.6, 129.0), (35.2, 129.1))] == ["n", "e", "se"]
    assert name_of("dalian_air", "zh") == "大连"
    assert number(-12.3, signed=True) == "−12"


def test_what_would_change_it_is_said_with_hour_probabilities_and_cases():
    change = {
        "place": "qingdao_air", "quantity": "pm2p5", "valid_end": "2020-01-09T11:00:00Z", "interval_hours": 1,
        "side": "below", "level": 60.0, "probability": 0.35, "low": 0.27, "high": 0.44, "futures": 83,
        "reading_probability": 0.4,
    }  # fmt: skip
    found = {
        "city": "seoul", "lead_day": 1, "day": "2020-01-10", "threshold": 35, "probability": 0.62,
        "futures": 200, "changes": [change], "refused": "",
    }  # fmt: skip
    (said,) = said_what_if(found, "en")
    assert said == (
        "if Qingdao is below 60 µg/m³ at 20 KST, P(Seoul D+1 > 35) falls from .62 to .35 (.27-.44; 83 cases)"
    )
    mean = {**found, "changes": [{**change, "interval_hours": 6}]}
    assert "Qingdao averages below 60 µg/m³ in the 6 h until 20 KST" in said_what_if(mean, "en")[0]
    for refused in ("noise", "decided"):
        (said,) = said_what_if({**found, "changes": [], "refused": refused}, "en")
        assert "P(Seoul D+1 > 35) is .62" in said


def test_stored_reasons_are_read_back_and_those_of_another_version_are_not(tmp_path):
    document = {"version": 2, "cities": [{"city": "seoul", "days": []}]}
    path = write_reasons(document, tmp_path / "reasons.json")
    assert read_reasons(path) == document
    assert reason_lines(document["cities"][0], "en") == [
        "Seoul: no model spoke for this city, so there are no reasons to tell"
    ]
    assert because(document) == []
    for text in ('[{"city": "seoul", "group": "x"}]', '{"version": 1}', "no json"):
        path.write_text(text)
        assert read_reasons(path) is None
    assert read_reasons(tmp_path / "absent.json") is None


def test_a_reading_as_plain_data_leaves_out_what_is_not_there():
    told = Reading("seoul", "pm2p5", 0, 6, "mean", 20.0, 18.0).to_dict()
    assert "day" not in told
    assert told["value"] == 20.0
