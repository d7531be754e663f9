"""Issue and delivery: one transaction, no mail twice, none lost, whatever dies when."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from alerts.channels import Envelope, FolderChannel, Outcome
from alerts.claims import hold_claim, is_abandoned
from alerts.delivery import deliver_pending, resolve_unknown
from alerts.email import Enclosure, build_email
from alerts.examples import example_content
from alerts.identifiers import message_id
from alerts.outbox import MAIL_POLICY, Letter, message_bytes, payload_path
from alerts.recipients import load_recipients
from alerts.retries import DeliveryPolicy
from pipeline.errors import ReviewError, StorageError
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import (
    claim_message,
    insert_outbox,
    read_attempts,
    read_message,
    read_outbox,
)
from pipeline.ledger.warnings import read_version

CONTENT = example_content()
ID = CONTENT.warning_id
LATER = {
    "issue_time": "2026-01-14T14:00:00Z",
    "as_of": "2026-01-14T14:00:00Z",
    "review_deadline": "2026-01-14T16:00:00Z",
    "level": "J3",
}


class Scripted:
    """A channel that answers from a script and knows nothing of earlier attempts."""

    name = "scripted"

    def __init__(self, *outcomes, memory=None):
        self.outcomes, self.memory, self.sent = list(outcomes), memory, []

    def send(self, envelope: Envelope) -> Outcome:
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome("sent")
        if isinstance(outcome, BaseException):
            raise outcome
        self.sent.append(envelope)
        return outcome

    def has_sent(self, envelope: Envelope):
        return self.memory

    def close(self):
        pass


def rows(desk, **where):
    with desk.ledger.read() as conn:
        return read_outbox(conn, **where)


def states(desk):
    return {row.recipient: row.state for row in rows(desk)}


def test_each_agency_gets_each_version_once_and_in_one_thread(desk):
    issued = desk.proposed_and_issued(CONTENT)
    assert len(desk.deliver().sent) == 6
    desk.wait(hours=6)
    desk.proposed_and_issued(example_content(**LATER))
    assert len(desk.deliver().sent) == 6
    assert desk.deliver() == type(desk.deliver())(), "nothing is left to do"
    assert len(desk.mails()) == 12
    assert [f"{i}.eml" for i in sorted(issued.outbox_ids)] == desk.mails()[:6]
    second = desk.folder / "outbox" / f"{ID}.v2.seoul-air-policy.eml"
    mail = message_from_bytes(second.read_bytes(), policy=policy.default)
    assert mail["In-Reply-To"] == message_id(ID, 1, "seoul-air-policy")
    assert "초미세먼지 细颗粒物" in mail["Subject"]
    assert len((desk.folder / "outbox" / "index.jsonl").read_text().splitlines()) == 12
    with desk.ledger.read() as conn:
        assert verify_audit(conn).ok


def test_issuing_again_changes_nothing(desk):
    first = desk.proposed_and_issued(CONTENT)
    again = desk.issue(ID, 1)
    assert (first.is_new, again.is_new) == (True, False)
    assert sorted(first.outbox_ids) == sorted(again.outbox_ids)


def test_a_failing_renderer_issues_nothing(desk):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul", "beijing")
    good, calls = desk.dispatch.render, []

    def fails_late(letter):
        calls.append(letter)
        if len(calls) == 4:
            raise RuntimeError("template")
        return good(letter)

    object.__setattr__(desk.dispatch, "render", fails_late)
    with pytest.raises(RuntimeError):
        desk.issue(ID, 1)
    assert rows(desk) == []
    with desk.ledger.read() as conn:
        assert read_version(conn, ID, 1).state == "in_review"
    assert desk.issue(ID, 1).is_new


def test_a_crash_inside_the_transaction_issues_nothing(desk, monkeypatch):
    desk.propose(CONTENT)
    desk.approve(ID, 1, "seoul", "beijing")
    with monkeypatch.context() as patch:
        patch.setattr("alerts.outbox.take_over", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.issue(ID, 1)
    assert rows(desk) == []
    assert desk.issue(ID, 1).is_new


def test_a_draft_whose_ground_has_shifted_is_not_issued(desk):
    desk.proposed_and_issued(CONTENT)
    desk.propose(example_content(**LATER))
    desk.approve(ID, 2, "seoul", "beijing")
    with desk.write() as conn:
        from alerts.warnings import close

        close(conn, ID, "ended", actor="x", reason="", at=desk.now)
    with pytest.raises(ReviewError, match=r"references versions \[1\], but in force are \[\]"):
        desk.issue(ID, 2)


def test_refusals_are_tried_again_with_growing_pauses(desk):
    desk.proposed_and_issued(CONTENT)
    busy = [Outcome("retry", "451 busy", 451)]
    first = desk.deliver(Scripted(*busy))
    assert (len(first.sent), len(first.deferred)) == (5, 1)
    assert desk.deliver(Scripted(*busy)).deferred == [], "not before its time"
    desk.wait(minutes=1)
    assert len(desk.deliver(Scripted(*busy)).deferred) == 1
    desk.wait(minutes=1)
    assert desk.deliver(Scripted()).sent == []
    desk.wait(minutes=1)
    last = desk.deliver(Scripted())
    assert len(last.sent) == 1
    with desk.ledger.read() as conn:
        log = [(a.attempt, a.outcome, a.code) for a in read_attempts(conn, last.sent[0])]
    assert log == [(1, "retry", 451), (2, "retry", 451), (3, "sent", None)]


def test_a_message_refused_too_often_or_for_good_is_given_up(desk):
    desk.proposed_and_issued(CONTENT)
    hard = desk.deliver(Scripted(Outcome("failed", "550 no such desk", 550), *[Outcome("retry", "451")] * 5))
    assert len(hard.failed) == 1
    desk.wait(minutes=1)
    soft = desk.deliver(Scripted(*[Outcome("retry", "451")] * 5), DeliveryPolicy(most_refusals=2))
    assert len(soft.failed) == 5
    desk.wait(hours=5)
    assert desk.deliver(Scripted()).sent == []
    assert {row.last_error[:8] for row in rows(desk, state="failed")} == {"550 no s", "given up"}


def test_a_channel_that_is_down_is_not_asked_again_and_costs_no_message(desk):
    desk.proposed_and_issued(CONTENT)
    dead = Scripted(Outcome("sent"), Outcome("down", "login refused", 535))
    report = desk.deliver(dead)
    assert (len(report.sent), len(report.deferred), report.down) == (1, 1, "login refused")
    assert len(dead.sent) == 2
    desk.wait(minutes=1)
    assert len(desk.deliver(Scripted()).sent) == 5


def test_an_overtaken_or_lapsed_message_is_not_sent(desk):
    desk.proposed_and_issued(CONTENT)
    desk.deliver(Scripted(*[Outcome("retry", "451")] * 6))
    desk.wait(hours=6)
    desk.proposed_and_issued(example_content(**LATER))
    report = desk.deliver()
    assert len(report.failed) == len(report.sent) == 6
    assert all(".v2." in name for name in desk.mails())
    desk.propose(example_content(warning_id="LATE"))
    desk.now -= timedelta(hours=6)
    desk.approve("LATE", 1, "seoul", "beijing")
    desk.issue("LATE", 1)
    desk.wait(days=4)
    assert len(desk.deliver().failed) == 6
    assert all("was over" in r.last_error for r in rows(desk, warning_id="LATE", state="failed"))


def test_a_lost_or_altered_message_file_is_named_and_does_not_stop_the_others(sqlite_desk):
    sqlite_desk.proposed_and_issued(CONTENT)
    first, second = rows(sqlite_desk)[:2]
    payload_path(sqlite_desk.dispatch.payloads, first.payload_digest).unlink()
    payload_path(sqlite_desk.dispatch.payloads, second.payload_digest).write_bytes(b"Subject: forged\r\n\r\n")
    report = sqlite_desk.deliver()
    assert sorted(report.failed) == sorted([first.id, second.id])
    assert len(report.sent) == 4
    errors = {r.id: r.last_error for r in rows(sqlite_desk, state="failed")}
    assert "cannot be read" in errors[first.id]
    assert "was altered" in errors[second.id]


def test_an_interrupted_message_is_found_in_the_folder_or_written_again(desk):
    desk.proposed_and_issued(CONTENT)
    with pytest.raises(KeyboardInterrupt):
        desk.deliver(Scripted(KeyboardInterrupt()))
    stuck = rows(desk, state="sending")
    assert len(stuck) == 1
    assert len(desk.deliver().sent) == 6
    assert len(desk.mails()) == 6


def test_an_interrupted_mail_is_unknown_until_a_person_decides(desk):
    desk.proposed_and_issued(CONTENT)
    with pytest.raises(KeyboardInterrupt):
        desk.deliver(Scripted(KeyboardInterrupt()))
    report = desk.deliver(Scripted())
    assert (len(report.unknown), len(report.sent)) == (1, 5)
    desk.wait(hours=2)
    assert desk.deliver(Scripted()).sent == [], "never sent again by itself"
    with desk.write() as conn:
        resolve_unknown(
            conn, report.unknown[0], resend=True, person="kim", reason="desk has nothing", at=desk.now
        )
        with pytest.raises(ReviewError, match="not unknown"):
            resolve_unknown(conn, report.unknown[0], resend=True, person="kim", reason="", at=desk.now)
    channel = Scripted()
    assert desk.deliver(channel).sent == report.unknown
    recipient = report.unknown[0].rpartition(".")[2]
    assert channel.sent[0].message_id == message_id(ID, 1, recipient)


def test_by_policy_an_unknown_mail_is_sent_again_with_the_same_bytes(desk):
    desk.proposed_and_issued(CONTENT)
    channel = Scripted(Outcome("unknown", "dropped after DATA"))
    prefer_twice = DeliveryPolicy(resend_levels=frozenset({"J2"}))
    assert len(desk.deliver(channel, prefer_twice).deferred) == 1
    desk.wait(minutes=1)
    desk.deliver(channel, prefer_twice)
    assert channel.sent[0] == channel.sent[-1]


def test_a_claim_is_taken_once(desk):
    desk.proposed_and_issued(CONTENT)
    name = rows(desk)[0].id
    with desk.write() as conn:
        assert claim_message(conn, name, "a/1", desk.now)
        assert not claim_message(conn, name, "b/2", desk.now)
        assert read_message(conn, name).claim == "a/1"
    assert states(desk)[rows(desk)[0].recipient] == "sending"
    assert len(desk.deliver().sent) == 5, "a claim from another machine holds until its lease is over"
    desk.wait(minutes=16)
    assert len(desk.deliver().sent) == 1


def test_a_living_sender_keeps_its_claim(tmp_path):
    ledger, lease = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite"), timedelta(minutes=1)
    with hold_claim(tmp_path, ledger) as claim:
        assert not is_abandoned(tmp_path, ledger, claim, timedelta(days=9), lease)
    assert is_abandoned(tmp_path, ledger, claim, timedelta(0), lease)
    ledger.close()


def test_without_a_folder_there_is_no_claim(tmp_path):
    (tmp_path / "file").write_text("")
    ledger = open_ledger(f"sqlite+pysqlite:///{tmp_path}/ledger.sqlite")
    with pytest.raises(StorageError), hold_claim(tmp_path / "file" / "x", ledger):
        pytest.fail("no folder, no claim")
    ledger.close()


def test_deliverers_at_once_share_the_work(desk):
    for number in range(5):
        desk.proposed_and_issued(example_content(warning_id=f"W{number}"))
    channels = [Scripted() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda c: deliver_pending(desk.sender(c)), channels))
    sent = [e.message_id for c in channels for e in c.sent]
    assert len(sent) == len(set(sent)) == 30
    assert sum(len(r.sent) for r in reports) == 30


DELIVER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from alerts.channels import FolderChannel
from alerts.delivery import Sender, deliver_pending
from pipeline.ledger import open_ledger

folder, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])

class Slow(FolderChannel):
    def send(self, envelope):
        print("before", flush=True)
        time.sleep(float(sys.argv[3]))
        outcome = super().send(envelope)
        print("after", flush=True)
        time.sleep(float(sys.argv[4]))
        return outcome

ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
report = deliver_pending(Sender(ledger, Slow(folder / "outbox"), folder / "payloads", lambda: now))
print("done", len(report.sent))
"""


