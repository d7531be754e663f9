"""The first screen of a mail: what it says, in which order, in three languages; and why one was cancelled."""

import math
import re
import tomllib
from dataclasses import replace

import pytest

from alerts.cancel_reasons import cancel_reasons, cancel_sentence, recorded_reason
from alerts.content import RuleFinding
from alerts.examples import example_content, example_update
from alerts.first_screen import first_screen
from alerts.mail_body import next_update
from alerts.message_findings import findings_view
from alerts.message_view import Background, message_view
from alerts.message_words import message_words
from alerts.vocabulary import LANGUAGES, TEMPLATE_FOLDER, vocabulary
from alerts.wording import wording
from pipeline.errors import UsageError
from pipeline.times import parse_instant

REGION = "of the provinces 2 of 3 must meet it, only seoul is known and does with"
ORDER = ["status", "what", "trigger", "time", "worst", "changed", "legal", "next", "telephone"]
SEOUL = Background(
    thresholds={"seoul": 75, "beijing": 115},
    party="seoul",
    telephones={"seoul": "+82 2 000 0000"},
    next_update="2026-01-14T14:00:00Z",
    listed_from=0.3,
)


def screen(content=None, language="en", background=SEOUL):
    text = wording(content or example_content(), language, background)
    return {fact.key: fact.lines for fact in text.first}


def finding(rule, level, probability, basis="forecast", day="2026-01-15", city="seoul", note=""):
    return RuleFinding(rule, "2019-02-15", city, day, level, probability, basis, "found", note)


