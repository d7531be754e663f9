"""Hourly values of the 25 district stations of Seoul as a widespread copy has them: tab-separated, no header.

Layout [found: a real file]: time, station code 101 … 125, SO2, NO2, CO, O3 [ppm], PM10, PM2.5 [ug m-3].
Unlike the city's own files the times name the BEGINNING of the hour, KST (1987 of 1987 PM2.5 values of
January 2017 agree with the prepared table one hour later, and only then; that also confirms the codes). The
order of the four gases was taken from their size [unverified]. Missing: 0 or a negative number.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd

from ingest.archive_stations import Station
from ingest.published.table import (
    FIRST_YEAR,
    KOREA,
    LAST_YEAR,
    FileTable,
    LeftOut,
    Piece,
    Times,
    joined,
)
from ingest.published.text import Texts, coded, columns_of, numbers, rows_of
from pipeline.times import NS_HOUR

SOURCE: Final = "archive-seoul-districts"
PPM: Final = 1000.0
"""From ppm to 1e-9."""

COLUMNS: Final = ("time", "code", "SO2", "NO2", "CO", "O3", "PM10", "PM2.5")
QUANTITIES_OF: Final = {
    "SO2": ("sulfur_dioxide_fraction", PPM),
    "NO2": ("nitrogen_dioxide_fraction", PPM),
    "CO": ("carbon_monoxide_fraction", PPM),
    "O3": ("ozone_fraction", PPM),
    "PM10": ("pm10", 1.0),
    "PM2.5": ("pm2p5", 1.0),
}
DISTRICTS: Final = (
    "jongno", "jung", "yongsan", "eunpyeong", "seodaemun", "mapo", "seongdong", "gwangjin", "dongdaemun",
    "jungnang", "seongbuk", "gangbuk", "dobong", "nowon", "yangcheon", "gangseo", "guro", "geumcheon",
    "yeongdeungpo", "dongjak", "gwanak", "seocho", "gangnam", "songpa", "gangdong",
)  # fmt: skip
"""Districts by station code, from 101 on."""

_START = re.compile(rb"(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\d \d{1,2}:\d\d\t\d{3}(?:\t[-\d.]*){6}\r?(?:\n|$)")


def recognises(name: str, head: bytes) -> bool:
    r"""Tell whether the first line looks as these files do.

    >>> recognises("x.tsv", b"2017-01-01 0:00\t102\t0.006\t0.068\t1.3\t0.002\t77\t63\n")
    True
    """
    return _START.match(head) is not None


def read(payload: bytes, name: str) -> FileTable:
    r"""Read one file.

    Raises
    ------
    BadPayload
        no row can be read

    Examples
    --------
    >>> table = read(b"2017-01-01 0:00\t102\t0\t0\t0\t0\t77\t63\n", "a.tsv")
    >>> table.stations, table.value.tolist(), str(table.time.view("M8[ns]")[0])[:13], table.missing
    (('seoul:jung',), [77.0, 63.0], '2016-12-31T16', 4)
    """
    left_out = LeftOut(name)
    columns = columns_of(COLUMNS, rows_of(payload, name, delimiter="\t"), left_out, 1)
    time, there = _times(columns["time"], left_out)
    code, names = coded(columns["code"])
    known = {str(101 + at): district for at, district in enumerate(DISTRICTS)}
    strange = [n for n in names if n not in known]
    if strange:
        left_out.add("the codes", f"{strange[0][:20]!r} is no station of Seoul", "code", len(strange))
        there &= np.isin(code, [at for at, n in enumerate(names) if n in known])
    pieces = []
    for label, (quantity, factor) in QUANTITIES_OF.items():
        value = numbers(columns[label], label, left_out)
        value[(value <= 0) | ~there] = np.nan
        pieces.append(Piece(quantity, code, time, value * factor))
    ids = [f"seoul:{known.get(n, 'unknown')}" for n in names]
    listed = [Station(i, city="seoul") for i, n in zip(ids, names, strict=True) if n in known]
    return joined(SOURCE, ids, pieces, left_out, listed=listed)


def _times(texts: Texts, left_out: LeftOut) -> tuple[Times, np.typing.NDArray[np.bool_]]:
    """Return interval ends [ns since 1970, UTC] of times that name the beginning of the hour."""
    found = pd.to_datetime(pd.Series(texts, dtype=object), format="%Y-%m-%d %H:%M", errors="coerce")
    there = found.notna().to_numpy() & found.dt.year.between(FIRST_YEAR, LAST_YEAR).to_numpy()
    if not there.all():
        left_out.add("some rows", "have no time", "time", int((~there).sum()))
    clean = found.where(there, pd.Timestamp(1990, 1, 1)).to_numpy().astype("datetime64[ns]")
    return clean.view(np.int64) + NS_HOUR + KOREA, there
