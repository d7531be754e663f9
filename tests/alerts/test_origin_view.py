"""What messages say of the origin of air: signed numbers, local air beside arrival, both parties or none."""

import json
import random
import re
import tomllib
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from alerts.areas import city_area
from alerts.cap import CapHeader, build_cap
from alerts.cap_check import cap_problems
from alerts.content import LEFT_OUT, WarningContent
from alerts.email import Enclosure, build_email
from alerts.examples import example_content, example_update
from alerts.origin_example import example_panel
from alerts.origin_lines import origin_lines
from alerts.origin_note import LEAST_HOURS, MOST_REGIONS, origin_notes
from alerts.origin_view import origin_view, says_origin
from alerts.outbox import Letter
from alerts.path_map import path_map_svg
from alerts.policy_parts import CONFIDENCE
from alerts.recipients import Recipient
from alerts.versions import check_content
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, vocabulary
from alerts.wording import wording
from pipeline.cities import all_cities
from pipeline.errors import ReviewError
from pipeline.exchange.canonical import digest
from pipeline.origin_panel import LocalAir, RegionHours, UpwindReading, Window
from pipeline.regions import all_regions, region_name
from pipeline.times import parse_instant

SENT = parse_instant("2026-01-14T08:40Z")
NO_STATIONS = pd.DataFrame({"city": [], "latitude": [], "longitude": []})
AREAS = {c.id: city_area(c, NO_STATIONS) for c in all_cities().values()}
TITLES = {"en": "Where the air comes from", "ko": "공기의 이동 경로", "zh": "空气来向与路径"}
HOURS = {
    "en": r"(?:: |; ){name} (\d+) h \((\d+)–(\d+)\)",
    "ko": r"(?:: |; ){name} (\d+)시간\((\d+)~(\d+)\)",
    "zh": r"(?:：|；){name}(\d+)小时（(\d+)～(\d+)）",
}
LOCAL = {
    "en": r"within 75 km of {name} for (\d+) h \((\d+)–(\d+)\)",
    "ko": r"24시간 가운데 (\d+)시간\((\d+)~(\d+)\)을 {name}에서 75km",
    "zh": r"24小时中有(\d+)小时（(\d+)～(\d+)）停留在{name}75公里",
}


def table(language):
    return tomllib.loads((TEMPLATE_FOLDER / language / "origin.toml").read_text("utf-8"))


def cap_of(content):
    return build_cap(content, CapHeader("desk@seoul.example", SENT, "duty desk"), AREAS)


def mail_of(content, party="seoul", languages=("ko",)):
    desk = Recipient("x", {"en": "X"}, party, "x@seoul.example", languages, ("seoul",), "J1", "email")
    message = build_email(
        Letter(content, desk, SENT, "<a@b>", ()), Enclosure("desk@seoul.example", "desk", b"<alert/>")
    )
    return [message.get_body((kind,)).get_content() for kind in ("plain", "html")]


def some_note(rng, note):
    """A note with other numbers, as a run may find them."""

    def spent(most):
        low, mean, high = sorted(round(rng.uniform(0, most), 1) for _ in range(3))
        return mean, low, high

    regions = rng.sample(sorted(all_regions()), rng.randint(0, MOST_REGIONS))
    local = LocalAir(*spent(24), 75.0, rng.choice(["stagnant", "moderate", "ventilated", "unknown"]))
    return replace(
        note,
        regions=tuple(RegionHours(r, *spent(72), 0.5) for r in regions),
        local=local,
        lost=rng.choice([0, 3]),
        windows=note.windows[: rng.randint(0, 1)],
    )


def test_the_three_tables_have_the_same_keys_and_places():
    tables = [table(language) for language in LANGUAGES]

    def shape(words):
        return {
            k: sorted(re.findall(r"{(\w+)}", v)) if isinstance(v, str) else sorted(v)
            for k, v in words.items()
        }

    assert shape(tables[0]) == shape(tables[1]) == shape(tables[2])


@pytest.mark.slow
def test_numbers_of_two_hundred_contents_are_read_back_from_messages():
    rng = random.Random(20260114)
    for number in range(200):
        language = LANGUAGES[number % 3]
        words = vocabulary(language)
        origins = tuple(some_note(rng, note) for note in example_content().origins)
        said = wording(example_content(origins=origins), language).description
        section = said.split(TITLES[language])[1].split(words["labels"]["evidence"])[0]
        parts = re.split(r"\n(?=\S+[:：] ?(?:air|1월|1月))", section)[1:]
        for note, part in zip(origins, parts, strict=True):
            name = words.city(note.city)
            for region in note.regions:
                pattern = HOURS[language].format(name=re.escape(region_name(region.region, language)))
                (found,) = re.findall(pattern, part)
                expected = (region.hours, region.low, region.high)
                assert [int(v) for v in found] == [int(v + 0.5) for v in expected]
            local = re.findall(LOCAL[language].format(name=name), part)
            if note.local.word == "unknown":
                assert not local
                assert table(language)["local_unknown"].format(city=name) in part
            else:
                expected = (note.local.hours, note.local.low, note.local.high)
                assert [int(v) for v in local[0]] == [int(v + 0.5) for v in expected]


