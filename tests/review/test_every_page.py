"""Every page in a real browser, for each role: readable by all, complete, asking nobody else."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.times import parse_instant
from review.accounts.roles import Role
from review.app import create_app
from tests.review.browsing import browsing
from tests.review.every_page import examples, page_routes
from tests.review.running_app import RunningApp

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
AXE = (ROOT / "tests/vendor/axe/axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """(rules) => axe.run(document, {runOnly: rules, preload: false, resultTypes: ["violations"]}).then(
  (found) => found.violations.map((v) => [v.id, v.nodes[0].html.slice(0, 160), v.nodes[0].failureSummary]))"""
ELSEWHERE = {
    "/acknowledge/{token}": "a link of a mail; tests/review/test_acknowledge_page.py",
    "/verify/{token}": "a link of a mail; tests/review/test_verify_page.py",
    "/welcome/{token}": "a one-time link; tests/review/test_sign_in_page.py",
}
"""Pages to which no page may link, with where they are looked at."""
NO_PAGES = {
    "/desk/now": "the part of the desk that is written anew",
    "/runs/{run_id}/bulletin": "a bulletin as it was sent",
    "/archive/{stamp}/bulletin": "a bulletin as it was sent",
    "/archive/reports/{name:path}": "a report as a file",
    "/agency/bulletins/{run_id}": "a bulletin as it was sent",
    "/sign-in/provider": "leads to an identity provider",
    "/sign-in/provider/done": "comes from an identity provider",
}
"""Routes that give something else than a page of ours."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Serve what one simulated cycle left, an hour after it."""
    folder = tmp_path_factory.mktemp("room")
    command = [str(Path(sys.executable).with_name("sameair")), "run", "--data-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=280)
    app = RunningApp(folder, create_app)
    app.now = parse_instant("2024-12-16T09:00Z")
    yield app
    app.close()


@pytest.fixture(scope="module")
def pages(running):
    """Return for each route of each role an address with a page."""
    found = {}
    for role in (Role.lead, Role.operator, Role.agency):
        for route, address in examples(running, role=role).items():
            found.setdefault(route, (address, role))
    return found


def test_a_link_leads_to_every_page(running, pages):
    missing = set(page_routes(running.app)) - set(pages) - set(ELSEWHERE)
    assert not missing - set(NO_PAGES)


@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_no_page_shuts_anybody_out(running, pages, language):
    """English in both themes at both widths; the others in each theme and at each width."""
    looks = [(False, 1280), (True, 360), *([(True, 1280), (False, 360)] if language == "en" else [])]
    faults = []
    with browsing(running) as browser:
        for role in sorted({role for _, role in pages.values()}):
            with browser.page("/account", language=language, role=role, options={"bypass_csp": True}) as page:
                for route, address in sorted((r, a) for r, (a, one) in pages.items() if one == role):
                    page.goto(running.base + address, wait_until="load")
                    page.evaluate(AXE)
                    for look in looks:
                        faults += [(language, route, *look, *said) for said in seen(page, *look)]
                    browser.picture(page, f"{name_of(route)}-360-{language}")
    assert not faults


def name_of(route):
    return route.translate(str.maketrans({"{": "", "}": "", "/": "-"})).strip("-") or "desk"


def seen(page, dark, width):
    """Return what is wrong with a page in a theme at a width."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_viewport_size({"width": width, "height": 900})
    found = page.evaluate(RUN, RULES)
    wide = page.evaluate("document.documentElement.scrollWidth")
    return [*found, *([["wider than the screen", wide]] if wide > width else [])]


def test_pages_complain_about_nothing_and_ask_nobody_else(running, pages):
    with browsing(running) as browser:
        for role in sorted({role for _, role in pages.values()}):
            with browser.page("/account", role=role) as page:
                for address in sorted(a for a, one in pages.values() if one == role):
                    page.goto(running.base + address, wait_until="load")
        assert browser.complaints == []
        assert browser.asked == {running.base.split("/")[2]}
