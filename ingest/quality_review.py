"""The second look: flags of the last days, once it is known what followed, as new versions of the values.

A version of the review is received when the review was made, so that no hindcast knows it earlier.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

from ingest.quality import Flags, range_flags, worst
from ingest.quality_arrival import KEYS
from ingest.quality_grid import Grid, as_grids
from ingest.quality_hourly import LIMITS, arrival_flags, review_flags
from ingest.quality_network import Near, find_near
from ingest.quality_pair import pair_flags
from pipeline.names import QC_FAIL, QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT
from pipeline.times import to_ns

REVIEWED: Final = tuple(LIMITS)
"""Quantities that are looked at again."""


def review_rows(versions: pd.DataFrame, stations: pd.DataFrame, *, after: datetime) -> pd.DataFrame:
    """Return the rows whose flag changes now that later hours are known.

    A flag is raised if the review finds worse. It is lowered from suspect to pass if the tests of arrival
    explain it and the review, which knows what came later, does not share it; any other flag (instrument
    status, range) stays.

    Parameters
    ----------
    versions : VERSION_COLUMNS sorted by time of receipt within each key, from 48 h before ``after`` on
    stations : STATION_COLUMNS
    after : only rows with later interval ends are changed

    Returns
    -------
    OBSERVATION_COLUMNS and ``source``: the values as they are with their new ``qc``

    Examples
    --------
    A rise that was suspect when it came, and lasted:

    >>> from pipeline.schema import STATION_COLUMNS
    >>> from pipeline.times import parse_instant
    >>> t = np.datetime64("2020-01-01T01", "ns") + np.arange(9) * np.timedelta64(1, "h")
    >>> rows = pd.DataFrame({"station": "a:1", "quantity": "pm2p5", "time": t, "received_at": t,
    ...     "value": [30.0] * 3 + [900.0] * 6, "qc": np.array([0, 0, 0, 1] + [0] * 5, "int8"), "source": "a"})
    >>> none = pd.DataFrame(columns=list(STATION_COLUMNS))
    >>> review_rows(rows, none, after=parse_instant("2020-01-01T00:00Z"))[["value", "qc"]].values.tolist()
    [[900.0, 0.0]]
    """
    newest = versions.drop_duplicates(KEYS, keep="last")
    table = newest[np.isfinite(newest["value"])].reset_index(drop=True)
    arrived, later = _two_looks(table, stations)
    old = table["qc"].to_numpy().astype(np.int8)
    raised = worst(old, np.where(later == QC_NOT_EVALUATED, QC_PASS, later).astype(np.int8))
    lowered = (old == QC_SUSPECT) & (arrived == QC_SUSPECT) & (later == QC_PASS)
    new = np.where(lowered, QC_PASS, np.where(old == QC_FAIL, QC_FAIL, raised)).astype(np.int8)
    changed = (new != old) & (table["time"].to_numpy() > to_ns(after))
    out: pd.DataFrame = table.assign(qc=new)[[*KEYS, "value", "qc", "source"]][changed]
    return out.reset_index(drop=True)


def _two_looks(table: pd.DataFrame, stations: pd.DataFrame) -> tuple[Flags, Flags]:
    """Return what the tests of arrival and those of the review say of each row."""
    arrived, later = np.full((2, len(table)), QC_NOT_EVALUATED, np.int8)
    codes, quantities = pd.factorize(table["quantity"])
    for code, quantity in enumerate(quantities):
        if quantity not in LIMITS:
            continue
        where = np.flatnonzero(codes == code)
        part = table.iloc[where]
        for grid in as_grids(part, stations):
            rows = where[grid.rows]
            arrived[rows], later[rows] = _looks(str(quantity), grid, stations)
        later[where] = worst(later[where], range_flags(str(quantity), part["value"].to_numpy()))
    pair = pair_flags(table, np.where(later == QC_NOT_EVALUATED, QC_PASS, later).astype(np.int8))
    return worst(arrived, pair), worst(later, pair)


def _looks(quantity: str, grid: Grid, stations: pd.DataFrame) -> tuple[Flags, Flags]:
    """Look at one matrix; on arrival a station's neighbours may not have been there yet."""
    near = find_near(stations, grid.stations)
    alone = Near(near.index, np.zeros_like(near.there))
    arrived = worst(arrival_flags(quantity, grid.values, near), arrival_flags(quantity, grid.values, alone))
    return grid.of_rows(arrived), grid.of_rows(review_flags(quantity, grid.values, near))
