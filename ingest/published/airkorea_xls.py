"""Hourly tables of AirKorea's web pages as Excel files: one pollutant, day and region a file.

Layout [found: a real file]: a title that names the pollutant ("초미세먼지(PM2.5) 시간별 측정정보"), a
header ``측정망, 측정소명, 1시 … 24시``, then one row per station ("[서울 강남구]강남구"). Hours 1 … 24 name
the END of the hour, KST; 24시 is midnight of the next day. The file does not say its date: the last eight
digits of the file name do. Gases are in ppm [own knowledge, unverified: only a PM2.5 file was seen]. Missing:
"-" or empty; 0 can be real.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import numpy as np

from ingest.archive_stations import Station
from ingest.published.sheets import is_workbook, sheet_rows
from ingest.published.table import FIRST_YEAR, KOREA, LAST_YEAR, FileTable, LeftOut, Piece, bad, joined
from ingest.published.text import numbers
from pipeline.times import NS_HOUR

SOURCE: Final = "archive-airkorea-web"
MISSING: Final = ("", "-")
QUANTITIES_OF: Final = {
    "PM2.5": ("pm2p5", 1.0),
    "PM10": ("pm10", 1.0),
    "O3": ("ozone_fraction", 1000.0),
    "NO2": ("nitrogen_dioxide_fraction", 1000.0),
    "SO2": ("sulfur_dioxide_fraction", 1000.0),
    "CO": ("carbon_monoxide_fraction", 1000.0),
}
URBAN: Final = "도시대기"
"""Only urban background stations make up a city mean."""
NETWORKS: Final = {URBAN: "urban background", "도로변대기": "roadside"}
HOURS: Final = [f"{hour}시" for hour in range(1, 25)]

_TITLE = re.compile(r"\((PM2\.5|PM10|O3|NO2|SO2|CO)\)")
_PLACE = re.compile(r"\[\s*(\S+)[^\]]*\]\s*(.+)")
_DATE = re.compile(r"(?<!\d)(\d{4})(\d\d)(\d\d)(?!\d)")


def recognises(name: str, head: bytes) -> bool:
    """Tell whether a file is a workbook whose name says "airkorea".

    >>> recognises("airkorea_seoul_districts_20221202.xls", bytes.fromhex("d0cf11e0a1b11ae1"))
    True
    """
    return "airkorea" in name.lower() and is_workbook(head)


def read(payload: bytes, name: str) -> FileTable:
    """Read one file.

    Raises
    ------
    BadPayload
        the workbook is damaged, its title or header is another, or its name holds no date
    """
    left_out = LeftOut(name)
    day = _day(name)
    rows = sheet_rows(payload, name)
    quantity, factor = _quantity(rows, name)
    top = next((at for at, row in enumerate(rows) if row[:2] == ["측정망", "측정소명"]), None)
    if top is None or rows[top][2:26] != HOURS:
        raise bad(name, "has no header 측정망, 측정소명, 1시 … 24시", field="header")
    stations: list[Station] = []
    cells: list[str] = []
    for number, row in enumerate(rows[top + 1 :], top + 2):
        place = _PLACE.fullmatch(row[1].strip())
        if place is None:
            if any(row):
                left_out.add(f"row {number}", f"{row[1][:40]!r} is no station", "측정소명")
            continue
        city = "seoul" if place[1] == "서울" and row[0].strip() == URBAN else ""
        note = NETWORKS.get(row[0].strip(), row[0].strip())
        stations.append(Station(f"airkorea:{place[2].strip()}", place[2].strip(), city=city, note=note))
        cells += row[2:26]
    value = numbers(np.array(cells, dtype=object), quantity, left_out, MISSING) * factor
    code = np.repeat(np.arange(len(stations), dtype=np.int32), 24)
    time = np.tile(day * 24 + np.arange(1, 25), len(stations)) * NS_HOUR + KOREA
    piece = Piece(quantity, code, time, value)
    return joined(SOURCE, [s.station for s in stations], [piece], left_out, listed=stations)


def _day(name: str) -> int:
    """Return the date in a file name as days since 1970."""
    for year, month, day in reversed(_DATE.findall(name)):
        try:
            found = date(int(year), int(month), int(day))
        except ValueError:
            continue
        if FIRST_YEAR <= found.year <= LAST_YEAR:
            return (found - date(1970, 1, 1)).days
    raise bad(name, "the file does not say its date; give it a name that ends in YYYYMMDD", field="date")


def _quantity(rows: list[list[str]], name: str) -> tuple[str, float]:
    """Return quantity and factor that the title above the table names."""
    for row in rows[:4]:
        for cell in row:
            found = _TITLE.search(cell)
            if found is not None:
                return QUANTITIES_OF[found[1]]
    raise bad(name, "no title above the table names a pollutant", field="title")
