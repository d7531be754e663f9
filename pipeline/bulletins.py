"""What other agencies have said: forecasts and advisories, each kept as it was known at any instant.

A bulletin is told apart by source, kind and key; a changed one is a new version, received later. Nothing is
overwritten, so a forecast of ours can be compared with what the agencies had published when it was made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select

from pipeline.errors import ContractError
from pipeline.ledger.batches import next_receipt
from pipeline.ledger.source_tables import bulletins
from pipeline.times import to_utc

KINDS: Final = {
    "forecast": "one target day and pollutant: pollutant, target_date, regions, overall, cause, advice",
    "outlook": "later days in words: days (date, regions, confidence), outlook",
    "over50": "whether the day mean of PM2.5 is forecast above 50 ug m-3: target_date, regions",
    "advisory": "PM advisory or warning: pollutant, level (advisory, warning or as written), district, area, "
    "city (id or empty), value, lifted_at, lifted_value",
    "dust": "Asian-dust advisory: district, area, level, value, lifted_at",
    "measures": "emergency measures of a city: city, level, area, legal_basis, state, note",
}
"""Each kind, and the fields of its content. ``regions`` maps the region's name, as its agency writes it, to
``{"city": id or "", "grade": text or None, "low": …, "high": …, "value": …}`` with what the agency gives;
regions of ``over50`` also say ``above``: true or false."""


@dataclass(frozen=True)
class Bulletin:
    """One statement of an agency.

    Parameters
    ----------
    key : tells it apart from the others of its source and kind, and stays the same when it is corrected
    issued_at : when its agency dated it [UTC]
    valid_from, valid_until : the time it speaks of [UTC]; ``valid_until`` is None while it is open
    content : fields of KINDS, plain JSON values
    """

    source: str
    kind: str
    key: str
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime | None
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Return the digest of all that may be corrected."""
        said = [str(self.issued_at), str(self.valid_from), str(self.valid_until), dict(self.content)]
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class StoredBulletin:
    """A version of a bulletin, and when it became known."""

    bulletin: Bulletin
    received_at: datetime


def check_bulletin(bulletin: Bulletin) -> Bulletin:
    """Return a bulletin that may be stored.

    Raises
    ------
    ContractError
        an unknown kind, an instant without a time zone, or a content that is no JSON
    """
    if bulletin.kind not in KINDS:
        raise ContractError(f"bulletin of unknown kind {bulletin.kind!r}; see pipeline.bulletins.KINDS")
    for when in (bulletin.issued_at, bulletin.valid_from, bulletin.valid_until):
        if when is not None and when.tzinfo is None:
            raise ContractError(f"bulletin {bulletin.key}: {when} has no time zone")
    try:
        json.dumps(dict(bulletin.content), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ContractError(f"bulletin {bulletin.key}: the content is no plain JSON ({error})") from error
    return bulletin


def append_bulletins(conn: Connection, found: Iterable[Bulletin], *, world: str, now: datetime) -> int:
    """Store bulletins that are new or differ from their newest version; return how many.

    Raises
    ------
    ContractError
        an unknown kind, or an instant without a time zone
    """
    written = 0
    for bulletin in found:
        check_bulletin(bulletin)
        if _newest_digest(conn, bulletin, world) == bulletin.digest:
            continue
        conn.execute(
            insert(bulletins).values(
                world=world,
                source=bulletin.source,
                kind=bulletin.kind,
                key=bulletin.key,
                issued_at=to_utc(bulletin.issued_at),
                valid_from=to_utc(bulletin.valid_from),
                valid_until=None if bulletin.valid_until is None else to_utc(bulletin.valid_until),
                received_at=next_receipt(conn, world, now),
                digest=bulletin.digest,
                content=dict(bulletin.content),
            )
        )
        written += 1
    return written


def read_bulletins(
    conn: Connection,
    world: str,
    *,
    as_of: datetime,
    kind: str | None = None,
    source: str | None = None,
    valid_at: datetime | None = None,
    issued_after: datetime | None = None,
) -> list[StoredBulletin]:
    """Return the newest version of each bulletin known at ``as_of``, the newest issue first."""
    wanted = (bulletins.c.world == world) & (bulletins.c.received_at <= as_of)
    if kind is not None:
        wanted &= bulletins.c.kind == kind
    if source is not None:
        wanted &= bulletins.c.source == source
    last = select(func.max(bulletins.c.seq)).where(wanted)
    last = last.group_by(bulletins.c.source, bulletins.c.kind, bulletins.c.key)
    query = select(bulletins).where(bulletins.c.seq.in_(last))
    if issued_after is not None:
        query = query.where(bulletins.c.issued_at > issued_after)
    if valid_at is not None:
        query = query.where(bulletins.c.valid_from <= valid_at)
        query = query.where(bulletins.c.valid_until.is_(None) | (bulletins.c.valid_until > valid_at))
    rows = conn.execute(query.order_by(bulletins.c.issued_at.desc(), bulletins.c.seq.desc()))
    return [_stored(row) for row in rows]


def read_versions(
    conn: Connection, world: str, *, since: datetime, as_of: datetime, kinds: Sequence[str]
) -> list[StoredBulletin]:
    """Return every version of the bulletins of some kinds received over (since, as_of], the oldest first."""
    query = select(bulletins).where(
        bulletins.c.world == world,
        bulletins.c.received_at > since,
        bulletins.c.received_at <= as_of,
        bulletins.c.kind.in_(list(kinds)),
    )
    return [_stored(row) for row in conn.execute(query.order_by(bulletins.c.seq))]


def _stored(row: Row[Any]) -> StoredBulletin:
    said = (row.source, row.kind, row.key, row.issued_at, row.valid_from, row.valid_until, row.content)
    return StoredBulletin(Bulletin(*said), row.received_at)


def _newest_digest(conn: Connection, bulletin: Bulletin, world: str) -> str | None:
    same = (
        (bulletins.c.world == world)
        & (bulletins.c.source == bulletin.source)
        & (bulletins.c.kind == bulletin.kind)
        & (bulletins.c.key == bulletin.key)
    )
    query = select(bulletins.c.digest).where(same).order_by(bulletins.c.seq.desc()).limit(1)
    return conn.execute(query).scalar()
