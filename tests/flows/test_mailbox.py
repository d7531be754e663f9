"""Replies and bounces from a Maildir and from a real IMAP server: each counts once, the rest stays."""

import mailbox
from email.message import EmailMessage

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from alerts.examples import example_content
from alerts.recipients import load_recipients
from alerts.warnings import propose_version
from flows.deliveries import listed_deliveries
from flows.desk import Decision, approve_version
from flows.mailbox import read_mailbox
from flows.workspace import open_workspace
from flows.worlds import deliver_everywhere
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warning_tables import outbox
from pipeline.settings import Settings
from pipeline.times import parse_instant
from tests.fakes.certificates import LOOPBACK, Authority
from tests.fakes.imap_server import PASSWORD, USER, imap_server, put, tls_before, unseen

NOW = parse_instant("2026-01-14T08:20Z")
CONTENT = example_content()
WHO = "seoul-air-policy"


def workspace(folder, **settings):
    """Return a workspace in which the example was issued and sent to all six agencies."""
    ws = open_workspace(Settings(data_dir=folder, **settings), clock=lambda: NOW)
    with ws.ledger.write() as conn:
        propose_version(conn, CONTENT, NOW)
    for party in ("seoul", "beijing"):
        approve_version(ws, CONTENT.warning_id, 1, Decision(party, "kim"))
    return ws


@pytest.fixture
def maildir(tmp_path):
    return mailbox.Maildir(tmp_path / "mail")


@pytest.fixture
def ws(tmp_path, maildir):
    made = workspace(tmp_path / "data", mailbox_url=f"maildir://{tmp_path / 'mail'}")
    yield made
    made.ledger.close()


def address(recipient=WHO):
    return next(r.email for r in load_recipients() if r.id == recipient)


def id_of(ws, recipient=WHO):
    with ws.ledger.read() as conn:
        return next(r.message_id for r in read_outbox(conn) if r.recipient == recipient)


