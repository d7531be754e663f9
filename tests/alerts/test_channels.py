"""The mail-server channel against real servers on loopback: TLS, login, refusals, silence, broken lines."""

import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from alerts.channels import Envelope, FolderChannel
from alerts.examples import example_content
from alerts.smtp import SmtpChannel, SmtpServer
from pipeline.errors import UsageError

PASSWORD = "korrekt-pferd"
PAYLOAD = b"Message-ID: <a@b.invalid>\r\nSubject: x\r\n\r\n.dot\nline\r\n..two\r\n"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: (certificate file, key file)."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)  # noqa: TID251
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


class Mailbox:
    """Takes mail, and refuses addresses as a script says."""

    def __init__(self, refusals=None, after_data="250 taken"):
        self.refusals, self.after_data, self.mails = refusals or {}, after_data, []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((tuple(envelope.rcpt_tos), envelope.content))
        return self.after_data


def check_login(server, session, envelope, mechanism, data):
    good = data.login == b"sameair" and data.password == PASSWORD.encode()
    # aiosmtpd answers 535 only for handled=False; otherwise it waits for the handler to answer, for ever.
    return AuthResult(success=good, handled=good)


@contextmanager
def server(mailbox, certificate=None, login=False):
    """A mail server that shows its address; with STARTTLS if it has a certificate."""
    options = {}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, certificate))
        options = {"tls_context": context, "require_starttls": True}
    if login:
        options |= {"authenticator": check_login, "auth_required": True}
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def crooked_server(script):
    """A server that speaks by a script over a plain socket: a function of (file, connection)."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve():
        listener.settimeout(10)
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb", buffering=0) as file:
            script(file, stop)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        listener.close()
        thread.join(timeout=10)


def take_one_mail(file, stop, last_words):
    """Speak SMTP up to the end of the message, say the last words and hang up."""
    file.write(b"220 here\r\n")
    for answer in (b"250 hello\r\n", b"250 sender\r\n", b"250 recipient\r\n", b"354 go on\r\n"):
        file.readline()
        file.write(answer)
    while file.readline() not in (b".\r\n", b""):
        pass
    if last_words:
        file.write(last_words)


def plain(port, **changes):
    settings = {"host": "127.0.0.1", "port": port, "sender": "desk@sameair.example", "starttls": False}
    return SmtpChannel(SmtpServer(**{**settings, "timeout": 5.0, **changes}))


def secure(port, certificate, password=PASSWORD, **changes):
    secret = SecretStr(password)
    return plain(
        port, **{"starttls": True, "ca_file": certificate, "user": "sameair", "password": secret, **changes}
    )


def envelope(address="duty@seoul.example", payload=PAYLOAD):
    return Envelope("w.v1.x", address, "<a@b.invalid>", payload)


@contextmanager
def closing(channel):
    try:
        yield channel
    finally:
        channel.close()


def test_a_message_arrives_as_it_was_written(certificate):
    box = Mailbox()
    with (
        server(box, certificate, login=True) as port,
        closing(secure(port, certificate[0])) as channel,
    ):
        outcomes = [channel.send(envelope()) for _ in range(3)]
    assert [(o.kind, o.code) for o in outcomes] == [("sent", 250)] * 3
    assert [to for to, _ in box.mails] == [("duty@seoul.example",)] * 3
    assert box.mails[0][1] == PAYLOAD.replace(b".dot\nline", b".dot\r\nline")
    assert channel.has_sent(envelope()) is None


def test_a_whole_warning_through_the_outbox(desk, certificate):
    desk.proposed_and_issued(example_content())
    box = Mailbox({"command@emergency.beijing.example": "550 5.1.1 no such desk"})
    with server(box, certificate, login=True) as port:
        report = desk.deliver(secure(port, certificate[0]))
    assert (len(report.sent), len(report.failed), report.down) == (5, 1, "")
    assert len(desk.deliver(FolderChannel(desk.folder / "outbox")).sent) == 0
    mail = message_from_bytes(box.mails[0][1], policy=policy.default)
    assert "서울 北京" in mail.get_content()
    assert "x" * 1200 in mail.get_content()


def test_a_wrong_password_stops_the_round_and_is_never_shown(desk, certificate):
    desk.proposed_and_issued(example_content())
    box = Mailbox()
    with server(box, certificate, login=True) as port:
        report = desk.deliver(secure(port, certificate[0], password="falsch-geheim"))
    assert "refused the login of sameair" in report.down
    assert (len(report.deferred), len(report.sent), box.mails) == (1, 0, [])
    assert b"falsch-geheim" not in (desk.folder / "ledger.sqlite").read_bytes()
    assert "falsch-geheim" not in repr(SmtpServer("h", 25, "s", password=SecretStr("falsch-geheim")))


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_ledger(certificate):
    box = Mailbox({"duty@seoul.example": f"550 you said {PASSWORD}"})
    with server(box, certificate, login=True) as port, closing(secure(port, certificate[0])) as channel:
        outcome = channel.send(envelope())
    assert (outcome.kind, outcome.detail) == ("failed", "550 you said …")


def test_an_untrusted_certificate_is_refused(certificate):
    box = Mailbox()
    with server(box, certificate, login=True) as port, closing(secure(port, None)) as channel:
        outcome = channel.send(envelope())
    assert outcome.kind == "down"
    assert "certificate not trusted" in outcome.detail
    assert box.mails == []


def test_a_certificate_for_another_host_is_refused(certificate):
    with (
        server(Mailbox(), certificate) as port,
        closing(secure(port, certificate[0], host="localhost", user="")) as channel,
    ):
        outcome = channel.send(envelope())
    assert outcome.kind == "down"
    assert "certificate not trusted" in outcome.detail


def test_a_server_without_starttls_is_refused(certificate):
    box = Mailbox()
    with server(box) as port, closing(secure(port, certificate[0])) as channel:
        outcome = channel.send(envelope())
    assert outcome.kind == "down"
    assert "STARTTLS" in outcome.detail
    assert box.mails == []


def test_refusals_for_one_recipient_leave_the_others(certificate):
    box = Mailbox({"busy@x.example": "451 4.3.0 try later", "gone@x.example": "550 5.1.1 unknown"})
    with server(box, certificate) as port, closing(secure(port, certificate[0], user="")) as channel:
        outcomes = [channel.send(envelope(f"{who}@x.example")) for who in ("busy", "good", "gone", "other")]
    assert [(o.kind, o.code) for o in outcomes] == [
        ("retry", 451),
        ("sent", 250),
        ("failed", 550),
        ("sent", 250),
    ]
    assert [to[0] for to, _ in box.mails] == ["good@x.example", "other@x.example"]


@pytest.mark.parametrize(("reply", "kind"), [("452 4.2.2 full", "retry"), ("554 5.6.0 not that", "failed")])
def test_refusals_after_the_message(reply, kind):
    with server(Mailbox(after_data=reply)) as port, closing(plain(port)) as channel:
        assert channel.send(envelope()).kind == kind


def test_a_server_that_is_not_there_is_down():
    outcome = plain(free_port()).send(envelope())
    assert outcome.kind == "down"
    assert "refused" in outcome.detail.lower()


def test_a_server_that_says_nothing_is_down_after_the_timeout():
    with crooked_server(lambda _, stop: stop.wait(10)) as port:
        outcome = plain(port, timeout=0.3).send(envelope())
    assert outcome.kind == "down"
    assert "timed out" in outcome.detail


@pytest.mark.parametrize("last_words", [b"", b"25", b"nonsense\r\n"])
def test_a_line_that_breaks_after_the_message_leaves_its_fate_unknown(last_words):
    with crooked_server(lambda file, stop: take_one_mail(file, stop, last_words)) as port:
        assert plain(port).send(envelope()).kind == "unknown"


def test_a_server_that_hangs_after_the_message_leaves_its_fate_unknown():
    def hang(file, stop):
        take_one_mail(file, stop, b"")
        stop.wait(10)

    with crooked_server(hang) as port:
        outcome = plain(port, timeout=0.3).send(envelope())
    assert outcome.kind == "unknown"
    assert "timed out" in outcome.detail


def test_a_line_that_breaks_before_the_message_is_tried_again():
    def leave_early(file, stop):
        file.write(b"220 here\r\n")
        file.readline()
        file.write(b"250 hello\r\n")
        file.readline()

    with crooked_server(leave_early) as port:
        assert plain(port).send(envelope()).kind == "retry"


def test_settings_that_would_show_the_password_are_refused(tmp_path):
    with pytest.raises(UsageError, match="STARTTLS"):
        plain(25, user="sameair", password=SecretStr(PASSWORD))
    with pytest.raises(UsageError, match="SAMEAIR_SMTP_CA_FILE"):
        secure(25, tmp_path / "missing.pem")


def test_the_folder_never_overwrites(tmp_path):
    channel = FolderChannel(tmp_path)
    assert channel.send(envelope()).kind == "sent"
    assert channel.send(envelope(payload=b"other")).kind == "sent"
    assert (tmp_path / "w.v1.x.eml").read_bytes() == PAYLOAD
    assert len((tmp_path / "index.jsonl").read_text().splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.jsonl", "w.v1.x.eml"]


@pytest.mark.parametrize("field", ["user", "password", "sender"])
def test_a_login_that_no_mail_server_takes_is_refused_at_once(field):
    told = {"user": "sameair", "password": PASSWORD, "sender": "a@b.example"} | {field: "비밀"}
    server = SmtpServer("127.0.0.1", 25, told["sender"], told["user"], SecretStr(told["password"]))
    with pytest.raises(UsageError, match="plain ASCII") as caught:
        SmtpChannel(server)
    assert "비밀" not in str(caught.value)
