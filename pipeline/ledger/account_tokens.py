"""Rows of the tokens with which programs read as a person may."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from pipeline.ledger.account_tables import account_tokens


@dataclass(frozen=True)
class TokenRow:
    """A program's token: whose it is, what for, until when; ``acknowledges``: it may acknowledge, too."""

    id: str
    account_id: str
    name: str
    digest: str
    acknowledges: bool
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


def insert_token(conn: Connection, row: TokenRow) -> None:
    """Enter a token."""
    conn.execute(insert(account_tokens).values(**asdict(row)))


def find_token(conn: Connection, digest: str, at: datetime) -> TokenRow | None:
    """Return the token of a digest if it still works."""
    c = account_tokens.c
    works = (c.digest == digest) & c.revoked_at.is_(None) & (c.expires_at > at)
    found = conn.execute(select(account_tokens).where(works)).one_or_none()
    return None if found is None else TokenRow(**found._mapping)


def tokens_of(conn: Connection, account_id: str) -> list[TokenRow]:
    """Return the tokens of an account that were not revoked, newest first."""
    c = account_tokens.c
    query = select(account_tokens).where(c.account_id == account_id, c.revoked_at.is_(None))
    return [TokenRow(**row._mapping) for row in conn.execute(query.order_by(c.made_at.desc(), c.id.desc()))]


def touch_token(conn: Connection, digest: str, at: datetime) -> None:
    """Note that a token was used."""
    conn.execute(update(account_tokens).where(account_tokens.c.digest == digest).values(used_at=at))


def revoke_tokens(conn: Connection, account_id: str, at: datetime, *, token_id: str | None = None) -> int:
    """Revoke one token of an account, or all of them; returns how many."""
    c = account_tokens.c
    which = (c.account_id == account_id) & c.revoked_at.is_(None)
    if token_id is not None:
        which &= c.id == token_id
    return conn.execute(update(account_tokens).where(which).values(revoked_at=at)).rowcount
