"""The book of accounts: invite, accept, change, close; each change is a row of the audit trail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import Connection
from ulid import ULID

from alerts.vocabulary import LANGUAGES
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.accounts import (
    AccountRow,
    account_of_link,
    change_account,
    end_sessions,
    find_account,
    insert_account,
    insert_link,
    list_accounts,
    use_link,
)
from pipeline.ledger.audit import append_audit
from review.accounts.passwords import hash_password, new_token, token_digest
from review.accounts.roles import Role

LINK_LIFE: Final = timedelta(hours=72)
"""How long a link with which a password is set works."""
FIRST: Final = "operator"
"""Name of the account that the first start makes."""
_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,63}")


@dataclass(frozen=True)
class Invitation:
    """Who is to have an account."""

    name: str
    person: str
    party: str
    role: Role
    language: str = "en"
    timezone: str = "UTC"


def welcome_path(token: str) -> str:
    """Return where a token's link leads.

    >>> welcome_path("abc")
    '/welcome/abc'
    """
    return f"/welcome/{token}"


def first_link(conn: Connection, at: datetime) -> str:
    """Return the token with which the first operator sets a password, or nothing once there is one.

    Each start makes a new link, and the one before no longer works.
    """
    rows = list_accounts(conn)
    if any((r.role, r.state) == (Role.operator, "active") for r in rows):
        return ""
    if any(r.name == FIRST for r in rows):
        return new_link(conn, FIRST, by=FIRST, at=at)
    return invite(conn, Invitation(FIRST, "Operator", parties()[-1], Role.operator), by=FIRST, at=at)


def parties() -> list[str]:
    """Return the parties for which people may act: the owners of the cities."""
    return sorted({city.party for city in all_cities().values()})


def invite(conn: Connection, who: Invitation, *, by: str, at: datetime) -> str:
    """Enter an account without a password and return the token of the link that sets one.

    Raises
    ------
    UsageError
        the name is taken or no name, or there is no such party, language or zone
    """
    _check(who)
    row = AccountRow(
        id=str(ULID.from_datetime(at)),
        name=who.name.lower(),
        person=who.person.strip(),
        party=who.party,
        role=who.role.value,
        state="invited",
        language=who.language,
        timezone=who.timezone,
        password="",
        totp="",
        totp_step=0,
        oidc_subject=None,
        created_at=at,
    )
    insert_account(conn, row)
    _note(conn, row, "account.invite", by, at, party=row.party, role=row.role, person=row.person)
    return _new_link(conn, row, at)


def new_link(conn: Connection, name: str, *, by: str, at: datetime) -> str:
    """Return the token of a new link that sets a password; its use ends sessions and the second factor."""
    row = account(conn, name)
    if row.state == "closed":
        raise UsageError(f"the account {row.name} is closed; open it first")
    _note(conn, row, "account.link", by, at)
    return _new_link(conn, row, at)


def accept(conn: Connection, token: str, password: str, at: datetime) -> AccountRow:
    """Set the password of whose link this is; every older session of the account ends.

    Raises
    ------
    UsageError
        the link was used, is too old or none; or the password will not do
    """
    digest = token_digest(token)
    row = account_of_link(conn, digest, at)
    if row is None or row.state == "closed":
        raise UsageError("this link was used before or is too old; ask your operator for a new one")
    hashed = hash_password(password, name=row.name)
    use_link(conn, digest, at)
    change_account(conn, row.id, password=hashed, state="active", totp="", totp_step=0)
    end_sessions(conn, row.id, at)
    _note(conn, row, "account.password", row.name, at)
    return account(conn, row.name)


def change_role(conn: Connection, name: str, role: Role, *, by: str, at: datetime) -> None:
    """Give a person another role; it counts from the next page on."""
    row = account(conn, name)
    _keep_an_operator(conn, row, role.value == Role.operator)
    change_account(conn, row.id, role=role.value)
    _note(conn, row, "account.role", by, at, role=role.value, before=row.role)


def close(conn: Connection, name: str, *, by: str, at: datetime) -> None:
    """Close an account: nobody can sign in with it and every session ends; what it decided stays."""
    row = account(conn, name)
    _keep_an_operator(conn, row, False)
    change_account(conn, row.id, state="closed", password="", totp="", totp_step=0)
    ended = end_sessions(conn, row.id, at)
    _note(conn, row, "account.close", by, at, sessions=ended)


def reopen(conn: Connection, name: str, *, by: str, at: datetime) -> str:
    """Open a closed account and return the token of the link that sets its password."""
    row = account(conn, name)
    if row.state != "closed":
        raise UsageError(f"the account {row.name} is not closed")
    change_account(conn, row.id, state="invited")
    _note(conn, row, "account.reopen", by, at)
    return _new_link(conn, row, at)


def bind_subject(conn: Connection, name: str, subject: str, *, by: str, at: datetime) -> None:
    """Let a person sign in by an identity provider, which knows them by ``issuer subject``."""
    row = account(conn, name)
    change_account(conn, row.id, oidc_subject=subject or None, state="active" if subject else row.state)
    _note(conn, row, "account.oidc", by, at, subject=subject)


def set_preferences(conn: Connection, row: AccountRow, language: str, timezone: str, at: datetime) -> None:
    """Let a person choose language and zone."""
    if language not in LANGUAGES:
        raise UsageError(f"there is no language {language}; there are {', '.join(LANGUAGES)}")
    if timezone not in available_timezones():
        raise UsageError(f"there is no zone {timezone}; write e.g. Asia/Seoul")
    change_account(conn, row.id, language=language, timezone=timezone)
    _note(conn, row, "account.preferences", row.name, at, language=language, timezone=timezone)


def account(conn: Connection, name: str) -> AccountRow:
    """Return an account; UsageError if there is none of that name."""
    row = find_account(conn, name)
    if row is None:
        raise UsageError(f"there is no account {name}; see `sameair users list`")
    return row


def _check(who: Invitation) -> None:
    if not _NAME.fullmatch(who.name.lower()):
        raise UsageError("an account's name has 2 to 64 of a-z 0-9 . _ - and begins with a letter")
    if not who.person.strip() or len(who.person) > 200 or not who.person.isprintable():
        raise UsageError("say who the person is, in one line")
    if who.party not in parties():
        raise UsageError(f"there is no party {who.party}; there are {', '.join(parties())}")
    if who.language not in LANGUAGES:
        raise UsageError(f"there is no language {who.language}; there are {', '.join(LANGUAGES)}")
    try:
        ZoneInfo(who.timezone)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"there is no zone {who.timezone}; write e.g. Asia/Seoul") from None


def _keep_an_operator(conn: Connection, row: AccountRow, stays: bool) -> None:
    """Refuse to take away the last operator, who alone can invite."""
    others = [r for r in list_accounts(conn) if (r.role, r.state) == (Role.operator, "active")]
    if not stays and [r.id for r in others] == [row.id]:
        raise UsageError(f"{row.name} is the only operator; make another one first")


def _new_link(conn: Connection, row: AccountRow, at: datetime) -> str:
    token = new_token()
    insert_link(conn, token_digest(token), row.id, at, at + LINK_LIFE)
    return token


def _note(conn: Connection, row: AccountRow, action: str, by: str, at: datetime, **payload: Any) -> None:
    append_audit(conn, at=at, actor=by, action=action, subject=row.name, payload=payload)
