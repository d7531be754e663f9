"""The desk in a real browser: it keeps up to date, and nobody loses their place."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from alerts.examples import example_content
from alerts.vocabulary import LANGUAGES
from pipeline.times import parse_instant
from tests.review.browsing import browsing
from tests.review.desk_world import CYCLE, DeskWorld

pytestmark = pytest.mark.slow
ASK = "document.dispatchEvent(new Event('visibilitychange'))"
DEADLINE = parse_instant(example_content().review_deadline)
TOO_WIDE = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.wide')
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.tagName + one.className)"""
NEWEST = "[data-part='city-seoul'] .figure-now"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    desk = DeskWorld(tmp_path_factory.mktemp("desk"))
    for back, chance in ((2, 0.3), (1, 0.5), (0, 0.8)):
        desk.run(cycle=CYCLE - timedelta(hours=6 * back), chance=chance)
    desk.air("seoul")
    desk.air("beijing", 90.0)
    desk.propose()
    with browsing(desk) as found:
        yield found
        assert found.complaints == []
        assert found.asked == {desk.base.split("/")[2]}
    desk.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_it_can_be_read_in_every_language_and_width(browser, language, width, dark):
    with browser.page("/", width=width, dark=dark, language=language) as page:
        expect(page.locator(".ask")).to_be_visible()
        expect(page.locator(".plot canvas")).to_have_count(2)
        assert page.evaluate(TOO_WIDE) == []
        browser.picture(page, f"desk-{language}-{width}{'-dark' if dark else ''}")


def test_new_data_come_without_a_load_and_the_place_is_kept(browser):
    desk = browser.running
    with browser.page("/", width=1000, height=500) as page:
        expect(page.locator(NEWEST)).to_have_text("60")
        table = page.locator("[data-part='city-beijing'] details.figure-numbers")
        table.locator("summary").click()
        held = table.element_handle()
        page.evaluate("scrollTo(0, 700)")
        before = page.evaluate("scrollY")
        desk.air("seoul", 161.0, hours=1)
        page.evaluate(ASK)
        expect(page.locator(NEWEST)).to_have_text("161")
        expect(page.locator(".updating [role=status]")).to_contain_text("New data at")
        expect(page.locator("[data-part='city-seoul'] .plot canvas")).to_have_count(1)
        assert abs(page.evaluate("scrollY") - before) < 3
        assert held.evaluate("one => one.isConnected && one.open")


def test_who_reads_by_keyboard_is_not_disturbed(browser):
    desk = browser.running
    with browser.page("/") as page:
        shown = page.text_content(NEWEST)
        page.locator("[data-part='city-seoul'] .plot").focus()
        desk.air("seoul", 171.0, hours=1)
        with page.expect_response("**/desk/now*") as answer:
            page.evaluate(ASK)
        assert answer.value.status == 200
        assert page.text_content(NEWEST) == shown
        page.locator(".brand").focus()
        desk.air("seoul", 172.0, hours=1)
        page.evaluate(ASK)
        expect(page.locator(NEWEST)).to_have_text("172")


def test_updates_can_be_paused_and_a_lost_connection_is_said(browser):
    desk = browser.running
    with browser.page("/") as page:
        button = page.locator(".updating button")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        shown = page.text_content(NEWEST)
        desk.air("seoul", 181.0, hours=1)
        page.evaluate(ASK)
        page.wait_for_timeout(300)
        assert page.text_content(NEWEST) == shown
        button.click()
        expect(page.locator(NEWEST)).to_have_text("181")
        page.route("**/desk/now*", lambda route: route.abort())
        page.evaluate(ASK)
        expect(page.locator(".updating .lost")).to_contain_text("The connection is lost")
        browser.complaints[:] = [one for one in browser.complaints if "net::ERR_FAILED" not in one]


def test_the_minutes_count_down_by_themselves(browser):
    with browser.page("/") as page:
        left = "[data-part='decision'] .minutes"
        soon = "new Date(Date.now() + 90 * 60000).toISOString()"
        page.evaluate(f'document.querySelector("{left}").dataset.until = {soon}')
        expect(page.locator(left)).to_have_text("1 h 29 min left", timeout=9000)
        page.evaluate(f"document.querySelector(\"{left}\").dataset.until = '2020-01-01T00:00:00Z'")
        expect(page.locator(left)).to_contain_text("over since", timeout=9000)


def test_without_scripts_everything_is_there(browser):
    with browser.page("/", options={"java_script_enabled": False}) as page:
        assert page.locator(".plot svg").count() == 2
        left = int((DEADLINE - browser.running.now).total_seconds() // 60)
        assert f"{left // 60} h {left % 60} min left" in page.text_content(".minutes")
        assert not page.locator(".updating").is_visible()