def leaves(table, prefix=""):
    """Every text of a nested table with its path."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_three_tables_have_the_same_keys_and_places():
    tables = {
        lang: dict(leaves(tomllib.loads((TEMPLATE_FOLDER / lang / "message.toml").read_text("utf-8"))))
        for lang in LANGUAGES
    }

    def places(table):
        return {key: sorted(set(re.findall(r"{(\w+)}", text))) for key, text in table.items()}

    assert places(tables["ko"]) == places(tables["zh"]) == places(tables["en"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_said_in_the_order_in_which_it_is_read(language):
    assert list(screen(language=language)) == ORDER
    for kind in ("all_clear", "cancel"):
        last = example_update(example_content(), kind=kind, reason="episode over: beijing")
        assert list(screen(last, language)) == ["status", "what", "changed", "legal", "next", "telephone"]


def test_the_readers_own_city_comes_first():
    assert screen()["what"][0].startswith("Seoul, Fri 16 Jan: joint level J2, daily mean 96")
    assert screen(background=replace(SEOUL, party="beijing"))["what"][0].startswith("Beijing, Thu 15 Jan")


def test_both_national_scales_stand_side_by_side():
    # 96 ug m-3: above 75 in Korea; above 75 up to 115 in China
    assert "(Korea: very bad (매우나쁨); China: class 3, lightly polluted (轻度污染))" in screen()["what"][0]
    assert "(한국 매우나쁨, 중국 3급" in screen(language="ko")["what"][0]
    assert "（韩国：极差；中国：三级 轻度污染）" in screen(language="zh")["what"][0]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            (),
            "Korean emergency reduction measures (Seoul): not met, as far as foreseen (every day below 30 %)",
        ),
        (
            (("kr.emergency_measures.met", 0.7),),
            "Korean emergency reduction measures (Seoul), Thu 15 Jan: criteria met – likely (70 %), "
            "to be announced by Thu 15 Jan 17:10; measures would run Fri 16 Jan 06:00 to Fri 16 Jan 21:00 "
            "(KST, UTC+9)",
        ),
        (
            (("", None),),
            "Korean emergency reduction measures (Seoul), Thu 15 Jan: cannot be decided from these data – "
            "the mean of the next day is incomplete or beyond the forecast",
        ),
    ],
)
def test_the_legal_trigger_is_named_with_its_state_and_hours(rows, said):
    note = "not decidable: the mean of the next day is incomplete or beyond the forecast"
    rules = tuple(finding("kr.emergency_measures", level, p, note="" if level else note) for level, p in rows)
    assert screen(replace(example_content(), rules=rules))["trigger"][0] == said


def test_an_observed_trigger_is_met():
    rules = (finding("kr.advisory.pm2p5", "kr.advisory.pm2p5.advisory", 1.0, basis="observed"),)
    lines = screen(replace(example_content(), rules=rules))["trigger"]
    assert lines[1] == "Korean PM2.5 advisory and warning (Seoul), Thu 15 Jan: advisory (주의보) – met"


def test_of_several_days_the_first_and_the_worst_are_told_and_the_other_partys_rules_are_not():
    rows = [
        ("kr.emergency_measures.met", 0.8, "2026-01-16"),
        ("kr.emergency_measures.met", 0.6, "2026-01-17"),
        ("kr.emergency_measures.met", 0.4, "2026-01-15"),
    ]
    rules = [finding("kr.emergency_measures", level, p, day=day) for level, p, day in rows]
    rules.append(finding("cn.alert.beijing", "cn.alert.beijing.yellow", 0.9, city="beijing"))
    lines = screen(replace(example_content(), rules=tuple(rules)))["trigger"]
    assert "Thu 15 Jan: criteria met – about as likely as not (40 %)" in lines[0], "its measures begin first"
    assert "Fri 16 Jan: criteria met – likely (80 %)" in lines[1]
    assert not [line for line in lines if "Beijing" in line or "Sat 17 Jan: " in line]


def test_the_highest_level_is_told_though_a_lower_one_is_likelier():
    rows = [("yellow", 0.99, "2026-01-15"), ("orange", 0.5, "2026-01-16"), ("orange", 0.6, "2026-01-17")]
    rules = tuple(
        finding("cn.alert.beijing", f"cn.alert.beijing.{level}", p, day=day, city="beijing")
        for level, p, day in rows
    )
    lines = screen(replace(example_content(), rules=rules), background=replace(SEOUL, party="beijing"))
    assert "Thu 15 Jan: yellow" in lines["trigger"][0]
    assert "Sat 17 Jan: orange" in lines["trigger"][1]


def test_a_reader_whose_city_is_not_in_the_message_is_told_so():
    notice = example_content(product="notice", level="", parties=("beijing",))
    notice = replace(notice, cities=notice.cities[:1])
    assert screen(notice)["trigger"] == (
        "This message holds no finding on rules of your own city; check your own forecast.",
    )


def test_ranges_of_arrival_and_end_are_told_where_they_are_known():
    content = example_content()
    seoul = replace(content.cities[1], onset_range=("2026-01-14T18:00:00Z", "2026-01-15T03:00:00Z"))
    line = screen(replace(content, cities=(content.cities[0], seoul)))["time"][0]
    assert line == (
        "Seoul: from Thu 15 Jan 06:00 (between Thu 15 Jan 03:00 and Thu 15 Jan 12:00) to Sat 17 Jan 24:00 "
        "(KST, UTC+9)"
    )


def test_a_worst_case_that_is_not_known_is_not_called_observed():
    content = example_content()
    blind = [replace(c, days=tuple(replace(d, q90=math.nan) for d in c.days)) for c in content.cities]
    assert screen(replace(content, cities=tuple(blind)))["worst"] == ("not assessable",)


def test_the_worst_case_is_the_upper_end_of_the_interval_of_the_peak_day():
    assert "daily mean 139 µg/m³ (very bad" in screen()["worst"][0]
    content = example_content()
    seen = tuple(
        replace(c, days=tuple(replace(d, observed_share=1.0) for d in c.days)) for c in content.cities
    )
    assert screen(replace(content, cities=seen))["worst"] == (
        "The peak has been observed; none higher is expected.",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_that_it_is_no_legal_advisory_and_what_silence_means(language):
    said = screen(language=language)
    assert said["legal"][0].startswith({"en": "No. ", "ko": "아님. ", "zh": "不是。"}[language])
    assert "2026-01-14 23:00" in said["next"][0]
    assert "2026-01-18 00:00" in said["next"][0]
    assert said["telephone"] == ("+82 2 000 0000",)
    unset = screen(language=language, background=replace(SEOUL, telephones={"beijing": "1"}))
    assert not re.search(r"\d", unset["telephone"][0])


def test_the_next_update_follows_sending_also_where_that_came_late():
    content = example_content()  # issued at 08:00Z
    for sent, following in (("08:40", "14T14:00"), ("14:10", "14T20:00"), ("20:00", "15T02:00")):
        assert next_update(content, parse_instant(f"2026-01-14T{sent}Z")) == f"2026-01-{following}:00Z"


def test_a_real_warning_says_that_it_is_real():
    real = example_content(world="measured", simulated=False, cap_status="Actual")
    for language, word in (("en", "REAL – not an exercise."), ("ko", "실제 상황"), ("zh", "真实情况")):
        assert word in screen(real, language)["status"][0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_party_alone_is_named_and_nothing_of_the_other_is_quoted(language):
    content = example_content(product="single_city_warning", level="", parties=("seoul",))
    single = replace(
        content, cities=content.cities[1:], rules=tuple(r for r in content.rules if r.city == "seoul")
    )
    text = wording(single, language)
    said = {"en": "issued by Seoul", "ko": "발표 당사자: 서울", "zh": "发布方：首尔"}[language]
    assert said in text.headline
    whole = "\n".join([text.subject, text.short, text.description, text.instruction, *map(str, text.first)])
    assert vocabulary(language).city("beijing") not in whole


@pytest.mark.parametrize("language", LANGUAGES)
def test_inputs_of_other_cities_are_named_only_as_lying_elsewhere(language):
    content = example_content(
        product="single_city_warning",
        level="",
        parties=("seoul",),
        inputs_missing=("beijing.pm2p5.reference", "seoul.pm10.reference"),
        degraded="no weather forecast; forecast without beijing air, latest",
    )
    single = replace(content, cities=content.cities[1:], rules=())
    text = wording(single, language)
    words = vocabulary(language)
    assert words.city("beijing") not in text.description
    assert words.phrase("an input from outside the city is missing") in text.evidence
    assert words.series("seoul.pm10.reference") in text.evidence
    assert words.city("beijing") in wording(replace(content, product="joint_warning"), language).evidence


def test_why_days_are_not_decided_is_told_with_the_days_where_they_differ():
    whys = {"2026-01-14": "95", "2026-01-15": "<1"}
    rules = tuple(
        finding("kr.preliminary_measures", "", None, basis="", day=day, note=f"not decidable: {REGION} {p} %")
        for day, p in whys.items()
    )
    told = findings_view(rules, vocabulary("en"))[0].notes
    assert [note[:12] for note in told] == ["Wed 14 Jan: ", "Thu 15 Jan: "]
    same = tuple(replace(rule, note=rules[0].note) for rule in rules)
    assert findings_view(same, vocabulary("en"))[0].notes == (told[0].removeprefix("Wed 14 Jan: "),)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_is_told_which_warning_of_its_own_city_a_joint_one_replaces(language):
    joint, own = example_content(), message_words(language)
    replaced = replace(SEOUL, taken_over=("seoul",))
    said = own["takes_over"].format(city=vocabulary(language).city("seoul"))
    assert screen(joint, language, replaced)["changed"] == (said,)
    assert screen(joint, language, replace(replaced, party="beijing"))["changed"] == (own["first"],)


@pytest.mark.parametrize("kind", ["all_clear", "cancel"])
def test_a_last_word_names_no_end_of_its_own(kind):
    view = message_view(example_update(example_content(), kind=kind, reason="x"), "en")
    assert "Valid until" not in dict(view.facts)
    assert "Valid until" in dict(message_view(example_content(), "en").facts)


@pytest.mark.parametrize("key", sorted(cancel_reasons()))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_cancellation_says_in_one_sentence_what_was_wrong(key, language):
    reason = recorded_reason(key, "see log 7")
    text = wording(example_update(example_content(), kind="cancel", reason=reason), language)
    sentence = cancel_sentence(reason, vocabulary(language))
    assert sentence in text.summary
    assert "see log 7" in sentence
    if language != "en":
        assert not re.search(r"[a-z]{3,}", sentence.replace("see log 7", ""))


@pytest.mark.parametrize(("key", "note"), [("", ""), ("other", " "), ("", "\n"), ("nonsense", "x")])
def test_a_cancellation_needs_a_reason_that_exists(key, note):
    with pytest.raises(UsageError):
        recorded_reason(key, note)


def test_the_stand_alone_function_agrees_with_the_text():
    facts = first_screen(example_content(), SEOUL, vocabulary("en"), "")
    assert [fact.key for fact in facts] == ORDER
