"""The e-mail of a warning: threading, encodings, three languages, hostile text, the same bytes every time."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32, default
from email.utils import parseaddr
from html.parser import HTMLParser
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.email import Enclosure, build_email, language_order, subject_tags
from alerts.examples import example_content, example_update
from alerts.identifiers import message_id
from alerts.message_view import Background
from alerts.outbox import MAIL_POLICY, Letter
from alerts.recipients import Recipient
from alerts.wording import wording
from pipeline.settings import Settings
from pipeline.times import parse_instant

SENT = parse_instant("2026-01-14T08:40Z")
CAP = b"<?xml version='1.0' encoding='UTF-8'?><alert/>"
ENCLOSURE = Enclosure("desk@seoul.example", "당직실 02-000-0000", CAP, "https://sameair.example/w/1")
AGENCIES = {"ko": "서울특별시 대기정책과", "zh": "首尔市大气政策科", "en": "Seoul air policy division"}


def recipient(**changes):
    plain = Recipient(
        "seoul-air", AGENCIES, "seoul", "air@seoul.example", ("ko", "en"), ("seoul",), "J1", "email"
    )
    return replace(plain, **changes)


def letter(content=None, earlier=(), to=None):
    content, to = content or example_content(), to or recipient()
    return Letter(content, to, SENT, message_id(content.warning_id, content.version, to.id), tuple(earlier))


def parsed(*args, enclosure=ENCLOSURE, **kwargs):
    """What a receiver reads from the bytes."""
    data = build_email(letter(*args, **kwargs), enclosure).as_bytes(policy=MAIL_POLICY)
    return message_from_bytes(data, policy=default)


def plain_text(message):
    return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


class Tags(HTMLParser):
    """Collects what an HTML body is made of."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.open, self.links = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.opened.append(tag)
        if tag not in ("br", "meta"):
            self.open.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_structure_and_headers():
    message = parsed()
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/cap+xml",
    ]
    assert message["To"].addresses[0].display_name == AGENCIES["ko"]
    assert message["To"].addresses[0].addr_spec == "air@seoul.example"
    assert message["From"].addresses[0].addr_spec == "desk@seoul.example"
    assert message["Date"].datetime == SENT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == message_id("01KEXAMP0E0000000000000001", 1, "seoul-air")
    assert message["X-Sameair-Status"] == "Exercise"
    assert message["X-Sameair-Simulated"] == "yes"
    assert message["X-Sameair-Recipient"] == "seoul-air"
    attached = next(message.iter_attachments())
    assert attached.get_content() == CAP
    assert attached.get_filename() == "01KEXAMP0E0000000000000001-v1.cap.xml"


def test_the_subject_begins_with_ascii_tags_and_survives_encoding():
    subject = parsed()["Subject"]
    assert subject == (
        "[EXERCISE][SIMULATED][JOINT-PM25][J2][Beijing+Seoul] [모의훈련] 공동 조기경보 J2 발표: "
        "베이징 1월 15일(목) 163㎍/㎥ P(>150) 64%, 서울 1월 16일(금) 96㎍/㎥ P(>75) 73%"
    )
    raw = build_email(letter(), ENCLOSURE).as_bytes()
    assert b"Subject: [EXERCISE][SIMULATED][JOINT-PM25][J2][Beijing+Seoul]\r\n =?utf-8?" in raw
    for to in (recipient(), recipient(languages=("zh",)), recipient(languages=("en",))):
        assert parsed(to=to)["Subject"].isprintable()


@pytest.mark.parametrize(
    ("changes", "tags"),
    [
        ({"product": "notice", "level": ""}, "[EXERCISE][SIMULATED][NOTICE-PM25][Beijing+Seoul]"),
        (
            {"world": "measured", "simulated": False, "cap_status": "Actual"},
            "[JOINT-PM25][J2][Beijing+Seoul]",
        ),
        ({"kind": "all_clear"}, "[EXERCISE][SIMULATED][JOINT-PM25][J2][ALL-CLEAR][Beijing+Seoul]"),
        ({"kind": "cancel"}, "[EXERCISE][SIMULATED][JOINT-PM25][J2][CANCEL][Beijing+Seoul]"),
        (
            {"world": "measured", "simulated": False, "cap_status": "Test"},
            "[TEST][JOINT-PM25][J2][Beijing+Seoul]",
        ),
    ],
)
def test_subject_tags(changes, tags):
    assert subject_tags(example_content(**changes)) == tags


def test_all_languages_stand_in_the_body_the_readers_first():
    text = plain_text(parsed(to=recipient(languages=("zh", "ko"))))
    places = [text.index(name) for name in ("\n中文\n", "\n한국어\n", "\nEnglish\n")]
    assert places == sorted(places)
    assert language_order(()) == ("ko", "zh", "en")
    assert language_order(("en", "xx")) == ("en", "ko", "zh")


def test_the_thread_names_every_earlier_message():
    first = message_id("w", 1, "seoul-air")
    second = message_id("w", 2, "seoul-air")
    update = example_update(example_content())
    message = parsed(update, earlier=(first, second))
    assert message["In-Reply-To"] == second
    assert message["References"].split() == [first, second]
    assert "References" not in parsed()


def test_the_same_letter_gives_the_same_bytes():
    once = build_email(letter(), ENCLOSURE).as_bytes(policy=MAIL_POLICY)
    again = build_email(letter(), ENCLOSURE).as_bytes(policy=MAIL_POLICY)
    assert once == again
    other = build_email(letter(to=recipient(id="seoul-met")), ENCLOSURE).as_bytes(policy=MAIL_POLICY)
    assert other != once


