"""What was said of joint texts as rows of the ledger, read from the bodies in which it travels.

The same for what another node says, for what this one says, and for what is entered again after a loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.agreement import StatementRow
from pipeline.times import parse_instant

Body = Mapping[str, Any]


def offer_row(party: str, body: Body, *, own: bool) -> StatementRow:
    """Return an offer; it counts as made when its text was drafted."""
    text = body["content"]
    at = parse_instant(str(text["as_of"]))
    return statement_row(party, body, text, own=own, world=str(text["world"]), kind="offer", at=at)


def vote_row(party: str, body: Body, world: str, *, own: bool) -> StatementRow:
    """Return a vote, for a text or against all of its round."""
    at = parse_instant(str(body["at"]))
    return statement_row(party, body, body["signature"], own=own, world=world, kind="vote", at=at)


def issued_row(party: str, body: Body, world: str, *, own: bool) -> StatementRow:
    """Return that a party issued a version to its own recipients.

    >>> told = {"warning_id": "W", "version": 2, "digest": "aa", "at": "2026-01-14T02:00:00Z"}
    >>> issued_row("seoul", told, "measured", own=True).slot
    'measured|issued|W|2'
    """
    placed = {**body, "slot": f"{world}|issued|{body['warning_id']}|{body['version']}", "round": 1}
    at = parse_instant(str(body["at"]))
    row = statement_row(party, placed, body, own=own, world=world, kind="issued", at=at)
    return StatementRow(**{**vars(row), "body": canonical_json(body).decode()})


def statement_row(
    party: str, body: Body, about: Mapping[str, Any], *, own: bool, world: str, kind: str, at: datetime
) -> StatementRow:
    """Return a statement as a row; ``about`` names the version that it is about."""
    return StatementRow(
        party=party,
        own=own,
        slot=str(body["slot"]),
        world=world,
        round=int(body["round"]),
        kind=kind,
        digest=str(body["digest"]),
        warning_id=str(about["warning_id"]),
        version=int(about["version"]),
        at=at,
        body=canonical_json(body).decode(),
    )
