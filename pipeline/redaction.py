"""Keys never show: not in errors, not in logs, not in bodies that echo them, however they are encoded."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from pydantic import SecretStr

STARS: Final = "***"
SHORTEST: Final = 3
"""Shorter secrets are no secrets; hiding them would blacken every text."""
SHORTEST_IN_BODY: Final = 8
"""Shorter ones can stand in data by chance, and a body must stay what it was."""
CHATTY: Final = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.response")
"""Loggers that print addresses with their query."""


_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:\[\]@]+@[^\s<>\"'(),;:\[\]@]+")
NO_ADDRESS: Final = "(address)"


def without_addresses(text: str, *known: str) -> str:
    """Return what a server said without e-mail addresses, without those ``known`` and their local parts.

    >>> without_addresses("550 <kim@seoul.example>: no mailbox Kim here", "kim@seoul.example")
    '550 <(address)>: no mailbox (address) here'
    """
    for address in sorted(filter(None, known), key=len, reverse=True):
        text = re.sub(re.escape(address), NO_ADDRESS, text, flags=re.IGNORECASE)
    text = _ADDRESS.sub(NO_ADDRESS, text)
    for address in known:
        local, at, _ = address.partition("@")
        if at and len(local) >= SHORTEST:
            text = re.sub(rf"\b{re.escape(local)}\b", NO_ADDRESS, text, flags=re.IGNORECASE)
    return text


def forms(secret: str) -> set[str]:
    """Return a secret as it is and as addresses show it: percent-encoded once or twice, or decoded.

    >>> {"a+b/c", "a%2Bb%2Fc", "a%2bb%2fc", "a%252Bb%252Fc"} <= forms("a+b/c")
    True
    """
    bare = {secret, unquote(secret)}
    encoded = {e(s) for s in bare for e in (quote, lambda s: quote(s, safe=""), quote_plus)}
    encoded |= {quote(s, safe="") for s in encoded}
    lower = {s for e in encoded for s in (_lower_hex(e),)}
    return {s for s in bare | encoded | lower if len(s) >= SHORTEST}


def _lower_hex(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


class Redactor(logging.Filter):
    """Knows every secret that was used and takes it out of texts, bodies and log records.

    Examples
    --------
    >>> redactor = Redactor()
    >>> redactor.learn([SecretStr("s3cr+t")])
    >>> redactor.clean("GET /x?key=s3cr%2Bt failed")
    'GET /x?key=*** failed'
    """

    def __init__(self) -> None:
        super().__init__()
        self._forms: tuple[str, ...] = ()

    def learn(self, secrets: Iterable[SecretStr]) -> None:
        """Remember secrets; empty ones are ignored."""
        found = {form for secret in secrets for form in forms(secret.get_secret_value())}
        if not found <= set(self._forms):
            self._forms = tuple(sorted(found | set(self._forms), key=len, reverse=True))

    def clean(self, text: str) -> str:
        """Return a text without any secret."""
        for form in self._forms:
            text = text.replace(form, STARS)
        return text

    def clean_body(self, body: bytes) -> bytes:
        """Return a body without the secrets that are too long to be in it by chance."""
        for form in self._forms:
            if len(form) >= SHORTEST_IN_BODY:
                body = body.replace(form.encode(), STARS.encode())
        return body

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean a log record on its way; never drops one."""
        record.msg, record.args = self.clean(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


REDACTOR: Final = Redactor()
"""The one of this process: what any session has used shows in no log of the HTTP library."""


def guard_logs() -> None:
    """Put the redactor before the loggers that print addresses; doing it again changes nothing."""
    for name in CHATTY:
        logging.getLogger(name).addFilter(REDACTOR)
