"""Stations whose clock or place is in doubt: every change of mind is a row, the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, insert, select

from pipeline.ledger.source_tables import station_verdicts

SUSPECT: Final = "suspect"
CLEARED: Final = "cleared"


@dataclass(frozen=True)
class Verdict:
    """What is held of a station; see ``pipeline.ledger.source_tables.station_verdicts``.

    ``kind`` is ``clock_shift`` or ``swapped``, ``state`` suspect or cleared, ``since`` the first interval end
    of the hours that were judged, ``score`` by how much the other explanation fits better.
    """

    station: str
    quantity: str
    kind: str
    state: str
    since: datetime
    noticed_at: datetime
    score: float
    detail: str


def append_verdicts(conn: Connection, world: str, verdicts: Sequence[Verdict]) -> None:
    """Write down verdicts.

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> day = parse_instant("2019-03-01T00:00Z")
    >>> late = Verdict("cnemc:1001A", "pm2p5", "clock_shift", SUSPECT, day, day, 0.4, "3 h late")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         append_verdicts(conn, "measured", [late])
    ...         print(newest_verdicts(conn, "measured") == [late])
    ...     ledger.close()
    True
    """
    if verdicts:
        conn.execute(insert(station_verdicts), [{"world": world, **vars(v)} for v in verdicts])


def newest_verdicts(conn: Connection, world: str) -> list[Verdict]:
    """Return the newest verdict of each station, quantity and kind, sorted."""
    c = station_verdicts.c
    last = select(func.max(c.seq)).where(c.world == world).group_by(c.station, c.quantity, c.kind)
    return _read(conn, c.seq.in_(last))


def all_verdicts(conn: Connection, world: str) -> list[Verdict]:
    """Return every verdict of a world, sorted by station and kind, oldest first."""
    return _read(conn, station_verdicts.c.world == world)


def _read(conn: Connection, wanted: object) -> list[Verdict]:
    c = station_verdicts.c
    names = list(Verdict.__dataclass_fields__)
    query = select(*(c[name] for name in names)).where(wanted)  # type: ignore[arg-type]
    ordered = query.order_by(c.station, c.quantity, c.kind, c.seq)
    return [Verdict(**dict(row._mapping)) for row in conn.execute(ordered)]
