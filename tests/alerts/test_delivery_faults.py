"""Everything a mail server, a disk or a crash can do, through outbox and ledger, on a real server.

After each fault the guarantee is counted at the server and in the ledger: nobody gets a version twice, nobody
goes without, but for the one case that SMTP leaves undecidable.
"""

import asyncio
import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import event

from alerts.channels import ChannelPool
from alerts.examples import example_content
from alerts.retries import DeliveryPolicy
from alerts.smtp import SmtpChannel, SmtpServer
from pipeline.errors import StorageError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_attempts, read_outbox

CONTENT = example_content()
FIRST = "air-policy@seoul.example"


class Post:
    """A mail server's mind: keeps what it takes, and answers by a script for the first mails."""

    def __init__(self, *, rcpt=None, data=()):
        self.rcpt, self.data = dict(rcpt or {}), list(data)
        self.ids, self.to = [], []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.rcpt:
            return self.rcpt.pop(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = self.data.pop(0) if self.data else "250 taken"
        if answer.startswith(("250", "taken")):
            self.ids.append(re.search(rb"Message-ID: (\S+)", envelope.content).group(1).decode())
            self.to += envelope.rcpt_tos
        if answer.endswith("drop"):
            server.transport.abort()
        return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(post):
    controller = Controller(post, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def channel(port, timeout=5.0):
    place = SmtpServer("127.0.0.1", port, "desk@sameair.example", starttls=False, timeout=timeout)
    return ChannelPool(lambda: SmtpChannel(place))


def states(desk):
    with desk.ledger.read() as conn:
        assert verify_audit(conn).ok
        return Counter(row.state for row in read_outbox(conn))


def rows(desk, **where):
    with desk.ledger.read() as conn:
        return read_outbox(conn, **where)


@pytest.fixture
def out(desk):
    desk.proposed_and_issued(CONTENT)
    return desk


def policy(**changes):
    return DeliveryPolicy(**{"at_once": 3, **changes})


def test_refused_for_now_is_sent_when_its_time_comes(out):
    post = Post(rcpt={FIRST: "451 4.3.0 try later"}, data=["452 4.2.2 full"])
    with server(post) as port:
        one = out.deliver(channel(port), policy())
        out.wait(minutes=1)
        two = out.deliver(channel(port), policy())
    assert (len(one.sent) + len(two.sent), states(out)) == (6, {"sent": 6})
    assert len(set(post.ids)) == len(post.ids) == 6


def test_refused_for_good_is_never_offered_again(out):
    post = Post(data=["554 5.6.0 not that"])
    with server(post) as port:
        assert len(out.deliver(channel(port), policy()).failed) == 1
        out.wait(hours=2)
        out.deliver(channel(port), policy())
    assert states(out) == {"sent": 5, "failed": 1}
    assert len(post.ids) == 5


def test_a_server_that_hangs_holds_up_only_what_it_holds(out):
    post = Post()

    async def hang(server, session, envelope):
        name = re.search(rb"Message-ID: (\S+)", envelope.content).group(1).decode()
        post.ids.append(name)
        if len(post.ids) == 1:
            await asyncio.sleep(3)
        return "250 taken"

    post.handle_DATA = hang
    with server(post) as port:
        report = out.deliver(channel(port, timeout=1.0), policy())
    assert (len(report.sent), len(report.unknown)) == (5, 1)
    assert len(set(post.ids)) == len(post.ids) == 6


def test_dropped_after_the_message_is_held_below_the_policys_level(out):
    post = Post(data=["taken, then drop"])
    with server(post) as port:
        report = out.deliver(channel(port), policy())
        out.wait(hours=2)
        out.deliver(channel(port), policy())
    assert states(out) == {"sent": 5, "unknown": 1}
    assert len(report.unknown) == 1
    assert len(set(post.ids)) == len(post.ids) == 6, "it had arrived, and did not come twice"


def test_dropped_after_the_message_is_sent_again_once_from_the_policys_level_on(out):
    post = Post(data=["taken, then drop"])
    again = policy(resend_levels=frozenset({"J2"}))
    with server(post) as port:
        assert len(out.deliver(channel(port), again).deferred) == 1
        out.wait(minutes=1)
        assert len(out.deliver(channel(port), again).sent) == 1
    assert states(out) == {"sent": 6}
    assert sorted(Counter(post.ids).values()) == [1, 1, 1, 1, 1, 2], "the same Message-ID both times"


def test_dropped_twice_is_held(out):
    post = Post(data=["taken, then drop"])
    again = policy(resend_levels=frozenset({"J2"}), at_once=1)
    with server(post) as port:
        out.deliver(channel(port), again)
        post.data = ["taken, then drop"]
        out.wait(minutes=1)
        out.deliver(channel(port), again)
        out.wait(hours=2)
        out.deliver(channel(port), again)
    assert states(out) == {"sent": 5, "unknown": 1}
    held = rows(out, state="unknown")[0]
    with out.ledger.read() as conn:
        assert [a.outcome for a in read_attempts(conn, held.id)] == ["unknown", "unknown"]
    assert max(Counter(post.ids).values()) == 2


def test_a_server_that_closes_after_some_messages_is_called_again(out):
    """421 on a connection that has carried enough; what it refused is offered on a new one."""
    post = Post()

    async def tired(server, session, envelope, address, options):
        if getattr(session, "carried", 0):
            server.transport.write(b"421 4.7.0 enough\r\n")
            server.transport.close()
            return "421 4.7.0 enough"
        session.carried = 1
        envelope.mail_from = address
        return "250 OK"

    post.handle_MAIL = tired
    with server(post) as port:
        report = out.deliver(channel(port), policy(at_once=1))
    assert (len(report.sent), report.down) == (6, "")
    assert len(set(post.ids)) == len(post.ids) == 6


def test_what_is_down_loses_nothing(out):
    report = out.deliver(channel(free_port()), policy())
    assert "refused" in report.down.lower()
    assert states(out) == {"pending": 6}
    post = Post()
    out.wait(minutes=1)
    with server(post) as port:
        out.deliver(channel(port), policy())
    assert states(out) == {"sent": 6}
    assert len(post.ids) == 6


DELIVER = """
import os, sys
from datetime import datetime
from pathlib import Path
import alerts.lanes, alerts.sending
from alerts.channels import ChannelPool
from alerts.delivery import Sender, deliver_pending
from alerts.retries import DeliveryPolicy
from alerts.smtp import SmtpChannel, SmtpServer
from pipeline.ledger import open_ledger

folder, now = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
port, dies = int(sys.argv[3]), int(sys.argv[4])
concluded = []

def conclude(*arguments, real=alerts.sending.conclude):
    concluded.append(1)
    if len(concluded) == dies:
        os.kill(os.getpid(), 9)
    return real(*arguments)

alerts.lanes.conclude = conclude
place = SmtpServer("127.0.0.1", port, "desk@sameair.example", starttls=False)
pool = ChannelPool(lambda: SmtpChannel(place))
ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
policy = DeliveryPolicy(at_once=int(sys.argv[5]))
report = deliver_pending(Sender(ledger, pool, folder / "payloads", lambda: now, policy))
print(len(report.sent))
"""


def deliverer(desk, port, dies=0, at_once=1):
    arguments = [str(desk.folder), desk.now.isoformat(), str(port), str(dies), str(at_once)]
    return subprocess.Popen([sys.executable, "-c", DELIVER, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.ledger
@pytest.mark.slow
@pytest.mark.parametrize(("dies", "at_once"), [(1, 1), (3, 1), (2, 3)])
def test_killed_between_data_and_commit(out, dies, at_once):
    """kill -9 after the server took the mail and before the ledger knows: held, and nobody gets it twice."""
    post = Post()
    with server(post) as port:
        process = deliverer(out, port, dies, at_once)
        assert process.wait(60) == -signal.SIGKILL
        process.stdout.close()
        report = out.deliver(channel(port), policy())
        out.wait(hours=2)
        out.deliver(channel(port), policy())
    assert 1 <= len(report.unknown) <= at_once
    assert states(out) == {"sent": 6 - len(report.unknown), "unknown": len(report.unknown)}
    assert len(set(post.ids)) == len(post.ids)
    assert set(post.ids) >= {row.message_id for row in rows(out, state="sent")}


@pytest.mark.ledger
@pytest.mark.slow
def test_two_processes_at_once_share_the_work(desk):
    for number in range(4):
        desk.proposed_and_issued(example_content(warning_id=f"W{number}"))
    post = Post()
    with server(post) as port:
        running = [deliverer(desk, port, at_once=3) for _ in range(2)]
        done = [int(p.communicate(timeout=120)[0]) for p in running]
    assert sum(done) == len(set(post.ids)) == len(post.ids) == 24
    assert states(desk) == {"sent": 24}


def test_a_ledger_on_a_full_disk_loses_nothing_and_sends_nothing_twice(sqlite_desk):
    for number in range(6):
        sqlite_desk.proposed_and_issued(example_content(warning_id=f"W{number}"))
    engine = sqlite_desk.ledger.engine
    with engine.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar()

    def cramp(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    post = Post()
    event.listen(engine, "connect", cramp)
    engine.dispose()
    with server(post) as port:
        with pytest.raises(StorageError, match="full"):
            sqlite_desk.deliver(channel(port), policy())
        event.remove(engine, "connect", cramp)
        engine.dispose()
        sqlite_desk.deliver(channel(port), policy())
    found = states(sqlite_desk)
    assert found["sent"] + found["unknown"] == 36
    assert found["unknown"] <= 3, "at most those that were under way"
    assert len(set(post.ids)) == len(post.ids)
    known = {row.message_id for row in rows(sqlite_desk) if row.state in ("sent", "unknown")}
    assert {row.message_id for row in rows(sqlite_desk, state="sent")} <= set(post.ids) <= known


def test_a_full_disk_under_the_messages_issues_nothing(desk, monkeypatch):
    desk.propose(CONTENT)
    desk.approve(CONTENT.warning_id, 1, "seoul", "beijing")
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        patch.setattr("pipeline.files.os.fsync", lambda _: (_ for _ in ()).throw(full))
        with pytest.raises(StorageError, match="the disk is full"):
            desk.issue(CONTENT.warning_id, 1)
    assert rows(desk) == []
    assert len(desk.issue(CONTENT.warning_id, 1).outbox_ids) == 6
