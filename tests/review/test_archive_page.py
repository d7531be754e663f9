"""The archive: a past cycle shows what was known, decided and sent by an instant, and nothing later."""

import os
from datetime import timedelta

import pytest
import requests
from lxml import html

from alerts.examples import example_content
from alerts.signoff import Signer, approve
from pipeline.exchange.keys import load_or_create_key
from pipeline.files import write_atomic
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from pipeline.times import parse_instant
from review.accounts.roles import Role
from tests.review.browsing import browsing
from tests.review.desk_world import CYCLE, DeskWorld
from tests.review.running_app import NOW
from tests.review.signed_in import cookies

BEFORE, AFTER = CYCLE - timedelta(hours=6), CYCLE + timedelta(hours=6)
SIGNED = NOW + timedelta(minutes=30)
SENT = NOW + timedelta(minutes=40)
LATER = parse_instant("2026-02-01T00:00Z")
HERE = "/archive/2026-01-14T0800Z"
EVIL = "<script>alert(1)</script>"


def message(number):
    return OutboxRow(
        id=f"o{number}", warning_id=example_content().warning_id, version=1, recipient=f"agency-{number}",
        address="secret@example.org", message_id=f"<{number}@x>", payload_digest="d", expires=LATER,
        created_at=SENT, next_attempt_at=SENT, state="sent", sent_at=SENT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    running = DeskWorld(tmp_path_factory.mktemp("archive"))
    for cycle, chance in ((BEFORE, 0.2), (CYCLE, 0.6), (AFTER, 0.8)):
        running.run(cycle=cycle, chance=chance)
    running.run(cycle=AFTER + timedelta(hours=6), error=f"no disk {EVIL}")
    running.run(world="simulated-7", cycle=BEFORE, chance=0.5)
    running.propose()
    signer = Signer("beijing", "Kim Observed", load_or_create_key(running.settings.keys_dir, "beijing"))
    with running.ledger.write() as conn:
        approve(conn, example_content().warning_id, 1, signer, SIGNED)
        insert_outbox(conn, [message(1), message(2)])
    running.now = LATER
    yield running
    running.close()


def get(room, path, **who):
    jar = cookies(room.ledger, room.now, **who)
    return requests.get(room.base + path, cookies=jar, timeout=120, allow_redirects=False)


def text(answer):
    assert answer.status_code == 200, answer.text
    return " ".join(html.fromstring(answer.text).get_element_by_id("main").text_content().split())


def happened(room, path, **who):
    tree = html.fromstring(get(room, path, **who).text)
    return [
        (row.xpath("th")[0].text_content().strip(), row.xpath("td[2]")[0].text_content().strip())
        for row in tree.xpath("//section[@id='happened']//tbody/tr")
    ]


def at(path, when):
    return f"{path}?at={when.isoformat().replace('+', '%2B')}"


def test_cycles_stand_by_day_and_hour_with_how_they_went(room):
    tree = html.fromstring(get(room, "/archive").text)
    heads = [head.text_content() for head in tree.xpath("//table[contains(@class, 'days')]//th")]
    assert heads[:5] == ["Day", "05:00", "11:00", "17:00", "23:00"]
    links = tree.xpath("//a[@class='cycle']/@href")
    assert len(links) == 4
    assert f"{HERE}?world=measured" in links
    assert "failed" in tree.xpath("//a[@class='cycle']")[0].text_content()
    for link in links:
        assert get(room, link).status_code == 200


def test_an_instant_shows_what_had_happened_by_then_and_nothing_later(room):
    assert happened(room, HERE) == []
    assert happened(room, at(HERE, NOW)) == [("proposed", "–")]
    signed = happened(room, at(HERE, SIGNED))
    assert signed[-1] == ("approved", "beijing · Kim Observed")
    assert happened(room, at(HERE, SENT))[-1] == ("sent (2)", "–")
    early = get(room, at(HERE, NOW)).text
    assert "Kim Observed" not in early
    assert "80 %" not in text(get(room, at(HERE, SENT)))
    assert "60 %" in text(get(room, at(HERE, SENT)))
    assert "secret@example.org" not in get(room, at(HERE, SENT)).text


def test_steps_lead_through_the_cycle_and_over_its_ends(room):
    seen, path = [], "/archive/2026-01-14T0200Z"
    while path:
        tree = html.fromstring(get(room, path).text)
        seen.append(tree.xpath("//p[@class='as-of']//time/@datetime")[0])
        path = next(iter(tree.xpath("//a[@rel='next']/@href")), None)
    assert seen == sorted(seen)
    moments = [NOW, SIGNED, SENT]
    assert len(seen) == 4 + len(moments)
    back = html.fromstring(get(room, at(HERE, SIGNED)).text).xpath("//a[@rel='prev']/@href")[0]
    assert NOW.isoformat().replace("+", "%2B").replace(":", "%3A") in back


def test_an_instant_outside_of_the_cycle_is_that_of_the_snapshot(room):
    for wrong in (AFTER, BEFORE):
        tree = html.fromstring(get(room, at(HERE, wrong)).text)
        assert tree.xpath("//p[@class='as-of']//time/@datetime") == ["2026-01-14T08:00:00Z"]
    assert get(room, f"{HERE}?at=never").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/archive/2026-01-14T0900Z", "/archive/yesterday", f"{HERE}?run=01X", f"{HERE}?world=other",
     f"{HERE}/bulletin?run=01X", "/archive/2026-13-14T0800Z"],
)  # fmt: skip
def test_what_there_is_not_is_not_found(room, path):
    assert get(room, path).status_code == 404


