"""The list of recipients: what is refused, and who receives what."""

from dataclasses import replace

import pytest

from alerts.examples import example_content, example_update
from alerts.recipient_checks import GIVEN, faults_of
from alerts.recipients import load_recipients, may_receive, select_recipients
from pipeline.errors import PolicyError

GOOD = {
    "id": "seoul-desk",
    "agency": {"ko": "가", "zh": "中", "en": "a"},
    "party": "seoul",
    "email": "desk@seoul.example",
    "languages": ["ko", "en"],
    "cities": ["seoul"],
    "minimum_level": "J2",
}


def ids(content, reached=()):
    return [r.id for r in select_recipients(content, load_recipients(), reached)]


def test_the_packaged_list_can_reach_nobody():
    recipients = load_recipients()
    assert len(recipients) == 6
    assert {r.party for r in recipients} == {"seoul", "beijing"}
    assert all(r.email.endswith(".example") for r in recipients)
    assert all(("(drill)" in r.agency["en"]) for r in recipients)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "Seoul desk"}, "id"),
        ({"party": "tokyo"}, "party"),
        ({"email": "desk@seoul.example\r\nBcc: x@y.example"}, "email"),
        ({"email": "desk"}, "email"),
        ({"email": "a@b@c"}, "email"),
        ({"languages": ["fr"]}, "languages"),
        ({"languages": "ko"}, "languages"),
        ({"languages": []}, "languages"),
        ({"languages": ["ko", "ko"]}, "languages"),
        ({"languages": 5}, "languages"),
        ({"cities": ["tokyo"]}, "cities"),
        ({"minimum_level": "J4"}, "minimum_level"),
        ({"channel": "fax"}, "channel"),
        ({"channel": "webhook"}, "webhook"),
        ({"webhook": "http://hook.example/in"}, "webhook"),
        ({"agency": {"ko": "가", "en": "a"}}, "agency"),
        ({"agency": {"ko": "가", "zh": "中\n文", "en": "a"}}, "agency"),
        ({"agency": {"ko": "가", "zh": "中", "en": 7}}, "agency"),
        ({"telephone": "1"}, "telephone"),
        ({"verified": True}, "verified"),
    ],
)
def test_a_fault_is_named_by_its_field_and_never_by_its_value(changes, field):
    assert faults_of(GOOD) == []
    found = faults_of({**GOOD, **changes})
    assert [name for name, _ in found] == [field]
    if field in ("email", "agency") or "http" in str(changes):
        assert not any(str(value) in complaint for _, complaint in found for value in changes.values())


@pytest.mark.parametrize(
    "text", ["", "recipient = [1]", "[[recipient]]\n[other]", "not toml", "[[recipient]]"]
)
def test_a_faulty_file_is_refused(tmp_path, text):
    path = tmp_path / "recipients.toml"
    path.write_text(text)
    with pytest.raises(PolicyError):
        load_recipients(path)
    with pytest.raises(PolicyError, match=r"none\.toml"):
        load_recipients(tmp_path / "none.toml")


ONE = """[[recipient]]
id = "a"
agency = { ko = "가", zh = "中", en = "a" }
party = "seoul"
email = "Desk@seoul.example"
languages = ["ko"]
cities = ["seoul"]
minimum_level = "J1"
"""


def test_faults_of_a_list_are_named_by_line_and_field(tmp_path):
    path = tmp_path / "recipients.toml"
    path.write_text(ONE + ONE.replace('id = "a"', 'id = "b"').replace("Desk@", "desk@"), "utf-8")
    with pytest.raises(PolicyError, match="line 13: email is the same as in line 5") as caught:
        load_recipients(path)
    assert "@" not in str(caught.value)
    path.write_text(ONE + ONE.replace("seoul.example", "seoul example").replace('"J1"', '"J9"'), "utf-8")
    with pytest.raises(PolicyError, match=r"line 13: email .*; line 16: minimum_level"):
        load_recipients(path)
    path.write_text(ONE * 9, "utf-8")
    with pytest.raises(PolicyError, match="and 11 more"):
        load_recipients(path)


CSV = """id,party,email,languages,cities,minimum_level,channel,webhook,name_ko,name_zh,name_en
a,seoul,desk@seoul.example,ko;en,seoul beijing,J1,,,가,中,a
b,beijing,desk@beijing.example,zh,beijing,J2,webhook,https://hook.example/in,"나, 다",中,"b, c"
"""


