"""PM2.5 is a part of PM10: where it is clearly more, one of the two instruments is wrong."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from ingest.quality import Flags
from pipeline.names import QC_PASS, QC_SUSPECT

SHARE: Final = 1.2
"""PM2.5 may exceed PM10 by a fifth: two instruments, two inlets, humid air …"""
MARGIN: Final = 20.0
"""… and by this much [ug m-3]."""


def pair_flags(table: pd.DataFrame, flags: Flags) -> Flags:
    """Suspect both values where PM2.5 > SHARE · PM10 + MARGIN at one station and hour.

    Where another test has found one of the two already, that explains it and the other stays as it is.

    Parameters
    ----------
    table : station, quantity, time and value, each key once
    flags : (n,) what the other tests found

    Examples
    --------
    >>> rows = pd.DataFrame({"station": "a:1", "quantity": ["pm2p5", "pm10"], "value": [69.0, 40.0],
    ...     "time": np.datetime64("2020-01-01T01", "ns")})
    >>> none = np.zeros(2, "int8")
    >>> pair_flags(rows, none).tolist(), pair_flags(rows.assign(value=[68.0, 40.0]), none).tolist()
    ([1, 1], [0, 0])
    """
    found = np.full(len(table), QC_PASS, np.int8)
    clean = table.assign(place=np.arange(len(table)))[flags == QC_PASS]
    fine = clean[clean["quantity"] == "pm2p5"]
    coarse = clean[clean["quantity"] == "pm10"]
    if len(fine) and len(coarse):
        pairs = fine.merge(coarse, on=["station", "time"], suffixes=("", "_coarse"))
        wrong = pairs[pairs["value"] > SHARE * pairs["value_coarse"] + MARGIN]
        found[wrong["place"].to_numpy()] = QC_SUSPECT
        found[wrong["place_coarse"].to_numpy()] = QC_SUSPECT
    return found
