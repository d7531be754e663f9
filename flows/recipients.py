"""Who receives warnings at an instant: what every step that addresses somebody asks."""

from __future__ import annotations

from datetime import datetime

from alerts.recipients import Recipient, load_recipients
from flows.workspace import Workspace


def recipients_of(ws: Workspace, at: datetime) -> tuple[Recipient, ...]:
    """Return who is to receive warnings at an instant.

    Raises
    ------
    PolicyError
        the list of recipients cannot be read
    """
    return load_recipients(ws.settings.recipients_file)
