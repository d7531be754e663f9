"""Measurements as the body of an envelope and back: columns of numbers, with the mark under which they came.

A series is one station and quantity: ``interval_end`` [ISO, UTC], ``value`` (null withdraws) and ``quality``
(flags of pipeline.names), of equal length.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.errors import EnvelopeRefused
from pipeline.exchange.canonical import canonical_json
from pipeline.names import QUANTITIES
from pipeline.schema import OBSERVATION_COLUMNS, STATION_COLUMNS
from pipeline.sharing import RECEIVED, Mark
from pipeline.times import from_ns, iso, parse_instant, to_ns

MOST_VALUES: Final = 20_000
"""How many values one envelope holds at most."""


def body_of(rows: pd.DataFrame, stations: pd.DataFrame, mark: Mark) -> dict[str, Any]:
    """Return rows as a body, with their stations and their mark.

    Parameters
    ----------
    rows : OBSERVATION_COLUMNS, each key once; NaN withdraws
    stations : STATION_COLUMNS, of which those with rows are taken
    """
    series = [
        {
            "station": str(station),
            "quantity": str(quantity),
            "unit": QUANTITIES[str(quantity)].unit,
            "interval_end": [iso(from_ns(t)) for t in part["time"].to_numpy()],
            "value": [None if math.isnan(v) else float(v) for v in part["value"]],
            "quality": [int(q) for q in part["qc"]],
        }
        for (station, quantity), part in rows.groupby(["station", "quantity"], sort=True, observed=True)
    ]
    named = stations[stations["station"].isin(rows["station"].unique())]
    return {
        "mark": asdict(mark),
        "stations": [_station(row) for row in named.to_dict("records")],
        "series": series,
    }


def rows_of(body: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of a checked body as OBSERVATION_COLUMNS, a withdrawal as NaN.

    Raises
    ------
    EnvelopeRefused
        columns of unequal length, an instant that is none, a quantity or unit that is not known here
    """
    parts = [_series(series) for series in body["series"]]
    rows = pd.concat(parts, ignore_index=True)[list(OBSERVATION_COLUMNS)]
    return rows.drop_duplicates(["station", "quantity", "time"], keep="last", ignore_index=True)


def stations_of(body: Mapping[str, Any]) -> pd.DataFrame:
    """Return the stations of a checked body as STATION_COLUMNS."""
    rows = [
        {
            name: math.nan if s[name] is None and name in ("latitude", "longitude", "altitude") else s[name]
            for name in STATION_COLUMNS
        }
        for s in body["stations"]
    ]
    return pd.DataFrame(rows, columns=list(STATION_COLUMNS))


def mark_of(body: Mapping[str, Any]) -> Mark:
    """Return the mark under which a checked body came."""
    return Mark(**body["mark"])


def source_of(sender: str, mark: Mark) -> str:
    """Return the source under which a party's values are stored: a mark has a source of its own.

    >>> source_of("beijing", Mark("air", "as agreed", "", "parties", 0))
    'party.beijing.air.dd95f871'
    """
    digest = hashlib.sha256(canonical_json(asdict(mark))).hexdigest()[:8]
    return f"{RECEIVED}{sender}.{mark.rule}.{digest}"


def _series(series: Mapping[str, Any]) -> pd.DataFrame:
    where = f"{series['station']} {series['quantity']}"
    quantity = QUANTITIES.get(series["quantity"])
    if quantity is None or quantity.unit != series["unit"]:
        raise EnvelopeRefused("malformed", f"{where}: this quantity and unit are not known here")
    if not len(series["interval_end"]) == len(series["value"]) == len(series["quality"]):
        raise EnvelopeRefused("malformed", f"{where}: columns of unequal length")
    try:
        times = [to_ns(parse_instant(text)) for text in series["interval_end"]]
    except ValueError:
        raise EnvelopeRefused("malformed", f"{where}: an interval end is no instant") from None
    return pd.DataFrame(
        {
            "station": series["station"],
            "quantity": series["quantity"],
            "time": np.array(times, dtype="datetime64[ns]"),
            "value": np.array([math.nan if v is None else v for v in series["value"]], dtype=np.float64),
            "qc": np.array(series["quality"], dtype=np.int8),
        }
    )


def _station(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """Return a row of STATION_COLUMNS as plain data; what is not known is null."""
    plain = {name: row[name] for name in STATION_COLUMNS}
    for name in ("latitude", "longitude", "altitude"):
        plain[name] = None if math.isnan(plain[name]) else float(plain[name])
    return {**plain, "interval_hours": int(plain["interval_hours"]), "city": str(plain["city"])}
