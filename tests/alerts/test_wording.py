"""The three languages say the same, each in its own script, whatever the product and kind."""

import re
import tomllib
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from alerts.content import DayOutlook, LinkEvidence
from alerts.examples import example_content, example_update
from alerts.message_view import Background, mark_of
from alerts.rules import all_rules
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, vocabulary
from alerts.wording import PARTS, environment, wording
from pipeline.errors import ContractError
from pipeline.names import QUANTITIES

HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
HANZI = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
PRODUCTS = ("joint_warning", "notice", "single_city_warning")
KINDS = ("alert", "update", "all_clear", "cancel")


def every_content():
    """Each product, kind and label; an update has a predecessor."""
    first = example_content()
    for name, kind, (status, world) in product(
        PRODUCTS,
        KINDS,
        (("Exercise", "simulated-7"), ("Exercise", "measured"), ("Actual", "measured"), ("Test", "measured")),
    ):
        level = "J2" if name == "joint_warning" else ""
        labels = {"cap_status": status, "world": world, "simulated": world != "measured"}
        before = replace(first, product=name, level=level, **labels)
        yield before if kind == "alert" else example_update(before, kind=kind, reason="newer run"), before


def keys_of(table, prefix=""):
    """Every path of a nested table."""
    for key, value in table.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from keys_of(value, f"{prefix}{key}.")


def attributes(name):
    """Every `m.<name>` and `w.<name>` that a template asks for."""
    source = environment().loader.get_source(environment(), name)[0]
    return {
        (node.node.name, node.attr)
        for node in environment().parse(source).find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name)
    }


def test_the_word_tables_have_the_same_keys():
    tables = {
        name: set(keys_of(tomllib.loads((TEMPLATE_FOLDER / name / "words.toml").read_text("utf-8"))))
        for name in LANGUAGES
    }
    assert tables["ko"] == tables["zh"] == tables["en"]


