"""Drills go through the real chain, speak to those chosen, and leave everything else as it was."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from sqlalchemy import MetaData, select

from alerts.drill_scenarios import all_scenarios
from alerts.examples import example_content
from alerts.feed import cap_name, feed_name
from alerts.recipients import load_recipients
from alerts.warnings import propose_version
from flows.deliveries import acknowledge_for
from flows.desk import Decision, approve_version
from flows.drill import DrillOrder, run_drill
from flows.drill_record import audience, read_record, write_record
from flows.drill_report import drill_report, listed_drills
from flows.workspace import open_workspace
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import list_versions
from pipeline.names import is_simulated
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-20T09:00Z")
CHOSEN = ("beijing-monitoring-centre", "seoul-air-policy")
TABLES = ("warnings", "warning_versions", "warning_events", "signatures", "outbox", "episodes", "runs")


@pytest.fixture
def ws(tmp_path):
    workspace = open_workspace(Settings(data_dir=tmp_path), clock=lambda: NOW)
    yield workspace
    workspace.ledger.close()


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A data folder in which the false alarm was played beside a real warning, and what was real before."""
    ws = open_workspace(Settings(data_dir=tmp_path_factory.mktemp("beside")), clock=lambda: NOW)
    real = replace(
        example_content(), world="measured", simulated=False, cap_status="Actual", warning_id="w-real"
    )
    before = replace(ws, clock=lambda: parse_instant("2026-01-14T08:20Z"))
    with ws.ledger.write() as conn:
        propose_version(conn, real, before.clock())
        propose_version(conn, replace(real, warning_id="w-open"), before.clock())
    for party in ("seoul", "beijing"):
        approve_version(before, "w-real", 1, Decision(party, "kim", deliver=False))
    rows, feed = real_rows(ws), (ws.warnings_dir / feed_name("measured")).read_bytes()
    yield ws, play(ws, "false-alarm"), rows, feed
    ws.ledger.close()


def play(ws, scenario, **more):
    return run_drill(ws, DrillOrder(scenario, CHOSEN), **more)


def lives(ws, world):
    """Return (product, version, kind, level, state) of a world, oldest first."""
    with ws.ledger.read() as conn:
        rows = list_versions(conn, world)
    said = [
        (r.content["product"], r.version, r.content["kind"], r.content["level"], r.state)
        for r in reversed(rows)
    ]
    assert {r.content["cap_status"] for r in rows} == {"Exercise"}
    return said


def mails(ws):
    return [
        message_from_bytes(p.read_bytes(), policy=policy.default)
        for p in sorted(ws.settings.outbox_dir.glob("*.eml"))
    ]


def real_rows(ws):
    """Return every row that was there before a drill, by table."""
    metadata = MetaData()
    metadata.reflect(ws.ledger.engine)
    with ws.ledger.read() as conn:
        return {name: [tuple(row) for row in conn.execute(select(metadata.tables[name]))] for name in TABLES}


@pytest.mark.slow
def test_a_silent_partner_and_the_joint_warning_that_takes_over(ws):
    record = play(ws, "silent-partner")
    assert lives(ws, record.id) == [
        ("joint_warning", 1, "alert", "J2", "expired"),
        ("single_city_warning", 1, "alert", "", "ended"),
        ("joint_warning", 2, "alert", "J2", "ended"),
    ]
    with ws.ledger.read() as conn:
        outbox = read_outbox(conn, world=record.id)
        rows = {r.content["product"]: r for r in list_versions(conn, record.id)[:2]}
        assert verify_audit(conn).ok
    assert sorted(m.recipient for m in outbox) == [CHOSEN[0], CHOSEN[1], CHOSEN[1]]
    joint = (ws.warnings_dir / cap_name(rows["joint_warning"].warning_id, 2)).read_text("utf-8")
    assert "<msgType>Update" in joint, "it replaces the message of the stand-in"
    assert "<status>Exercise" in joint
    pages = sorted((ws.settings.runs_dir / record.id).glob("*/*/bulletin-*.html"))
    first, last = pages[:3], pages[3:]
    own = next(p for p in first if p.stem.endswith("-seoul")).read_text("utf-8")
    assert "발표 당사자: 서울" in own, "the page that the mail names shows the warning of the mail"
    both = next(p for p in last if not p.stem.endswith(("-seoul", "-beijing"))).read_text("utf-8")
    assert "UNSIGNED" not in both
    told = {m["To"].addresses[0].addr_spec: m.get_body(("plain",)).get_content() for m in mails(ws)}
    assert "Replaces the single-city early warning for Seoul." in told["air-policy@seoul.example"]
    assert "single-city" not in told["forecast@monitoring.beijing.example"]


@pytest.mark.slow
def test_what_was_issued_in_error_is_cancelled_and_everything_is_marked(beside):
    ws, record, _, _ = beside
    assert [row[2:] for row in lives(ws, record.id)] == [
        ("alert", "J2", "cancelled"),
        ("cancel", "J2", "cancelled"),
    ]
    letters = mails(ws)
    assert len(letters) == 4
    assert {m["X-Sameair-Recipient"] for m in letters} == set(CHOSEN)
    assert all(m["Subject"].startswith("[EXERCISE]") for m in letters)
    cancelled = [m.get_body(("plain",)).get_content() for m in letters if "CANCEL" in m["Subject"]]
    assert len(cancelled) == 2
    for sentence in ("faulty measurements", "잘못된 측정값", "监测数据有误"):
        assert all(sentence in text for text in cancelled), "what was wrong, in each language"
    feed = (ws.warnings_dir / feed_name(record.id)).read_text("utf-8")
    assert len(re.findall(r"<title>\[EXERCISE\]", feed)) == feed.count("<entry>") == 2
    pages = [p.read_text("utf-8") for p in (ws.settings.runs_dir / record.id).rglob("bulletin-*.html")]
    assert pages
    assert all("EXERCISE" in page for page in pages)


