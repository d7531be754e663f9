"""Entering again what our own envelopes had said, kind by kind; each returns the occasion of what it said.

What binds us is restored: offers, votes, what was issued, seals, questions, answers, words of a season. Data
and forecasts are not: they are simply said again, and the other side stores nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from alerts.joint_restore import restore_issue, restore_offer, restore_vote
from flows.consult_words import answered_in, asked_in, sealed_in
from flows.season_words import keep_enclosed, occasion_of, said_in
from pipeline.exchange.envelope import Envelope, key_id
from pipeline.ledger.agreement import StatementRow, unsent
from pipeline.ledger.consultation import (
    OpeningRow,
    insert_answer,
    insert_opening,
    insert_question,
    insert_seal,
)
from pipeline.ledger.envelopes import sent_for
from pipeline.ledger.season import insert_party_statement
from pipeline.times import parse_instant

Restorer = Callable[[Connection, Envelope, datetime], str]


def restored_occasion(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Enter what an envelope of ours had said, and return on which occasion it was said."""
    restorer = RESTORERS.get(envelope.kind)
    occasion = restorer(conn, envelope, at) if restorer else ""
    if not occasion or sent_for(conn, envelope.recipient, occasion) is not None:
        return f"recovered|{envelope.sequence}"
    return occasion


def _offer(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    return _occasion(conn, envelope, restore_offer(conn, envelope.sender, envelope.body))


def _vote(conn: Connection, envelope: Envelope, at: datetime) -> str:
    return _occasion(conn, envelope, restore_vote(conn, envelope.sender, envelope.body, at))


def _issue(conn: Connection, envelope: Envelope, at: datetime) -> str:
    row = restore_issue(conn, envelope.sender, envelope.world, envelope.body, at)
    return _occasion(conn, envelope, row)


def _occasion(conn: Connection, envelope: Envelope, row: StatementRow) -> str:
    """Return under which occasion a statement of ours stands in the chain."""
    key = (row.slot, row.round, row.kind, row.digest)
    waiting = unsent(conn, envelope.recipient)
    numbers = [seq for seq, one in waiting if (one.slot, one.round, one.kind, one.digest) == key]
    return f"agreement-{numbers[0]}" if numbers else ""


def _seal(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Enter a seal; its secret number is lost with the ledger, so it can no longer be opened."""
    row = sealed_in(envelope)
    insert_seal(conn, row)
    return _consulted("seal", row.subject)


def _opening(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    body = envelope.body
    number, at = float(body["probability"]), parse_instant(body["at"])
    insert_opening(conn, OpeningRow(envelope.sender, body["subject"], number, body["nonce"], True, at))
    return _consulted("opening", body["subject"])


def _question(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    row = asked_in(envelope)
    insert_question(conn, row)
    return _consulted("question", row.id)


def _answer(conn: Connection, envelope: Envelope, _at: datetime) -> str:
    row = answered_in(envelope)
    insert_answer(conn, row)
    return _consulted("answer", row.question)


def _consulted(kind: str, about: str) -> str:
    return f"{kind}-{about}"[:200]


def _season(conn: Connection, envelope: Envelope, at: datetime) -> str:
    said = said_in(envelope, own=True)
    keep_enclosed(conn, envelope, said, at)
    insert_party_statement(conn, said)
    return occasion_of(said)


def _key(_conn: Connection, envelope: Envelope, _at: datetime) -> str:
    body: dict[str, Any] = envelope.body
    is_new = body["action"] == "announce"
    return f"key|{key_id(body['public'])}" if is_new else f"key-revoked|{body['key']}"


RESTORERS: Final[dict[str, Restorer]] = {
    "proposal": _offer,
    **dict.fromkeys(("approval", "objection"), _vote),
    **dict.fromkeys(("issue", "update", "end", "cancel"), _issue),
    "seal": _seal,
    "opening": _opening,
    "question": _question,
    "answer": _answer,
    "season": _season,
    "key": _key,
}