@pytest.mark.parametrize("part", PARTS)
def test_the_templates_of_a_part_ask_for_the_same_values(part):
    found = {name: attributes(f"{name}/{part}.j2") for name in LANGUAGES}
    assert found["ko"] == found["zh"] == found["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_level_note_and_quantity_has_a_word(language):
    words = vocabulary(language)
    assert {r.id for r in all_rules()} <= set(words["rules"])
    assert {level for r in all_rules() for level in r.levels} <= set(words["rule_levels"])
    assert set(QUANTITIES) == set(words["quantities"])
    notes = {part.strip() for r in all_rules() if r.levels for part in r.note.split(";") if part.strip()}
    assert notes <= set(words["phrases"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_product_kind_and_label_renders_without_a_gap(language):
    for content, before in every_content():
        text = wording(content, language, Background(before, {"seoul": 75, "beijing": 115}))
        for part in (text.subject, text.headline, text.summary, text.description, text.instruction):
            assert part.strip()
            assert "None" not in part
            assert "{" not in part
        assert "\n" not in text.subject + text.headline
        assert bool(text.banner) == (content.cap_status != "Actual")
        assert len(text.headline) <= 160


def test_no_hangul_in_chinese_and_no_hanzi_in_korean():
    for content, before in every_content():
        for language, foreign in (("zh", HANGUL), ("ko", HANZI)):
            text = wording(content, language, Background(before, {"seoul": 75, "beijing": 115}))
            whole = "\n".join([text.subject, text.headline, text.description, text.instruction])
            whole = whole.replace("산시(山西)", "")  # told from its neighbour by its characters alone
            assert not foreign.search(whole), foreign.search(whole)


def test_native_terms_stand_in_brackets_in_english():
    text = wording(example_content(), "en")
    outside = re.sub(r"\([^()]*\)", "", text.description)
    assert not HANGUL.search(outside)
    assert not HANZI.search(outside)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({}, "simulated"),
        ({"cap_status": "Test"}, "simulated"),
        ({"world": "measured", "simulated": False}, "replay"),
        ({"world": "measured", "simulated": False, "cap_status": "Test"}, "test"),
        ({"world": "measured", "simulated": False, "cap_status": "Actual"}, ""),
    ],
)
def test_what_is_not_real_says_so_first(language, changes, mark):
    content = example_content(**changes)
    words = vocabulary(language)["marks"]
    assert mark_of(content) == mark
    text = wording(content, language)
    for first in (text.subject, text.headline, text.description):
        said = [word for name, word in words.items() if not name.endswith("_banner") and word in first[:40]]
        assert bool(said) == bool(mark)
        assert not mark or words[mark] in said


@pytest.mark.parametrize("changes", [{"cap_status": "Actual"}, {"simulated": False}, {"world": "measured"}])
def test_a_simulation_is_never_shown_as_real(changes):
    with pytest.raises(ContractError):
        wording(example_content(**changes), "en")


def test_numbers_dates_and_chances_are_those_of_the_content():
    text = wording(example_content(), "en")
    assert text.summary.splitlines()[1] == (
        "Seoul: daily mean expected to peak at 96 µg/m³ on Fri 16 Jan (80 % interval 58–139 µg/m³). "
        "Above 75 µg/m³: likely (73 %). High concentrations Thu 15 Jan 06:00 to Sat 17 Jan 24:00 "
        "(KST, UTC+9)."
    )
    assert wording(example_content(), "ko").summary.splitlines()[1] == (
        "서울: 1월 16일(금) 일평균 96㎍/㎥ 예상(최고일, 80% 구간 58~139㎍/㎥). "
        "75㎍/㎥ 초과 가능성 높음(73%). 고농도 기간 1월 15일(목) 06:00 ~ 1월 17일(토) 24:00 (KST, 한국시간)."
    )
    assert wording(example_content(), "zh").summary.splitlines()[1] == (
        "首尔：预计1月16日（周五）日均浓度最高，为96微克/立方米（80%区间58～139微克/立方米）；"
        "超过75微克/立方米的可能性较高（73%）。污染时段为1月15日（周四）06:00至1月17日（周六）24:00"
        "（韩国时间 KST）。"
    )


def test_an_observed_peak_is_not_called_expected():
    content = example_content()
    beijing = content.cities[0]
    days = tuple(replace(d, observed_share=1.0) if d.day == beijing.peak_day else d for d in beijing.days)
    seen = replace(content, cities=(replace(beijing, days=days),))
    assert "peaked at 163" in wording(seen, "en").summary
    assert "관측" in wording(seen, "ko").summary
    assert "实测" in wording(seen, "zh").summary


def test_a_peak_before_the_days_spoken_of_is_told_as_observed():
    content = example_content()
    over = replace(content.cities[0], peak_day="2026-01-13", peak_mean=171.4)
    seen = replace(content, cities=(over, content.cities[1]))
    lines = {language: wording(seen, language).summary.splitlines()[0] for language in ("en", "ko", "zh")}
    assert "daily mean peaked at 171 µg/m³ on Tue 13 Jan (observed). High" in lines["en"]
    assert "1월 13일(화) 일평균 171㎍/㎥ 관측(최고일). 고농도" in lines["ko"]
    assert "1月13日（周二）日均浓度实测171微克/立方米，为本次过程最高。污染" in lines["zh"]
    assert "expected to peak" in wording(seen, "en").summary.splitlines()[1]


def test_a_day_without_value_is_not_assessable_and_never_zero():
    content = example_content()
    blank = DayOutlook("2026-01-18", 4, float("nan"), float("nan"), float("nan"), {}, 0.0)
    city = replace(content.cities[0], days=(*content.cities[0].days, blank))
    text = wording(replace(content, cities=(city,)), "ko").description
    assert "1월 18일(일) [예측] 평가 불가; P(>75) –" in text


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (0.0, "very unlikely (<1 %)"),
        (0.10, "unlikely (10 %)"),
        (0.33, "about as likely as not (33 %)"),
        (0.66, "likely (66 %)"),
        (0.90, "very likely (90 %)"),
        (1.0, "very likely (>99 %)"),
    ],
)
def test_chances_in_words_and_numbers(probability, said):
    assert vocabulary("en").chance(probability) == said


def test_an_update_says_what_changed_and_nothing_else():
    first = example_content()
    seoul = replace(first.cities[1], peak_mean=134.6, end="2026-01-18T15:00:00Z")
    update = example_update(first, level="J3", cities=(first.cities[0], seoul))
    lines = wording(update, "en", Background(first)).view.changes
    assert lines == (
        "Level: joint level J2 → joint level J3",
        "Seoul, highest daily mean: 96 µg/m³ → 135 µg/m³",
        "Seoul, period: Thu 15 Jan 06:00 to Sat 17 Jan 24:00 (KST, UTC+9) → "
        "Thu 15 Jan 06:00 to Sun 18 Jan 24:00 (KST, UTC+9)",
        "Reason: newer forecast run",
    )
    same = example_update(first, reason="")
    assert wording(same, "zh", Background(first)).view.changes == ("等级、时段和浓度与上一版相同",)
    fewer = example_update(first, cities=first.cities[:1], reason="")
    assert wording(fewer, "ko", Background(first)).view.changes == ("서울 제외",)


