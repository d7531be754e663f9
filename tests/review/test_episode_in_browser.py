"""The episode page in a real browser: read in every language, by pointer and keyboard, and decided upon."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from alerts.vocabulary import LANGUAGES
from pipeline.ledger.runs import list_runs
from tests.review.browsing import browsing
from tests.review.desk_world import CYCLE
from tests.review.episode_world import DAY, EPISODE, EpisodeWorld, everything

pytestmark = pytest.mark.slow
ASKED = f"/episodes/{EPISODE}?day={DAY}&threshold=50"
TOO_WIDE = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, .plot')
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.tagName + one.className)"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    world = EpisodeWorld(tmp_path_factory.mktemp("episode"))
    world.place("seoul")
    world.air("seoul", value=48.0)
    for back, chance in ((3, 0.2), (2, 0.5), (1, 0.3)):
        world.run(cycle=CYCLE - timedelta(hours=6 * back), chance=chance)
    world.episode(world.run(chance=0.55, products=everything()))
    with browsing(world) as found:
        yield found
        assert found.complaints == []
        assert found.asked == {world.base.split("/")[2]}
    world.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_it_can_be_read_in_every_language_and_width(browser, language, width, dark):
    with browser.page(ASKED, width=width, dark=dark, language=language) as page:
        expect(page.locator("#course .plot canvas")).to_have_count(1)
        expect(page.locator("#record svg").first).to_be_visible()
        assert page.evaluate(TOO_WIDE) == []
        browser.picture(page, f"episode-{language}-{width}{'-dark' if dark else ''}")


def test_another_day_and_another_run_are_a_link_away(browser):
    with browser.page(ASKED) as page:
        page.locator(".choices a").nth(3).click()
        expect(page.locator(".episode-head .lead")).to_contain_text("2026-01-16 (D+2)")
        expect(page.locator(".choices a[aria-current]")).to_have_count(1)
        page.locator("#h-history ~ details summary").click()
        page.locator("#h-history ~ details a").first.click()
        expect(page.locator(".episode-head .lead")).to_contain_text("This run gives")
        expect(page.locator(".episode-head .refusal")).to_have_count(0)
        with browser.running.ledger.read() as conn:
            earlier = list_runs(conn, "measured", 4)[-1]
        page.goto(f"{browser.running.base}{ASKED}&run={earlier.id}")
        expect(page.locator(".episode-head .refusal")).to_contain_text("You look at an earlier run")
        page.get_by_role("link", name="Show the newest run").click()
        expect(page.locator(".episode-head .refusal")).to_have_count(0)


def test_the_chart_is_read_and_zoomed_by_keyboard(browser):
    with browser.page(ASKED) as page:
        plot = page.locator("#course .plot")
        plot.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#course [role=status]")).not_to_be_empty()
        page.keyboard.press("+")
        page.keyboard.press("Home")
        page.locator("#course details.numbers summary, #course details.figure-numbers summary").click()
        expect(page.locator("#course table").first).to_be_visible()
