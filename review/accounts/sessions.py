"""Signing in and staying signed in: sessions that expire, and trying that gets slower.

A session is a random token in a cookie of which only the digest is stored. It ends after :data:`IDLE`
without a page, after :data:`LONGEST` in any case, by signing out, and when the account changes its
password or is closed. How trying is slowed down stands in :mod:`review.accounts.trying`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from pipeline.ledger import Ledger
from pipeline.ledger.account_tokens import TokenRow, find_token, touch_token
from pipeline.ledger.accounts import (
    AccountRow,
    SessionRow,
    change_account,
    end_sessions,
    find_account,
    find_session,
    get_account,
    insert_session,
    touch_session,
)
from pipeline.ledger.audit import append_audit
from review.accounts.passwords import is_password, new_token, token_digest
from review.accounts.roles import Role
from review.accounts.totp import SecretBox, matching_step
from review.accounts.trying import WRONG, SignInRefused, Trying, device_cookie, known_device, network

IDLE: Final = timedelta(hours=2)
LONGEST: Final = timedelta(hours=12)
SEEN_EVERY: Final = timedelta(minutes=5)
"""How often a session that is used is written down as used."""
AGENT_LENGTH: Final = 200


@dataclass(frozen=True)
class Attempt:
    """What somebody typed, and from where."""

    name: str
    password: str
    code: str
    address: str
    device: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Entry:
    """What somebody gets who signed in: the token of a session, and the mark of the browser."""

    token: str
    device: str


@dataclass(frozen=True)
class Visitor:
    """Who is signed in, with the token that proves that a form came from our page.

    ``program`` is the token of a program that reads for the person; it has no forms.
    """

    account: AccountRow
    csrf: str
    digest: str
    way: str = "password"
    program: TokenRow | None = None

    @property
    def role(self) -> Role:
        """Return the person's role."""
        return Role(self.account.role)

    @property
    def party(self) -> str:
        """Return the party for which the person acts, and no other."""
        return self.account.party


def sign_in(ledger: Ledger, box: SecretBox, attempt: Attempt, at: datetime) -> Entry:
    """Return a new session's token, and a mark by which this browser is known next time.

    Raises
    ------
    SignInRefused
        anything is wrong, or was too often in the last quarter of an hour
    """
    with ledger.read() as conn:
        row = find_account(conn, attempt.name)
        device = known_device(box, row, attempt.device)
        trying = Trying.of(attempt.name, device or network(attempt.address), is_known=bool(device))
        trying.check(conn, at)
    asked = row.password if row is not None else ""
    right = is_password(asked, attempt.password)
    with ledger.write() as conn:
        row = find_account(conn, attempt.name)
        good = right and row is not None and row.state == "active" and row.password == asked
        step = _step(box, row, attempt.code, at) if good and row is not None else None
        trying.note(conn, at, worked=step is not None)
        if row is not None and step is not None:
            change_account(conn, row.id, totp_step=step)
            return Entry(start_session(conn, row, at, agent=attempt.agent), device_cookie(box, row))
    raise SignInRefused(WRONG)


def confirm_password(ledger: Ledger, visitor: Visitor, password: str, at: datetime) -> None:
    """Ask who is signed in for the password again, before something that a passer-by must not do.

    Raises
    ------
    SignInRefused
        it is wrong, or was too often in the last quarter of an hour
    """
    row = visitor.account
    trying = Trying.of(row.name, f"session {visitor.digest}", is_known=True)
    with ledger.read() as conn:
        trying.check(conn, at)
    right = is_password(row.password, password)
    with ledger.write() as conn:
        trying.note(conn, at, worked=right)
    if not right:
        raise SignInRefused(WRONG)


def start_session(
    conn: Connection, row: AccountRow, at: datetime, *, way: str = "password", agent: str = ""
) -> str:
    """Enter a session of a person who has shown who they are and return the token of its cookie."""
    token, browser = new_token(), "".join(c for c in agent if c.isprintable())[:AGENT_LENGTH]
    insert_session(conn, SessionRow(token_digest(token), row.id, new_token(), at, at, None, way, browser))
    payload = {"way": way}
    append_audit(conn, at=at, actor=row.name, action="account.sign_in", subject=row.name, payload=payload)
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
    return Visitor(row, session.csrf, session.digest, session.way)


def visitor_of_token(ledger: Ledger, token: str, at: datetime) -> Visitor | None:
    """Return for whom a program reads, None if its token was revoked, is too old or was never one."""
    with ledger.read() as conn:
        found = find_token(conn, token_digest(token), at)
        row = get_account(conn, found.account_id) if found is not None else None
    if found is None or row is None or row.state != "active":
        return None
    if found.used_at is None or at - found.used_at >= SEEN_EVERY:
        with ledger.write() as conn:
            touch_token(conn, found.digest, at)
    return Visitor(row, "", found.digest, "token", found)


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
