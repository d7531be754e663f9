"""The picture of a mail, and how its HTML body looks: on a phone, in dark mode, drawn once for all."""

import re
import shutil
import subprocess
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from html import escape
from io import BytesIO

import pytest
from matplotlib.image import imread

from alerts.email import Enclosure, build_email
from alerts.examples import example_content, example_update
from alerts.identifiers import message_id
from alerts.mail_chart import HEIGHT, WIDTH, chart_alt, mail_chart
from alerts.outbox import MAIL_POLICY, Letter
from alerts.recipients import load_recipients
from alerts.vocabulary import LANGUAGES
from pipeline.times import parse_instant
from tests.alerts.random_warnings import random_warning

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SENT = parse_instant("2026-01-14T08:40Z")
LARGEST = 50_000
"""Octets of the picture at most, so that 10,000 mails stay light."""


class Counting:
    """Draws a picture and counts how often it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, content, language):
        self.asked.append((content.version, language))
        return b"\x89PNG" + language.encode()


def mail(content=None, language="en", chart=None, enclosure=None, number=0):
    content = content or example_content()
    to = replace(load_recipients()[0], id=f"desk-{number}", languages=(language,))
    letter = Letter(
        content, to, SENT, message_id(content.warning_id, 1, to.id), (), f"https://a.example/t/{number}"
    )
    enclosure = enclosure or Enclosure("desk@seoul.example", "desk", b"<alert/>", chart=chart)
    return message_from_bytes(build_email(letter, enclosure).as_bytes(policy=MAIL_POLICY), policy=default)


def html_of(message):
    return message.get_body(("html",)).get_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_is_small_of_the_stated_size_and_the_same_each_time(language):
    first = mail_chart(example_content(), language)
    assert first == mail_chart(example_content(), language)
    assert len(first) <= LARGEST
    assert imread(BytesIO(first)).shape[:2] == (HEIGHT, WIDTH)


def test_the_mark_of_an_exercise_is_in_the_picture():
    real = example_content(world="measured", simulated=False, cap_status="Actual")
    pictures = [mail_chart(c, "en") for c in (real, example_content(), replace(real, cap_status="Test"))]
    assert len(set(pictures)) == 3


def test_random_warnings_have_small_pictures():
    for seed in range(6):
        assert len(mail_chart(random_warning(seed)[0], "zh")) <= LARGEST


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_beside_the_picture_hold_every_city_and_day(language):
    said = chart_alt(example_content(), language)
    means = [f"{d.mean:.0f}" for c in example_content().cities for d in c.days]
    assert re.findall(r"\d+(?= ?(?:µg|㎍|微克))", said) == means


def test_the_picture_stands_in_the_body_and_is_no_attachment():
    message = mail(chart=mail_chart)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/cap+xml",
    ]
    picture = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert picture.get_content_disposition() == "inline"
    source, alt = re.search(r'<img src="cid:([^"]+)" alt="([^"]+)"', html_of(message)).groups()
    assert picture["Content-ID"] == f"<{source}>"
    assert alt == chart_alt(example_content(), "en")


def test_a_cancellation_has_no_picture_and_neither_has_one_that_could_not_be_drawn():
    cancelled = example_update(example_content(), kind="cancel", reason="x")
    for message in (mail(cancelled, chart=mail_chart), mail(chart=lambda _content, _language: b"")):
        assert "image/png" not in [part.get_content_type() for part in message.walk()]
        assert "<img" not in html_of(message)


def test_a_version_is_drawn_and_rendered_once_for_all_its_readers():
    chart, content = Counting(), example_content()
    enclosure = Enclosure("desk@seoul.example", "desk", b"<alert/>", chart=chart)
    bodies = [
        html_of(mail(content, language, enclosure=enclosure, number=n))
        for n in range(4)
        for language in ("en", "ko")
    ]
    assert chart.asked == [(1, "en"), (1, "ko")]
    for n, body in enumerate(bodies):
        assert body.count(f"https://a.example/t/{n // 2}") == 3
        assert f"v1%20desk-{n // 2}" in body
    same = [body.replace(f"t/{n // 2}", "").replace(f"desk-{n // 2}", "") for n, body in enumerate(bodies)]
    assert len(set(same)) == 2
    mail(example_update(content), "en", enclosure=enclosure)
    assert chart.asked[2:] == [(2, "en")]


def test_the_first_screen_comes_before_picture_and_tables():
    body = html_of(mail(chart=mail_chart))
    places = [body.index(text) for text in ("Your own rules", "Duty telephone", "<img", "Daily outlook")]
    assert places == sorted(places)


def seen(tmp_path, body, width, dark=False):
    """How wide the body becomes in a frame, and the colours of page, card and text."""
    if CHROMIUM is None:
        pytest.skip("needs the program chromium")
    script = (
        "f.onload=()=>{const d=f.contentDocument,c=(q)=>f.contentWindow.getComputedStyle(d.querySelector(q));"
        "document.title=[d.documentElement.scrollWidth,c('.card').backgroundColor,c('.said').color,"
        "c('.label').color].join('|')}"
    )
    page = tmp_path / "frame.html"
    page.write_text(
        f'<meta charset="utf-8"><iframe id="f" width="{width}" height="900" style="border:0" '
        f'srcdoc="{escape(body)}"></iframe><script>{script}</script>',
        "utf-8",
    )
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--virtual-time-budget=4000",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    wide, *colours = re.search(r"<title>([^<]+)</title>", done.stdout)[1].split("|")
    return int(wide), [tuple(map(int, re.findall(r"\d+", c)[:3])) for c in colours]


def contrast(one, other):
    """Contrast ratio of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour):
        linear = [v / 255 / 12.92 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_phone_nothing_is_wider_than_the_screen(tmp_path, language):
    body = html_of(mail(language=language, chart=Counting()))
    assert seen(tmp_path, body, 360)[0] <= 360


@pytest.mark.slow
def test_dark_mode_is_dark_and_readable(tmp_path):
    body = html_of(mail())
    for dark in (False, True):
        _, (card, text, label) = seen(tmp_path, body, 660, dark=dark)
        assert (max(card) < 80) == dark
        assert contrast(card, text) >= 7  # WCAG 2.2, 1.4.6 (AAA)
        assert contrast(card, label) >= 4.5
