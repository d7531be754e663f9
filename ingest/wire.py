"""What all parsers share: numbers from strings, JSON from bytes, rows from values, one timed request."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ingest.quality import range_flags
from pipeline.bulletins import Bulletin
from pipeline.errors import BadPayload
from pipeline.schema import OBSERVATION_COLUMNS, STATION_COLUMNS, check_observations
from pipeline.times import to_ns

REMEDY: Final = "compare the raw answer in quarantine with the documented shape"


class Parsed(NamedTuple):
    """What one answer holds; any part may be empty.

    ``covered`` names the units and instants that it answers for, None: those that the request named.
    ``left_out`` says which rows could not be read while the rest could; the answer is then kept as well.
    """

    observations: pd.DataFrame
    stations: pd.DataFrame
    bulletins: tuple[Bulletin, ...] = ()
    forecasts: tuple[xr.Dataset, ...] = ()
    covered: tuple[tuple[str, datetime], ...] | None = None
    left_out: tuple[BadPayload, ...] = ()


class Reading(NamedTuple):
    """One value of one station: quantity, interval end [UTC] and value in the quantity's unit."""

    station: str
    quantity: str
    time: np.datetime64
    value: float


def to_number(text: object, source: str, field: str, missing: Collection[object]) -> float:
    """Return a number that came as text; NaN for one of the source's missing marks.

    Raises
    ------
    BadPayload
        for anything else that is not a finite number

    Examples
    --------
    >>> to_number("35", "cnemc", "PM2_5", {"NA"}), to_number("NA", "cnemc", "PM2_5", {"NA"})
    (35.0, nan)
    """
    if isinstance(text, str):
        text = text.strip()
    if text is None or (isinstance(text, str) and text in missing):
        return math.nan
    try:
        number = (
            float(text) if isinstance(text, str | int | float) and not isinstance(text, bool) else math.nan
        )
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise BadPayload(source, f"{str(text)[:40]!r} is no number", field=field, remedy=REMEDY)
    return number


def hour_end(when: datetime, source: str, field: str) -> np.datetime64:
    """Return the end of an hourly interval [UTC]; anything but a whole hour of our times is a BadPayload.

    >>> str(hour_end(datetime.fromisoformat("2025-01-01T00:00+08:00"), "cnemc", "TimePoint"))[:16]
    '2024-12-31T16:00'
    """
    if not 1990 <= when.year <= 2199 or (when.minute, when.second, when.microsecond) != (0, 0, 0):
        raise BadPayload(source, f"{str(when)[:40]!r} is no end of an hour", field=field, remedy=REMEDY)
    return to_ns(when)


def load_json(payload: bytes, source: str) -> Any:
    """Return the JSON of an answer; an HTML page or other text is a BadPayload."""
    try:
        return json.loads(payload.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        start = payload[:40].decode("utf-8", "replace")
        raise BadPayload(source, f"the answer is no JSON; it starts with {start!r}", remedy=REMEDY) from error


def required(item: Mapping[str, Any], field: str, source: str) -> Any:
    """Return a field that every item must have.

    >>> required({"a": 1}, "a", "x")
    1
    """
    if not isinstance(item, Mapping) or field not in item:
        raise BadPayload(source, "an item lacks a field", field=field, remedy=REMEDY)
    return item[field]


def flags(quantity: Sequence[str], value: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Return the range test of mixed quantities (see ``ingest.quality.range_flags``).

    >>> flags(["pm2p5", "pm10"], np.array([35.0, -9999.0])).tolist()
    [0, 2]
    """
    names = np.asarray(quantity, dtype=object)
    out = np.zeros(len(value), dtype=np.int8)
    for name in set(quantity):
        out[names == name] = range_flags(name, value[names == name])
    return out


def observation_rows(readings: Sequence[Reading]) -> pd.DataFrame:
    """Return readings as observation rows (OBSERVATION_COLUMNS), missing values left out, range-checked.

    >>> r = Reading("cnemc:1001A", "pm2p5", np.datetime64("2022-01-04T08", "ns"), 54.0)
    >>> observation_rows([r])[["value", "qc"]].to_dict("list")
    {'value': [54.0], 'qc': [0]}
    """
    there = [r for r in readings if math.isfinite(r.value)]
    value = np.array([r.value for r in there], dtype=float)
    quantity = [r.quantity for r in there]
    rows = pd.DataFrame(
        {
            "station": pd.Series([r.station for r in there], dtype="str"),
            "quantity": pd.Series(quantity, dtype="str"),
            "time": np.array([r.time for r in there], dtype="datetime64[ns]"),
            "value": value,
            "qc": flags(quantity, value),
        }
    )
    return check_observations(rows[list(OBSERVATION_COLUMNS)])


def station_rows(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return a table of stations (STATION_COLUMNS), one row per station; later mentions win.

    >>> station_rows([]).columns.tolist() == list(STATION_COLUMNS)
    True
    """
    table = pd.DataFrame(list(rows), columns=list(STATION_COLUMNS))
    return table.drop_duplicates("station", keep="last", ignore_index=True)


def nothing() -> Parsed:
    """Return an answer without content.

    >>> len(nothing().observations), len(nothing().stations), nothing().bulletins
    (0, 0, ())
    """
    return Parsed(observation_rows([]), station_rows([]))
