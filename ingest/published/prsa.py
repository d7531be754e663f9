"""UCI data set 501, "Beijing Multi-Site Air Quality": ``PRSA_Data_<station>_….csv``, one station a file.

Layout [found: a real file]: ``No, year, month, day, hour, PM2.5, PM10, SO2, NO2, CO, O3, TEMP, PRES, DEWP,
RAIN, wd, WSPM, station``; ``NA`` is missing; everything in ug m-3 (CO too), degrees Celsius, hPa, mm and
m s-1; wind directions as compass points. Times are Beijing time, taken as hour-ending like the national
network from which the values come (the prepared city mean has them so). The weather is that of the nearest
weather station.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.archive_layouts import HECTOPASCAL, KELVIN
from ingest.archive_stations import Station
from ingest.published.table import BEIJING, FileTable, LeftOut, Piece, Values, instants, joined
from ingest.published.text import Texts, coded, columns_of, needed, numbers, rows_of

SOURCE: Final = "archive-uci-prsa"
START: Final = "No,year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3"
MISSING: Final = ("", "NA")
WHEN: Final = ("year", "month", "day", "hour")

COLUMNS: Final[dict[str, tuple[str, float, float]]] = {
    "PM2.5": ("pm2p5", 1.0, 0.0),
    "PM10": ("pm10", 1.0, 0.0),
    "SO2": ("sulfur_dioxide", 1.0, 0.0),
    "NO2": ("nitrogen_dioxide", 1.0, 0.0),
    "CO": ("carbon_monoxide", 1.0, 0.0),
    "O3": ("ozone", 1.0, 0.0),
    "TEMP": ("air_temperature", 1.0, KELVIN),
    "PRES": ("surface_air_pressure", HECTOPASCAL, 0.0),
    "DEWP": ("dew_point_temperature", 1.0, KELVIN),
    "RAIN": ("precipitation_amount", 1.0, 0.0),
    "WSPM": ("wind_speed", 1.0, 0.0),
}
"""Column: our quantity, factor and offset to its unit."""

POINTS: Final = (
    "N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW",
)  # fmt: skip
"""Directions the wind comes from, 22.5 degrees apart."""


def recognises(name: str, head: bytes) -> bool:
    """Tell whether a file begins with the header of this data set, quoted or not.

    >>> recognises("x.csv", b'"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP"')
    True
    """
    return head.removeprefix(b"\xef\xbb\xbf").replace(b'"', b"").startswith(START.encode())


def read(payload: bytes, name: str) -> FileTable:
    r"""Read one file.

    Raises
    ------
    BadPayload
        a column is missing, or no row can be read

    Examples
    --------
    >>> text = START + ",wd,station\n1,2013,3,1,0,4,NA,4,7,300,77,NNW,Dongsi\n"
    >>> table = read(text.encode(), "a.csv")
    >>> table.stations, table.quantities[table.quantity[0]], table.value.tolist()
    (('beijing:dongsi',), 'pm2p5', [4.0, 4.0, 7.0, 300.0, 77.0, 337.5])
    """
    left_out = LeftOut(name)
    header, *rows = rows_of(payload, name) or [[]]
    columns = columns_of(header, rows, left_out)
    needed(columns, (*WHEN, "station", "PM2.5"), name)
    station, names = coded(columns["station"])
    time, there = instants(*(numbers(columns[c], c, left_out) for c in WHEN))
    if not there.all():
        left_out.add("some rows", "have no date and hour", "hour", int((~there).sum()))
    values = {}
    for label, (quantity, scale, offset) in COLUMNS.items():
        if label in columns:
            values[quantity] = numbers(columns[label], label, left_out, MISSING) * scale + offset
    if "wd" in columns:
        values["wind_from_direction"] = _degrees(columns["wd"], left_out)
    ids = [f"beijing:{n.strip().lower()}" for n in names]
    listed = [Station(i, city="beijing") for i in ids]
    pieces = [
        Piece(q, station, time + BEIJING, np.where(there, value, np.nan)) for q, value in values.items()
    ]
    return joined(SOURCE, ids, pieces, left_out, listed=listed)


def _degrees(texts: Texts, left_out: LeftOut) -> Values:
    """Return compass points as degrees."""
    known = {point: 22.5 * at for at, point in enumerate(POINTS)} | dict.fromkeys(MISSING, np.nan)
    words = [str(t).strip() for t in texts]
    strange = [w for w in words if w not in known]
    if strange:
        left_out.add("the wind", f"{strange[0][:40]!r} is no direction", "wd", len(strange))
    return np.array([known.get(w, np.nan) for w in words], dtype=np.float64)
