"""Who said that a version has arrived: one row each, never changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, insert, select

from pipeline.ledger.warning_tables import acknowledgements


@dataclass(frozen=True)
class AcknowledgementRow:
    """One acknowledgement; ``way`` is link, reply or person, ``person`` who entered it in the last case."""

    warning_id: str
    version: int
    recipient: str
    way: str
    person: str
    at: datetime


def insert_acknowledgement(conn: Connection, row: AcknowledgementRow) -> None:
    """Enter an acknowledgement; a second one of the same version and recipient is an integrity error."""
    conn.execute(insert(acknowledgements).values(**asdict(row)))


def read_acknowledgements(
    conn: Connection,
    warning_id: str | None = None,
    version: int | None = None,
    recipient: str | None = None,
) -> list[AcknowledgementRow]:
    """Return acknowledgements, of one warning, version or recipient if given, as they came.

    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.read() as conn:
    ...         print(read_acknowledgements(conn))
    ...     ledger.close()
    []
    """
    c = acknowledgements.c
    given = ((c.warning_id, warning_id), (c.version, version), (c.recipient, recipient))
    where = [column == value for column, value in given if value is not None]
    names = AcknowledgementRow.__dataclass_fields__
    query = select(*(c[name] for name in names)).where(*where).order_by(c.seq)
    return [AcknowledgementRow(**dict(row._mapping)) for row in conn.execute(query)]


def has_acknowledged(conn: Connection, warning_id: str, version: int, recipient: str) -> bool:
    """Tell whether a recipient has said that a version arrived."""
    c = acknowledgements.c
    said = exists().where(c.warning_id == warning_id, c.version == version, c.recipient == recipient)
    return bool(conn.execute(select(said)).scalar())