@pytest.mark.parametrize("policy", [MAIL_POLICY, SMTP])
def test_lines_are_short_ascii_and_end_in_crlf(policy):
    data = build_email(letter(earlier=["<a@b>"] * 40), ENCLOSURE).as_bytes(policy=policy)
    assert data.isascii()
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_every_product_kind_and_language_builds_balanced_html():
    first = example_content()
    for name, kind, language in product(
        ("joint_warning", "notice", "single_city_warning"),
        ("alert", "update", "all_clear", "cancel"),
        ("ko", "zh", "en"),
    ):
        before = replace(first, product=name, level="J2" if name == "joint_warning" else "")
        content = before if kind == "alert" else example_update(before, kind=kind)
        enclosure = replace(ENCLOSURE, background=Background(before, {"seoul": 75}))
        message = parsed(content, to=recipient(languages=(language,)), enclosure=enclosure)
        tags = Tags(message.get_body(("html",)).get_content())
        assert not tags.open
        assert "script" not in tags.opened
        assert "img" not in tags.opened
        assert tags.opened.count("style") == 1


def test_the_preset_contact_is_said_in_each_language():
    preset = Settings().contact
    text = plain_text(parsed(enclosure=replace(ENCLOSURE, contact=preset)))
    assert text.count(preset) == 1
    assert "문의: 발표 당사자의 당직실" in text
    assert "联系方式：发布方值班室" in text


def test_links_lead_to_the_desk_and_the_bulletin_only():
    links = Tags(parsed().get_body(("html",)).get_content()).links
    acknowledgement = "mailto:desk@seoul.example?subject=ACK%2001KEXAMP0E0000000000000001%20v1%20seoul-air"
    assert set(links) == {acknowledgement, "https://sameair.example/w/1"}
    for bulletin in ("javascript:alert(1)", "bulletin.html", "data:text/html,x"):
        message = parsed(enclosure=replace(ENCLOSURE, bulletin=bulletin))
        assert set(Tags(message.get_body(("html",)).get_content()).links) == {acknowledgement}
        assert bulletin in plain_text(message)


def test_the_exercise_shows_before_anything_else_in_each_language():
    text = plain_text(parsed())
    for name, banner in (
        ("한국어", "[모의훈련]"),
        ("中文", "【模拟演练】"),
        ("English", "SIMULATED EXERCISE"),
    ):
        section = text.split(f"\n{name}\n")[1]
        assert section.lstrip("=\n ").startswith(banner)


def test_how_to_acknowledge_is_said():
    text = plain_text(parsed())
    assert text.count("ACK 01KEXAMP0E0000000000000001 v1 seoul-air") == 3
    assert text.count("desk@seoul.example") == 3
    assert text.count("당직실 02-000-0000") == 3


def test_sending_time_is_written_in_utc():
    shifted = replace(letter(), sent_at=parse_instant("2026-01-14T17:40+09:00") + timedelta(0))
    assert build_email(shifted, ENCLOSURE)["Date"] == "Wed, 14 Jan 2026 08:40:00 +0000"


CLEAN_KEYS = parsed().keys()
hostile = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    [
        "a\r\nBcc: thief@evil.example",
        "a\nSubject: other\n\nbody",
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "=?utf-8?q?=0D=0ABcc:_x?=",
        "=??Q?=0D",
        "\u2028Bcc: x",
        "\x85Bcc: x",
        '", <thief@evil.example>',
        "{{ 7*7 }}",
    ]
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(hostile)
def test_hostile_text_opens_no_header_and_no_tag(text):
    content = replace(
        example_content(),
        model_id=text,
        run_id=text,
        world="simulated-" + text,
        degraded=text,
        inputs_missing=(text,),
        reason=text,
    )
    to = recipient(agency={"ko": text, "zh": text, "en": text})
    enclosure = replace(ENCLOSURE, contact=text, bulletin=text)
    message = parsed(content, to=to, enclosure=enclosure)
    assert message.keys() == CLEAN_KEYS
    assert [a.addr_spec for a in message["To"].addresses] == ["air@seoul.example"]
    tags = Tags(message.get_body(("html",)).get_content())
    assert not {"script", "img", "iframe", "form"} & set(tags.opened)
    assert tags.opened.count("style") == 1
    assert all(link.startswith(("mailto:desk@seoul.example?", "http")) for link in tags.links)


@pytest.mark.parametrize("language", ["ko", "zh", "en"])
@pytest.mark.parametrize(
    "content", [example_content(), example_content(version=2, kind="update")], ids=["first", "update"]
)
def test_no_space_of_subject_and_addressee_is_lost_on_the_way(language, content):
    names = {language: "서울특별시 보건환경연구원 대기환경연구부 (모의) 首尔 市 당직"}
    sent = letter(content, to=recipient(languages=(language,), agency=names))
    data = build_email(sent, ENCLOSURE).as_bytes(policy=MAIL_POLICY)
    head = data.split(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78
    for reader in (default, compat32):
        got = message_from_bytes(data, policy=reader)
        subject = str(make_header(decode_header(str(got["Subject"]).replace("\r\n ", " "))))
        words = wording(content, language, Background(party="seoul")).subject
        assert subject == f"{subject_tags(content)} {words}"
    read = decode_header(parseaddr(str(message_from_bytes(data, policy=compat32)["To"]))[0])
    assert [(text.decode(charset), charset) for text, charset in read] == [(names[language], "utf-8")]


@given(st.text(alphabet='가힣중문字a1 (),"<>【】㎍', min_size=1, max_size=200))
def test_any_subject_is_read_back_as_it_was_written(text):
    text = " ".join(text.split()) or "가"
    message = EmailMessage(policy=MAIL_POLICY)
    message["Subject"] = text
    message.set_content("x")
    read = message_from_bytes(message.as_bytes(policy=MAIL_POLICY), policy=default)
    assert read["Subject"] == text
