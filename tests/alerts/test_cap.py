"""CAP 1.2: what is built passes the schema, and what the schema wrongly lets through is refused."""

import math
import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from shapely import Polygon

from alerts.areas import MAX_VERTICES, METRES_PER_DEGREE, city_area, outline_area
from alerts.cap import CapHeader, build_cap, cap_time
from alerts.cap_check import CAP_NAMESPACE, SCHEMA_FILE, cap_problems, check_cap
from alerts.cap_grades import certainty, severity, urgency
from alerts.content import DayOutlook, Reference
from alerts.examples import example_content, example_update
from alerts.identifiers import alert_identifier
from alerts.message_view import Background
from pipeline.cities import city
from pipeline.errors import ContractError
from pipeline.times import parse_instant

SENT = parse_instant("2026-01-14T08:40Z")
HEADER = CapHeader(
    "desk@seoul.example",
    SENT,
    "duty desk",
    "https://a.example/1",
)
STATIONS = pd.DataFrame(
    {
        "city": ["seoul"] * 4 + ["beijing"] * 2,
        "latitude": [37.50, 37.50, 37.65, 37.55, 39.9, 40.0],
        "longitude": [126.85, 127.10, 127.00, 127.00, 116.3, 116.5],
    }
)
AREAS = {name: city_area(city(name), STATIONS) for name in ("seoul", "beijing")}


def cap_of(content, **changes):
    return build_cap(content, replace(HEADER, **changes), AREAS)


def values(xml, name):
    return [node.text for node in etree.fromstring(xml).iter(f"{{{CAP_NAMESPACE}}}{name}")]


def later(kind, **changes):
    return example_update(example_content(), kind=kind, **changes)


CONTENTS = [
    example_content(),
    example_content(product="notice", level=""),
    example_content(product="single_city_warning", level="", parties=("seoul",)),
    example_content(world="measured", simulated=False),
    example_content(world="measured", simulated=False, cap_status="Actual"),
    later("update", level="J3"),
    later("all_clear"),
    later("cancel", reason="issued in error"),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda c: f"{c.product}-{c.kind}-{c.cap_status}")
def test_every_product_and_kind_passes_schema_and_rules(content):
    xml = cap_of(content)
    assert cap_problems(xml) == []
    assert values(xml, "language") == ["ko-KR", "zh-CN", "en-US"]
    assert values(xml, "status") == [content.cap_status]
    assert all(len(event) <= 35 for event in values(xml, "event"))
    assert len(set(values(xml, "polygon"))) == len(content.cities)
    assert xml == cap_of(content)


def test_types_follow_the_kind_and_name_every_version_in_force():
    second = later("update")
    third = example_update(second, kind="cancel", reason="issued in error")
    assert values(cap_of(example_content()), "references") == []
    for content, kind, response in (
        (second, "Update", ["Prepare", "Monitor"]),
        (later("all_clear"), "Update", ["AllClear"]),
        (third, "Cancel", ["None"]),
    ):
        xml = cap_of(content)
        assert values(xml, "msgType") == [kind]
        assert values(xml, "responseType") == 3 * response
        triples = values(xml, "references")[0].split()
        assert [t.split(",")[0] for t in triples] == [HEADER.sender] * len(content.references)
        assert [t.split(",")[1] for t in triples] == [r.identifier for r in content.references]


def test_a_joint_warning_updates_the_single_ones_that_it_replaces():
    stand_in = Reference(1, alert_identifier("w-seoul", 1), "2026-01-14T08:00:00Z")
    xml = cap_of(example_content(), replaces=(stand_in,))
    assert values(xml, "msgType") == ["Update"]
    named = f"{HEADER.sender},{stand_in.identifier},2026-01-14T08:00:00-00:00"
    assert values(xml, "references") == [named]
    first, second = values(cap_of(later("cancel", reason="x"), replaces=(stand_in,)), "references")[0].split()
    assert first == named
    assert second.startswith(f"{HEADER.sender},{alert_identifier(example_content().warning_id, 1)},")


