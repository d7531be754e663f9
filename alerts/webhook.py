"""The webhook channel: one signed POST per message, which the receiver can check and recognise again.

Signed as Standard Webhooks (standardwebhooks.com, 1.0) have it: ``webhook-signature`` is HMAC-SHA256 over
``id.timestamp.body`` with the recipient's own key. ``webhook-id`` stays the same in every attempt, so a
message posted twice is recognised; that is why an attempt of unknown fate is simply made again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Final

import requests

from alerts.channels import Envelope, Outcome
from alerts.plain_text import one_line
from pipeline.times import Clock

LATER: Final = frozenset({408, 409, 425, 429})
"""Refusals that pass, beside 5xx (RFC 9110 §15.5, RFC 8470, RFC 6585)."""
_PURPOSE: Final = b"sameair webhook 1\0"


@dataclass(frozen=True)
class WebhookSettings:
    """``secret`` is what every recipient's key follows from; ``timeout`` [s] to connect, and to answer."""

    secret: bytes
    timeout: float = 20.0
    ca_file: Path | None = None


class WebhookChannel:
    """Posts messages as JSON; redirects are not followed."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._session: requests.Session | None = None

    def send(self, envelope: Envelope) -> Outcome:
        """Post the message; 2xx is sent, 5xx and silence are for now, anything else is for good."""
        body = webhook_body(envelope.payload)
        key = webhook_key(self._settings.secret, envelope.recipient)
        headers = signed_headers(key, envelope.message_id.strip("<>"), self._clock(), body)
        session = self._session = self._session or requests.Session()
        try:
            answer = session.post(
                envelope.address,
                data=body,
                headers=headers,
                timeout=self._settings.timeout,
                allow_redirects=False,
                verify=str(self._settings.ca_file) if self._settings.ca_file else True,
                stream=True,
            )
        except (requests.RequestException, OSError) as error:
            self.close()
            return Outcome("retry", f"no answer: {type(error).__name__}")
        code, reason = answer.status_code, one_line(answer.reason or "", 80)
        answer.close()
        if 200 <= code < 300:
            return Outcome("sent", f"{code} {reason}".strip(), code)
        return Outcome(
            "retry" if code >= 500 or code in LATER else "failed", f"{code} {reason}".strip(), code
        )

    def has_sent(self, envelope: Envelope) -> bool | None:
        """Return False: whatever came of it, posting it again does no harm."""
        return False

    def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            self._session.close()
        self._session = None


def webhook_key(secret: bytes, recipient: str) -> bytes:
    """Return the key that one recipient shares with us.

    >>> webhook_key(b"s" * 32, "seoul-met") == webhook_key(b"s" * 32, "beijing-met")
    False
    """
    return hmac.new(secret, _PURPOSE + recipient.encode(), hashlib.sha256).digest()


def key_text(key: bytes) -> str:
    """Return a key as Standard Webhooks write it.

    >>> key_text(b"abc")
    'whsec_YWJj'
    """
    return f"whsec_{b64encode(key).decode()}"


def signed_headers(key: bytes, name: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that go with a body.

    >>> from datetime import UTC
    >>> signed_headers(b"k", "m1", datetime(2026, 1, 14, tzinfo=UTC), b"{}")["webhook-timestamp"]
    '1768348800'
    """
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key, b".".join((name.encode(), stamp.encode(), body)), hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "sameair",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }


def webhook_body(payload: bytes) -> bytes:
    r"""Return the JSON of a stored mail: its subject, facts (X-Sameair headers), text and CAP message.

    >>> json.loads(webhook_body(b"Subject: x\nX-Sameair-Level: J2\n\nhello"))["facts"]
    {'level': 'J2'}
    """
    mail = message_from_bytes(payload, policy=policy.default)
    text = mail.get_body(("plain",))
    cap = next((part for part in mail.walk() if part.get_content_type() == "application/cap+xml"), None)
    raw = cap.get_payload(decode=True) if cap is not None else b""
    prefix = "x-sameair-"
    document = {
        "subject": str(mail["Subject"] or ""),
        "facts": {k.lower()[len(prefix) :]: str(v) for k, v in mail.items() if k.lower().startswith(prefix)},
        "text": text.get_content() if text is not None else "",
        "cap": raw.decode("utf-8") if isinstance(raw, bytes) else "",
    }
    return json.dumps(document, sort_keys=True).encode()
