"""The watchdog notices what did not happen, tells it once, and needs nothing of what it watches."""

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from pydantic import SecretStr

from alerts.channels import Outcome
from flows.jobs import work_on
from flows.timetable import flows
from flows.watch import Memory, clock_condition, machine_seconds, recalled, remember, watch
from flows.workspace import open_workspace
from pipeline.ledger.notices import Condition
from pipeline.settings import Settings

NOW = datetime(2026, 1, 15, 12, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Hook(BaseHTTPRequestHandler):
    """Takes everything and remembers how it was asked."""

    asked: ClassVar = []

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(self.command)
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        """Be silent."""


class Way:
    """A channel that keeps what it sends, or is down."""

    def __init__(self):
        self.kind, self.mails = "sent", []

    def send(self, envelope):
        if self.kind == "sent":
            self.mails.append(envelope)
        return Outcome(self.kind, "")

    def close(self):
        pass


@pytest.fixture
def node(tmp_path):
    """Settings of a folder in which everything is done at NOW; the disk of the test is not looked at."""
    settings = Settings(data_dir=tmp_path, operator_address="duty@node.example")
    ws = open_workspace(settings, lambda: NOW)
    for flow in flows():
        work_on(ws, flow, lambda *_: {})
    ws.ledger.close()
    return settings


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    monkeypatch.setattr("flows.watch.look_at_disk", lambda _: Condition("watch disk", "ok", 0, "room"))


def ill(look):
    return {c.subject for c in look.ill}


def test_a_silent_schedule_is_told_once_worse_once_and_over_once(node):
    way = Way()
    assert ill(watch(node, NOW, way)) == set()
    (node.data_dir / "watch.json").unlink()
    assert ill(watch(node, NOW + 30 * MINUTE, way)) == {"watch service"}
    (node.data_dir / "watch.json").read_text()
    memory = recalled(node.data_dir / "watch.json")
    memory.boot = "another start"
    remember(node.data_dir / "watch.json", memory)
    later = watch(node, NOW + 24 * 60 * MINUTE, way)
    assert {"watch service", "watch flow cycle", "watch flow ingest", "watch flow post"} <= ill(later)
    assert len(way.mails) == 2
    memory = recalled(node.data_dir / "watch.json")
    memory.boot = "a third start"
    remember(node.data_dir / "watch.json", memory)
    assert watch(node, NOW + 24 * 60 * MINUTE, way).news == 0
    assert len(way.mails) == 2
    memory.boot = "a fourth start"
    remember(node.data_dir / "watch.json", memory)
    assert ill(watch(node, NOW, way)) == set()
    assert b"well again" in way.mails[2].payload


def test_what_was_done_by_a_clock_that_ran_ahead_hides_nothing_that_is_done_now(node):
    now = [NOW + 30 * 60 * MINUTE]
    ws = open_workspace(node, lambda: now[0])
    for now[0] in (NOW + 30 * 60 * MINUTE, NOW + 10 * MINUTE):
        for flow in flows():
            work_on(ws, flow, lambda *_: {})
    ws.ledger.close()
    assert ill(watch(node, NOW + 11 * MINUTE, Way())) == set()
    assert "watch service" in ill(watch(node, NOW + 40 * MINUTE, Way()))


def test_a_ledger_that_is_gone_is_told_and_none_is_made(node):
    path, way = node.data_dir / "ledger.sqlite", Way()
    path.unlink()
    assert ill(watch(node, NOW, way)) == {"watch ledger"}
    assert not path.exists()
    assert b"is gone" in message_from_bytes(way.mails[0].payload).get_payload(decode=True)


def test_what_no_mail_can_tell_goes_to_the_webhook_or_waits(node):
    way = Way()
    way.kind = "down"
    (node.data_dir / "ledger.sqlite").rename(node.data_dir / "away.sqlite")
    assert watch(node, NOW, way).untold == 1
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = SecretStr(f"http://127.0.0.1:{server.server_port}/")
        assert watch(node.model_copy(update={"operator_webhook": url}), NOW, way).untold == 0
        well = node.model_copy(update={"heartbeat_url": url})
        assert Hook.asked.count("GET") == 0
        (node.data_dir / "away.sqlite").rename(node.data_dir / "ledger.sqlite")
        way.kind = "sent"
        assert ill(watch(well, NOW, way)) == set()
        server.shutdown()
    assert len(way.mails) == 1
    assert Hook.asked == ["POST", "GET"]


def test_a_clock_that_was_set_is_told(node):
    memory = recalled(node.data_dir / "nothing.json")
    assert clock_condition(memory, NOW, machine_seconds()).severity == 0
    watch(node, NOW, Way())
    memory = recalled(node.data_dir / "watch.json")
    assert clock_condition(memory, NOW + MINUTE, machine_seconds()).severity == 0
    assert "+3600 s" in clock_condition(memory, NOW + 60 * MINUTE, machine_seconds()).text
    assert "-600 s" in clock_condition(memory, NOW - 10 * MINUTE, machine_seconds()).text


def test_the_file_is_kept_on_a_full_disk_and_a_damaged_one_is_no_hindrance(tmp_path, monkeypatch):
    path = tmp_path / "watch.json"
    remember(path, Memory(told={"watch disk": 2}))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.files.tempfile.mkstemp", full)
    remember(path, Memory(told={"watch disk": 3}))
    assert recalled(path).told == {"watch disk": 3}
    path.write_text("{")
    assert recalled(path) == Memory()