def test_identifier_follows_from_warning_and_version_alone():
    first, second = example_content(), later("update")
    assert values(cap_of(first), "identifier") == [alert_identifier(first.warning_id, 1)]
    assert values(cap_of(second), "identifier") == [alert_identifier(first.warning_id, 2)]
    assert values(cap_of(first, sent=SENT + timedelta(hours=1)), "identifier") == values(
        cap_of(first), "identifier"
    )


def test_times_have_no_z_no_fraction_and_utc_is_minus_zero():
    assert cap_time(parse_instant("2026-01-14T17:40:00.75+09:00")) == "2026-01-14T08:40:00-00:00"
    xml = cap_of(example_content())
    for name in ("sent", "effective", "onset", "expires"):
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-00:00", t) for t in values(xml, name))


def test_a_last_word_outlives_its_sending_and_has_no_onset():
    for kind in ("all_clear", "cancel"):
        content = later(kind, expires="2026-01-14T08:00:00Z", reason="issued in error")
        xml = cap_of(content)
        assert values(xml, "expires") == 3 * [cap_time(SENT + timedelta(hours=24))]
        assert values(xml, "onset") == []
        assert set(values(xml, "urgency")) == {"Past"}


def test_a_warning_that_has_expired_is_not_written():
    with pytest.raises(ContractError, match="not before expires"):
        cap_of(example_content(expires="2026-01-14T08:00:00Z"))


def test_parties_are_named_and_an_exercise_says_so_in_the_note():
    xml = cap_of(example_content())
    assert values(xml, "scope") == ["Restricted"]
    assert values(xml, "restriction") == [
        "For the agencies of the parties beijing, seoul only; not for publication"
    ]
    assert values(xml, "note")[0].startswith("EXERCISE: simulated data")
    replay = cap_of(example_content(world="measured", simulated=False))
    assert values(replay, "note")[0].startswith("EXERCISE: replay of measured data")
    assert values(cap_of(example_content(), scope="Public"), "restriction") == []


def test_parameters_carry_level_probabilities_and_provenance():
    content = example_content(degraded="no weather forecast", inputs_missing=("a", "b"))
    xml = cap_of(content)
    pairs = dict(zip(values(xml, "valueName"), values(xml, "value"), strict=True))
    assert pairs["sameair:jointLevel"] == "J2"
    assert pairs["sameair:degraded"] == "no weather forecast"
    assert pairs["sameair:inputsMissing"] == "a,b"
    assert pairs["sameair:seoul:2026-01-16:meanUgM3"] == "96.1"
    expected = content.cities[1].days[2].probability["75"]
    assert pairs["sameair:seoul:2026-01-16:probabilityAbove75"] == f"{expected:.3f}"
    assert pairs["GB/T 2260"] == "110000"


def test_parameters_of_one_party_name_no_input_of_another_city():
    named = ("beijing.pm2p5.reference", "seoul.pm10.reference")
    single = example_content(
        product="single_city_warning", parties=("seoul",), inputs_missing=named, degraded="beijing: no answer"
    )
    xml = cap_of(replace(single, cities=single.cities[1:], rules=(), links=()))
    pairs = dict(zip(values(xml, "valueName"), values(xml, "value"), strict=True))
    assert pairs["sameair:inputsMissing"] == "seoul.pm10.reference"
    assert pairs["sameair:degraded"] == "an input from outside the city is missing"


def test_hull_and_circle_are_marked_in_every_language():
    assert (AREAS["seoul"].shape, AREAS["beijing"].shape) == ("hull", "circle")
    described = values(cap_of(example_content()), "areaDesc")
    assert len(described) == 6
    assert all(
        any(mark in text for mark in ("행정 경계 아님", "非行政边界", "not the administrative outline"))
        for text in described
    )


def test_the_simulated_world_is_never_actual():
    with pytest.raises(ContractError, match="Actual"):
        cap_of(example_content(cap_status="Actual"))


