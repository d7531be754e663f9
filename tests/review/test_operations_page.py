"""Operations: what needs somebody is said, quarantine is shown harmlessly, and only operators act."""

from datetime import timedelta

import pytest
from lxml import html
from sqlalchemy import select, update

from flows.reviewing import Reviewing
from flows.workspace import open_workspace
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.quarantined import (
    Quarantined,
    file_quarantined,
    find_quarantined,
    list_quarantined,
    resolve_quarantined,
)
from pipeline.ledger.tables import audit
from review.accounts.roles import Role
from review.app import create_app
from review.operations.quarantine import ROWS, SHOWN
from tests.review.read_world import CYCLE, ReadWorld
from tests.review.running_app import NOW
from tests.review.signed_in import person

EVIL = "<script>alert(1)</script>"
ENTRY = "cnemc.hour-0123456789abcdef"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operations")
    running = ReadWorld(folder)
    running.app.state.doing = Reviewing(open_workspace(running.settings, lambda: running.now))
    running.ids = [running.run(cycle=CYCLE - timedelta(hours=6 * n)) for n in range(45, 0, -1)]
    running.settings.quarantine_dir.mkdir()
    payload = EVIL.encode() + b"\x00\x1b[31m" + "베이징".encode() + b"x" * 2 * SHOWN
    (running.settings.quarantine_dir / f"{ENTRY}.raw").write_bytes(payload)
    running.warn("01KISSVED00000000000000001")
    running.desk("r-seoul")
    running.desk("r-beijing", party="beijing")
    yield running
    running.close()


@pytest.fixture
def entry(room):
    one = Quarantined(ENTRY, "cnemc", "cnemc.gone", "BadPayload", EVIL, "[0].pm2_5", "look", "hour", NOW, 9)
    with room.ledger.write() as conn:
        file_quarantined(conn, "measured", one)
    return f"/operations/quarantine/{ENTRY}"


def text(answer):
    assert answer.status_code == 200, answer.text
    return " ".join(html.fromstring(answer.text).text_content().split())


def test_what_needs_somebody_stands_first(room, entry):
    room.now = NOW + timedelta(days=2)
    said = text(room.get("/operations?world=measured", Role.operator))
    room.now = NOW
    assert "cycles behind" in said
    assert "wait for somebody: 1" in said
    assert said.index("What needs somebody") < said.index("Newest runs")
    assert "one node" not in said
    assert "This node signs for both parties" in said


def test_runs_are_paged_and_each_has_its_page(room):
    first = html.fromstring(room.get("/operations/runs", Role.lead).text)
    older = first.xpath("//a[@rel='next']/@href")[0]
    second = html.fromstring(room.get(older, Role.lead).text)
    shown = [href for page in (first, second) for href in page.xpath("//td/a/@href") if "/runs/" in href]
    assert [s.rpartition("/")[2] for s in shown if s.startswith("/operations")] == room.ids[::-1]
    assert "9.0 s" in text(room.get(f"/operations/runs/{room.ids[0]}", Role.lead))
    assert room.get("/operations/runs/nothing", Role.lead).status_code == 404


def test_an_answer_is_shown_as_text_and_not_without_end(room, entry):
    answer = room.get(entry, Role.operator)
    assert EVIL not in answer.text
    raw = html.fromstring(answer.text).xpath("//pre[@class='raw']")[0].text_content()
    assert raw.startswith(EVIL)
    assert "베이징" in raw
    assert "\x1b" not in raw
    assert "\x00" not in raw
    assert len(raw) <= SHOWN
    for other in ("nothing", "abcdef", "..%2fledger.sqlite"):
        assert room.get(f"/operations/quarantine/{other}", Role.operator).status_code == 404


