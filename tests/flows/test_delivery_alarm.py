"""The operator hears, once, what did not reach its recipients, and when that is over."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from types import MappingProxyType

import pytest

from alerts.acknowledge import Receipt, acknowledge
from alerts.channels import FolderChannel, Outcome
from alerts.delivery import resolve_unknown
from alerts.examples import example_content
from alerts.warnings import propose_version
from flows.deliveries import listed_deliveries
from flows.delivery_alarm import delivery_conditions
from flows.desk import Decision, approve_version
from flows.workspace import open_workspace
from flows.worlds import deliver_everywhere
from pipeline.ledger.deliveries import read_outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")
CONTENT = example_content(world="measured", simulated=False, cap_status="Test", level="J1")


class Wayward(FolderChannel):
    """Puts mails into the folder, but does with some what a script says."""

    script = MappingProxyType({})

    def send(self, envelope):
        return self.script.get(envelope.recipient) or super().send(envelope)


@pytest.fixture
def ws(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.delivering.FolderChannel", Wayward)
    settings = Settings(data_dir=tmp_path, operator_address="operator@sameair.example")
    clock = [NOW]
    made = open_workspace(settings, clock=lambda: clock[0])
    with made.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
    for party in ("seoul", "beijing"):
        approve_version(made, CONTENT.warning_id, 1, Decision(party, "kim", deliver=False))
    yield made, clock
    made.ledger.close()


def told(ws):
    """Return subject and text of every mail to the operator, oldest first."""
    found = []
    paths = ws.settings.outbox_dir.glob("operator.*.eml")
    for path in sorted(paths, key=lambda p: int(p.stem.rpartition(".")[2])):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        found.append((mail["Subject"], mail.get_content()))
    return found


def test_held_and_failed_messages_are_told_once_and_when_over(ws, monkeypatch):
    ws, _ = ws
    script = {
        "seoul-air-policy": Outcome("unknown", "no answer"),
        "seoul-health-environment": Outcome("failed", "550 no such desk", 550),
    }
    monkeypatch.setattr(Wayward, "script", script)
    deliver_everywhere(ws)
    deliver_everywhere(ws)
    ((subject, text),) = told(ws)
    assert subject == "[sameair warnings] 2 in trouble"
    assert "v1: 1 held" in text
    assert "(seoul-air-policy)" in text
    assert "v1: 1 failed for good" in text
    assert "@" not in text, "no address"
    with ws.ledger.write() as conn:
        held = next(r for r in read_outbox(conn) if r.state == "unknown")
        resolve_unknown(conn, held.id, resend=False, person="kim", reason="they have it", at=NOW)
        acknowledge(conn, Receipt(CONTENT.warning_id, 1, "seoul-health-environment", NOW), NOW)
    deliver_everywhere(ws)
    assert told(ws)[-1][0] == "[sameair warnings] 2 well again"
    assert len(told(ws)) == 2


def test_an_escalation_is_told(ws):
    ws, clock = ws
    deliver_everywhere(ws)
    assert told(ws) == []
    clock[0] = NOW + timedelta(minutes=95)
    deliver_everywhere(ws)
    ((_, text),) = told(ws)
    sent = len([p for p in ws.settings.outbox_dir.glob("*escalation1.eml")])
    assert sent > 0
    assert f"v1: {sent} escalated" in text
    rows = listed_deliveries(ws)
    assert {r["escalated"] for r in rows if r["recipient"] in text} == {"2026-01-14T09:55:00Z"}


def test_what_is_over_is_no_trouble_any_more(ws, monkeypatch):
    ws, clock = ws
    monkeypatch.setattr(Wayward, "script", {"seoul-air-policy": Outcome("failed", "550", 550)})
    deliver_everywhere(ws)
    assert len(told(ws)) == 1
    clock[0] = parse_instant(CONTENT.expires) + timedelta(minutes=1)
    assert [c.severity for c in delivery_conditions(ws, "measured", clock[0])] == [0]


def test_a_mailbox_that_cannot_be_read_is_told_once_for_all_worlds(ws, tmp_path):
    ws, _ = ws
    with ws.ledger.write() as conn:
        propose_version(conn, example_content(warning_id="01SECOND"), NOW)
    settings = ws.settings.model_copy(update={"mailbox_url": f"maildir://{tmp_path / 'none'}"})
    broken = replace(ws, settings=settings)
    deliver_everywhere(broken)
    deliver_everywhere(broken)
    ((subject, text),) = told(ws)
    assert subject == "[sameair warnings] 1 in trouble"
    assert "no Maildir" in text


def test_a_mail_to_the_operator_that_breaks_comes_after_all_warnings(ws, monkeypatch):
    ws, _ = ws

    def breaks(*_):
        raise RuntimeError("no such host")

    monkeypatch.setattr("flows.worlds.alarm_operator", breaks)
    with pytest.raises(RuntimeError):
        deliver_everywhere(ws)
    assert {row["state"] for row in listed_deliveries(ws)} == {"sent"}
