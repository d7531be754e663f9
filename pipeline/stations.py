"""Stations: versioned rows in the ledger, of which the newest counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, insert, select

from pipeline.errors import ContractError
from pipeline.ledger.batches import next_receipt
from pipeline.ledger.tables import station_rows
from pipeline.schema import STATION_COLUMNS

_NUMBERS = ("latitude", "longitude", "altitude", "interval_hours")


def append_stations(
    conn: Connection, stations: pd.DataFrame, *, source: str, world: str, now: datetime
) -> int:
    """Store the stations that are new or differ from their newest row; return how many.

    Raises
    ------
    ContractError
        a column of STATION_COLUMNS is missing, or a station has no interval length
    """
    missing = [c for c in STATION_COLUMNS if c not in stations.columns]
    if missing or stations["interval_hours"].isna().any():
        raise ContractError(f"stations lack {missing or 'interval_hours'}; see docs/data-contracts.md")
    known = {row["station"]: row for row in _newest(conn, world, None)}
    given = {str(row["station"]): _plain(row) for row in stations.to_dict("records")}
    changed = [row for station, row in given.items() if row != known.get(station)]
    if changed:
        at = next_receipt(conn, world, now)
        extra = {"world": world, "source": source, "received_at": at}
        conn.execute(insert(station_rows), [{**row, **extra} for row in changed])
    return len(changed)


def read_stations(conn: Connection, world: str, as_of: datetime | None) -> pd.DataFrame:
    """Return the newest row of every station, sorted; see ObservationStore.stations."""
    rows = {row["station"]: row for row in _newest(conn, world, None, first=True)} if as_of else {}
    rows |= {row["station"]: row for row in _newest(conn, world, as_of)}
    table = pd.DataFrame([rows[name] for name in sorted(rows)], columns=list(STATION_COLUMNS))
    numbers = {name: "float64" for name in _NUMBERS}
    return table.astype({name: numbers.get(name, "str") for name in STATION_COLUMNS})


def _newest(
    conn: Connection, world: str, as_of: datetime | None, *, first: bool = False
) -> list[dict[str, Any]]:
    """Return the newest (or first) row of each station that was known at an instant."""
    wanted = station_rows.c.world == world
    if as_of is not None:
        wanted &= station_rows.c.received_at <= as_of
    pick = func.min if first else func.max
    last = select(pick(station_rows.c.seq)).where(wanted).group_by(station_rows.c.station)
    query = select(*(station_rows.c[name] for name in STATION_COLUMNS))
    return [dict(row._mapping) for row in conn.execute(query.where(station_rows.c.seq.in_(last)))]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row as the ledger holds it: text, numbers, None for NaN."""
    plain: dict[str, Any] = {name: str(row[name]) for name in STATION_COLUMNS if name not in _NUMBERS}
    for name in _NUMBERS:
        number = float(row[name])
        plain[name] = None if np.isnan(number) else number
    return plain
