"""Quality flags of rows on arrival: each value against what came before it, never against what came after."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.quality import Flags, flag_series, worst
from pipeline.names import QC_NOT_EVALUATED
from pipeline.schema import OBSERVATION_COLUMNS

_COLUMNS: Final = list(OBSERVATION_COLUMNS)


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
    known = recent[_COLUMNS].assign(place=-1) if len(recent) else fresh[:0]
    table = pd.concat([known, fresh], ignore_index=True) if len(known) else fresh
    table = table[table["value"].notna()]
    table = table.drop_duplicates(["station", "quantity", "time"], keep="last")
    table = table.sort_values(["quantity", "station", "time"], kind="stable", ignore_index=True)
    found = _series_flags(table)
    place = table["place"].to_numpy()
    qc = rows["qc"].to_numpy().astype("int8")
    mine = place >= 0
    flags = np.zeros(len(rows), "int8")
    flags[place[mine]] = found[mine]
    judged = np.where(qc == QC_NOT_EVALUATED, 0, qc).astype("int8")
    return rows.assign(qc=worst(judged, flags))


def _series_flags(table: pd.DataFrame) -> Flags:
    out = np.zeros(len(table), "int8")
    station: npt.NDArray[np.integer] = pd.factorize(table["station"])[0]
    for quantity, where in table.groupby("quantity", sort=False).indices.items():
        part = table.iloc[where]
        times, values = part["time"].to_numpy(), part["value"].to_numpy()
        out[where] = flag_series(str(quantity), values, times, station[where])
    return out