def test_a_city_without_area_is_refused():
    with pytest.raises(ContractError, match="no area was given for beijing"):
        build_cap(example_content(), HEADER, {"seoul": AREAS["seoul"]})


SOUND = cap_of(later("update")).decode()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<sent>2026-01-14T08:40:00-00:00", "<sent>2026-01-14T08:40:00,00:00", "sent"),
        ("<sent>2026-01-14T08:40:00-00:00", "<sent>2026-01-14T08:40:00Z", "pattern"),
        ("<sent>2026-01-14T08:40:00-00:00", "<sent>2026-01-14T08:40:00.5-00:00", "pattern"),
        ("<identifier>urn:uuid:", "<identifier>urn uuid ", "identifier"),
        ("<sender>desk@seoul.example", "<sender>Seoul, desk", "sender"),
        ("desk@seoul.example,urn", "desk@seoul.example;urn", "is not sender,identifier,sent"),
        ("<event>PM2.5 joint early warning", "<event>" + "x" * 36, "longer than 35"),
        ("<language>zh-CN", "<language>ko-KR", "two info blocks"),
        ("<status>Exercise", "<status>Drill", "status"),
        ("37.5506,126.7", "126.7,37.5506", "areas"),
        ("<expires>2026-01-17", "<expires>2026-01-13", "not before expires"),
        ("<expires>2026-01-17", "<expires>2026-01-13", "is not after sent"),
        ("<effective>2026-01-14T08:40", "<effective>2026-01-14T08:39", "is before sent"),
        ("<onset>2026-01-14T04", "<onset>2026-01-14T05", "differ in their times"),
        ("<responseType>Monitor", "<responseType>AllClear", "has an onset"),
        ("<responseType>Monitor", "<responseType>AllClear", "urgency Immediate, not Past"),
        ("<msgType>Update", "<msgType>Cancel", "has an onset"),
        (
            "<references>desk",
            "<references>desk@seoul.example,urn:uuid:a6d03634-a431-5582-b2ba-1f66d38bc0e2,"
            "2026-01-14T08:40:00-00:00 desk",
            "name a message twice",
        ),
        (
            "2026-01-14T08:40:00-00:00</references>",
            "2026-01-14T08:40:01-00:00</references>",
            "was sent after",
        ),
    ],
)
def test_what_breaks_a_rule_is_found(old, new, problem):
    if old.startswith("37"):
        old = re.search(r"<polygon>(\S+ )", SOUND)[1]
        new = "95.0000,127.0000 "
    assert old in SOUND
    broken = SOUND.replace(old, new, 1)
    assert any(problem in found for found in cap_problems(broken.encode())), cap_problems(broken.encode())
    with pytest.raises(ContractError, match="CAP message"):
        check_cap(broken.encode())


def test_the_schema_alone_would_admit_a_comma_in_the_zone():
    pattern = etree.fromstring(SCHEMA_FILE.read_bytes()).find(".//{*}pattern").get("value")
    assert re.fullmatch(pattern, "2026-01-14T08:40:00,00:00")


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("references", "without references"),
        ("restriction", "without restriction"),
        ("note", "status Exercise without note"),
    ],
)
def test_what_must_be_there_is_missed(tag, problem):
    broken = re.sub(rf"<{tag}>.*?</{tag}>", "", SOUND)
    assert any(problem in found for found in cap_problems(broken.encode()))


def test_an_all_clear_is_an_update():
    broken = cap_of(later("all_clear")).decode().replace("<msgType>Update", "<msgType>Alert")
    assert "an all-clear has msgType Alert, not Update" in cap_problems(broken.encode())


def test_entities_and_document_types_are_refused():
    evil = '<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    xml = SOUND.replace("?>", "?>" + evil, 1).replace("<sender>desk", "<sender>&x;desk")
    assert cap_problems(xml.encode()) == ["a document type declaration is not allowed"]
    assert "not well-formed" in cap_problems(b"<alert>")[0]


