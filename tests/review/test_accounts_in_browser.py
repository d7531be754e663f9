"""From the link to the desk, the second factor, a token and an invitation, in a browser and each language."""

import pyotp
import pytest

from pipeline.ledger.accounts import change_account, find_account
from review.accounts.book import Invitation, accept, invite
from review.accounts.roles import Role
from review.accounts.totp import new_secret
from review.app import create_app
from tests.review.browsing import browsing
from tests.review.running_app import NOW, RunningApp

PHRASE = "blue river seven lamps"
WIDTHS = {"en": 1280, "ko": 360, "zh": 390}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = RunningApp(tmp_path_factory.mktemp("pages"), create_app)
    yield running
    running.close()


@pytest.fixture(scope="module")
def browser(app):
    with browsing(app) as started:
        yield started


def sign_in(page, name, code=""):
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", PHRASE)
    page.fill("input[name=code]", code)
    page.click("form[action='/sign-in'] button")


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize("language", list(WIDTHS))
def test_from_the_link_to_a_token_and_an_invitation(app, browser, language):
    name = f"op.{language}"
    with app.ledger.write() as conn:
        token = invite(conn, Invitation(name, "Op", "seoul", Role.operator, language), by="test", at=NOW)
    with browser.page(
        f"/welcome/{token}", width=WIDTHS[language], signed_in=False, language=language
    ) as page:
        page.fill("input[name=password]", PHRASE)
        page.fill("input[name=again]", PHRASE)
        page.click("main button")
        sign_in(page, name)
        assert page.url == f"{app.base}/"
        page.goto(f"{app.base}/account/second-factor")
        secret = page.inner_text("dd code").replace(" ", "")
        assert page.is_visible(".qr-card svg path")
        browser.picture(page, f"second-factor-{language}")
        page.fill("input[name=code]", pyotp.TOTP(secret).at(NOW))
        page.click("form[action='/account/second-factor'] button")
        page.wait_for_selector("p.done")
        assert fits(page)
        page.fill("form[action='/account/tokens'] input[name=name]", "feed reader")
        page.click("form[action='/account/tokens'] button")
        shown = page.inner_text(".shown-once pre")
        assert shown.startswith("sameair_")
        browser.picture(page, f"account-{language}")
        page.goto(f"{app.base}/operations/users")
        page.fill("input[name=person]", "Choi")
        page.fill("form[action='/operations/users'] input[name=name]", f"choi.{language}")
        page.click("form[action='/operations/users'] button")
        assert "/welcome/" in page.inner_text(".shown-once pre")
        page.click(f"tr:has-text('choi.{language}') summary")
        assert fits(page)
        browser.picture(page, f"users-{language}")
        page.click(f"form[action='/operations/users/choi.{language}/close'] button")
        with app.ledger.read() as conn:
            assert find_account(conn, f"choi.{language}").state == "closed"
    assert browser.complaints == []
    assert browser.asked == {app.base.removeprefix("http://")}


@pytest.mark.slow
def test_with_a_second_factor_the_password_alone_does_not_do(app, browser):
    secret = new_secret()
    with app.ledger.write() as conn:
        row = accept(
            conn, invite(conn, Invitation("kim", "Kim", "seoul", Role.lead), by="x", at=NOW), PHRASE, NOW
        )
        change_account(conn, row.id, totp=app.app.state.box.seal(secret, row.name))
    with browser.page("/sign-in", signed_in=False) as page:
        sign_in(page, "kim")
        assert page.get_attribute("p.refusal", "role") == "alert"
        assert page.input_value("input[name=name]") == "kim"
        sign_in(page, "kim", pyotp.TOTP(secret).at(NOW))
        assert page.url == f"{app.base}/"
    browser.complaints.clear()
