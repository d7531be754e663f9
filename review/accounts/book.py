"""The book of accounts: invite, accept, change, close; each change is a row of the audit trail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import Connection
from ulid import ULID

from alerts.vocabulary import LANGUAGES
from pipeline.cities import all_parties
from pipeline.errors import UsageError
from pipeline.ledger.account_tokens import revoke_tokens
from pipeline.ledger.accounts import (
    AccountRow,
    account_of_link,
    account_of_subject,
    change_account,
    end_sessions,
    find_account,
    insert_account,
    insert_link,
    list_accounts,
    use_link,
)
from pipeline.ledger.audit import append_audit
from review.accounts.passwords import AccountFault, hash_password, new_token, token_digest
from review.accounts.roles import Role

LINK_LIFE: Final = timedelta(hours=72)
"""How long a link with which a password is set works."""
FIRST: Final = "operator"
"""Name, before a party's, of the accounts that the first start makes."""
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


def first_links(conn: Connection, party: str, at: datetime) -> dict[str, str]:
    """Return for each party without an operator the token with which its first one sets a password.

    Each start makes new links, and those before no longer work.

    Parameters
    ----------
    party : that of this node; empty: a node of all parties
    """
    rows = list_accounts(conn)
    tokens = {}
    for one in [party] if party else parties():
        if any((r.party, r.role, r.state) == (one, Role.operator, "active") for r in rows):
            continue
        name = _name_of_first(one, rows)
        if any(r.name == name for r in rows):
            tokens[one] = new_link(conn, name, by=FIRST, at=at)
        else:
            tokens[one] = invite(conn, Invitation(name, "Operator", one, Role.operator), by=FIRST, at=at)
    return tokens


def _name_of_first(party: str, rows: Sequence[AccountRow]) -> str:
    """Return the first name that is free, or of an operator who was invited and has not come yet."""
    other = {r.name for r in rows if (r.party, r.role, r.state) != (party, Role.operator, "invited")}
    names = (f"{FIRST}.{party}" + (f"-{number}" if number > 1 else "") for number in count(1))
    return next(name for name in names if name not in other)


def parties() -> list[str]:
    """Return the parties for which people may act: the owners of the cities."""
    return all_parties()


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
        raise AccountFault("closed", f"the account {row.name} is closed; open it first")
    _note(conn, row, "account.link", by, at)
    return _new_link(conn, row, at)


def accept(conn: Connection, token: str, password: str, at: datetime) -> AccountRow:
    """Set the password of whose link this is; older sessions, tokens and the second factor end.

    Raises
    ------
    UsageError
        the link was used, is too old or none; or the password will not do
    """
    digest = token_digest(token)
    row = account_of_link(conn, digest, at)
    if row is None or row.state == "closed":
        raise AccountFault("link", "this link was used before or is too old; ask your operator for a new one")
    hashed = hash_password(password, name=row.name)
    use_link(conn, digest, at)
    change_account(conn, row.id, password=hashed, state="active", totp="", totp_step=0)
    ended, revoked = end_sessions(conn, row.id, at), revoke_tokens(conn, row.id, at)
    _note(conn, row, "account.password", row.name, at, sessions=ended, tokens=revoked)
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
    change_account(conn, row.id, state="closed", password="", totp="", totp_step=0, oidc_subject=None)
    ended, revoked = end_sessions(conn, row.id, at), revoke_tokens(conn, row.id, at)
    _note(conn, row, "account.close", by, at, sessions=ended, tokens=revoked)


def reopen(conn: Connection, name: str, *, by: str, at: datetime) -> str:
    """Open a closed account and return the token of the link that sets its password."""
    row = account(conn, name)
    if row.state != "closed":
        raise AccountFault("open", f"the account {row.name} is not closed")
    change_account(conn, row.id, state="invited")
    _note(conn, row, "account.reopen", by, at)
    return _new_link(conn, row, at)


def bind_subject(conn: Connection, name: str, subject: str, *, by: str, at: datetime) -> None:
    """Let a person sign in by an identity provider, which knows them by ``issuer subject``; empty: no longer.

    An account that was only invited is active by this: the provider vouches for the person from then on.
    """
    row = account(conn, name)
    other = account_of_subject(conn, subject) if subject else None
    if other is not None and other.id != row.id:
        raise AccountFault("subject", f"the identity provider's subject is that of {other.name} already")
    if row.state == "closed":
        raise AccountFault("closed", f"the account {row.name} is closed; open it first")
    change_account(conn, row.id, oidc_subject=subject or None, state="active" if subject else row.state)
    if not subject:
        end_sessions(conn, row.id, at)
    _note(conn, row, "account.provider", by, at, subject=subject)


def set_preferences(conn: Connection, row: AccountRow, language: str, timezone: str, at: datetime) -> None:
    """Let a person choose language and zone."""
    if language not in LANGUAGES:
        raise AccountFault("language", f"there is no language {language}; there are {', '.join(LANGUAGES)}")
    if timezone not in available_timezones():
        raise AccountFault("zone", f"there is no zone {timezone}; write e.g. Asia/Seoul")
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
        raise AccountFault("name", "an account's name has 2 to 64 of a-z 0-9 . _ - and begins with a letter")
    if not who.person.strip() or len(who.person) > 200 or not who.person.isprintable():
        raise AccountFault("person", "say who the person is, in one line")
    if who.party not in parties():
        raise AccountFault("party", f"there is no party {who.party}; there are {', '.join(parties())}")
    if who.language not in LANGUAGES:
        raise AccountFault(
            "language", f"there is no language {who.language}; there are {', '.join(LANGUAGES)}"
        )
    try:
        ZoneInfo(who.timezone)
    except (KeyError, ValueError, OSError):
        raise AccountFault("zone", f"there is no zone {who.timezone}; write e.g. Asia/Seoul") from None


def _keep_an_operator(conn: Connection, row: AccountRow, stays: bool) -> None:
    """Refuse to take away a party's last operator, who alone can invite."""
    kept = (row.party, Role.operator, "active")
    others = [r for r in list_accounts(conn) if (r.party, r.role, r.state) == kept]
    if not stays and [r.id for r in others] == [row.id]:
        raise AccountFault("last", f"{row.name} is the only operator of {row.party}; make another one first")


def _new_link(conn: Connection, row: AccountRow, at: datetime) -> str:
    token = new_token()
    insert_link(conn, token_digest(token), row.id, at, at + LINK_LIFE)
    return token


def _note(conn: Connection, row: AccountRow, action: str, by: str, at: datetime, **payload: Any) -> None:
    append_audit(conn, at=at, actor=by, action=action, subject=row.name, payload=payload)
