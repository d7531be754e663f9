"""PM2.5 of the US embassy and consulates in China: the StateAir / AirNow files, one site and year a file.

Layout [found: the real file of Beijing 2019]: ``Site, Parameter, Date (LT), Year, Month, Day, Hour, NowCast
Conc., AQI, AQI Category, Raw Conc., Conc. Unit, Duration, QC Name``; the value is ``Raw Conc.``. The older
files of StateAir have some lines of text above the header and call the value ``Value`` [own knowledge,
unverified]. Hours 0 … 23 in Beijing time name the END of the hour (12 AM is hour 0 of the next day; all 8719
valid hours of 2019 agree with the prepared table).

Missing: -999, and any value with a QC name of "Missing". Another QC name than "Valid" is stored as failed.
Values from -15 to 0 are noise of the instrument in clean air and are stored as 0, as in the prepared table;
lower ones fail the range test.

Trap: on the day of American summer time (2019-03-10) one hour is labelled as the next, which then occurs
twice while it is absent itself. The first of such a pair is put back by one hour and stored as suspect.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.archive_stations import NETWORK_NOTES, Station
from ingest.published.table import BEIJING, FileTable, LeftOut, Piece, Times, bad, instants, joined
from ingest.published.text import Texts, columns_of, needed, numbers, rows_of
from pipeline.names import QC_FAIL, QC_PASS, QC_SUSPECT
from pipeline.times import NS_HOUR

SOURCE: Final = "archive-stateair"
START: Final = b"Site,Parameter,Date (LT),Year,Month,Day,Hour,"
MISSING: Final = ("", "-999", "-999.0", "NA")
NOISE: Final = -15.0
"""Down to this a negative value is noise around zero [ug m-3]."""

WHEN: Final = ("Year", "Month", "Day", "Hour")

SITES: Final = {
    "Beijing": (39.95, 116.47),
    "Chengdu": (30.63, 104.07),
    "Guangzhou": (23.12, 113.32),
    "Shanghai": (31.21, 121.44),
    "Shenyang": (41.78, 123.42),
}
"""Latitude and longitude of the posts, to about 1 km [own knowledge, unverified]; the files give none."""


def recognises(name: str, head: bytes) -> bool:
    """Tell whether a file holds the header of these tables near its beginning.

    >>> recognises("Beijing_PM2.5_2019_YTD.csv", START + b"Raw Conc.")
    True
    """
    return START in head[:4096]


def read(payload: bytes, name: str) -> FileTable:
    r"""Read one file.

    Raises
    ------
    BadPayload
        a column is missing, the site or the parameter is unknown, or no row can be read

    Examples
    --------
    >>> text = START + b"Raw Conc.,QC Name\nBeijing,PM2.5 - Principal,x,2019,01,01,01,57.0,Valid\n"
    >>> table = read(text, "a.csv")
    >>> table.stations, table.value.tolist(), str(table.time.view("M8[ns]")[0])[:13]
    (('archive:us_embassy_beijing',), [57.0], '2018-12-31T17')
    """
    left_out = LeftOut(name)
    rows = rows_of(payload, name)
    starts = START.decode().rstrip(",").split(",")
    at = next((i for i, row in enumerate(rows) if row[: len(starts)] == starts), None)
    if at is None:
        raise bad(name, "holds no header of StateAir")
    columns = columns_of(rows[at], rows[at + 1 :], left_out, at + 2)
    field = "Raw Conc." if "Raw Conc." in columns else "Value"
    needed(columns, (field, "QC Name"), name)
    site = _site(columns["Site"], columns["Parameter"], name)
    time, there = instants(*(numbers(columns[c], c, left_out) for c in WHEN))
    if not there.all():
        left_out.add("some rows", "have no date and hour", "Date (LT)", int((~there).sum()))
    quality = np.char.strip(columns["QC Name"].astype(str))
    value = numbers(columns[field], field, left_out, MISSING)
    value[(quality == "Missing") | ~there | (value == -999)] = np.nan
    value[(value < 0) & (value >= NOISE)] = 0.0
    qc = np.where(quality == "Valid", QC_PASS, QC_FAIL).astype(np.int8)
    shifted = _labelled_late(time)
    time[shifted] -= NS_HOUR
    qc[shifted & (qc == QC_PASS)] = QC_SUSPECT
    station = f"archive:us_embassy_{site.lower()}"
    piece = Piece("pm2p5", np.zeros(len(time), np.int32), time + BEIJING, value, qc)
    listed = _listed(station, site)
    not_kept = len(time) * sum(c in columns for c in ("NowCast Conc.", "AQI"))
    return joined(SOURCE, [station], [piece], left_out, listed=[listed], not_kept=not_kept)


def _site(sites: Texts, parameters: Texts, name: str) -> str:
    """Return the one site of a file; anything but PM2.5 of a known post is refused."""
    found = sorted({str(s).strip() for s in sites})
    if len(found) != 1 or found[0] not in SITES:
        raise bad(name, f"the site is {found[:3]}, not one of {sorted(SITES)}", field="Site")
    other = sorted({str(p) for p in parameters if not str(p).startswith("PM2.5")})
    if other:
        raise bad(name, f"the parameter {other[0][:40]!r} is not PM2.5", field="Parameter")
    return found[0]


def _labelled_late(time: Times) -> npt.NDArray[np.bool_]:
    """Tell which rows have the label of the hour after: that of the next row, two hours after the last."""
    late = np.zeros(len(time), dtype=np.bool_)
    late[1:-1] = (time[1:-1] == time[2:]) & (time[1:-1] - time[:-2] == 2 * NS_HOUR)
    return late


def _listed(station: str, site: str) -> Station:
    latitude, longitude = SITES[site]
    city = "beijing" if site == "Beijing" else ""
    note = NETWORK_NOTES["archive:us_embassy"]
    return Station(station, site, latitude, longitude, city=city, note=note)
