"""Station lists as published: quotsoft.net's list of the national sites, and the lists beside the archives.

Layout of quotsoft's list [found: public code that reads it]: ``监测点编码,监测点名称,城市,经度,纬度`` and
possibly more columns (``对照点``: Y for a control site); a missing coordinate is empty or "-".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ingest.archive_stations import Station, read_stations
from ingest.cnemc import CONTROL_CODES
from ingest.published.table import bad
from pipeline.errors import BadPayload

HEADER: Final = "监测点编码,监测点名称,城市,经度,纬度"
BEIJING: Final = ("北京", "北京市")


def read_list(path: Path) -> list[Station] | None:
    """Read a station list; None where the file is none that is known.

    Raises
    ------
    BadPayload
        a line of a known list cannot be read
    """
    found = read_stations(path) if path.name.endswith("stations.csv") else None
    if found is not None:
        return found
    with path.open("rb") as file:
        if not file.read(100).removeprefix(b"\xef\xbb\xbf").startswith(HEADER.encode()):
            return None
    return parse_list(path.read_bytes(), path.name)


def parse_list(payload: bytes, name: str) -> list[Station]:
    r"""Read the bytes of quotsoft's list.

    Raises
    ------
    BadPayload
        the bytes are no text, or a line has no code or a coordinate that is none

    Examples
    --------
    >>> [found] = parse_list(f"{HEADER}\n1001A,万寿西宫,北京,116.3621,39.8784\n".encode(), "x.csv")
    >>> found.station, found.latitude, found.city
    ('cnemc:1001A', 39.8784, 'beijing')
    """
    try:
        lines = payload.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise bad(name, "the station list is no UTF-8 text") from error
    names = [n.strip() for n in (lines or [""])[0].split(",")]
    return [_site(dict(zip(names, line.split(","), strict=False)), name) for line in lines[1:] if line]


def _site(row: Mapping[str, str], name: str) -> Station:
    """Return one site of quotsoft's list."""
    code, city = row.get("监测点编码", "").strip(), row.get("城市", "").strip()
    if not code:
        raise bad(name, f"a line has no code: {str(dict(row))[:80]}", field="监测点编码")
    control = row.get("对照点", "").strip() == "Y" or code in CONTROL_CODES
    note = city + ("; control site, not in the city mean" if control else "")
    return Station(
        f"cnemc:{code}",
        row.get("监测点名称", "").strip(),
        _degrees(row.get("纬度", ""), 90, name),
        _degrees(row.get("经度", ""), 180, name),
        city="beijing" if city in BEIJING and not control else "",
        note=note,
        group=f"china:{city}",
    )


def _degrees(text: str, most: float, name: str) -> float:
    text = text.strip()
    if text in ("", "-"):
        return math.nan
    try:
        found = float(text)
    except ValueError:
        found = math.inf
    if not abs(found) <= most:
        raise BadPayload(
            name, f"{text[:20]!r} is no coordinate", field="经度,纬度", remedy="correct the list"
        )
    return found
