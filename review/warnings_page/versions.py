"""Every version of a warning: what it changed, who wrote and signed it, who got it and who said so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.vocabulary import Language
from alerts.wording import Text, wording
from pipeline.ledger.acknowledgements import AcknowledgementRow, read_acknowledgements
from pipeline.ledger.audit import rows_about
from pipeline.ledger.deliveries import OutboxRow, read_outbox
from pipeline.ledger.mailbox import read_bounces
from pipeline.ledger.recipients import known_as, name_shown, party_of_recipient
from pipeline.ledger.warnings import (
    EventRow,
    RevisionRow,
    SignatureRow,
    VersionRow,
    read_events,
    read_revisions,
    read_signatures,
)
from review.decide.changed import TextChange, compared

AGAIN: Final = ("failed", "unknown", "sent")
"""States of a message from which it can be sent again."""


@dataclass(frozen=True)
class Rewriting:
    """A text that replaced another of the same version, by whom and with which changes."""

    row: RevisionRow
    change: TextChange


@dataclass(frozen=True)
class Signed:
    """A decision with the digest of what was on the screen, empty where it was made elsewhere."""

    row: SignatureRow
    evidence: str
    of_earlier_text: bool


@dataclass(frozen=True)
class DeliveredTo:
    """One message to one recipient; ``may_again`` if it can be sent again by who looks."""

    row: OutboxRow
    name: str
    party: str
    acknowledged: AcknowledgementRow | None
    bounced: str
    may_again: bool


@dataclass(frozen=True)
class VersionShown:
    """One version; ``change`` is what it changed in the version before, None for the first."""

    row: VersionRow
    content: WarningContent
    text: Text
    change: TextChange | None
    rewritings: tuple[Rewriting, ...]
    events: tuple[EventRow, ...]
    signed: tuple[Signed, ...]
    delivered: tuple[DeliveredTo, ...]

    @property
    def reached(self) -> int:
        """Return how many recipients have it."""
        return len({d.row.recipient for d in self.delivered if d.row.state == "sent"})

    @property
    def acknowledged(self) -> int:
        """Return how many recipients said that they have it."""
        return len({d.row.recipient for d in self.delivered if d.acknowledged})


@dataclass(frozen=True)
class Reader:
    """Who looks: in which language, when, and what of deliveries is shown.

    ``sends_for`` is the party to whose recipients messages may be sent again, empty for none; ``parties``
    says whose recipients those are that the ledger does not know.
    """

    language: Language
    sees_deliveries: bool
    sends_for: str
    now: datetime
    parties: Mapping[str, str]


def versions_shown(conn: Connection, rows: Sequence[VersionRow], reader: Reader) -> list[VersionShown]:
    """Return versions as they are shown, newest first, each with what it changed in the one before it."""
    events = read_events(conn, rows[0].warning_id) if rows else []
    found = []
    for number, row in enumerate(rows):
        content = WarningContent.from_dict(row.content)
        before = rows[number - 1].content if number else None
        found.append(
            VersionShown(
                row,
                content,
                wording(content, reader.language),
                compared(before, row.content, reader.language) if before else None,
                _rewritings(read_revisions(conn, row.warning_id, row.version), reader.language),
                tuple(e for e in events if e.version == row.version),
                _signed(conn, row),
                _delivered(conn, row, reader) if reader.sees_deliveries else (),
            )
        )
    return found[::-1]


def _rewritings(texts: Sequence[RevisionRow], language: Language) -> tuple[Rewriting, ...]:
    return tuple(Rewriting(new, compared(old.content, new.content, language)) for old, new in pairwise(texts))


def _signed(conn: Connection, row: VersionRow) -> tuple[Signed, ...]:
    kept: dict[str, str] = {}
    for action in ("warning.approve", "warning.object"):
        for one in rows_about(conn, row.warning_id, action):
            kept[str(one["payload"].get("signature", ""))] = str(one["payload"].get("evidence", ""))
    signed = read_signatures(conn, row.warning_id, row.version)
    return tuple(Signed(s, kept.get(s.signature, ""), s.content_digest != row.content_digest) for s in signed)


def _delivered(conn: Connection, row: VersionRow, reader: Reader) -> tuple[DeliveredTo, ...]:
    """Return what each recipient was sent of a version, the own party's recipients first."""
    names = known_as(conn)
    said = {a.recipient: a for a in read_acknowledgements(conn, row.warning_id, row.version)}
    back = {b.outbox_id: f"{b.kind} {b.status}" for b in read_bounces(conn, row.warning_id)}
    later = _overtaken(conn, row)
    found = []
    for m in read_outbox(conn, row.warning_id, row.version):
        party = party_of_recipient(conn, m.recipient) or reader.parties.get(m.recipient, "")
        is_own = bool(party) and party == reader.sends_for
        again = is_own and m.state in AGAIN and m.expires > reader.now and m.recipient not in later
        shown = name_shown(names, m)
        found.append(DeliveredTo(m, shown, party, said.get(m.recipient), back.get(m.id, ""), again))
    return tuple(sorted(found, key=lambda d: (d.party != reader.sends_for, d.name, d.row.created_at)))


def _overtaken(conn: Connection, row: VersionRow) -> Collection[str]:
    """Return the recipients who were sent a later version."""
    return {m.recipient for m in read_outbox(conn, row.warning_id) if m.version > row.version}
