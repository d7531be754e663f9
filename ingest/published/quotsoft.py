"""Hourly tables of quotsoft.net: ``beijing_all``, ``beijing_extra`` and ``china_sites``, one file a day.

Layout [found: real files of 2015, 2017 and 2019]: ``date,hour,type`` and one column per station; one row per
hour and type; empty cells are missing. Hours 0 … 23 in Beijing time name the END of the averaging hour (the
35 stations of three days and 847 sites of three days agree value by value with the prepared tables). CO in
mg m-3, everything else in ug m-3. Rows of sliding means (``…_24h``, ``…_8h``) and of the AQI are derived
from the others by the publisher and are not stored.

Traps: garbage up to 553405 occurs, and 0 or less for PM; such values are stored with a failed flag. PM2.5
above 1000 is stored as suspect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from ingest.archive_stations import Station
from ingest.published.table import BEIJING, LARGEST, FileTable, Flags, LeftOut, Piece, Values, bad, joined
from pipeline.names import QC_FAIL, QC_PASS, QC_SUSPECT
from pipeline.times import NS_HOUR

SITES: Final = "archive-china-sites"
BEIJING_STATIONS: Final = "archive-beijing-stations"
START: Final = b"date,hour,type,"

QUANTITIES_OF: Final[dict[bytes, tuple[str, float]]] = {
    b"PM2.5": ("pm2p5", 1.0),
    b"PM10": ("pm10", 1.0),
    b"SO2": ("sulfur_dioxide", 1.0),
    b"NO2": ("nitrogen_dioxide", 1.0),
    b"O3": ("ozone", 1.0),
    b"CO": ("carbon_monoxide", 1000.0),
}
"""Type of a row: our quantity, and the factor to its unit."""

DERIVED: Final = frozenset({b"AQI", b"O3_8h", b"O3_8h_24h", *(name + b"_24h" for name in QUANTITIES_OF)})
HIGHEST_USUAL: Final = 1000.0
"""PM2.5 above this is suspect [ug m-3]; the prepared tables drop it as garbage."""

BEIJING_IDS: Final = {
    "东四": "dongsi", "天坛": "tiantan", "官园": "guanyuan", "万寿西宫": "wanshouxigong",
    "奥体中心": "aotizhongxin", "农展馆": "nongzhanguan", "万柳": "wanliu", "北部新区": "beibuxinqu",
    "植物园": "zhiwuyuan", "丰台花园": "fengtaihuayuan", "云岗": "yungang", "古城": "gucheng",
    "房山": "fangshan", "大兴": "daxing", "亦庄": "yizhuang", "通州": "tongzhou", "顺义": "shunyi",
    "昌平": "changping", "门头沟": "mentougou", "平谷": "pinggu", "怀柔": "huairou", "密云": "miyun",
    "延庆": "yanqing", "定陵": "dingling", "八达岭": "badaling", "密云水库": "miyunshuiku",
    "东高村": "donggaocun", "永乐店": "yongledian", "榆垡": "yufa", "琉璃河": "liulihe",
    "前门": "qianmen", "永定门内": "yongdingmennei", "西直门北": "xizhimenbei", "南三环": "nansanhuan",
    "东四环": "dongsihuan",
}  # fmt: skip
"""Stations of the city by the name in the header; another name becomes an id as it stands."""

_SITE = re.compile(r"\d{4}[A-Z]")
_DIGITS = re.compile(rb"\d{8}")


@dataclass
class _Lines:
    """The rows of one quantity: interval ends and the text of their cells."""

    times: list[int] = field(default_factory=list)
    cells: list[bytes] = field(default_factory=list)


def recognises(name: str, head: bytes) -> bool:
    """Tell whether a file begins as these tables do.

    >>> recognises("china_sites_20190303.csv", b"date,hour,type,1001A,1002A")
    True
    """
    return head.removeprefix(b"\xef\xbb\xbf").startswith(START)


def read(payload: bytes, name: str) -> FileTable:
    r"""Read one day of stations (rows of several days in one file are fine).

    Raises
    ------
    BadPayload
        the header is not the documented one, or no row can be read

    Examples
    --------
    >>> table = read("date,hour,type,东四\n20151201,1,PM2.5,409\n20151201,1,AQI,450\n".encode(), "a.csv")
    >>> table.stations, table.value.tolist(), str(table.time.view("M8[ns]")[0])[:13], table.not_kept
    (('beijing:dongsi',), [409.0], '2015-11-30T17', 1)
    """
    payload = payload.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in payload:
        payload = payload.replace(b"\r\n", b"\n")
    header, *lines = payload.split(b"\n")
    source, stations, listed = _stations(header, name)
    left_out = LeftOut(name)
    by_type: dict[bytes, _Lines] = {kind: _Lines() for kind in QUANTITIES_OF}
    derived = _sorted_out(lines, len(stations), by_type, left_out)
    pieces = [p for kind, rows in by_type.items() for p in _pieces(kind, rows, len(stations), left_out)]
    if not pieces and not derived:
        left_out.add("the file", "no row of a pollutant")
    return joined(source, stations, pieces, left_out, listed=listed, not_kept=derived * len(stations))


def _stations(header: bytes, name: str) -> tuple[str, list[str], list[Station]]:
    """Return the source, ids and names that a header stands for."""
    try:
        names = [n.strip() for n in header.removeprefix(START).decode("utf-8").split(",")]
    except UnicodeDecodeError as error:
        raise bad(name, "the header is no UTF-8 text") from error
    if not header.startswith(START) or not all(names) or len(set(names)) < len(names):
        raise bad(name, "the header is not date,hour,type and the stations, each once", field="header")
    if _SITE.fullmatch(names[0]):
        return SITES, [f"cnemc:{n}" for n in names], [Station(f"cnemc:{n}") for n in names]
    if BEIJING_IDS.keys().isdisjoint(names):
        raise bad(name, "the columns are neither codes of national sites nor stations of Beijing", "header")
    ids = [f"beijing:{BEIJING_IDS.get(n, n)}" for n in names]
    listed = [Station(i, n, city="beijing") for i, n in zip(ids, names, strict=True)]
    return BEIJING_STATIONS, ids, listed


def _sorted_out(lines: list[bytes], width: int, by_type: dict[bytes, _Lines], left_out: LeftOut) -> int:
    """Put the lines to their types; return how many derived ones there were."""
    derived, commas = 0, width - 1
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        parts = line.split(b",", 3)
        if len(parts) < 4 or parts[3].count(b",") != commas:
            left_out.add(f"line {number}", f"does not hold date, hour, type and {width} stations")
        elif parts[2] in DERIVED:
            derived += 1
        elif parts[2] not in by_type:
            left_out.add(f"line {number}", f"the type {parts[2][:20]!r} is unknown", "type")
        else:
            time = _time(parts[0], parts[1])
            if time is None:
                left_out.add(f"line {number}", f"{line[:12]!r} is no date and hour", "date")
            else:
                by_type[parts[2]].times.append(time)
                by_type[parts[2]].cells.append(parts[3])
    return derived


def _time(date: bytes, hour: bytes) -> int | None:
    """Return the end of an hour [ns since 1970, UTC], None for what is none."""
    if not _DIGITS.fullmatch(date) or not hour.isdigit() or len(hour) > 2 or int(hour) > 24:
        return None
    try:
        day = np.datetime64(f"{date[:4].decode()}-{date[4:6].decode()}-{date[6:].decode()}", "D")
    except ValueError:
        return None
    days = int(day.astype(np.int64))
    return (days * 24 + int(hour)) * NS_HOUR + BEIJING if 7300 <= days <= 84_000 else None


def _pieces(kind: bytes, rows: _Lines, width: int, left_out: LeftOut) -> Iterator[Piece]:
    """Turn the rows of one type into values, station by station and hour by hour."""
    if not rows.times:
        return
    quantity, factor = QUANTITIES_OF[kind]
    times = np.array(rows.times, dtype=np.int64)
    order = np.argsort(times, kind="stable")
    cells = _numbers(rows.cells, width, kind.decode(), left_out)[order]
    value = np.ascontiguousarray(cells.T).ravel()
    if factor != 1.0:
        value = value * factor
    yield Piece(
        quantity,
        np.repeat(np.arange(width, dtype=np.int32), len(times)),
        np.tile(times[order], width),
        value,
        _trap_flags(quantity, value),
    )


def _numbers(cells: list[bytes], width: int, field_name: str, left_out: LeftOut) -> Values:
    """Return lines of cells as numbers (line, station); NaN where empty or no number."""
    try:
        found = parse_cells(b",".join(cells))
    except pa.ArrowException:
        found = np.empty(0)
    if len(found) != len(cells) * width:
        found = np.concatenate([_one_by_one(line, field_name, left_out) for line in cells])
    too_large = np.abs(found) >= LARGEST
    if too_large.any():
        left_out.add("some cells", "are far too large", field_name, int(too_large.sum()))
        found[too_large] = np.nan
    return found.reshape(len(cells), width)


def parse_cells(cells: bytes) -> Values:
    """Return comma-separated numbers, NaN where empty; raises ArrowInvalid for what is no number.

    >>> parse_cells(b"1,,2.5")
    array([1. , nan, 2.5])
    """
    column = pyarrow.csv.read_csv(
        pa.py_buffer(cells.replace(b",", b"\n") + b"\n"),
        read_options=pyarrow.csv.ReadOptions(
            column_names=["v"], use_threads=False, block_size=len(cells) + 1024
        ),
        parse_options=pyarrow.csv.ParseOptions(ignore_empty_lines=False, quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(column_types={"v": pa.float64()}, null_values=[""]),
    ).column("v")
    values: Values = np.array(column.to_numpy(), dtype=np.float64)
    return values


def _one_by_one(line: bytes, field_name: str, left_out: LeftOut) -> Values:
    """Return the cells of a line of which some are no numbers."""
    out = np.full(line.count(b",") + 1, np.nan)
    for at, cell in enumerate(line.split(b",")):
        text = cell.strip()
        try:
            out[at] = float(text.replace(b"_", b"?")) if text else np.nan
        except ValueError:
            left_out.add(f"station {at + 1}", f"{text[:40]!r} is no number", field_name)
    return out


def _trap_flags(quantity: str, value: Values) -> Flags | None:
    """Flag what the known traps of these tables say: PM of 0 or less, PM2.5 above 1000."""
    if quantity not in ("pm2p5", "pm10"):
        return None
    flags: npt.NDArray[np.int8] = np.where(value <= 0, QC_FAIL, QC_PASS).astype(np.int8)
    if quantity == "pm2p5":
        flags[value > HIGHEST_USUAL] = QC_SUSPECT
    return flags