def test_answers_are_paged_and_none_is_lost_between_pages(room):
    names = [f"cnemc.page-{n:016x}" for n in range(2 * ROWS + 1)]
    with room.ledger.write() as conn:
        for n, name in enumerate(names):
            at = NOW - timedelta(hours=n // 3)
            one = Quarantined(
                name, "cnemc", "cnemc.hourly", "BadPayload", "what", "field", "look", "hour", at, 9
            )
            file_quarantined(conn, "measured", one)
    path, pages = "/operations/quarantine?world=measured", []
    while path:
        page = html.fromstring(room.get(path, Role.operator).text)
        pages.append([h.rpartition("/")[2] for h in page.xpath("//td/a/@href") if "cnemc.page-" in h])
        path = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert len(pages) == 3
    assert sorted(name for page in pages for name in page) == names
    with room.ledger.read() as conn:
        waiting = len(list_quarantined(conn, world="measured"))
    assert waiting >= len(names)
    assert f"wait for somebody: {waiting}" in text(room.get("/operations?world=measured", Role.operator))
    with room.ledger.write() as conn:
        for name in names:
            resolve_quarantined(conn, name, NOW)


def test_an_operator_retries_and_closes_with_a_reason_and_nobody_else_does(room, entry):
    assert room.post(f"{entry}/retry", Role.lead).status_code == 403
    assert "no source has a feed cnemc.gone" in text(room.post(f"{entry}/retry", Role.operator))
    assert room.post(f"{entry}/close", Role.operator, {"reason": " "}).status_code == 409
    assert room.post(f"{entry}/close", Role.operator, {"reason": "a test"}).status_code == 303
    with room.ledger.read() as conn:
        assert find_quarantined(conn, ENTRY)[0].resolved_at is not None
        rows = [(r["actor"], r["action"]) for r in newest_rows(conn, 9) if r["subject"] == ENTRY]
    assert rows == [("operator.seoul.en", "quarantine.close"), ("operator.seoul.en", "quarantine.retry")]
    assert "Nothing was closed yet" not in text(room.get("/operations/quarantine?closed=true", Role.lead))


def test_without_a_workspace_the_pages_say_so_and_change_nothing(room, entry):
    doing, room.app.state.doing = room.app.state.doing, None
    try:
        assert "use the command line" in text(room.get(entry, Role.operator))
        assert room.post(f"{entry}/retry", Role.operator).status_code == 409
        assert text(room.get("/operations/keys", Role.operator))
    finally:
        room.app.state.doing = doing


def test_the_trail_is_filtered_and_a_broken_chain_is_told(room):
    said = room.get("/operations/audit?action=account.recip&actor=op", Role.lead)
    rows = html.fromstring(said.text).xpath("//tbody/tr")
    assert len(rows) == 2
    assert "No row fits" in text(room.get("/operations/audit?subject=%25", Role.lead))
    assert "The chain is whole" in text(room.post("/operations/audit/verify", Role.lead))
    with room.ledger.read() as conn:
        actor = conn.execute(select(audit.c.actor).where(audit.c.seq == 1)).scalar_one()
    with room.ledger.write() as conn:
        conn.execute(update(audit).where(audit.c.seq == 1).values(actor="other"))
    try:
        assert "The chain is broken: audit row 1" in text(room.post("/operations/audit/verify", Role.lead))
    finally:
        with room.ledger.write() as conn:
            conn.execute(update(audit).where(audit.c.seq == 1).values(actor=actor))
            assert verify_audit(conn).ok


def test_keys_are_told_by_fingerprint_alone(room):
    said = room.get("/operations/keys", Role.operator)
    assert text(said)
    for file in room.settings.keys_dir.glob("*"):
        assert file.read_text("latin-1").strip()[-40:] not in said.text


def test_an_operator_names_recipients_of_the_own_party_only(room):
    page = room.get("/operations/recipients", Role.operator).text
    assert "r-seoul" in page
    assert "r-beijing" not in page
    assert "secret@" not in page
    own, other = "agency.seoul.en", "agency.beijing.en"
    person(room.ledger, NOW, role=Role.lead)
    for account, recipient in ((own, "r-beijing"), (other, "r-seoul"), ("lead.seoul.en", "r-seoul")):
        form = {"account": account, "recipient": recipient}
        assert room.post("/operations/recipients", Role.operator, form).status_code == 404
    form = {"account": own, "recipient": "r-seoul"}
    assert room.post("/operations/recipients", Role.operator, form).status_code == 303
    assert room.get("/operations/recipients", Role.lead).status_code == 403


def test_an_installation_without_anything_has_the_pages_too(tmp_path):
    running = ReadWorld(tmp_path, create_app)
    try:
        for part in ("", "/runs", "/quarantine", "/audit", "/keys", "/recipients"):
            assert running.get(f"/operations{part}", Role.operator).status_code == 200
        assert "No warning is in force" in text(running.get("/agency", Role.agency))
    finally:
        running.close()
