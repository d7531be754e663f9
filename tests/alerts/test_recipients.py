"""The list of recipients: what is refused, and who receives what."""

from dataclasses import replace

import pytest

from alerts.examples import example_content, example_update
from alerts.recipients import load_recipients, parse_recipient, select_recipients
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
    ("changes", "fault"),
    [
        ({"id": "Seoul desk"}, "its id"),
        ({"party": "tokyo"}, "owns no city"),
        ({"email": "desk@seoul.example\r\nBcc: x@y.example"}, "not a plain e-mail"),
        ({"email": "desk"}, "not a plain e-mail"),
        ({"email": "a@b@c"}, "not a plain e-mail"),
        ({"languages": ["fr"]}, "languages"),
        ({"languages": "ko"}, "languages"),
        ({"languages": []}, "languages"),
        ({"languages": ["ko", "ko"]}, "languages"),
        ({"languages": 5}, "compare it with"),
        ({"cities": ["tokyo"]}, "cities"),
        ({"minimum_level": "J4"}, "minimum_level"),
        ({"channel": "fax"}, "channel"),
        ({"agency": {"ko": "가", "en": "a"}}, "agency"),
        ({"agency": {"ko": "가", "zh": "中\n文", "en": "a"}}, "agency"),
        ({"telephone": "1"}, "telephone"),
    ],
)
def test_a_faulty_recipient_is_named(changes, fault):
    with pytest.raises(PolicyError, match=fault) as caught:
        parse_recipient({**GOOD, **changes})
    assert str(changes.get("id", "seoul-desk")) in str(caught.value)
    assert parse_recipient(GOOD).channel == "email"


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


def test_nobody_stands_in_the_list_twice(tmp_path):
    path = tmp_path / "recipients.toml"
    one = '[[recipient]]\nid = "a"\nagency = { ko = "가", zh = "中", en = "a" }\nparty = "seoul"\n'
    one += 'email = "Desk@seoul.example"\nlanguages = ["ko"]\ncities = ["seoul"]\nminimum_level = "J1"\n'
    path.write_text(one + one.replace('id = "a"', 'id = "b"').replace("Desk@", "desk@"), "utf-8")
    with pytest.raises(PolicyError, match=r"email desk@seoul\.example stands there twice"):
        load_recipients(path)


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
