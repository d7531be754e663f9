"""The acknowledgement links in mails: who gets which, and until when they count."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from alerts.acknowledge import Receipt, make_token
from alerts.content import WarningContent
from alerts.outbox import no_link
from flows.workspace import Workspace
from pipeline.exchange.keys import load_or_create_secret
from pipeline.times import parse_instant

GRACE: Final = timedelta(hours=24)
"""How long after its warning a link still counts; own choice."""


def links_of(ws: Workspace) -> Callable[[WarningContent, str], str]:
    """Return what makes the link of a version for a recipient; no links without SAMEAIR_ACKNOWLEDGE_URL.

    An exercise plays in its own time, people press buttons in theirs: its links count a day from now.
    """
    base = ws.settings.acknowledge_url.rstrip("/")
    if not base:
        return no_link
    secret, now = load_or_create_secret(ws.settings.keys_dir, "links"), ws.clock()

    def link(content: WarningContent, recipient: str) -> str:
        until = max(parse_instant(content.expires), now) + GRACE
        token = make_token(secret, Receipt(content.warning_id, content.version, recipient, until))
        return f"{base}/acknowledge/{token}"

    return link