def test_a_cancelled_warning_shows_no_numbers_of_the_forecast():
    cancelled = example_update(example_content(), kind="cancel", reason="issued in error")
    text = wording(cancelled, "en")
    assert "version 1) is cancelled" in text.summary
    assert "issued in error" in text.summary
    assert "163" not in text.description


def test_joint_levels_and_national_findings_stand_apart():
    for language in LANGUAGES:
        text = wording(example_content(), language)
        words = vocabulary(language)
        national = text.description.split(words["labels"]["national"])[1].split(words["labels"]["evidence"])[
            0
        ]
        assert "J2" not in national
        assert words["evidence"]["partly"] in national
        assert words["product_notes"]["joint_warning"] in text.evidence


def test_degraded_and_missing_inputs_are_said_in_every_language():
    content = example_content(
        degraded="seoul.pm2p5.reference: nothing known of the last 72 h",
        inputs_missing=("beijing.wind_speed.weather",),
    )
    said = {
        "ko": ("최근 72시간", "베이징 풍속"),
        "zh": ("最近72小时", "北京 风速"),
        "en": ("last 72 h", "Beijing wind speed"),
    }
    for language, parts in said.items():
        for part in parts:
            assert part in wording(content, language).evidence


hostile = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "a\r\nBcc: x@y",
        "<script>alert(1)</script>",
        "\u202egnp.exe",
        "\x00\x1b[31m",
        "{{ m }}",
        "{% raw %}",
        "]]>",
    ]
)


def described_with(text):
    """The English description of a content whose free texts are all ``text``."""
    content = example_content()
    link = LinkEvidence("beijing", "seoul", 18.0, 2.4, 412, text)
    finding = replace(content.rules[0], version=text)
    changed = replace(content, world="simulated-" + text, links=(link,), rules=(finding, *content.rules[1:]))
    return wording(changed, "en").description


@settings(max_examples=60, deadline=None)
@given(hostile)
def test_foreign_text_never_opens_a_line_of_its_own(text):
    described = described_with(text)
    assert described.count("\n") == described_with("x").count("\n")
    assert not set("\r\x00\x1b\u202e\u2028\x85") & set(described)


GROUPS = [
    *(
        f"{city} {what}"
        for city in ("seoul", "beijing")
        for what in ("air, latest", "air", "air, weeks", "air, arriving", "weather")
    ),
    "air upwind",
    "weather around",
    "weather at sea",
    *(f"weather ahead, D+{day}" for day in range(4)),
]
"""Inputs that a forecast can do without."""


@pytest.mark.parametrize(
    "statement",
    [
        "level J1 to J2; seoul: onset +6 h; beijing: end -12 h; seoul: probability higher; other cities",
        "the reason for the all-clear is gone",
        "episode over: beijing; goes on: seoul",
        "the risk downwind has passed",
        "stands in for joint warning 01K version 2",
        "lagged exceedance of day means, 75 then 50 ug m-3 within 3 d (within 45 d of the date); "
        "association, not origin",
        "seoul.pm2p5.reference: nothing known of the last 72 h; beijing.pm10.reference: climatology",
        "not decidable: there is no hourly PM10 series of seoul",
        *(f"forecast without {group}" for group in GROUPS),
    ],
)
def test_statements_of_the_program_are_translated_whole(statement):
    for language in ("ko", "zh"):
        said = vocabulary(language).phrase(statement)
        assert not re.search(r"[a-z]{3,}", said), said
    assert vocabulary("en").phrase("episode over: beijing, seoul") == "episode over in Beijing and Seoul"


def test_an_all_clear_says_why_and_that_another_city_goes_on():
    content = example_update(
        example_content(), kind="all_clear", reason="episode over: beijing; goes on: seoul"
    )
    assert "the episode goes on in Seoul" in wording(content, "en").summary
    assert "서울 고농도는 계속" in wording(content, "ko").summary
    assert "首尔污染过程仍在持续" in wording(content, "zh").summary