def letter(sender, **headers):
    mail = EmailMessage()
    mail["From"], mail["To"] = f"Duty desk <{sender}>", "desk@sameair.example"
    for name, value in {"Subject": "Re: warning", **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("received, Kim")
    return mail.as_bytes()


def report(message_id, action="failed", status="5.1.1"):
    return (
        "From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {address()}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 <{address()}> unknown\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--b--\r\n"
    ).encode()


def row(ws, recipient=WHO):
    return next(r for r in listed_deliveries(ws) if r["recipient"] == recipient)


def counts(ws):
    found = read_mailbox(ws)
    assert found.trouble == ""
    with ws.ledger.read() as conn:
        assert verify_audit(conn).ok
    return dict(found.counts)


def test_a_reply_from_the_recipients_own_address_acknowledges_once(ws, maildir):
    maildir.add(letter(address().upper(), In_Reply_To=id_of(ws)))
    maildir.add(
        letter(
            address("seoul-health-environment"),
            Subject=f"ACK {CONTENT.warning_id} v1 {'seoul-health-environment'}",
        )
    )
    assert counts(ws) == {"reply": 2}
    assert (row(ws)["acknowledged"], row(ws)["by"]) == ("2026-01-14T08:20:00Z", "reply")
    assert row(ws, "seoul-health-environment")["by"] == "reply"
    assert counts(ws) == {}
    assert all("S" in maildir.get_message(key).get_flags() for key in maildir.iterkeys())


def test_what_is_not_understood_stays_and_is_read_once(ws, maildir):
    stays = [
        letter("somebody@else.example", In_Reply_To=id_of(ws)),
        letter(address(), Subject="lunch?"),
        letter(address(), Subject=f"ACK {CONTENT.warning_id} v1 beijing-monitoring-centre"),
        letter(address(), Subject=f"ACK {CONTENT.warning_id} v9 {WHO}"),
        letter(address(), Subject=f"ACK 01KNOWN v1 {WHO}"),
        report("<x@elsewhere.example>"),
        b"\x00\xff",
    ]
    for mail in stays:
        maildir.add(mail)
    assert counts(ws) == {"unknown": len(stays)}
    assert counts(ws) == {}, "each is told once"
    assert [r["acknowledged"] for r in listed_deliveries(ws)] == [""] * 6
    assert all(maildir.get_message(key).get_subdir() == "new" for key in maildir.iterkeys())


def test_an_automatic_reply_counts_for_nothing(ws, maildir):
    maildir.add(letter(address(), In_Reply_To=id_of(ws), Auto_Submitted="auto-replied"))
    assert counts(ws) == {"automatic": 1}
    assert row(ws)["acknowledged"] == ""


@pytest.mark.parametrize(("status", "kind"), [("5.1.1", "hard"), ("4.4.7", "soft")])
def test_a_bounce_makes_a_message_fail(ws, maildir, status, kind):
    maildir.add(report(id_of(ws), status=status))
    maildir.add(report(id_of(ws), status=status))
    assert counts(ws) == {kind: 2}
    assert row(ws)["state"] == "failed"
    assert row(ws)["trouble"] == f"bounced ({kind}) {status}"
    assert row(ws)["bounced"] == f"{kind} {status}"
    assert [r["state"] for r in listed_deliveries(ws)].count("sent") == 5
    assert address() not in str(listed_deliveries(ws))


def test_a_delay_is_noted_and_changes_nothing(ws, maildir):
    maildir.add(report(id_of(ws), "delayed", "4.4.1"))
    assert counts(ws) == {"delayed": 1}
    assert (row(ws)["state"], row(ws)["bounced"]) == ("sent", "delayed 4.4.1")


def test_a_bounce_of_a_message_under_way_waits_until_its_fate_is_known(ws, maildir):
    with ws.ledger.write() as conn:
        conn.execute(
            update(outbox).where(outbox.c.message_id == id_of(ws)).values(state="sending", claim="a/b")
        )
    maildir.add(report(id_of(ws)))
    assert counts(ws) == {}
    assert maildir.get_message(next(maildir.iterkeys())).get_subdir() == "new"
    with ws.ledger.write() as conn:
        conn.execute(update(outbox).where(outbox.c.message_id == id_of(ws)).values(state="sent", claim=None))
    assert counts(ws) == {"hard": 1}
    assert row(ws)["state"] == "failed"


def test_a_reply_counts_whatever_channel_the_version_went_out_on(ws, maildir):
    with ws.ledger.write() as conn:
        conn.execute(update(outbox).where(outbox.c.message_id == id_of(ws)).values(channel="webhook"))
    maildir.add(letter(address(), Subject=f"ACK {CONTENT.warning_id} v1 {WHO}"))
    assert counts(ws) == {"reply": 1}


def test_a_reply_to_a_digest_acknowledges_no_warning(ws, maildir):
    with ws.ledger.write() as conn:
        conn.execute(
            update(outbox).where(outbox.c.message_id == id_of(ws)).values(purpose="digest", number=20260114)
        )
    maildir.add(letter(address(), In_Reply_To=id_of(ws)))
    maildir.add(letter(address(), Subject=f"ACK {CONTENT.warning_id} v1 {WHO}"))
    assert counts(ws) == {"unknown": 2}
    assert row(ws)["acknowledged"] == ""


def test_a_flood_of_mail_is_read_in_rounds(ws, maildir, monkeypatch):
    monkeypatch.setattr("flows.mailbox.MOST_AT_ONCE", 2)
    for number in range(3):
        maildir.add(letter("a@b.example", Subject=f"offer {number}"))
    assert [counts(ws), counts(ws), counts(ws)] == [{"unknown": 2}, {"unknown": 1}, {}]


@pytest.mark.slow
@pytest.mark.parametrize("url", ["imap://mail.example", "imaps://[::1", "imaps://u@h:port", "pop3://h"])
def test_an_address_of_a_mailbox_that_makes_no_sense_holds_up_no_message(tmp_path, url):
    ws = workspace(tmp_path, mailbox_url=url)
    assert "SAMEAIR_MAILBOX_URL must be" in read_mailbox(ws).trouble
    assert deliver_everywhere(ws).failed == []
    ws.ledger.close()


def test_delivering_reads_the_mailbox_first(ws, maildir):
    maildir.add(letter(address(), In_Reply_To=id_of(ws)))
    deliver_everywhere(ws)
    assert row(ws)["by"] == "reply"


def test_a_crash_between_the_ledger_and_the_mark_counts_it_once(ws, maildir, monkeypatch):
    maildir.add(letter(address(), In_Reply_To=id_of(ws)))
    with monkeypatch.context() as patch:
        patch.setattr("alerts.mailbox.MaildirBox.mark_seen", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read_mailbox(ws)
    assert row(ws)["by"] == "reply"
    assert counts(ws) == {}
    assert "S" in maildir.get_message(next(maildir.iterkeys())).get_flags()


def test_a_mailbox_that_is_not_there_holds_up_nothing(tmp_path):
    ws = workspace(tmp_path, mailbox_url=f"maildir://{tmp_path / 'none'}")
    assert "no Maildir" in read_mailbox(ws).trouble
    assert deliver_everywhere(ws).failed == []
    ws.ledger.close()


@pytest.mark.slow
def test_mail_on_a_real_server_is_read_over_tls(tmp_path):
    certificate = Authority(tmp_path).sign("imap", LOOPBACK)
    with imap_server() as port, tls_before(port, certificate) as safe:
        url = f"imaps://{USER}@127.0.0.1:{safe}/INBOX"
        secret = {"mailbox_password": SecretStr(PASSWORD), "mailbox_ca_file": tmp_path / "ca.pem"}
        ws = workspace(tmp_path / "data", mailbox_url=url, **secret)
        put(port, letter(address(), In_Reply_To=id_of(ws)), letter("a@b.example"))
        put(port, report(id_of(ws, "seoul-health-environment")))
        assert counts(ws) == {"reply": 1, "hard": 1, "unknown": 1}
        assert row(ws)["by"] == "reply"
        assert row(ws, "seoul-health-environment")["state"] == "failed"
        assert unseen(port) == 1
        assert counts(ws) == {}
        ws.ledger.close()


def test_a_server_that_is_not_trusted_or_refuses_gets_no_password(tmp_path):
    certificate = Authority(tmp_path).sign("imap", LOOPBACK)
    with imap_server() as port, tls_before(port, certificate) as safe:
        url = f"imaps://{USER}@127.0.0.1:{safe}"
        ws = open_workspace(Settings(data_dir=tmp_path / "a", mailbox_url=url), clock=lambda: NOW)
        assert "certificate verify failed" in read_mailbox(ws).trouble.lower()
        ws.ledger.close()
        wrong = {"mailbox_password": SecretStr("falsch-geheim"), "mailbox_ca_file": tmp_path / "ca.pem"}
        ws = open_workspace(Settings(data_dir=tmp_path / "b", mailbox_url=url, **wrong), clock=lambda: NOW)
        trouble = read_mailbox(ws).trouble
        assert "cannot be read" in trouble
        assert "falsch" not in trouble
        ws.ledger.close()