@pytest.mark.parametrize("language", LANGUAGES)
def test_local_air_stands_beside_arrival_and_no_share_is_printed(language):
    view = wording(example_content(), language).view
    assert [c.city for c in view.origins] == [vocabulary(language).city(c) for c in ("beijing", "seoul")]
    for city in view.origins:
        assert city.lines[:2] == (city.regions, city.local)
        assert "%" not in city.regions.replace("80%", "").replace("80 %", "")
    method = {"en": "no share of the pollution", "ko": "기여율이 아니며", "zh": "不是污染贡献率"}
    assert method[language] in wording(example_content(), language).description


def test_only_a_warning_of_both_parties_says_it():
    joint = example_content()
    assert says_origin(joint)
    alone = replace(
        joint, product="single_city_warning", level="", parties=("seoul",), cities=joint.cities[1:]
    )
    notice = replace(joint, product="notice", level="", parties=("beijing",), cities=joint.cities[:1])
    ends = [example_update(joint, kind=kind, reason="x") for kind in ("all_clear", "cancel")]
    for content in (alone, notice, *ends):
        assert not says_origin(content)
        for language in LANGUAGES:
            assert TITLES[language] not in wording(content, language).description
        assert not any(title in body for title in TITLES.values() for body in mail_of(content))
        assert b":origin<" not in cap_of(content)
    for content in (alone, notice):
        with pytest.raises(ReviewError, match="only a joint warning says where air comes from"):
            check_content(content)
    with pytest.raises(ReviewError, match="of another city"):
        check_content(replace(joint, origins=(replace(joint.origins[0], city="seoul2"),)))


def test_mail_and_cap_carry_it():
    content = example_content()
    for body in mail_of(content):
        assert all(title in body for title in TITLES.values())
    xml = cap_of(content)
    assert cap_problems(xml) == []
    root = etree.fromstring(xml)
    pairs = {p[0].text: p[1].text for p in root.iter("{*}parameter")}
    assert pairs["sameair:seoul:origin"].startswith("yellow_sea 16.2 h (8-26); shandong 12.1 h (0-24);")
    assert "local moderate 9.4 h (4-15) within 75 km" in pairs["sameair:seoul:origin"]
    assert pairs["sameair:seoul:origin"].endswith("hours of paths, no share")
    said = [node.text for node in root.iter("{*}description")]
    assert [TITLES[language] in text for language, text in zip(LANGUAGES, said, strict=True)] == [True] * 3


def test_a_region_is_named_as_the_readers_party_names_it():
    text, _ = mail_of(example_content(), "seoul")
    assert "서해 16시간" in text
    assert "황해" not in text
    text, _ = mail_of(example_content(), "beijing", ("zh",))
    assert "黄海16小时" in text
    assert "서해" not in text
    assert "황해 16시간" in cap_of(example_content()).decode()


def test_a_content_without_origins_has_the_digest_it_had():
    bare = example_content(origins=())
    assert not set(LEFT_OUT) & set(bare.to_dict())
    assert WarningContent.from_dict(bare.to_dict()) == bare
    full = example_content()
    again = WarningContent.from_dict(json.loads(json.dumps(full.to_dict())))
    assert again == full
    assert digest(full.to_dict()) == digest(again.to_dict()) != digest(bare.to_dict())


def test_notes_are_made_of_forecast_winds_alone():
    panel = example_panel()
    assert origin_notes(replace(panel, kind="surrogate")) == ()
    assert origin_notes(replace(panel, kind="none", missing="no winds are stored")) == ()
    beijing, seoul = panel.cities
    lacking = replace(panel, cities=(replace(beijing, missing="too few paths"), seoul))
    assert [note.city for note in origin_notes(lacking)] == ["seoul"]


