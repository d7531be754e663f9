"""Every page in a real browser, for each role: readable by all, complete, asking nobody else."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.asked_for import Remark
from alerts.content import WarningContent
from alerts.warnings import propose_version
from pipeline.ledger.quarantined import Quarantined, file_quarantined
from pipeline.ledger.runs import list_runs
from pipeline.ledger.warnings import list_versions, read_versions
from pipeline.times import parse_instant
from review.accounts.roles import Role
from review.decide.evidence import evidence_document, keep_evidence
from tests.review.browsing import browsing
from tests.review.deciding import DecidingApp
from tests.review.every_page import examples, page_routes

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
    "/warnings/{warning_id}/standing": "the part of a page that says who has decided",
    "/warnings/{warning_id}/{version}/letter/{language}": "a letter as recipients get it",
    "/archive/{stamp}/bulletin": "a bulletin as it was sent",
    "/archive/reports/{name:path}": "a report as a file",
    "/agency/bulletins/{run_id}": "a bulletin as it was sent",
    "/season/dossiers/{name}/files/{file}": "a dossier as a file",
    "/season/outlook/{name}/files/{file}": "an outlook as a file",
    "/sign-in/provider": "leads to an identity provider",
    "/sign-in/provider/done": "comes from an identity provider",
}
"""Routes that give something else than a page of ours."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Serve what one simulated cycle left, and something of all else for which there is a page."""
    folder = tmp_path_factory.mktemp("room")
    command = [str(Path(sys.executable).with_name("sameair")), "run", "--data-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=580)
    app = DecidingApp(folder)
    app.now = parse_instant("2024-12-16T09:00Z")
    furnish(app)
    yield app
    app.close()


def furnish(app):
    """Add a draft that waits, evidence that was kept, an answer in quarantine, an outlook and a dossier."""
    furnish_season(app)
    with app.ledger.write() as conn:
        issued = list_versions(conn, ids(app)[1], 1)[0]
        content = replace(WarningContent.from_dict(issued.content), warning_id="01JF77PC00QPYCN263DXEVM7V7")
        propose_version(conn, content, app.now)
        row = read_versions(conn, content.warning_id)[0]
        document = evidence_document(conn, app.settings, row, WarningContent.from_dict(row.content))
    app.unlinked = [f"/evidence/{keep_evidence(app.settings, document)}"]
    said = ("BadPayload", "a value of -999", "[0].pm2_5", "look at the answer", "hour", app.now, 9)
    with app.ledger.write() as conn:
        file_quarantined(conn, ids(app)[1], Quarantined("cnemc.hour-01", "cnemc", "cnemc.hour", *said))
    app.settings.quarantine_dir.mkdir(exist_ok=True)
    (app.settings.quarantine_dir / "cnemc.hour-01.raw").write_bytes(b'[{"pm2_5"')


def furnish_season(app):
    """Draft the week's outlook, and build the dossier of an episode about which the parties do not agree."""
    world, doing = ids(app)[1], app.app.state.doing
    doing.draft_outlook(world, "Kim")
    name = doing.dossiers(world, "")["rows"][0]["dossier"]
    doing.build_dossier(world, name, "Kim")

    def remark(party):
        return Remark(world, name, party, "Kim", doing.dossier(world, name, "en")["shown"])

    doing.propose_finding(remark("seoul"), "The onset came a day early.")
    (finding,) = doing.dossier(world, name, "en")["findings"]
    doing.answer_finding(remark("beijing"), finding["id"], "dissent", "By our stations it did not.")


def ids(app):
    """Return run and world of the cycle."""
    with app.ledger.read() as conn:
        run = list_runs(conn, limit=1)[0]
    return run.id, run.world


@pytest.fixture(scope="module")
def pages(running):
    """Return for each route of each role an address with a page."""
    found = {}
    for role in (Role.lead, Role.operator, Role.agency):
        for route, address in examples(running, running.unlinked, role=role).items():
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
