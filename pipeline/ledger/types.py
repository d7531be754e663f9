"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.types import TypeDecorator

from pipeline.times import to_utc

SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
"""Type of a key that counts up by itself; SQLite counts up only in a plain INTEGER."""


class UTCDateTime(TypeDecorator[datetime]):
    """An instant, aware and in UTC on the way in and out; SQLite itself would forget the zone.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from sqlalchemy.dialects import sqlite
    >>> UTCDateTime().process_bind_param(datetime(2019, 3, 3, 8, tzinfo=UTC), sqlite.dialect())
    datetime.datetime(2019, 3, 3, 8, 0)
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write UTC; a naive datetime is refused."""
        if value is None:
            return None
        utc = to_utc(value)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime in UTC."""
        if value is None:
            return None
        instant: datetime = value
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
