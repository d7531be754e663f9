"""What people of a party say of a season: signed with the party's key, kept once, checked when it is read."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flows.node import own_key, parties
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.canonical import canonical_json
from pipeline.exchange.keys import public_key_text, sign, verify
from pipeline.ledger.audit import append_audit
from pipeline.ledger.season import PartyStatement, StatementKind, insert_party_statement
from pipeline.times import iso

LONGEST_PERSON: Final = 120
LONGEST_WORDS: Final = 4000


@dataclass(frozen=True)
class Speaker:
    """A person who speaks for a party."""

    party: str
    person: str


def say(
    ws: Workspace, kind: StatementKind, place: tuple[str, str], who: Speaker, body: Mapping[str, Any]
) -> PartyStatement:
    """Sign and keep a statement and return it; saying exactly the same at the same instant keeps one.

    Parameters
    ----------
    place : world and subject of which it is said

    Raises
    ------
    UsageError
        no such party, or no person is named
    ReviewError
        another node signs for this party
    """
    speaker = checked(who)
    key, now = own_key(ws, speaker.party), ws.clock()
    said = PartyStatement(
        id="",
        kind=kind,
        world=place[0],
        subject=place[1],
        party=speaker.party,
        person=speaker.person,
        own=True,
        at=now.replace(microsecond=0),
        body=dict(body),
        public_key=public_key_text(key),
        signature="",
    )
    message = signed_part(said)
    made = PartyStatement(
        **vars(said) | {"id": hashlib.sha256(message).hexdigest(), "signature": sign(key, message)}
    )
    with ws.ledger.write() as conn:
        if insert_party_statement(conn, made):
            append_audit(
                conn,
                at=made.at,
                actor=made.person,
                action=f"season.{kind}",
                subject=made.subject,
                payload={"party": made.party, "world": made.world, "statement": made.id},
            )
    return made


def signed_part(said: PartyStatement) -> bytes:
    """Return the bytes that are signed: all that was said, by whom, of what, and when."""
    return canonical_json(
        {
            "kind": said.kind,
            "world": said.world,
            "subject": said.subject,
            "party": said.party,
            "person": said.person,
            "at": iso(said.at),
            "body": said.body,
        }
    )


def is_whole(said: PartyStatement) -> bool:
    """Tell whether a statement is what its key signed under its id."""
    message = signed_part(said)
    same = hashlib.sha256(message).hexdigest() == said.id
    return same and verify(said.public_key, message, said.signature)


def checked(who: Speaker) -> Speaker:
    """Return who speaks, the name in one line; raises UsageError where nobody of a party does."""
    if who.party not in parties():
        raise UsageError(f"--party {who.party}: there are {', '.join(parties())}")
    return Speaker(who.party, words("--person", who.person, LONGEST_PERSON))


def words(name: str, text: str, longest: int = LONGEST_WORDS) -> str:
    r"""Return what somebody wrote, without signs that hide words; UsageError for nothing or too much.

    >>> words("--text", " wind turned\tnorth ")
    'wind turned north'
    """
    kept = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    line = " ".join(kept.split())
    if not line:
        raise UsageError(f"{name} is empty; say what is meant")
    if len(line) > longest:
        raise UsageError(f"{name} has {len(line)} characters; at most {longest}")
    return line
