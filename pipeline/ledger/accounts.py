"""Rows of the people who use the pages: accounts, one-time links, sessions, attempts to sign in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pipeline.errors import UsageError
from pipeline.ledger.account_tables import account_links, account_sessions, accounts, sign_in_attempts


@dataclass(frozen=True)
class AccountRow:
    """A person who may sign in for one party."""

    id: str
    name: str
    person: str
    party: str
    role: str
    state: str
    language: str
    timezone: str
    password: str
    totp: str
    totp_step: int
    oidc_subject: str | None
    created_at: datetime

    def __repr__(self) -> str:
        """Return it without its secrets."""
        return f"AccountRow({self.name!r}, {self.party!r}, {self.role!r}, {self.state!r})"


@dataclass(frozen=True)
class SessionRow:
    """One signing-in; ``ended_at`` is set when it was ended by hand."""

    digest: str
    account_id: str
    csrf: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    way: str = "password"
    agent: str = ""


def insert_account(conn: Connection, row: AccountRow) -> None:
    """Enter an account; UsageError if the name is taken."""
    if find_account(conn, row.name) is not None:
        raise UsageError(f"there is an account {row.name} already; choose another name")
    conn.execute(insert(accounts).values(**asdict(row)))


def change_account(conn: Connection, account_id: str, **values: Any) -> None:
    """Set columns of an account."""
    conn.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def find_account(conn: Connection, name: str) -> AccountRow | None:
    """Return the account of a name, in whatever case it is written."""
    found = conn.execute(select(accounts).where(accounts.c.name == name.strip().lower())).one_or_none()
    return None if found is None else AccountRow(**found._mapping)


def get_account(conn: Connection, account_id: str) -> AccountRow | None:
    """Return an account by its id."""
    found = conn.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return None if found is None else AccountRow(**found._mapping)


def account_of_subject(conn: Connection, subject: str) -> AccountRow | None:
    """Return the account of a person whom an identity provider knows by a subject."""
    found = conn.execute(select(accounts).where(accounts.c.oidc_subject == subject)).one_or_none()
    return None if found is None else AccountRow(**found._mapping)


def list_accounts(conn: Connection) -> list[AccountRow]:
    """Return every account, by party and name."""
    query = select(accounts).order_by(accounts.c.party, accounts.c.name)
    return [AccountRow(**row._mapping) for row in conn.execute(query)]


def insert_link(conn: Connection, digest: str, account_id: str, at: datetime, expires: datetime) -> None:
    """Enter a one-time link; those made before for the same account no longer work."""
    older = (account_links.c.account_id == account_id) & account_links.c.used_at.is_(None)
    conn.execute(update(account_links).where(older).values(used_at=at))
    conn.execute(
        insert(account_links).values(digest=digest, account_id=account_id, made_at=at, expires_at=expires)
    )


def account_of_link(conn: Connection, digest: str, at: datetime) -> AccountRow | None:
    """Return whose link this is, if it still works."""
    c = account_links.c
    works = (c.digest == digest) & c.used_at.is_(None) & (c.expires_at > at)
    found = conn.execute(select(c.account_id).where(works)).scalar()
    return None if found is None else get_account(conn, found)


def use_link(conn: Connection, digest: str, at: datetime) -> None:
    """Note that a link was used."""
    conn.execute(update(account_links).where(account_links.c.digest == digest).values(used_at=at))


def insert_session(conn: Connection, row: SessionRow) -> None:
    """Enter a session."""
    conn.execute(insert(account_sessions).values(**asdict(row)))


def find_session(conn: Connection, digest: str) -> SessionRow | None:
    """Return a session that was not ended by hand; its age is the reader's to judge."""
    c = account_sessions.c
    found = conn.execute(
        select(account_sessions).where(c.digest == digest, c.ended_at.is_(None))
    ).one_or_none()
    return None if found is None else SessionRow(**found._mapping)


def open_sessions(conn: Connection, account_id: str, since: datetime) -> list[SessionRow]:
    """Return the sessions of an account that were not ended and were used since an instant, newest first."""
    c = account_sessions.c
    which = (c.account_id == account_id) & c.ended_at.is_(None) & (c.seen_at > since)
    query = select(account_sessions).where(which).order_by(c.started_at.desc())
    return [SessionRow(**row._mapping) for row in conn.execute(query)]


def touch_session(conn: Connection, digest: str, at: datetime) -> None:
    """Note that a session was used."""
    conn.execute(update(account_sessions).where(account_sessions.c.digest == digest).values(seen_at=at))


def end_sessions(
    conn: Connection, account_id: str, at: datetime, *, digest: str | None = None, spare: str = ""
) -> int:
    """End one session of an account, or all of them but one to spare; returns how many."""
    c = account_sessions.c
    which = (c.account_id == account_id) & c.ended_at.is_(None) & (c.digest != spare)
    if digest is not None:
        which &= c.digest == digest
    return conn.execute(update(account_sessions).where(which).values(ended_at=at)).rowcount


def note_attempt(conn: Connection, name: str, address: str, at: datetime, *, worked: bool) -> None:
    """Write down an attempt to sign in; ``name`` and ``address`` are digests."""
    conn.execute(insert(sign_in_attempts).values(name=name, address=address, at=at, worked=worked))


def failures_since(conn: Connection, since: datetime, *, name: str = "", address: str = "") -> int:
    """Return how often signing in failed since an instant, with a name, from an address, or with both.

    With both it counts from when it last worked for that name from there.
    """
    c = sign_in_attempts.c
    which = (
        (c.at > since) & ((c.name == name) if name else True) & ((c.address == address) if address else True)
    )
    if name and address:
        worked = conn.execute(select(func.max(c.seq)).where(which, c.worked)).scalar()
        which &= c.seq > (worked or 0)
    count = select(func.count()).select_from(sign_in_attempts).where(which, ~c.worked)
    return conn.execute(count).scalar_one()


def forget_attempts(conn: Connection, before: datetime) -> None:
    """Delete attempts older than an instant."""
    conn.execute(delete(sign_in_attempts).where(sign_in_attempts.c.at < before))
