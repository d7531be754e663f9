"""Signing in and staying signed in: sessions that expire, and trying that gets slower.

A session is a random token in a cookie of which only the digest is stored. It ends after :data:`IDLE`
without a page, after :data:`LONGEST` in any case, by signing out, and when the account changes its
password or is closed. Names and addresses of attempts are stored as digests, for a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from pipeline.errors import ReviewError
from pipeline.ledger import Ledger
from pipeline.ledger.accounts import (
    AccountRow,
    SessionRow,
    change_account,
    end_sessions,
    failures_since,
    find_account,
    find_session,
    forget_attempts,
    get_account,
    insert_session,
    note_attempt,
    touch_session,
)
from pipeline.ledger.audit import append_audit
from review.accounts.passwords import is_password, new_token, token_digest
from review.accounts.roles import Role
from review.accounts.totp import SecretBox, matching_step

IDLE: Final = timedelta(hours=2)
LONGEST: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=5)
"""How often a session that is used is written down as used."""
WINDOW: Final = timedelta(minutes=15)
TRIES_OF_NAME: Final = 5
TRIES_OF_ADDRESS: Final = 50
WRONG: Final = "Name, password or code is wrong."
SLOWED: Final = "Too many attempts; wait 15 minutes, or ask your operator for a new link."


class SignInRefused(ReviewError):
    """Signing in did not work; the text says no more than a stranger may know."""


@dataclass(frozen=True)
class Attempt:
    """What somebody typed, and from where."""

    name: str
    password: str
    code: str
    address: str


@dataclass(frozen=True)
class Visitor:
    """Who is signed in, with the token that proves that a form came from our page."""

    account: AccountRow
    csrf: str
    digest: str

    @property
    def role(self) -> Role:
        """Return the person's role."""
        return Role(self.account.role)

    @property
    def party(self) -> str:
        """Return the party for which the person acts, and no other."""
        return self.account.party


def sign_in(ledger: Ledger, box: SecretBox, attempt: Attempt, at: datetime) -> str:
    """Return the token of a new session.

    Raises
    ------
    SignInRefused
        anything is wrong, or was too often in the last quarter of an hour
    """
    name, address = token_digest(attempt.name.strip().lower()), token_digest(attempt.address)
    with ledger.read() as conn:
        since = at - WINDOW
        tries = failures_since(conn, since, name=name), failures_since(conn, since, address=address)
        row = find_account(conn, attempt.name)
    if tries[0] >= TRIES_OF_NAME or tries[1] >= TRIES_OF_ADDRESS:
        raise SignInRefused(SLOWED)
    right = is_password(row.password if row is not None else "", attempt.password)
    with ledger.write() as conn:
        row = find_account(conn, attempt.name)
        good = right and row is not None and row.state == "active"
        step = _step(box, row, attempt.code, at) if good and row is not None else None
        good = good and step is not None
        note_attempt(conn, name, address, at, worked=good)
        forget_attempts(conn, at - timedelta(days=1))
        if good and row is not None and step is not None:
            change_account(conn, row.id, totp_step=step)
            return start_session(conn, row, at)
    raise SignInRefused(WRONG)


def start_session(conn: Connection, row: AccountRow, at: datetime) -> str:
    """Enter a session of a person who has shown who they are and return the token of its cookie."""
    token = new_token()
    insert_session(conn, SessionRow(token_digest(token), row.id, new_token(), at, at, None))
    append_audit(conn, at=at, actor=row.name, action="account.sign_in", subject=row.name, payload={})
    return token


def visitor_of(ledger: Ledger, token: str, at: datetime) -> Visitor | None:
    """Return whose session a cookie names, None if it is over or was never one."""
    if not token:
        return None
    with ledger.read() as conn:
        session = find_session(conn, token_digest(token))
        row = get_account(conn, session.account_id) if session is not None else None
    if session is None or row is None or row.state != "active" or _is_over(session, at):
        return None
    if at - session.seen_at >= SEEN_EVERY:
        with ledger.write() as conn:
            touch_session(conn, session.digest, at)
    return Visitor(row, session.csrf, session.digest)


def sign_out(ledger: Ledger, visitor: Visitor, at: datetime) -> None:
    """End the session of a person."""
    row = visitor.account
    with ledger.write() as conn:
        end_sessions(conn, row.id, at, digest=visitor.digest)
        append_audit(conn, at=at, actor=row.name, action="account.sign_out", subject=row.name, payload={})


def _is_over(session: SessionRow, at: datetime) -> bool:
    return at - session.seen_at >= IDLE or at - session.started_at >= LONGEST


def _step(box: SecretBox, row: AccountRow, code: str, at: datetime) -> int | None:
    """Return the time step of a code that counts, None if it does not; without a second factor the last."""
    if not row.totp:
        return row.totp_step
    return matching_step(box.open(row.totp, row.name), code, at, row.totp_step)
