"""What mails in the mailbox say: bounces by RFC 3464, replies, and what programs send by themselves."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.identifiers import message_id
from alerts.replies import read_answer

OURS = message_id("01KEXAMP0E0000000000000001", 1, "seoul-met")
OTHER = message_id("01KEXAMP0E0000000000000001", 1, "beijing-met")


def report(action, status, *, original=OURS, enclosed="message/rfc822", envelope="", groups=1):
    """Return a delivery status notification, as Postfix or Exchange write them."""
    fields = f"Final-Recipient: rfc822; duty@seoul.example\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
    fields += "Final-Recipient: rfc822; other@seoul.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\n" * (
        groups - 1
    )
    first = f"Reporting-MTA: dns; mx.example\r\n{envelope}\r\n"
    headers = f"Message-ID: {original}\r\nSubject: [JOINT-PM25] x\r\n" if original else "Subject: x\r\n"
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: desk@sameair.example\r\nAuto-Submitted: auto-replied\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\n{first}{fields}"
        f"--b\r\nContent-Type: {enclosed}\r\n\r\n{headers}\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", "hard"),
        ("Failed", "5.2.2 (full)", "hard"),
        ("failed", "4.4.7", "soft"),
        ("failed", "", "hard"),
        ("delayed", "4.4.1", "delayed"),
        ("delivered", "2.0.0", "automatic"),
        ("relayed", "2.0.0", "automatic"),
        ("", "", "unknown"),
    ],
)
def test_reports_of_mail_servers(action, status, kind):
    found = read_answer(report(action, status))
    assert found.kind == kind
    assert found.message_ids == (() if kind == "unknown" else (OURS,))


def test_a_report_names_the_message_in_each_way_it_may():
    assert read_answer(report("failed", "5.1.1", enclosed="text/rfc822-headers")).message_ids == (OURS,)
    name = OURS.strip("<>").partition("@")[0]
    envelope = f"Original-Envelope-Id: {name}\r\n"
    assert read_answer(report("failed", "5.1.1", original="", envelope=envelope)).message_ids == (OURS,)
    assert read_answer(report("failed", "5.1.1", original="<x@elsewhere.example>")).message_ids == ()
    assert read_answer(report("failed", "5.1.1", groups=2)).kind == "hard", "the worst counts"


def letter(**headers):
    mail = EmailMessage()
    for name, value in {"From": "Kim <Duty@Seoul.example>", "Subject": "Re: hello", **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("received")
    return mail.as_bytes()


def test_replies_name_what_they_acknowledge():
    found = read_answer(letter(In_Reply_To=OURS, References=f"{OTHER} {OURS}"))
    assert (found.kind, found.message_ids, found.sender) == ("reply", (OURS, OTHER), "duty@seoul.example")
    found = read_answer(letter(Subject="RE: ACK 01KEXAMP0E0000000000000001 v12 seoul-met"))
    assert found.named == ("01KEXAMP0E0000000000000001", 12, "seoul-met")
    assert read_answer(letter()).kind == "unknown"
    assert read_answer(letter(In_Reply_To="<x@elsewhere.example>")).kind == "unknown"


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (vacation)"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"Return_Path": "<>"},
        {"List_Id": "<staff.seoul.example>"},
    ],
)
def test_what_a_program_sends_by_itself_never_counts(headers):
    for about in (
        {"In_Reply_To": OURS},
        {"Subject": "ACK 01K v1 seoul-met"},
        {"Subject": "Out: [JOINT-PM25]"},
    ):
        assert read_answer(letter(**headers, **about)).kind == "automatic"
    assert read_answer(letter(Auto_Submitted="no", In_Reply_To=OURS)).kind == "reply"


@given(
    st.binary(max_size=400), st.sampled_from([report("failed", "5.1.1"), letter(In_Reply_To=OURS)]), st.data()
)
def test_nothing_that_lies_there_breaks_the_reader(noise, whole, data):
    cut = data.draw(st.integers(0, len(whole)))
    kinds = {"hard", "soft", "delayed", "reply", "automatic", "unknown"}
    for raw in (noise, whole[:cut] + noise, whole[:cut] + noise + whole[cut:]):
        assert read_answer(raw).kind in kinds


HOSTILE = [
    b"Subject: =?utf-8?b?A?=\r\n\r\n",
    b"From: =?utf-8?b?A?=\r\nSubject: [JOINT-PM25]\r\n\r\n",
    b"Subject: " + b"=?a?q?x" * 60_000 + b"\r\n\r\n",
    b"References: " + b"=?a?q?x" * 60_000 + b"\r\n\r\n",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_header_neither_breaks_nor_delays_the_reading(raw):
    assert read_answer(raw).kind == "unknown"
