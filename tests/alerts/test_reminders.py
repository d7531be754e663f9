"""Reminders and escalation until somebody acknowledges or the warning is over."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from sqlalchemy import event

from alerts.acknowledge import Receipt, acknowledge
from alerts.examples import example_content
from alerts.outbox import read_payload
from alerts.recipients import Way, load_recipients
from alerts.reminders import ReminderPolicy, queue_reminders
from alerts.takeover import Ways
from alerts.warnings import close
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import due_messages, insert_outbox, read_outbox
from pipeline.ledger.follow_ups import versions_out

LIVE = {"world": "measured", "simulated": False, "cap_status": "Test"}
CONTENT = example_content(**LIVE)
HOOK = Way("webhook", "https://hook.example/in")
WAYS = Ways({r.id: (*r.ways, HOOK) if r.id == "seoul-air-policy" else r.ways for r in load_recipients()})


def remind(desk):
    made = queue_reminders(desk.ledger, desk.dispatch.payloads, WAYS, ReminderPolicy(), desk.now)
    again = queue_reminders(desk.ledger, desk.dispatch.payloads, WAYS, ReminderPolicy(), desk.now)
    assert again == []
    return sorted(made)


def rows(desk, **where):
    with desk.ledger.read() as conn:
        assert verify_audit(conn).ok
        return read_outbox(conn, **where)


def said(desk, recipient):
    with desk.write() as conn:
        acknowledge(conn, Receipt(CONTENT.warning_id, 1, recipient, desk.now), desk.now)


def sent(desk, content=CONTENT):
    desk.proposed_and_issued(content)
    desk.deliver()


@pytest.mark.ledger
@pytest.mark.slow
def test_who_does_not_acknowledge_is_reminded_and_then_escalated(desk):
    sent(desk)
    for recipient in [r.id for r in load_recipients()][1:]:
        said(desk, recipient)
    purposes = {}
    for minute in range(1, 215):
        desk.wait(minutes=1)
        for name in remind(desk):
            row = next(r for r in rows(desk) if r.id == name)
            purposes[minute] = (row.recipient, row.purpose, row.number, row.channel)
    who = "seoul-air-policy"
    assert purposes == {
        30: (who, "reminder", 1, "email"),
        60: (who, "reminder", 2, "email"),
        90: (who, "escalation", 1, "webhook"),
        150: (who, "escalation", 2, "webhook"),
        210: (who, "escalation", 3, "webhook"),
    }


def test_a_reminder_is_marked_and_belongs_to_the_thread(desk):
    sent(desk)
    first = next(r for r in rows(desk) if r.recipient == "seoul-air-policy")
    desk.wait(minutes=31)
    assert len(remind(desk)) == 6
    desk.deliver()
    row = next(r for r in rows(desk) if r.purpose == "reminder" and r.recipient == first.recipient)
    assert row.state == "sent"
    mail = message_from_bytes(read_payload(desk.dispatch.payloads, row.payload_digest), policy=policy.default)
    before = message_from_bytes(
        read_payload(desk.dispatch.payloads, first.payload_digest), policy=policy.default
    )
    assert mail["Subject"] == f"[REMINDER 1]{before['Subject']}"
    assert mail["In-Reply-To"] == mail["References"] == first.message_id
    assert mail["Message-ID"] == row.message_id != first.message_id
    assert mail.get_content() == before.get_content()


def test_after_a_pause_only_the_newest_step_is_sent(desk):
    sent(desk)
    desk.wait(minutes=200)
    assert {name.rpartition(".")[2] for name in remind(desk)} == {"escalation2"}


def test_an_acknowledgement_stops_what_is_already_queued(desk):
    sent(desk)
    desk.wait(minutes=30)
    assert len(remind(desk)) == 6
    said(desk, "seoul-air-policy")
    report = desk.deliver()
    assert (len(report.sent), len(report.failed)) == (5, 1)
    stopped = rows(desk, state="failed")
    assert [(r.recipient, r.last_error) for r in stopped] == [("seoul-air-policy", "acknowledged meanwhile")]
    desk.wait(minutes=30)
    assert len(remind(desk)) == 5


@pytest.mark.parametrize("to", ["ended", "cancelled"])
def test_what_is_over_is_not_reminded_of(desk, to):
    sent(desk)
    desk.wait(minutes=30)
    with desk.write() as conn:
        close(conn, CONTENT.warning_id, to, actor="x", reason="over", at=desk.now)
    assert remind(desk) == []


def test_an_exercise_is_not_reminded_of(desk):
    sent(desk, example_content())
    desk.wait(minutes=300)
    assert remind(desk) == []


def test_who_has_a_version_by_two_channels_is_reminded_once(desk):
    """As when a message of unknown fate was counted as sent after its substitute had arrived."""
    sent(desk)
    first = next(r for r in rows(desk) if r.recipient == "seoul-air-policy")
    twin = replace(first, id="twin", message_id="<twin>", purpose="substitute", channel="webhook")
    with desk.write() as conn:
        insert_outbox(conn, [twin])
    desk.wait(minutes=30)
    assert len(remind(desk)) == 6
    assert [r.channel for r in rows(desk) if r.number == 1 and r.recipient == first.recipient] == ["email"]


def test_what_did_not_arrive_is_not_reminded_of(desk):
    desk.proposed_and_issued(CONTENT)
    desk.wait(minutes=300)
    assert remind(desk) == []


def test_a_lost_file_holds_up_no_other(desk):
    sent(desk)
    first = rows(desk)[0]
    (desk.dispatch.payloads / first.payload_digest[:2] / f"{first.payload_digest}.eml").unlink()
    desk.wait(minutes=30)
    assert len(remind(desk)) == 5


@pytest.mark.parametrize("extra", [0, 400])
def test_a_round_reads_what_it_needs_and_not_the_whole_outbox(sqlite_desk, extra):
    """Rows that are read do not grow with what was sent and is over."""
    sent(sqlite_desk)
    first = rows(sqlite_desk)[0]
    gone = [
        replace(
            first,
            id=f"old{n}",
            message_id=f"<old{n}>",
            recipient=f"r{n}",
            expires=sqlite_desk.now,
            state="sent",
        )
        for n in range(extra)
    ]
    with sqlite_desk.write() as conn:
        insert_outbox(conn, gone)
    fetched = []
    sqlite_desk.wait(minutes=1)

    def counts(_connection, _cursor, statement, *_):
        fetched.append(statement)

    event.listen(sqlite_desk.ledger.engine, "before_cursor_execute", counts)
    remind(sqlite_desk)
    sqlite_desk.deliver()
    event.remove(sqlite_desk.ledger.engine, "before_cursor_execute", counts)
    whole = [s for s in fetched if s.startswith("SELECT outbox") and "WHERE" not in s]
    assert whole == []
    with sqlite_desk.ledger.read() as conn:
        assert versions_out(conn, sqlite_desk.now) == [(CONTENT.warning_id, 1)]
        assert due_messages(conn, sqlite_desk.now, "email") == []
        for query in (
            "state = 'pending' AND channel = 'email' AND next_attempt_at <= '2026'",
            "expires > '2026'",
        ):
            plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT id FROM outbox WHERE {query}").all()
            assert "USING" in str(plan), "an index is used"