def test_a_list_may_be_a_table(tmp_path):
    path = tmp_path / "List.CSV"
    path.write_text("\ufeff" + CSV, "utf-8")
    first, second = load_recipients(path)
    assert (first.languages, first.cities, first.channel, first.webhook) == (
        ("ko", "en"),
        ("seoul", "beijing"),
        "email",
        "",
    )
    assert (second.channel, second.webhook) == ("webhook", "https://hook.example/in")
    assert second.agency == {"ko": "나, 다", "zh": "中", "en": "b, c"}
    assert not first.verified


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("J2", "J7", "line 3: minimum_level"),
        (",中,a\n", ",,a\n", "line 2: agency"),
        ("desk@beijing.example", "desk", "line 3: email"),
        ("\nb,", "\na,", "line 3: id is the same as in line 2"),
        ("webhook,https", "webhook,https,https", "line 3: it has not as many fields"),
        ("id,", "name,", "line 1: it must name the columns"),
        ("name_en", "name_fr", "line 2: name_fr is not known"),
        ('"b, c"', '"b, c', "unexpected end of data"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path, old, new, fault):
    path = tmp_path / "list.csv"
    assert CSV.count(old) >= 1
    path.write_text(CSV.replace(old, new), "utf-8")
    with pytest.raises(PolicyError, match=fault):
        load_recipients(path)
    path.write_bytes(CSV.encode("cp949", "replace"))
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_recipients(path)


@pytest.mark.parametrize(
    ("email", "webhook", "free"),
    [
        ("a@b.example", "", True),
        ("a@example.com", "", True),
        ("a@x.invalid", "", True),
        ("a@seoul.go.kr", "", False),
        ("a@counterexample.org", "", False),
        ("a@example.kr", "", False),
        ("a@b.example", "https://hook.seoul.kr/in", False),
    ],
)
@pytest.mark.parametrize("status", ["Actual", "Test", "Exercise"])
def test_only_verified_addresses_receive_anything_in_earnest(email, webhook, free, status):
    one = replace(load_recipients()[0], email=email, webhook=webhook)
    content = replace(example_content(), simulated=False, cap_status=status)
    assert may_receive(content, replace(one, verified=True))
    assert may_receive(content, one) == (free or status == "Exercise")
    assert bool(select_recipients(content, [one])) == (free or status == "Exercise")
    assert bool(select_recipients(content, [one], reached=[one.id])) == (free or status == "Exercise")


def test_what_is_withheld_is_logged_without_an_address(caplog):
    one = replace(load_recipients()[0], email="minsu.kim@seoul.go.kr")
    content = replace(example_content(), simulated=False, cap_status="Actual")
    assert select_recipients(content, [one, replace(one, id="b", verified=True)])[0].id == "b"
    assert "v1 is not sent to 1 recipients" in caplog.text
    assert one.id in caplog.text
    assert "@" not in caplog.text


def test_who_stands_for_another_hears_what_that_one_would():
    deputy = replace(load_recipients()[0], stands_for=("on-leave",))
    clear = example_update(example_content(), kind="all_clear")
    assert select_recipients(clear, [deputy], reached=["on-leave"]) == (deputy,)
    assert select_recipients(clear, [deputy], reached=["other"]) == ()


def test_the_level_decides_who_is_disturbed():
    j1, j2 = ids(example_content(level="J1")), ids(example_content(level="J2"))
    assert set(j2) - set(j1) == {"seoul-disaster-safety", "beijing-emergency-office"}


def test_who_was_told_hears_how_it_goes_on():
    lowered = example_update(example_content(), level="J1")
    assert "beijing-emergency-office" not in ids(lowered)
    assert "beijing-emergency-office" in ids(lowered, reached=["beijing-emergency-office"])
    assert ids(example_update(example_content(), kind="all_clear")) == []
    assert ids(example_update(example_content(), kind="all_clear"), reached=["seoul-air-policy"]) == [
        "seoul-air-policy"
    ]


def test_a_notice_goes_to_the_other_party():
    content = example_content()
    beijing = replace(content, product="notice", level="", parties=("beijing",), cities=content.cities[:1])
    assert all(name.startswith("seoul-") for name in ids(beijing))
    assert len(ids(beijing)) == 3
    single = replace(beijing, product="single_city_warning")
    assert all(name.startswith("beijing-") for name in ids(single))


@pytest.mark.parametrize("email", ["kim..lee@air.kr", ".kim@air.kr", "kim.@air.kr", f"{'k' * 65}@air.kr"])
def test_an_address_that_no_header_takes_is_refused(email):
    """One of them in a list would keep a warning from everybody: its letter cannot be written."""
    values = {**vars(load_recipients()[0]), "email": email}
    given = {name: values[name] for name in GIVEN}
    assert faults_of(given) == [("email", "is not a plain e-mail address")]


def test_lists_within_a_list_are_a_fault():
    values = {name: getattr(load_recipients()[0], name) for name in GIVEN} | {"cities": [["seoul"]]}
    assert [field for field, _ in faults_of(values)] == ["cities"]
