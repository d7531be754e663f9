"""Stations of the measured archives: coordinates from the station lists, notes on what each series is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pandas as pd

from ingest.archive_tables import REMEDY, ArchiveTable
from pipeline.errors import BadPayload
from pipeline.schema import STATION_COLUMNS

RETROSPECTIVE: Final = "retrospective product with interpolated stretches; not for hindcasts"
NOTES: Final = {
    "archive:seoul_city_3h_trailing": "reference: trailing 3-h mean of the 25 district stations",
    "archive:seoul_mean_25st": "mean of the 25 district stations",
    "archive:seoul_cleanair_downtown3": "proxy: three downtown districts, 1-5 ug m-3 below the city mean",
    "archive:seoul_berkeley_retro": RETROSPECTIVE,
    "archive:seoul_jung_gu": "one district",
    "archive:seoul_baengnyeong": "upwind island; at the island's weather station within some km",
    "archive:seoul_best_hourly": "proxy: splice of several series; berkeley_retro in it is a "
    + RETROSPECTIVE,
    "archive:beijing_best_hourly": "reference: splice of national stations and US embassy",
    "archive:beijing_mean_35st": "mean of 35 stations of the city",
    "archive:beijing_mean_12nat": "mean of the 12 national stations",
    "archive:beijing_uci12": "mean of 12 national stations after UCI data set 501",
    "archive:beijing_embassy": "US embassy, one site; not fully validated, values down to -15 as published",
    "archive:beijing_china2019_mean12": "mean of 12 CNEMC sites",
    "archive:beijing_pm10_mean_35st": "mean of 35 stations of the city",
}
NETWORK_NOTES: Final = {
    "synop": "WMO SYNOP; rain covers 6, 12 or 24 h, not stated: not evaluated",
    "metar": "NOAA ISD; at the minute of the report; visibility 9900 or 9999 m means 10 km or more",
    "kma_asos": "KMA ASOS; no rain is published as a missing value",
    "kma_buoy": "KMA buoy; the archive gives no position",
    "archive:us_embassy": "US embassy or consulate; not fully validated",
    "archive:korea": "one station; trailing 3-h means",
    "archive:china_city": "mean of the city's CNEMC sites",
}
CHINA_CITIES: Final = {
    "beijing": "北京", "tianjin": "天津", "shijiazhuang": "石家庄", "jinan": "济南", "qingdao": "青岛",
    "dalian": "大连", "shenyang": "沈阳", "shanghai": "上海", "tangshan": "唐山", "yantai": "烟台",
    "weihai": "威海", "nanjing": "南京", "changchun": "长春", "harbin": "哈尔滨", "taiyuan": "太原",
    "hohhot": "呼和浩特", "dandong": "丹东", "lianyungang": "连云港",
}  # fmt: skip
SAME_PLACE: Final = {
    "archive:seoul_jung_gu": "seoul:jung",
    "archive:seoul_baengnyeong": "synop:47102",
    "archive:korea_seoul_seodaemun": "seoul:seodaemun",
    "kma_asos:108": "synop:47108",
}
"""Series that stand where a listed station stands; WMO 47108 is KMA 108."""

MARK: Final = "main source by month: "
_SPAN = re.compile(r"([^,:]+?) (\d{4}-\d{2})…(\d{4}-\d{2})")


@dataclass(frozen=True)
class Station:
    """One row of STATION_COLUMNS while it is being put together; ``months`` goes into the note."""

    station: str
    name: str = ""
    latitude: float = float("nan")
    longitude: float = float("nan")
    altitude: float = float("nan")
    city: str = ""
    interval_hours: int = 1
    note: str = ""
    months: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


def read_stations(path: Path) -> list[Station] | None:
    """Read one station list of a known layout; None for an unknown name.

    Raises
    ------
    BadPayload
        the list cannot be read or lacks a column
    """
    reader = next((r for pattern, r in _READERS.items() if re.fullmatch(pattern, path.name)), None)
    if reader is None:
        return None
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        return [reader({str(k): str(v) for k, v in row.items()}) for row in frame.to_dict("records")]
    except (OSError, ValueError, KeyError, pd.errors.ParserError) as error:
        raise BadPayload(path.name, f"not a readable station list: {error}", remedy=REMEDY) from error


def stations_of(table: ArchiveTable) -> list[Station]:
    """Return the stations of an archive table, without coordinates."""
    names = table.columns or tuple(s.partition(":")[2] for s in table.stations)
    used = {s for b in table.blocks for s in pd.unique(b.codes).tolist()}
    return [
        Station(
            station,
            name,
            city=table.cities[station],
            interval_hours=table.intervals[station],
            note=_note(station),
            months=table.months.get(station, {}),
        )
        for at, (station, name) in enumerate(zip(table.stations, names, strict=True))
        if at in used
    ]


def merge(listed: Iterable[Station], seen: Iterable[Station], stored: pd.DataFrame) -> pd.DataFrame:
    """Join station lists, the series that were seen, and what the store already knows, into one table.

    What this import does not know (a folder without station lists, other months of a splice) is kept
    from the store.

    Returns
    -------
    table of STATION_COLUMNS, sorted by station
    """
    known = {s.station: s for s in _stored(stored)}
    lists = {s.station: s for s in listed}
    rows = {key: replace(_join(known.get(key), s), name=s.name) for key, s in lists.items()}
    for series in seen:
        rows[series.station] = _join(rows.get(series.station) or known.get(series.station), series)
    groups = [s for s in lists.values() if s.group]
    placed = {key: _place(s, rows, known, groups) for key, s in sorted(rows.items())}
    table = pd.DataFrame([_row(s) for s in placed.values()], columns=list(STATION_COLUMNS))
    return table.astype({"latitude": "float64", "longitude": "float64", "altitude": "float64"})


def spans(months: Mapping[str, str]) -> str:
    """Write month → source as spans.

    >>> spans({"2018-05": "12 stations", "2018-06": "embassy", "2018-07": "embassy"})
    '12 stations 2018-05…2018-05, embassy 2018-06…2018-07'
    """
    runs: list[list[str]] = []
    for month in sorted(months):
        follows = runs and runs[-1][0] == months[month] and _next_month(runs[-1][2]) == month
        if follows:
            runs[-1][2] = month
        else:
            runs.append([months[month], month, month])
    return ", ".join(f"{source} {first}…{last}" for source, first, last in runs)


def months_of(note: str) -> dict[str, str]:
    """Read the spans of a note back, so that later years can be added to them.

    >>> months_of("reference; main source by month: 12 stations 2018-05…2018-05, embassy 2018-06…2018-07")
    {'2018-05': '12 stations', '2018-06': 'embassy', '2018-07': 'embassy'}
    """
    out = {}
    for source, first, last in _SPAN.findall(note.partition(MARK)[2]):
        month = first
        while month <= last:
            out[month] = source.strip()
            month = _next_month(month)
    return out


def _next_month(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def _note(station: str) -> str:
    near = (n for start, n in NETWORK_NOTES.items() if station.startswith((start + ":", start + "_")))
    return NOTES.get(station) or next(near, "")


def _join(older: Station | None, newer: Station) -> Station:
    if older is None:
        return newer
    return replace(
        newer,
        name=older.name or newer.name,
        latitude=older.latitude if math.isnan(newer.latitude) else newer.latitude,
        longitude=older.longitude if math.isnan(newer.longitude) else newer.longitude,
        altitude=older.altitude if math.isnan(newer.altitude) else newer.altitude,
        city=newer.city or older.city,
        note=newer.note or older.note,
        months={**older.months, **newer.months},
    )


def _place(
    station: Station, rows: Mapping[str, Station], known: Mapping[str, Station], groups: list[Station]
) -> Station:
    if not math.isnan(station.latitude):
        return station
    twin = SAME_PLACE.get(station.station, "")
    same = rows.get(twin) or known.get(twin)
    if same is not None:
        return replace(station, latitude=same.latitude, longitude=same.longitude, altitude=same.altitude)
    group = _group(station.station)
    points = [s for s in groups if group and s.group == group]
    if not points:
        return station
    return replace(
        station,
        latitude=round(sum(s.latitude for s in points) / len(points), 4),
        longitude=round(sum(s.longitude for s in points) / len(points), 4),
    )


def _group(station: str) -> str:
    if station.startswith("archive:china_city_"):
        return "china:" + CHINA_CITIES.get(station.removeprefix("archive:china_city_"), "?")
    for city in ("seoul", "beijing"):
        if station.startswith(f"archive:{city}_") and not station.endswith("embassy"):
            return city
    return ""


def _row(station: Station) -> dict[str, object]:
    note = station.note
    if station.months:
        note = "; ".join(filter(None, [note, MARK + spans(station.months)]))
    return {name: getattr(station, name) for name in STATION_COLUMNS} | {"note": note}


def _stored(stored: pd.DataFrame) -> list[Station]:
    rows = stored[list(STATION_COLUMNS)].to_dict("records") if len(stored) else []
    return [
        Station(
            **{str(k): v for k, v in row.items()}
            | {"note": _bare(row["note"]), "months": months_of(row["note"])}
        )
        for row in rows
    ]


def _bare(note: str) -> str:
    return note.partition(MARK)[0].rstrip("; ")


def _seoul(row: Mapping[str, str]) -> Station:
    kind = {"도시대기": "urban background", "도로변대기": "roadside"}.get(row["net"], row["net"])
    group = "seoul" if row["id"] and kind == "urban background" else ""
    return _listed(f"seoul:{row['id'] or row['name']}", row, "seoul", f"{kind}; since {row['since']}", group)


def _beijing(row: Mapping[str, str]) -> Station:
    group = "beijing" if row["area"] == "city" else ""
    return _listed(f"beijing:{row['id']}", row, "beijing", row["area"], group)


def _cnemc(row: Mapping[str, str]) -> Station:
    city = "beijing" if row["city"] == "北京" else ""
    return _listed(f"cnemc:{row['code']}", row, city, row["city"], f"china:{row['city']}")


def _synop(row: Mapping[str, str]) -> Station:
    return _listed(f"synop:{row['stn']}", row, "", NETWORK_NOTES["synop"], "")


def _listed(station: str, row: Mapping[str, str], city: str, note: str, group: str) -> Station:
    return Station(
        station,
        row["name"],
        float(row["lat"] if "lat" in row else row["latitude"]),
        float(row["lon"] if "lon" in row else row["longitude"]),
        float(row.get("elev_m") or "nan"),
        city,
        note=note,
        group=group,
    )


_READERS: Final[dict[str, Callable[[Mapping[str, str]], Station]]] = {
    r"seoul_stations\.csv": _seoul,
    r"beijing_stations\.csv": _beijing,
    r"china_sites_\w*stations\.csv": _cnemc,
    r"synop_stations\.csv": _synop,
}
