"""The agencies' page: what is for them, one click to acknowledge, and what they are sent."""

import pytest
from lxml import html

from alerts.examples import example_content
from flows.reviewing import Reviewing
from flows.workspace import open_workspace
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.audit import newest_rows
from pipeline.ledger.recipients import read_recipients
from review.accounts.roles import Role
from tests.review.browsing import browsing
from tests.review.read_world import ReadWorld, small_forecast

BOTH, BEIJING, DRAFT = (f"01KW{name}000000000000000000"[:26] for name in ("BOTH", "BEIJING", "DRAFT"))
ALONE = {"product": "single_city_warning", "level": "", "parties": ("beijing",), "origins": (), "links": ()}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    running = ReadWorld(tmp_path_factory.mktemp("agency"))
    running.app.state.doing = Reviewing(open_workspace(running.settings, lambda: running.now))
    running.new = running.run(forecast=small_forecast())
    folder = running.settings.runs_dir / running.new
    for name in ("", "-seoul", "-beijing"):
        (folder / f"bulletin-{running.new}{name}.html").write_text(f"<!doctype html><p>paper{name}")
        (folder / f"bulletin-{running.new}{name}-ko.pdf").write_bytes(b"%PDF-1")
    running.warn(BEIJING, cities=example_content().cities[:1], run_id=running.new, **ALONE)
    running.warn(DRAFT, issued=False)
    running.desk("r-seoul")
    running.desk("r-beijing", party="beijing")
    yield running
    running.close()


def warned(room, role=Role.agency, **who):
    page = html.fromstring(room.get("/agency", jar=room.jar(role, **who)).text)
    return [a.get("id").removeprefix("w-") for a in page.xpath("//article")]


def test_an_agency_sees_what_was_issued_for_its_party(room):
    assert warned(room) == []
    assert warned(room, party="beijing") == [BEIJING]
    assert warned(room, Role.lead) == [BEIJING]


def test_bulletins_are_for_the_agencies_of_their_city_and_the_joint_one_after_both_signed(room):
    path = f"/agency/bulletins/{room.new}"
    assert "paper-seoul" in room.get(f"{path}?city=seoul", Role.agency).text
    assert "sandbox" in room.get(f"{path}?city=seoul", Role.agency).headers["Content-Security-Policy"]
    paper = room.get(f"{path}?city=seoul&language=ko", Role.agency)
    assert paper.headers["Content-Type"] == "application/pdf"
    for query in ("?city=beijing", "", "?city=seoul&language=../x", "?city=tokyo", "?city=seoul&language=zh"):
        assert room.get(path + query, Role.agency).status_code == 404
    assert room.get(f"{path}?city=seoul", Role.observer).status_code == 404
    assert room.get("/agency/bulletins/nothing?city=seoul", Role.agency).status_code == 404
    room.warn(BOTH, run_id=room.new)
    assert "paper" in room.get(path, Role.agency).text
    assert path in room.get("/agency", Role.agency).text
    assert room.get(path, Role.observer).status_code == 404


def test_one_click_acknowledges_for_the_own_recipient_once(room):
    room.warn("01KWCLJCK00000000000000000")
    room.send("01KWCLJCK00000000000000000", "r-seoul")
    form = {"warning_id": "01KWCLJCK00000000000000000", "version": 1}
    page = html.fromstring(room.get("/agency", Role.agency).text)
    (button,) = page.xpath("//form[@action='/agency/acknowledge']")
    assert dict(button.form_values())["warning_id"] == form["warning_id"]
    assert room.post("/agency/acknowledge", Role.agency, form, party="beijing").status_code == 409
    for _ in range(2):
        assert room.post("/agency/acknowledge", Role.agency, form).status_code == 303
    with room.ledger.read() as conn:
        (said,) = read_acknowledgements(conn, form["warning_id"])
        rows = [r for r in newest_rows(conn, 30) if r["action"] == "delivery.acknowledge"]
    assert (said.recipient, said.way, said.person) == ("r-seoul", "person", "agency.seoul.en")
    assert len(rows) == 1
    after = room.get("/agency", Role.agency).text
    assert "agency.seoul.en" in after
    assert "/agency/acknowledge" not in after
    assert room.post("/agency/acknowledge", Role.lead, form).status_code == 403


def test_an_agency_chooses_what_its_recipient_is_sent(room):
    form = {"cities": ["seoul", "beijing"], "languages": ["ko", "en"], "level": "J2"}
    assert room.post("/agency/subscription", Role.agency, form).status_code == 303
    with room.ledger.read() as conn:
        known = {row.id: row for row, _ in read_recipients(conn)}
        last = newest_rows(conn, 1)[0]
    kept = known["r-seoul"]
    assert (kept.cities, kept.languages, kept.minimum_level) == (["seoul", "beijing"], ["ko", "en"], "J2")
    assert kept.verified_at is not None
    assert known["r-beijing"].minimum_level == "J1"
    assert (last["actor"], last["subject"]) == ("agency.seoul.en", "r-seoul")
    for wrong in ({"cities": ["tokyo"]}, {"cities": []}, {"level": "J9"}, {"languages": []}):
        assert room.post("/agency/subscription", Role.agency, {**form, **wrong}).status_code == 409
    with room.ledger.read() as conn:
        assert {row.id: row for row, _ in read_recipients(conn)}["r-seoul"] == kept


def test_the_mail_that_confirms_an_address_is_not_sent_again_and_again(room):
    assert room.post("/agency/subscription/ask", Role.agency).status_code == 303
    again = room.post("/agency/subscription/ask", Role.agency)
    assert (again.status_code, "ten minutes" in again.text) == (409, True)
    assert len(list(room.settings.outbox_dir.rglob("*.eml"))) == 1


def test_an_account_that_speaks_for_nobody_changes_nothing(room):
    form = {"cities": ["seoul"], "languages": ["ko"], "level": "J1"}
    jar = {"language": "zh"}
    assert "尚未指定接收单位" in room.get("/agency", jar=room.jar(Role.agency, **jar)).text
    assert room.post("/agency/subscription", Role.agency, form, **jar).status_code == 409
    assert (
        room.post("/agency/acknowledge", Role.agency, {"warning_id": BOTH, "version": 1}, **jar).status_code
        == 409
    )


def test_who_may_not_see_the_desk_begins_elsewhere(room):
    assert room.get("/", Role.agency).headers["Location"] == "/agency"
    assert room.get("/", Role.observer).headers["Location"] == "/warnings"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko", "zh"])
def test_in_a_browser_an_agency_acknowledges_and_subscribes(room, language):
    name = {"en": "01KWEN", "ko": "01KWKQ", "zh": "01KWZH"}[language] + "0" * 20
    room.desk(f"r-{language}", language=language)
    room.warn(name)
    room.send(name, f"r-{language}")
    with browsing(room) as browser:
        with browser.page("/agency", role=Role.agency, language=language, width=390) as page:
            page.locator(f"#w-{name} form button").click()
            page.locator(f"#w-{name} .said").wait_for()
            browser.picture(page, f"agency-{language}")
            page.goto(room.base + "/agency/subscription")
            page.get_by_role("combobox").select_option("J3")
            page.locator("form.fields button").click()
            page.get_by_role("status").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for part in ("", "/audit"):
            with browser.page(f"/operations{part}", role=Role.operator, language=language) as page:
                browser.picture(page, f"operations{part.replace('/', '-')}-{language}")
        assert browser.complaints == []
    with room.ledger.read() as conn:
        assert {row.id: row.minimum_level for row, _ in read_recipients(conn)}[f"r-{language}"] == "J3"
