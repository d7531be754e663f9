"""Quality flags of rows on arrival: each value against what came before it, never against what came after."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.quality import FLAT_HOURS, STEP_LIMITS, Flags, flag_series, range_flags, worst
from ingest.quality_grid import as_grids
from ingest.quality_hourly import LIMITS, arrival_flags
from ingest.quality_network import find_near
from ingest.quality_pair import pair_flags
from pipeline.schema import OBSERVATION_COLUMNS

KEYS: Final = ["station", "quantity", "time"]
_COLUMNS: Final = list(OBSERVATION_COLUMNS)
WITH_HISTORY: Final = frozenset(LIMITS) | frozenset(STEP_LIMITS) | frozenset(FLAT_HOURS)
"""Quantities that are judged by earlier values, too; of the others ``recent`` needs no rows."""


def flag_arrivals(rows: pd.DataFrame, recent: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the flags of their arrival; no value changes and no row goes.

    A flag that a row brings along (instrument status, range) is kept unless a test finds worse. Values of an
    hour are judged by values of the same and of earlier hours only.

    Parameters
    ----------
    rows : new or changed rows of OBSERVATION_COLUMNS, in any order
    recent : newest stored versions of about the last 48 h of these stations (and of their neighbours, where
        the caller has them) with at least OBSERVATION_COLUMNS; keys that ``rows`` also holds are ignored
    stations : known stations (STATION_COLUMNS)

    Returns
    -------
    ``rows`` in the same order and with the same index, only ``qc`` differing

    Examples
    --------
    >>> from pipeline.schema import STATION_COLUMNS
    >>> t = np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-01T03", "2020-01-01T04"], "M8[ns]")
    >>> rows = pd.DataFrame({"station": "a:1", "quantity": "pm2p5", "time": t,
    ...     "value": [30.0, 31.0, 35.0, 900.0], "qc": np.int8(0)})
    >>> flag_arrivals(rows[3:], rows[:3], pd.DataFrame(columns=list(STATION_COLUMNS)))["qc"].tolist()
    [1]
    """
    if not len(rows):
        return rows
    fresh = rows[_COLUMNS].assign(place=np.arange(len(rows)))
    known = recent.loc[recent["quantity"].isin(WITH_HISTORY), _COLUMNS].assign(place=-1)
    table = pd.concat([known, fresh]) if len(known) else fresh
    table = table[np.isfinite(table["value"])]
    table = table.drop_duplicates(KEYS, keep="last").reset_index(drop=True)
    found = judged(table, stations)
    place = table["place"].to_numpy()
    flags = np.zeros(len(rows), np.int8)
    flags[place[place >= 0]] = found[place >= 0]
    return rows.assign(qc=worst(rows["qc"].to_numpy().astype(np.int8), flags))


def judged(table: pd.DataFrame, stations: pd.DataFrame) -> Flags:
    """Return the flag that each row of a table gets by the rows of the same and of earlier hours.

    Parameters
    ----------
    table : OBSERVATION_COLUMNS, each key once, none missing; its own ``qc`` plays no part

    Examples
    --------
    >>> from pipeline.schema import STATION_COLUMNS
    >>> rows = pd.DataFrame({"station": "a:1", "quantity": ["pm2p5", "pm10"], "value": [200.0, 40.0],
    ...     "time": np.datetime64("2020-01-01T01", "ns"), "qc": np.int8(0)})
    >>> judged(rows, pd.DataFrame(columns=list(STATION_COLUMNS))).tolist()
    [1, 1]
    """
    flags = np.zeros(len(table), np.int8)
    codes, quantities = pd.factorize(table["quantity"])
    for code, quantity in enumerate(quantities):
        where = np.flatnonzero(codes == code)
        flags[where] = range_flags(str(quantity), table["value"].to_numpy()[where])
        if quantity in WITH_HISTORY:
            flags[where] = worst(flags[where], _history_flags(str(quantity), table.iloc[where], stations))
    return worst(flags, pair_flags(table, flags))


def _history_flags(quantity: str, part: pd.DataFrame, stations: pd.DataFrame) -> Flags:
    """Judge the rows of one quantity by what came before: in its network if hourly, else by itself."""
    flags = np.zeros(len(part), np.int8)
    left = np.ones(len(part), np.bool_)
    for grid in as_grids(part, stations) if quantity in LIMITS else ():
        found = arrival_flags(quantity, grid.values, find_near(stations, grid.stations))
        flags[grid.rows] = grid.of_rows(found)
        left[grid.rows] = False
    if left.any():
        flags[left] = _series_flags(quantity, part[left])
    return flags


def _series_flags(quantity: str, part: pd.DataFrame) -> Flags:
    """Judge rows that are on no hourly grid, series by series."""
    station: npt.NDArray[np.integer] = pd.factorize(part["station"])[0]
    times = part["time"].to_numpy()
    order = np.lexsort((times, station))
    flags = np.zeros(len(part), np.int8)
    flags[order] = flag_series(quantity, part["value"].to_numpy()[order], times[order], station[order])
    return flags
