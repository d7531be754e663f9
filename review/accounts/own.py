"""What people change of their own accounts: password, second factor, sessions, tokens of programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection
from ulid import ULID

from pipeline.ledger.account_tokens import TokenRow, insert_token, revoke_tokens, tokens_of
from pipeline.ledger.accounts import AccountRow, SessionRow, change_account, end_sessions, open_sessions
from pipeline.ledger.audit import append_audit
from review.accounts.passwords import AccountFault, hash_password, new_token, token_digest
from review.accounts.sessions import IDLE, LONGEST, Visitor
from review.accounts.totp import SecretBox, matching_step

TOKEN_MARK: Final = "sameair_"  # noqa: S105 - the beginning of every token, by which scanners find a lost one
MOST_TOKENS: Final = 20
LONGEST_LIFE: Final = 366
"""Most tokens of one account, and most days that one works."""
NAME_LENGTH: Final = 64


@dataclass(frozen=True)
class NewToken:
    """What a person asks for a program: a name, a life [days], whether it may acknowledge, too."""

    name: str
    days: int
    acknowledges: bool = False


def change_password(conn: Connection, visitor: Visitor, password: str, at: datetime) -> None:
    """Set a person's password; every other session of the account ends.

    Raises
    ------
    AccountFault
        the password will not do
    """
    row = visitor.account
    change_account(conn, row.id, password=hash_password(password, name=row.name))
    ended = end_sessions(conn, row.id, at, spare=visitor.digest)
    _note(conn, row, "account.password", at, sessions=ended)


def set_second_factor(
    conn: Connection, box: SecretBox, visitor: Visitor, secret: str, code: str, at: datetime
) -> None:
    """Ask for codes of a secret from now on, as soon as one of them was typed.

    Raises
    ------
    AccountFault
        the code is not of this secret and time
    """
    row = visitor.account
    step = matching_step(secret, code, at, row.totp_step)
    if step is None:
        raise AccountFault("code", "this code is not the one of now; look at the clock of the telephone")
    change_account(conn, row.id, totp=box.seal(secret, row.name), totp_step=step)
    _note(conn, row, "account.second_factor", at, on=True)


def remove_second_factor(conn: Connection, visitor: Visitor, at: datetime) -> None:
    """Ask for no codes any more."""
    change_account(conn, visitor.account.id, totp="", totp_step=0)
    _note(conn, visitor.account, "account.second_factor", at, on=False)


def living_sessions(conn: Connection, visitor: Visitor, at: datetime) -> list[SessionRow]:
    """Return where a person is signed in, newest first."""
    rows = open_sessions(conn, visitor.account.id, at - IDLE)
    return [row for row in rows if at - row.started_at < LONGEST]


def sign_out_elsewhere(conn: Connection, visitor: Visitor, at: datetime) -> None:
    """End every session of a person but this one."""
    ended = end_sessions(conn, visitor.account.id, at, spare=visitor.digest)
    _note(conn, visitor.account, "account.sign_out_elsewhere", at, sessions=ended)


def add_token(conn: Connection, visitor: Visitor, wanted: NewToken, at: datetime) -> str:
    """Return a new token with which a program reads as the person may.

    Raises
    ------
    AccountFault
        it has no name, lives for too long, or there are too many
    """
    row, name = visitor.account, wanted.name.strip()
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        raise AccountFault("token_name", f"name the program, in one line of at most {NAME_LENGTH} characters")
    if not 1 <= wanted.days <= LONGEST_LIFE:
        raise AccountFault("token_days", f"a token works for 1 to {LONGEST_LIFE} days")
    if len(living_tokens(conn, visitor, at)) >= MOST_TOKENS:
        raise AccountFault("token_count", f"there are {MOST_TOKENS} tokens; revoke one that is not needed")
    token, identity = TOKEN_MARK + new_token(), str(ULID.from_datetime(at))
    expires = at + timedelta(days=wanted.days)
    insert_token(
        conn, TokenRow(identity, row.id, name, token_digest(token), wanted.acknowledges, at, expires)
    )
    said = {"token": identity, "name": name, "days": wanted.days, "acknowledges": wanted.acknowledges}
    _note(conn, row, "account.token", at, **said)
    return token


def living_tokens(conn: Connection, visitor: Visitor, at: datetime) -> list[TokenRow]:
    """Return the tokens of a person that work, newest first."""
    return [row for row in tokens_of(conn, visitor.account.id) if row.expires_at > at]


def revoke_token(conn: Connection, visitor: Visitor, token_id: str, at: datetime) -> None:
    """End a token of a person; one of somebody else, or none, is left alone."""
    if revoke_tokens(conn, visitor.account.id, at, token_id=token_id):
        _note(conn, visitor.account, "account.token_revoked", at, token=token_id)


def _note(conn: Connection, row: AccountRow, action: str, at: datetime, **payload: Any) -> None:
    append_audit(conn, at=at, actor=row.name, action=action, subject=row.name, payload=payload)
