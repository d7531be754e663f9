"""Webhooks on a real server, and the second channel that takes over when the first fails."""

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from alerts.channels import Envelope, Outcome
from alerts.delivery import deliver_pending
from alerts.examples import example_content
from alerts.recipient_checks import GIVEN, faults_of
from alerts.recipients import Way, load_recipients
from alerts.takeover import Ways
from alerts.webhook import WebhookChannel, WebhookSettings, key_text, webhook_key
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
SECRET = b"s" * 32
CONTENT = example_content()


class Hook:
    """A server that remembers what was posted and answers by a script of status codes."""

    def __init__(self):
        self.answers, self.posts, self.pause, self.port = [], [], 0.0, 0


@contextmanager
def listening():
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((self.path, dict(self.headers), body))
            time.sleep(hook.pause)
            code = hook.answers.pop(0) if hook.answers else 204
            self.send_response(code)
            if code == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def hook():
    with listening() as one:
        yield one


def channel(timeout=5.0):
    return WebhookChannel(WebhookSettings(SECRET, timeout), lambda: NOW)


def envelope(port, recipient="seoul-met"):
    payload = b"Subject: x\r\nX-Sameair-Level: J2\r\nMessage-ID: <m@x.invalid>\r\n\r\nhello\r\n"
    return Envelope("w.v1.a", f"http://127.0.0.1:{port}/in", "<m@x.invalid>", payload, recipient)


def test_the_receiver_can_check_and_recognise_a_message(hook):
    out = channel()
    assert [out.send(envelope(hook.port)).kind for _ in range(2)] == ["sent", "sent"]
    out.close()
    (_, first, body), (_, second, again) = hook.posts
    assert body == again
    assert first["webhook-id"] == second["webhook-id"] == "m@x.invalid"
    shared = base64.b64decode(key_text(webhook_key(SECRET, "seoul-met")).removeprefix("whsec_"))
    signed = f"m@x.invalid.{int(NOW.timestamp())}.".encode() + body
    expected = base64.b64encode(hmac.new(shared, signed, hashlib.sha256).digest()).decode()
    assert first["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["facts"] == {"level": "J2"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [(200, "sent"), (204, "sent"), (302, "failed"), (400, "failed"), (404, "failed"), (410, "failed"),
     (408, "retry"), (429, "retry"), (500, "retry"), (503, "retry")],
)  # fmt: skip
def test_what_an_answer_means(hook, code, kind):
    hook.answers = [code]
    out = channel()
    outcome = out.send(envelope(hook.port))
    out.close()
    assert (outcome.kind, outcome.code, len(hook.posts)) == (kind, code, 1)


def test_silence_and_absence_are_tried_again(hook):
    hook.pause = 1.0
    out = channel(timeout=0.2)
    began = time.monotonic()
    assert out.send(envelope(hook.port)).kind == "retry"
    assert time.monotonic() - began < 0.9
    assert out.send(envelope(1)).kind == "retry"
    assert out.has_sent(envelope(1)) is False


class Post:
    """An e-mail channel that answers one way, or as told for single addresses."""

    name = "smtp"

    def __init__(self, outcome="sent"):
        self.outcome, self.sent = Outcome(outcome, "scripted"), []

    def send(self, envelope):
        self.sent.append(envelope.address)
        return self.outcome

    def has_sent(self, envelope):
        return None

    def close(self):
        pass


def deliver(desk, post, hook, recipient="seoul-air-policy"):
    way = Way("webhook", f"http://127.0.0.1:{hook.port}/in")
    ways = {r.id: (*r.ways, way) if r.id == recipient else r.ways for r in load_recipients()}
    sender = replace(desk.sender(post), others={"webhook": channel()}, ways=Ways(ways))
    return deliver_pending(sender)


def fates(desk, recipient="seoul-air-policy"):
    with desk.ledger.read() as conn:
        assert verify_audit(conn).ok
        return {r.purpose: r.state for r in read_outbox(conn) if r.recipient == recipient}


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_the_second_channel_takes_over_in_the_same_round(desk, hook, outcome):
    desk.proposed_and_issued(CONTENT)
    report = deliver(desk, Post(outcome), hook)
    assert len(report.sent) == len(hook.posts) == 1
    assert fates(desk) == {"warning": outcome, "substitute": "sent"}
    assert "version 1" in json.loads(hook.posts[0][2])["text"]
    desk.wait(hours=1)
    assert deliver(desk, Post(outcome), hook).sent == []
    assert len(hook.posts) == 1


@pytest.mark.parametrize("outcome", ["retry", "down"])
def test_a_mail_that_waits_too_long_is_taken_over_and_then_no_longer_sent(desk, hook, outcome):
    desk.proposed_and_issued(CONTENT)
    deliver(desk, Post(outcome), hook)
    desk.wait(minutes=9)
    deliver(desk, Post(outcome), hook)
    assert fates(desk) == {"warning": "pending"}
    desk.wait(minutes=1)
    deliver(desk, Post(outcome), hook)
    assert fates(desk) == {"warning": "pending", "substitute": "sent"}
    desk.wait(hours=2)
    back = Post()
    assert len(deliver(desk, back, hook).sent) == 5
    assert "air-policy@seoul.example" not in back.sent
    assert fates(desk) == {"warning": "failed", "substitute": "sent"}
    assert len(hook.posts) == 1


def test_a_mail_that_arrives_meanwhile_ends_the_substitute(desk, hook):
    desk.proposed_and_issued(CONTENT)
    hook.answers = [503]
    deliver(desk, Post("retry"), hook)
    desk.wait(minutes=11)
    deliver(desk, Post("retry"), hook)
    assert fates(desk) == {"warning": "pending", "substitute": "pending"}
    desk.wait(hours=1)
    deliver(desk, Post(), hook)
    assert fates(desk) == {"warning": "sent", "substitute": "failed"}
    assert len(hook.posts) == 1


def test_who_was_reached_on_the_second_channel_alone_hears_of_the_next_version(desk, hook):
    desk.proposed_and_issued(example_content(level="J3"))
    deliver(desk, Post("failed"), hook, "seoul-disaster-safety")
    desk.wait(hours=6)
    times = {k: "2026-01-14T14:00:00Z" for k in ("issue_time", "as_of")}
    lower = example_content(level="J1", review_deadline="2026-01-14T16:00:00Z", **times)
    desk.proposed_and_issued(lower)
    with desk.ledger.read() as conn:
        told = {r.recipient for r in read_outbox(conn, version=2)}
    assert "seoul-disaster-safety" in told
    assert "beijing-emergency-office" not in told


@pytest.mark.slow
def test_a_missing_channel_fails_and_stops_nobody(desk):
    ways = replace(load_recipients()[0], channel="webhook", webhook="https://hook.example/in")
    assert ways.ways == (Way("webhook", "https://hook.example/in"), Way("email", ways.email))
    object.__setattr__(desk.dispatch, "recipients", (ways, *load_recipients()[1:]))
    desk.proposed_and_issued(CONTENT)
    report = desk.deliver()
    assert (len(report.failed), len(report.sent)) == (1, 5)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook": "http://hook.example/in"},
        {"webhook": "https://hook.example/\r\nX: y"},
        {"webhook": 5},
        {"channel": "webhook"},
    ],
)
def test_faulty_webhooks_are_refused(changes):
    good = {k: v for k, v in vars(load_recipients()[0]).items() if k in GIVEN}
    assert faults_of({**good, "webhook": "https://hook.example:8443/in"}) == []
    assert [name for name, _ in faults_of({**good, **changes})] == ["webhook"]