def test_a_note_holds_the_main_regions_and_no_nan():
    nan = float("nan")
    panel = example_panel()
    regions = tuple(RegionHours(r, 0.2 * i, 0.0, nan, 0.5) for i, r in enumerate(sorted(all_regions())))
    local = LocalAir(nan, nan, nan, 75.0, "unknown")
    city = replace(panel.cities[1], regions=regions, local=local)
    (note,) = origin_notes(replace(panel, cities=(city,)))
    assert len(note.regions) == MOST_REGIONS
    assert [r.hours for r in note.regions] == sorted((r.hours for r in note.regions), reverse=True)
    assert min(r.hours for r in note.regions) >= LEAST_HOURS
    digest(example_content(origins=(note,)).to_dict())


hostile = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["a\r\nBcc: x@y", "<script>alert(1)</script>", "\u202egnp.exe", "{{ m }}", "]]>", "\x00"]
)


@pytest.mark.slow
@settings(max_examples=40)
@given(hostile)
def test_foreign_text_in_a_note_stays_text(text):
    content = example_content()
    note = replace(
        content.origins[1],
        winds=text,
        method=text,
        spread=text,
        regions=(RegionHours(text, 3.0, 1.0, 4.0, 0.5),),
        windows=(Window(text, "2026-01-15T18:00:00Z", "2026-01-16T12:00:00Z", 27.0, 0.6),),
        upwind=(
            UpwindReading(
                text, 0.0, 0.0, text, 3.0, "2026-01-15T18:00:00Z", None, 41.0, "2026-01-14T07:00:00Z"
            ),
        ),
    )
    bad = replace(content, origins=(content.origins[0], note))
    described = wording(bad, "en").description
    plain = replace(note, winds="x", method="x", spread="x")
    lines = wording(replace(content, origins=(content.origins[0], plain)), "en").description.count("\n")
    assert described.count("\n") == lines
    assert not set("\r\x00\x1b\u202e\u2028\x85") & set(described)
    assert cap_problems(cap_of(bad)) == []
    _, html = mail_of(bad)
    assert "<script" not in html


@pytest.mark.parametrize(
    "statement",
    [
        "Open-Meteo, previous runs (simulated); Open-Meteo, seamless forecast (simulated)",
        "Petterssen, 2 corrections; vertical: constant height",
        "Petterssen, 2 corrections; vertical: model over terrain",
        "start height, arrival time, start position",
        "no gridded winds are stored of these days; paths are drawn from forecast winds only",
        "the stored winds end at 2026-01-15T00:00:00Z, before the day of the expected peak",
        "most paths end within 24 h: left the field",
        "no day ahead could be forecast",
    ],
)
def test_what_the_program_says_of_method_and_lack_is_translated(statement):
    for language in ("ko", "zh"):
        said = vocabulary(language).phrase(statement).replace("Petterssen", "").replace("Open-Meteo", "")
        assert not re.search(r"[a-z]{3,}", said), said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_says_its_measured_confidence_and_paths_only_where_both_sign(language):
    joint = example_content()
    words = vocabulary(language)
    assert set(words["confidence"]) == set(CONFIDENCE)
    sign = "64 %" if language == "en" else "64%"
    lines = wording(joint, language).evidence.splitlines()
    assert all(lines)
    (line,) = [text for text in lines if sign in text]
    assert words["confidence"]["weak"] in line
    notice = replace(joint, product="notice", level="", parties=("beijing",), cities=joint.cities[:1])
    said = wording(notice, language).evidence
    assert words["confidence"]["weak"] in said
    assert sign not in said
    old = replace(joint, links=tuple(replace(x, path_share=None, confidence="") for x in joint.links))
    assert len(wording(old, language).evidence.splitlines()) == len(lines) - 1
    none = replace(joint, links=tuple(replace(x, path_share=0.0, confidence="") for x in joint.links))
    told = wording(none, language).evidence.splitlines()
    assert len(told) == len(lines)
    assert any(re.search(r"(?<!\d)0 ?%", text) for text in told)  # the paths do not support it: that is said


def test_hours_are_rounded_once_and_alike_in_summary_map_and_message():
    panel = example_panel()
    seoul = replace(panel.cities[1], regions=(RegionHours("shandong", 28.458, 9.0, 38.5, 0.9),
                                              RegionHours("yellow_sea", 38.5, 9.0, 60.0, 1.0)))  # fmt: skip
    panel = replace(panel, cities=(panel.cities[0], seoul))
    words = vocabulary("en")
    rows = [(r.name, r.hours) for r in origin_view(origin_notes(panel)[1], words).rows]
    assert rows == [("Yellow Sea", "39"), ("Shandong", "28")]
    line = origin_lines(panel)[1]
    assert "Yellow Sea 39 h, Shandong 28 h" in line
    assert "(KST, UTC+9)" in line
    drawn = path_map_svg(seoul, panel, only="en")
    assert "Yellow Sea 39 h" in drawn
    assert "Shandong 28 h" in drawn
