"""Charts and maps in a real browser: read by pointer and keys, zoomed, kept, and whole without scripts."""

import re

import pytest
from playwright.sync_api import expect

from tests.review.browsing import browsing
from tests.review.figure_page import app_with_figures
from tests.review.running_app import RunningApp

pytestmark = pytest.mark.slow
PATH = "/figures-look"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("figures"), app_with_figures)
    with browsing(running) as found:
        yield found
        assert found.complaints == []
        assert found.asked == {running.base.split("/")[2]}
    running.close()


def ticks(page):
    """Return where the canvas of the first chart stands, as its pixels."""
    return page.evaluate("document.querySelector('#plume canvas').toDataURL()")


def heard(page, figure, *, other_than=""):
    voice = page.locator(f"#{figure} [role=status]")
    expect(voice).not_to_have_text(re.compile(f"^{re.escape(other_than)}$"))
    return voice.text_content()


def test_the_pointer_reads_every_series_and_the_voice_keeps_silent(browser):
    with browser.page(PATH, width=1440) as page:
        page.hover("#plume .plot", position={"x": 500, "y": 90})
        said = page.text_content("#plume .readout")
        assert "forecast" in said
        assert "AirKorea" in said
        assert "10–90 %" in said
        page.wait_for_timeout(350)
        assert page.text_content("#plume [role=status]") == ""
        page.hover("#reliability [data-say]")
        assert "observed 0.05 (0–0.1), n = 80" in page.text_content("#reliability .readout")
        browser.picture(page, "figures-light-1440-en")


def test_keys_read_zoom_and_show_all_again(browser):
    with browser.page(PATH, language="ko") as page:
        page.focus("#plume .plot")
        page.keyboard.press("ArrowRight")
        first = heard(page, "plume")
        assert "forecast 93.7" in first
        page.keyboard.press("Shift+ArrowRight")
        heard(page, "plume", other_than=first)
        whole = ticks(page)
        page.keyboard.press("Escape")
        page.keyboard.press("+")
        page.wait_for_timeout(60)
        near = ticks(page)
        assert near != whole
        page.keyboard.press("Home")
        page.keyboard.press("Escape")
        page.wait_for_timeout(60)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('#plume') !== null"), (
            "the next stop is in the figure"
        )
        page.focus("#past .plot")
        page.keyboard.press("End")
        assert heard(page, "past").startswith("did not")


def test_a_drag_looks_closer_and_a_part_that_is_written_anew_keeps_it(browser):
    with browser.page(PATH) as page:
        box = page.locator("#plume .u-over").bounding_box()
        start = ticks(page)
        page.mouse.move(box["x"] + 200, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 500, box["y"] + 70, steps=4)
        page.mouse.up()
        page.mouse.move(5, 5)
        page.wait_for_timeout(80)
        near = ticks(page)
        assert near != start
        page.evaluate(
            """async () => {
              const section = document.querySelector('main section');
              const text = await (await fetch(location.href)).text();
              const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('main section');
              section.replaceChildren(...fresh.childNodes);
              section.dispatchEvent(new Event('sameair:replaced', {bubbles: true}));
            }"""
        )
        page.wait_for_selector("#plume canvas")
        page.wait_for_timeout(150)
        assert ticks(page) == near
        page.click("#plume .figure-buttons button:last-child")
        page.mouse.move(5, 5)
        page.wait_for_timeout(80)
        assert ticks(page) == start


def test_a_map_goes_from_place_to_place_and_has_land_and_wind(browser):
    with browser.page(PATH, width=390, dark=True, language="zh") as page:
        page.wait_for_selector("#stations path.land")
        assert page.locator("#stations .wind").count() == 1
        page.focus("#stations .plot")
        page.keyboard.press("n")
        assert heard(page, "stations") == "Seoul: 82 µg m⁻³"
        page.keyboard.press("n")
        assert heard(page, "stations", other_than="Seoul: 82 µg m⁻³") == "Beijing: –"
        page.keyboard.press("+")
        page.keyboard.press("Home")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        browser.picture(page, "figures-dark-390-zh")


def test_without_scripts_pictures_and_tables_are_there(browser):
    with browser.page(PATH, options={"java_script_enabled": False}) as page:
        assert page.locator(".figure svg.drawing").count() == 5
        assert page.locator("#plume tbody tr").count() == 97
        page.click("#plume summary")
        assert page.locator("#plume tbody").is_visible()


def test_light_or_dark_is_chosen_and_stays(browser):
    with browser.page(PATH) as page:
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.click(".menu summary")
        page.click("button[name=theme][value=dark]")
        page.wait_for_url("**" + PATH)
        assert page.evaluate(ground) != light
        page.reload()
        assert page.get_attribute("html", "data-theme") == "dark"
        page.click(".menu summary")
        page.click("button[name=theme][value='']")
        page.wait_for_url("**" + PATH)
        assert page.evaluate(ground) == light