@pytest.mark.slow
def test_who_acknowledged_when_and_who_never(ws):
    record = play(ws, "mail-down")
    found = drill_report(ws)
    assert (found["drill"], found["silent"], found["not_marked"]) == (record.id, sorted(CHOSEN), [])
    assert "mail down" in found["steps"][1]["outcome"]
    assert [r["state"] for r in found["messages"]] == ["sent", "sent"], "each left once when mail was back"
    later = replace(ws, clock=lambda: NOW + timedelta(minutes=12))
    acknowledge_for(later, found["messages"][0]["warning"], 1, "seoul-air-policy", "Kim")
    found = drill_report(ws, record.id)
    assert found["silent"] == ["beijing-monitoring-centre"]
    row = next(r for r in found["messages"] if r["recipient"] == "seoul-air-policy")
    assert (row["by"], row["after min"], row["truly sent"]) == ("Kim", "12.0", "2026-01-20T09:00:00Z")
    summary = {r["recipient"]: r for r in found["summary"]}
    assert summary["seoul-air-policy"]["acknowledged"] == 1
    assert summary["beijing-monitoring-centre"]["slowest min"] == ""
    assert "@" not in str(found), "no addresses"
    assert [d["drill"] for d in listed_drills(ws)] == [record.id]


@pytest.mark.slow
def test_a_drill_leaves_what_is_real_as_it_was(beside):
    ws, record, rows, feed = beside
    after = real_rows(ws)
    assert all(row in after[name] for name in TABLES for row in rows[name]), "nothing changed, nothing gone"
    with ws.ledger.read() as conn:
        assert len(list_versions(conn, "measured")) == 2
        assert {m.recipient for m in read_outbox(conn, world=record.id)} == set(CHOSEN)
        waiting = [m for m in read_outbox(conn, world="measured") if m.state != "pending"]
    assert waiting == [], "a drill sends no message of another world"
    assert (ws.warnings_dir / feed_name("measured")).read_bytes() == feed


def test_nothing_of_a_drill_can_be_actual(ws):
    content = example_content(world="drill-20260120t090000", cap_status="Actual")
    assert is_simulated(content.world)
    with ws.ledger.write() as conn, pytest.raises(ReviewError, match="never Actual"):
        propose_version(conn, content, NOW)


def test_a_drill_whose_record_is_lost_speaks_to_nobody(ws):
    everybody = load_recipients()
    assert audience(ws, "measured", everybody) == everybody
    assert audience(ws, "simulated-7", everybody) == everybody
    assert audience(ws, "drill-20260120t090000", everybody) == ()


@pytest.mark.slow
def test_a_drill_that_is_stopped_leaves_nothing_in_force(ws):
    waits = []

    def stop(seconds):
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_drill(ws, DrillOrder("false-alarm", CHOSEN, speed=60.0), wait=stop)
    assert waits == [0.0, 30.0, 150.0], "half an hour and two and a half at sixty times the speed"
    world = listed_drills(ws)[0]["drill"]
    record = read_record(ws, world)
    assert (len(record.steps), record.ended_at) == (2, "2026-01-20T09:00:00Z")
    assert [row[4] for row in lives(ws, world)] == ["ended"]


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        (DrillOrder("nonsense", CHOSEN), "no scenario nonsense; there are false-alarm"),
        (DrillOrder("false-alarm", ()), "--recipients"),
        (DrillOrder("false-alarm", ("nobody",)), "no recipient nobody"),
        (DrillOrder("false-alarm", CHOSEN, speed=-1), "real time"),
        (DrillOrder("false-alarm", CHOSEN, speed=float("nan")), "real time"),
    ],
)
def test_a_wrong_order_begins_nothing(ws, order, fault):
    with pytest.raises(UsageError, match=fault):
        run_drill(ws, order)
    assert listed_drills(ws) == []


def test_an_unknown_drill_is_named(ws):
    for name in ("drill-1", "../x", None):
        with pytest.raises(UsageError, match="there was no drill"):
            drill_report(ws, name)


@pytest.mark.slow
def test_a_joint_episode_rises_and_is_cleared_and_one_city_alone_never_becomes_joint(ws):
    joint = lives(ws, play(ws, "joint-rise").id)
    issued = [row[2:4] for row in joint if row[4] == "ended"]
    assert issued == [("alert", "J1"), ("update", "J2"), ("update", "J2"), ("all_clear", "J2")]
    single = lives(ws, play(ws, "single-city").id)
    assert {row[0] for row in single} == {"single_city_warning"}
    assert [row[2] for row in single if row[4] == "ended"] == ["alert", "all_clear"]
    assert drill_report(ws)["unaddressed"] == ["seoul-air-policy"]


def test_the_page_names_every_scenario():
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "drills.md").read_text("utf-8")
    for name, scenario in all_scenarios().items():
        assert re.search(rf"^\| `{name}` \|.*\| {scenario.hours:g} h \|$", page, re.MULTILINE)


@pytest.mark.slow
def test_a_record_survives_its_file(beside):
    ws, record, _, _ = beside
    write_record(ws, record)
    assert read_record(ws, record.id) == record
