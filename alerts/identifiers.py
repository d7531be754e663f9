"""Names that a version of a warning bears outside: CAP identifier, e-mail Message-ID, outbox row.

All are functions of warning, version and recipient alone, so a repeated step gives the same names and a
receiver can recognise a repeated message.
"""

from __future__ import annotations

from uuid import UUID, uuid5

NAMESPACE = UUID("5a8b6f0e-3c1d-5e2a-9f47-7d0c2b9e4a61")
"""Name space of sameair's version 5 UUIDs (RFC 9562 §5.5); never to be changed."""

MAIL_DOMAIN = "sameair.invalid"
"""Right side of every Message-ID; a reserved domain (RFC 2606), for nobody receives mail there."""


def alert_identifier(warning_id: str, version: int) -> str:
    """Return the CAP ``identifier`` of a version: a URN without spaces or commas, never used twice.

    >>> alert_identifier("01KEXAMP0E0000000000000001", 1)
    'urn:uuid:a6d03634-a431-5582-b2ba-1f66d38bc0e2'
    """
    return f"urn:uuid:{uuid5(NAMESPACE, f'{warning_id}/{version}')}"


def delivery_id(warning_id: str, version: int, recipient: str) -> str:
    """Return the id of the outbox row, and name of the file, that takes one version to one recipient.

    >>> delivery_id("01KEXAMP0E0000000000000001", 2, "seoul-met")
    '01KEXAMP0E0000000000000001.v2.seoul-met'
    """
    return f"{warning_id}.v{version}.{recipient}"


def message_id(warning_id: str, version: int, recipient: str) -> str:
    """Return the Message-ID of one version to one recipient (RFC 5322 §3.6.4).

    Short enough for its header never to be folded, which not every mail program survives.

    >>> message_id("01KEXAMP0E0000000000000001", 2, "seoul-met")
    '<5b228878-f86e-556b-8ad4-2c7cf1803c2f@sameair.invalid>'
    >>> len("Message-ID: " + message_id("01KEXAMP0E0000000000000001", 2, "a" * 60)) <= 78
    True
    """
    return message_id_of(delivery_id(warning_id, version, recipient))


def follow_up_id(warning_id: str, version: int, recipient: str, purpose: str, number: int) -> str:
    """Return the id of a further message about the same version: a substitute, reminder or escalation.

    >>> follow_up_id("01KEXAMP0E0000000000000001", 2, "seoul-met", "reminder", 1)
    '01KEXAMP0E0000000000000001.v2.seoul-met.reminder1'
    """
    return f"{delivery_id(warning_id, version, recipient)}.{purpose}{number or ''}"


def message_id_of(outbox_id: str) -> str:
    """Return the Message-ID of a row of the outbox.

    >>> message_id_of("w.v2.seoul-met") == message_id("w", 2, "seoul-met")
    True
    """
    return f"<{uuid5(NAMESPACE, outbox_id)}@{MAIL_DOMAIN}>"
