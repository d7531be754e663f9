"""What each party publishes of its own part to anybody: nothing, until it says so in the audit trail.

A party speaks for its own alone: what concerns several is public where all of them publish it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from pipeline.cities import all_parties
from pipeline.errors import UsageError
from pipeline.ledger.audit import append_audit, rows_about

PRODUCTS: Final = ("warnings", "forecasts", "observations")
ACTION: Final = "publication"


def publish(conn: Connection, party: str, product: str, *, public: bool, by: str, at: datetime) -> bool:
    """Let a party publish a product or publish it no more; tells whether that changed anything.

    Raises
    ------
    UsageError
        there is no such party or product

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> at = parse_instant("2026-01-14T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         publish(conn, "seoul", "forecasts", public=True, by="kim", at=at)
    ...         published(conn)
    ...     ledger.close()
    True
    {'seoul': ('forecasts',)}
    """
    known = all_parties()
    if party not in known:
        raise UsageError(f"there is no party {party}; there are {', '.join(known)}")
    if product not in PRODUCTS:
        raise UsageError(f"{product} cannot be published; there are {', '.join(PRODUCTS)}")
    if public == _is_public(conn, party, product):
        return False
    subject = f"{party}/{product}"
    append_audit(conn, at=at, actor=by, action=ACTION, subject=subject, payload={"public": public})
    return True


def published(conn: Connection) -> dict[str, tuple[str, ...]]:
    """Return by party what it publishes; parties that publish nothing are left out."""
    parties = all_parties()
    found = {party: tuple(p for p in PRODUCTS if _is_public(conn, party, p)) for party in parties}
    return {party: products for party, products in found.items() if products}


def all_publish(conn: Connection, parties: Collection[str], product: str) -> bool:
    """Tell whether every one of some parties publishes a product; of none, False."""
    return bool(parties) and all(_is_public(conn, party, product) for party in parties)


def _is_public(conn: Connection, party: str, product: str) -> bool:
    rows = rows_about(conn, f"{party}/{product}", ACTION)
    return bool(rows) and bool(rows[-1]["payload"]["public"])
