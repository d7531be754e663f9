"""The replay school in a real browser: stepped by keys, answered, and ended, in each language."""

import re

import pytest
from playwright.sync_api import expect

from forecasting.school.shelf import lessons_folder, write_lesson
from review.accounts.roles import Role
from review.app import create_app
from tests.forecasting.lesson_cases import REASON, lesson
from tests.review.browsing import browsing
from tests.review.running_app import RunningApp
from tests.review.test_every_page import AXE, RULES, RUN

pytestmark = pytest.mark.slow


def complaints(page):
    """Return what axe finds wrong with a page."""
    page.evaluate(AXE)
    return page.evaluate(RUN, RULES)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("school"), create_app)
    write_lesson(lessons_folder(running.settings.data_dir), lesson())
    with browsing(running) as found:
        yield found
        assert found.complaints == []
        assert found.asked == {running.base.split("/")[2]}
    running.close()


@pytest.mark.parametrize(
    ("language", "width", "dark", "manner"),
    [("en", 1280, False, "alone"), ("ko", 360, False, "beside"), ("zh", 1280, True, "beside")],
)
def test_a_lesson_from_the_list_to_its_end(browser, language, width, dark, manner):
    with browser.page("/school", language=language, width=width, dark=dark, role=Role.forecaster) as page:
        browser.picture(page, f"school-list-{language}-{width}")
        page.click(".lessons a")
        page.check(f"input[value={manner}]")
        page.click("main form button")
        hand = page.locator(".hand time")
        expect(hand).to_have_attribute("datetime", "2026-01-04T08:00:00Z")
        page.wait_for_selector(".steps .keys", state="attached")
        page.keyboard.press("ArrowRight")
        expect(hand).to_have_attribute("datetime", "2026-01-04T09:00:00Z")
        page.keyboard.press("ArrowLeft")
        expect(hand).to_have_attribute("datetime", "2026-01-04T08:00:00Z")
        expect(page.locator("figure[data-alive]")).to_have_count(2)
        for day in (5, 6, 7):
            page.wait_for_selector(".steps .keys", state="attached")
            page.keyboard.press("End")
            expect(hand).to_have_attribute("datetime", f"2026-01-0{day}T08:00:00Z")
            for field in page.locator(".asks input").all():
                field.fill("40")
            browser.picture(page, f"school-question-{language}-{width}")
            assert day > 5 or complaints(page) == []
            page.click(".question button")
            page.wait_for_load_state("networkidle")
        assert REASON in page.inner_text("main")
        assert re.search(r"164.*µg/m³", page.inner_text(".outcomes"), re.S)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.picture(page, f"school-end-{language}-{width}")
        assert complaints(page) == []
        page.click(".way a >> nth=-1")
        expect(page.locator(".scores")).to_be_visible()
        assert complaints(page) == []


def test_a_lesson_works_without_scripts(browser):
    with browser.page(
        "/school", language="en", role=Role.reader, options={"java_script_enabled": False}
    ) as page:
        page.click(".lessons a")
        page.click("main form button")
        page.click(".step[rel=next]")
        assert page.get_attribute(".hand time", "datetime") == "2026-01-04T09:00:00Z"
        page.click(".step.main")
        for field in page.locator(".asks input").all():
            field.fill("5")
        page.click(".question button")
        assert page.get_attribute(".hand time", "datetime") == "2026-01-05T08:00:00Z"
