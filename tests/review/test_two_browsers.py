"""Two people in two real browsers decide about one warning at once; the pages in every language."""

import pytest

from tests.review.browsing import browsing
from tests.review.deciding import DecidingApp

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = DecidingApp(tmp_path_factory.mktemp("browsers"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def seen(app):
    with browsing(app) as browser:
        yield browser


def test_the_second_of_two_sees_what_the_first_did_and_goes_on(app, seen):
    name = app.propose()
    path = f"/warnings/{name}"
    seoul, beijing = {"party": "seoul"}, {"party": "beijing", "language": "zh"}
    with seen.page(path, **seoul) as kim, seen.page(path, **beijing) as wang:
        kim.get_by_text("Object with a reason").click()
        kim.get_by_label("Reason").fill("the front arrives earlier")
        wang.get_by_role("button", name="以北京名义批准").click()
        assert "您的批准已记录" in wang.content()
        kim.get_by_role("button", name="Object for Seoul").click()
        assert "lead.beijing.zh approved for Beijing" in kim.inner_text("main")
        assert kim.locator("#kept").input_value() == "the front arrives earlier"
        seen.picture(kim, "decide-changed-en")
        kim.get_by_role("button", name="Object for Seoul").click()
        assert "Your objection is recorded." in kim.inner_text("main")
    seen.complaints[:] = [c for c in seen.complaints if "409" not in c]
    assert seen.complaints == []


def test_an_open_page_says_that_somebody_decided(app, seen):
    name = app.propose()
    with seen.page(f"/warnings/{name}") as kim:
        kim.clock.install()
        kim.reload()
        assert not kim.locator("#changed-now").is_visible()
        wang = app.person("beijing")
        assert wang.send(wang.form(wang.page(f"/warnings/{name}"), "/approve")).status_code == 303
        kim.clock.run_for(11_000)
        kim.locator("#changed-now").wait_for(state="visible", timeout=60_000)


@pytest.mark.parametrize(
    ("language", "button"), [("en", "Show what changes"), ("ko", "변경 내용 보기"), ("zh", "查看变更")]
)
def test_an_edit_by_keyboard_in_every_language(app, seen, language, button):
    name = app.propose()
    with seen.page(f"/warnings/{name}", language=language) as kim:
        assert kim.evaluate("document.documentElement.scrollWidth") <= 1280
        seen.picture(kim, f"warning-{language}")
        kim.goto(f"{app.base}/warnings/{name}/1/edit")
        kim.select_option("select[name=level]", "J3")
        kim.fill("#edit-reason", "colder than forecast")
        kim.get_by_role("button", name=button).focus()
        kim.keyboard.press("Enter")
        kim.wait_for_selector("ins")
        seen.picture(kim, f"edit-preview-{language}")
        kim.locator("button[value=save]").click()
        kim.wait_for_selector(".banner.good")
    assert app.versions(name)[-1].content["level"] == "J3"


def test_a_letter_stands_in_the_page_as_it_will_arrive(app, seen):
    name = app.propose()
    seen.complaints.clear()
    with seen.page(f"/warnings/{name}", width=390, dark=True) as kim:
        kim.locator("details.letter summary").first.click()
        frame = kim.frame_locator("details.letter iframe").first
        frame.locator("img").first.wait_for(state="visible")
        assert "joint early warning" in frame.locator("body").inner_text()
        assert kim.evaluate("document.documentElement.scrollWidth") <= 390
        seen.picture(kim, "warning-letter-390-dark")
    assert seen.complaints == []