def deliverer(desk, before, after):
    arguments = [str(desk.folder), desk.now.isoformat(), str(before), str(after)]
    return subprocess.Popen([sys.executable, "-c", DELIVER, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("before", "after", "lines"), [(30, 0, 1), (0, 30, 2), (0.05, 0.05, 5)])
def test_killed_while_sending_then_run_again(desk, before, after, lines):
    """kill -9 before the file is there, after it and before the commit, and in the middle of the list."""
    desk.proposed_and_issued(CONTENT)
    process = deliverer(desk, before, after)
    for _ in range(lines):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert "sending" in set(states(desk).values())
    desk.deliver()
    assert set(states(desk).values()) == {"sent"}
    assert len(desk.mails()) == 6
    index = (desk.folder / "outbox" / "index.jsonl").read_text().splitlines()
    assert len(index) == len(set(index)) == 6
    assert desk.deliver().sent == []
    assert not [p for p in (desk.folder / "outbox").iterdir() if p.name.startswith(".")] or before == 0.05


@pytest.mark.ledger
@pytest.mark.slow
def test_processes_at_once_write_each_mail_once(desk):
    for number in range(3):
        desk.proposed_and_issued(example_content(warning_id=f"W{number}"))
    running = [deliverer(desk, 0.01, 0.01) for _ in range(3)]
    done = [int(p.communicate(timeout=120)[0].split()[-1]) for p in running]
    assert sum(done) == 18
    assert len(desk.mails()) == 18


def test_the_folder_channel_says_when_its_disk_is_no_good(desk, tmp_path):
    desk.proposed_and_issued(CONTENT)
    (tmp_path / "file").write_text("")
    report = desk.deliver(FolderChannel(tmp_path / "file"))
    assert "file" in report.down
    assert len(rows(desk, state="pending")) == 6


def test_a_version_cannot_stand_in_the_outbox_twice(desk):
    from sqlalchemy.exc import IntegrityError

    desk.proposed_and_issued(CONTENT)
    with pytest.raises(IntegrityError), desk.write() as conn:
        insert_outbox(conn, rows(desk)[:1])


def test_messages_are_written_as_the_library_writes_them(desk):
    chart = bytes(range(256)) * 200
    enclosure = Enclosure("desk@sameair.example", "desk", b"<alert/>", chart=lambda *_: chart)
    for recipient in load_recipients():
        for earlier in ((), tuple(f"<{n}@sameair.invalid>" for n in range(30))):
            letter = Letter(
                CONTENT, recipient, desk.now, message_id(ID, 1, recipient.id), earlier, "https://x.example/y"
            )
            for mail in (build_email(letter, enclosure), desk.dispatch.render(letter)):
                assert message_bytes(mail) == mail.as_bytes(policy=MAIL_POLICY)