def test_a_failed_cycle_says_why_and_escapes_it(room):
    page = get(room, "/archive/2026-01-14T2000Z")
    assert "no disk <script>" in text(page)
    assert EVIL not in page.text


def test_an_observer_sees_only_what_is_older_than_the_embargo_and_no_persons(room):
    page = get(room, at(HERE, SENT), role=Role.observer)
    assert "approved" in text(page)
    assert "Kim Observed" not in page.text
    assert "/warnings/" not in page.text
    assert "/episodes/" not in page.text
    room.now = CYCLE + timedelta(hours=168)
    try:
        assert get(room, HERE, role=Role.observer).status_code == 404
        older = get(room, "/archive", role=Role.observer)
        assert "2026-01-14T0200Z" in older.text
        assert "2026-01-14T0800Z" not in older.text
        assert get(room, HERE).status_code == 200
        after = get(room, "/archive/2026-01-14T0200Z", role=Role.observer)
        assert "0800Z" not in after.text
    finally:
        room.now = LATER


def test_reports_are_listed_and_come_as_they_were_written(room):
    folder = room.settings.reports_dir
    write_atomic(folder / "exchange-seoul-2026-01.en.html", f"<h1>Month</h1>{EVIL}".encode())
    write_atomic(folder / "season" / "2026-DJF.csv", b"a,b\n")
    write_atomic(folder / "key.pem", b"no")
    (room.settings.data_dir / "secret.json").write_text("no", "utf-8")
    (folder / "link.json").symlink_to(room.settings.data_dir / "secret.json")
    listed = text(get(room, "/archive"))
    assert "exchange-seoul-2026-01.en.html" in listed
    assert "month of the exchange" in listed
    assert "season/2026-DJF.csv" in listed
    assert "key.pem" not in listed
    assert "link.json" not in listed
    answer = get(room, "/archive/reports/exchange-seoul-2026-01.en.html")
    assert answer.text == f"<h1>Month</h1>{EVIL}"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert get(room, "/archive/reports/season/2026-DJF.csv").text == "a,b\n"
    for name in ("key.pem", "link.json", "..%2fsecret.json", "%2e%2e/secret.json", "/etc/passwd", "season"):
        assert get(room, f"/archive/reports/{name}").status_code == 404
    os.utime(folder / "season" / "2026-DJF.csv", (CYCLE.timestamp(), CYCLE.timestamp()))
    assert get(room, "/archive/reports/season/2026-DJF.csv", role=Role.observer).status_code == 200
    assert get(room, "/archive/reports/exchange-seoul-2026-01.en.html", role=Role.observer).status_code == 404


def test_what_comes_later_changes_nothing_of_an_instant(tmp_path):
    running = DeskWorld(tmp_path)
    try:
        assert "sameair run" in text(get(running, "/archive"))
        running.run(cycle=CYCLE, chance=0.6)
        running.propose()
        running.now = LATER
        running.air("seoul", 61.0)
        stood = stand(running, at(HERE, NOW))
        signer = Signer("seoul", "Lee", load_or_create_key(running.settings.keys_dir, "seoul"))
        with running.ledger.write() as conn:
            approve(conn, example_content().warning_id, 1, signer, SIGNED)
            insert_outbox(conn, [message(1)])
        running.run(cycle=AFTER, chance=0.9)
        running.air("seoul", 300.0, until=AFTER, hours=4)
        assert stand(running, at(HERE, NOW)) == stood
        assert "61 µg/m³" in stood[0]
        assert stand(running, at(HERE, SENT)) != stood
    finally:
        running.close()


def stand(room, path):
    """What a page says of an instant: its desk, and what had happened."""
    tree = html.fromstring(get(room, path).text)
    return [" ".join(tree.get_element_by_id(name).text_content().split()) for name in ("desk", "happened")]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_the_arrow_keys_step_through_time_in_a_real_browser(room, language):
    with browsing(room) as browser, browser.page(HERE, width=390, language=language) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for expected in (NOW, SIGNED, SENT):
            page.locator("#main").focus()
            with page.expect_navigation():
                page.keyboard.press("ArrowRight")
            shown = page.locator(".as-of time").get_attribute("datetime")
            assert parse_instant(shown) == expected
        browser.picture(page, f"archive-{language}-390")
        page.locator("#main").focus()
        with page.expect_navigation():
            page.keyboard.press("ArrowLeft")
        assert parse_instant(page.locator(".as-of time").get_attribute("datetime")) == SIGNED
        assert browser.complaints == []