def day(probabilities, share=0.0, lead=1):
    table = {str(t): p for t, p in probabilities.items()}
    return DayOutlook(f"2026-01-{14 + lead}", lead, 60.0, 40.0, 90.0, table, share)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([day({35: 0.4, 50: 0.2, 75: 0.1})], ("Minor", "Possible")),
        ([day({35: 0.7, 50: 0.4, 75: 0.2})], ("Minor", "Likely")),
        ([day({50: 0.6}, lead=1), day({50: 0.7}, lead=2)], ("Moderate", "Possible")),
        ([day({50: 0.6}, lead=1), day({50: 0.4}, lead=2), day({50: 0.6}, lead=3)], ("Minor", "Unlikely")),
        ([day({75: 0.66})], ("Moderate", "Likely")),
        ([day({75: 0.9, 150: 0.5})], ("Severe", "Possible")),
        ([day({75: 1.0, 150: 1.0, 250: 1.0}, share=1.0)], ("Extreme", "Observed")),
    ],
)
def test_severity_and_certainty_follow_the_stated_table(days, expected):
    content = example_content()
    content = replace(content, cities=(replace(content.cities[1], days=tuple(days)),))
    assert (severity(content), certainty(content)) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(-5, "Immediate"), (1, "Immediate"), (2, "Expected"), (24, "Expected"), (25, "Future")],
)
def test_urgency_follows_the_time_to_the_onset(hours, expected):
    onset = (SENT + timedelta(hours=hours)).isoformat()
    assert urgency(example_content(onset=onset), SENT) == expected


def test_a_hull_holds_every_station_with_ten_kilometres_to_spare():
    area = AREAS["seoul"]
    ring = Polygon([(lon, lat) for lat, lon in area.polygon])
    own = STATIONS[STATIONS["city"] == "seoul"]
    for lat, lon in zip(own["latitude"], own["longitude"], strict=True):
        north = lat + 9_500 / METRES_PER_DEGREE
        east = lon + 9_500 / (METRES_PER_DEGREE * math.cos(math.radians(lat)))
        for point in ((lat, lon), (north, lon), (lat, east)):
            assert ring.contains(
                Polygon([(point[1] + d, point[0] + e) for d, e in ((0, 0), (1e-6, 0), (0, 1e-6))])
            )
    assert area.polygon[0] == area.polygon[-1]
    assert len(area.polygon) <= MAX_VERTICES


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(-170, 170)), min_size=0, max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_stations_give_a_closed_ring_of_few_vertices(points):
    scale = [(37.5 + lat / 100, 127.0 + lon / 100) for lat, lon in points]
    table = pd.DataFrame(scale, columns=["latitude", "longitude"]).assign(city="seoul")
    area = city_area(city("seoul"), table)
    assert 4 <= len(area.polygon) <= MAX_VERTICES
    assert area.polygon[0] == area.polygon[-1]
    assert area.is_hull


def test_a_fine_outline_is_simplified_and_not_called_a_hull():
    ring = [(39.9 + 0.5 * math.cos(a / 500), 116.4 + 0.5 * math.sin(a / 500)) for a in range(3142)]
    area = outline_area(ring, source="survey", licence="public domain")
    assert not area.is_hull
    assert len(area.polygon) <= MAX_VERTICES


hostile = st.text(st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    ["<script>alert(1)</script>", "a\r\nb", "]]>", "&x;", "\x00\x0b", "\ufffe"]
)


@settings(max_examples=40, deadline=None)
@given(hostile)
def test_hostile_text_stays_text(text):
    content = replace(
        example_content(),
        model_id=text,
        run_id=text,
        degraded=text,
        inputs_missing=(text,),
        policy_version=text,
    )
    xml = build_cap(content, replace(HEADER, contact=text), AREAS, Background())
    assert cap_problems(xml) == []
    assert {node.tag.split("}")[1] for node in etree.fromstring(xml).iter()} >= {"alert", "info"}
    assert "script" not in {node.tag.split("}")[1] for node in etree.fromstring(xml).iter()}
