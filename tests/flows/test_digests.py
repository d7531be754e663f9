"""Digests through the real chain: once a day, each version once, nothing for who was sent it by itself."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from alerts.examples import example_content
from alerts.recipients import load_recipients
from alerts.warnings import propose_version
from flows.desk import Decision, approve_version
from flows.workspace import open_workspace
from flows.worlds import deliver_everywhere
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
DUE = parse_instant("2026-01-14T09:00Z")
LIVE = {"world": "measured", "simulated": False, "cap_status": "Test", "level": "J1"}
HIGH = sorted(r.id for r in load_recipients() if r.minimum_level != "J1")


@pytest.fixture
def world(tmp_path):
    clock = [NOW]
    ws = open_workspace(Settings(data_dir=tmp_path), clock=lambda: clock[0])
    yield ws, clock
    ws.ledger.close()


def issue(ws, clock, **changes):
    content = example_content(**{**LIVE, **changes})
    with ws.ledger.write() as conn:
        propose_version(conn, content, clock[0])
    for party in ("seoul", "beijing"):
        approve_version(ws, content.warning_id, None, Decision(party, "kim"))
    return content


def digests(ws):
    with ws.ledger.read() as conn:
        assert verify_audit(conn).ok
        return [r for r in read_outbox(conn) if r.purpose == "digest"]


@pytest.mark.ledger
@pytest.mark.slow
def test_whoever_asked_for_higher_levels_gets_one_mail_a_day(world):
    ws, clock = world
    issue(ws, clock)
    issue(ws, clock, warning_id="01SECOND")
    deliver_everywhere(ws)
    assert digests(ws) == [], "not before its time"
    clock[0] = DUE + timedelta(minutes=3)
    deliver_everywhere(ws)
    deliver_everywhere(ws)
    rows = digests(ws)
    assert sorted(r.recipient for r in rows) == HIGH
    assert {r.state for r in rows} == {"sent"}
    assert all(r.address == "" for r in rows), "the outbox holds no address"
    mail = message_from_bytes(
        (ws.settings.outbox_dir / f"{rows[0].id}.eml").read_bytes(), policy=policy.default
    )
    assert mail.get_content().count("J1 ") >= 2


@pytest.mark.slow
def test_a_version_is_in_one_digest_only(world):
    ws, clock = world
    issue(ws, clock)
    clock[0] = DUE + timedelta(minutes=3)
    deliver_everywhere(ws)
    clock[0] += timedelta(minutes=30)
    issue(ws, clock, warning_id="01SECOND")
    deliver_everywhere(ws)
    assert len(digests(ws)) == len(HIGH), "today's is out"
    clock[0] = DUE + timedelta(days=1, minutes=3)
    deliver_everywhere(ws)
    late = [r for r in digests(ws) if r.number == 20260115]
    assert {r.warning_id for r in late} == {"01SECOND"}
    clock[0] += timedelta(days=1)
    deliver_everywhere(ws)
    assert len(digests(ws)) == 2 * len(HIGH), "none on a day without a warning"


def test_a_digest_does_not_count_as_having_been_reached(world):
    ws, clock = world
    issue(ws, clock)
    clock[0] = DUE + timedelta(minutes=3)
    deliver_everywhere(ws)
    later = {"issue_time": "2026-01-14T14:00:00Z", "as_of": "2026-01-14T14:00:00Z"}
    clock[0] = parse_instant("2026-01-14T14:20Z")
    issue(ws, clock, **later, review_deadline="2026-01-14T16:00:00Z", level="J1", kind="update")
    with ws.ledger.read() as conn:
        second = {r.recipient for r in read_outbox(conn, version=2)}
    assert second.isdisjoint(HIGH)


def test_exercises_make_no_digest(world):
    ws, clock = world
    issue(ws, clock, cap_status="Exercise", simulated=True, world="drill")
    clock[0] = DUE + timedelta(days=1)
    deliver_everywhere(ws)
    assert digests(ws) == []
