"""The mail-server channel: STARTTLS, login, one message per recipient, and an honest account of each."""

from __future__ import annotations

import smtplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from alerts.channels import Envelope, Outcome
from alerts.plain_text import one_line
from pipeline.errors import UsageError

LEAVING: Final = 421
"""The server closes the connection (RFC 5321, 3.8)."""


@dataclass(frozen=True)
class SmtpServer:
    """Where mail goes and how: ``timeout`` [s] holds for every single step; the password is never shown."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    starttls: bool = True
    ca_file: Path | None = None
    timeout: float = 20.0


class SmtpChannel:
    """Sends over one connection, which it opens when needed and reopens after trouble.

    A server may close a connection that has stood idle or has carried enough; what it then refused before the
    message was given is offered once more on a new connection.

    Raises UsageError at once for settings that would show the password, that no mail server takes, or
    that name an unreadable certificate authority.

    >>> SmtpChannel(SmtpServer("mail.example", 25, "a@b.example", user="sameair", starttls=False))
    Traceback (most recent call last):
    pipeline.errors.UsageError: a login without STARTTLS would show the password; set ...
    """

    name = "smtp"

    def __init__(self, server: SmtpServer) -> None:
        if server.user and not server.starttls:
            raise UsageError(
                "a login without STARTTLS would show the password; set SAMEAIR_SMTP_STARTTLS=true"
            )
        if not f"{server.user}{server.password.get_secret_value()}{server.sender}".isascii():
            raise UsageError(
                "SAMEAIR_SMTP_USER, SAMEAIR_SMTP_PASSWORD and SAMEAIR_MAIL_FROM must be plain ASCII"
            )
        self._server = server
        self._context = _tls_context(server.ca_file) if server.starttls else None
        self._smtp: smtplib.SMTP | None = None

    def send(self, envelope: Envelope) -> Outcome:
        """Give the message to the server and return what it said; trouble closes the connection."""
        is_used = self._smtp is not None
        outcome = self._attempt(envelope)
        if is_used and self._smtp is None and outcome.kind in ("retry", "down"):
            return self._attempt(envelope)
        return outcome

    def _attempt(self, envelope: Envelope) -> Outcome:
        """Give the message to the server once."""
        trouble = self._connect()
        if trouble is not None or self._smtp is None:
            self._drop()
            return trouble or Outcome("down", "no connection")
        smtp, is_given = self._smtp, False
        try:
            outcome = self._offer(smtp, envelope)
            if outcome is None:
                smtp.send(_stuffed(envelope.payload))
                is_given = True
                outcome = self._finish(smtp)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            if is_given:
                return Outcome("unknown", f"no answer after the message was given: {self._say(error)}")
            return Outcome("retry", f"the connection broke: {self._say(error)}")
        if outcome.code == LEAVING:
            self._drop()
        elif outcome.kind != "sent":
            self._reset()
        return outcome

    def has_sent(self, envelope: Envelope) -> bool | None:
        """Return None: a mail server cannot be asked."""
        return None

    def try_out(self) -> str:
        """Open, secure and log in without sending anything; return what went wrong, empty if nothing did."""
        trouble = self._connect()
        self.close()
        return "" if trouble is None else trouble.detail

    def close(self) -> None:
        """Leave the server."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            try:
                smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def _drop(self) -> None:
        """Break off without a word, for a server that may not listen any more."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def _connect(self) -> Outcome | None:
        """Open, secure and log in, unless that is done; return what went wrong."""
        if self._smtp is not None:
            return None
        server = self._server
        where = f"{server.host}:{server.port}"
        try:
            self._smtp = _greeted(server)
            if self._context is not None:
                self._smtp.starttls(context=self._context)
                self._smtp.ehlo_or_helo_if_needed()
            if server.user:
                self._smtp.login(server.user, server.password.get_secret_value())
        except smtplib.SMTPAuthenticationError as error:
            return Outcome("down", f"{where} refused the login of {server.user}", error.smtp_code)
        except ssl.SSLCertVerificationError as error:
            text = f"{where}: certificate not trusted ({error.verify_message}); set SAMEAIR_SMTP_CA_FILE"
            return Outcome("down", text)
        except smtplib.SMTPNotSupportedError as error:
            return Outcome("down", f"{where} does not offer what is required: {self._say(error)}")
        except (OSError, smtplib.SMTPException) as error:
            return Outcome("down", f"{where}: {self._say(error)}")
        return None

    def _offer(self, smtp: smtplib.SMTP, envelope: Envelope) -> Outcome | None:
        """Name sender and recipient and ask to give the message; None when the server is ready for it."""
        code, reply = smtp.mail(self._server.sender, _envelope_id(smtp, envelope))
        if code == LEAVING:
            return self._refused(code, reply)
        if code != 250:
            return Outcome("down", f"sender {self._server.sender} refused: {code} {self._say(reply)}", code)
        for code, reply in _steps(smtp, envelope.address):
            if code // 100 not in (2, 3):
                return self._refused(code, reply)
        return None

    def _finish(self, smtp: smtplib.SMTP) -> Outcome:
        """End the message and wait for the server's word on it."""
        smtp.send(b".\r\n")
        code, reply = smtp.getreply()
        if code == 250:
            return Outcome("sent", self._say(reply), code)
        if code // 100 not in (4, 5):
            raise smtplib.SMTPServerDisconnected(f"the answer was {code} {self._say(reply)}")
        return self._refused(code, reply)

    def _refused(self, code: int, reply: bytes) -> Outcome:
        """Return a refusal for now (4xx) or for good (5xx), RFC 5321 §4.2.1; 421 means the server leaves."""
        if code == LEAVING:
            return Outcome("down", f"{code} {self._say(reply)}", code)
        return Outcome("failed" if code // 100 == 5 else "retry", f"{code} {self._say(reply)}", code)

    def _reset(self) -> None:
        """Make the connection ready for the next message, or drop it."""
        try:
            if self._smtp is not None and self._smtp.rset()[0] != 250:
                self._drop()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _say(self, what: object) -> str:
        """Return one short printable line about a reply or an error, without the password."""
        text = (
            what.decode("utf-8", "replace") if isinstance(what, bytes) else str(what) or type(what).__name__
        )
        secret = self._server.password.get_secret_value()
        for shown in (secret, b64encode(secret.encode()).decode()) if secret else ():
            text = text.replace(shown, "…")
        return one_line(text, 200)


def _steps(smtp: smtplib.SMTP, address: str) -> Iterator[tuple[int, bytes]]:
    """Yield what the server says to the recipient and, if asked on, to the wish to give a message."""
    yield smtp.rcpt(address)
    yield smtp.docmd("DATA")


def _greeted(server: SmtpServer) -> smtplib.SMTP:
    """Return a connection that has been greeted; small packets are not kept back."""
    smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    smtp.ehlo_or_helo_if_needed()
    return smtp


def _envelope_id(smtp: smtplib.SMTP, envelope: Envelope) -> list[str]:
    """Return the words that make a report of a bounce name the message, where the server knows them.

    RFC 3461, 4.3 and 4.4: the report holds the envelope id and the headers alone.
    """
    name = envelope.message_id.strip("<>").partition("@")[0]
    return ["RET=HDRS", f"ENVID={name}"] if smtp.has_extn("dsn") and name.isascii() else []


def _stuffed(payload: bytes) -> bytes:
    r"""Return a message with CRLF line ends and doubled leading dots (RFC 5321 §4.5.2).

    >>> _stuffed(b"a\n.b")
    b'a\r\n..b\r\n'
    """
    lines = payload.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    stuffed = (b"." if lines.startswith(b".") else b"") + lines.replace(b"\n.", b"\n..")
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that checks certificate and host name, with an extra authority if one is given."""
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"SAMEAIR_SMTP_CA_FILE {ca_file} cannot be read: {error}") from error
    return context
