"""NOAA's ``tdump``, the text of end points that HYSPLIT writes: what it holds, and how it is read.

The lines: number of meteorological grids (and of the format); one line a grid; number of trajectories,
direction and vertical motion; one line a start; number and names of the diagnostic columns; one line a
point. Columns are fixed in the two widths that HYSPLIT has used; read here by their numbers, so that both
are. Source: HYSPLIT user's guide, section S263 (trajectory endpoints format).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from pipeline.errors import BadPayload

REMEDY: Final = "give a trajectory endpoints file as HYSPLIT writes it"
CENTURY_TURNS: Final = 40
"""Two-digit years below it are of the 21st century, as HYSPLIT reads them."""
NAME_WIDTH: Final = 8
MOST_STARTS: Final = 1_000_000
_TOUCHING: Final = re.compile(r"(?<=[\d.])-")
_MOTION: Final = re.compile(r"\s*(\d+)\s*(FORWARD|BACKWARD)\s*([^!\s]*)", re.IGNORECASE)

Direction = Literal["FORWARD", "BACKWARD"]


class MetGrid(NamedTuple):
    """A grid of meteorology: its name, when its file begins [UTC], and the forecast hour of that."""

    name: str
    time: np.datetime64
    forecast: int


class TdumpStart(NamedTuple):
    """Where a trajectory starts: hour [UTC], latitude, longitude [degree], height above ground [m]."""

    time: np.datetime64
    latitude: float
    longitude: float
    height: float


class TdumpPoint(NamedTuple):
    """A point: trajectory and grid (from 1), instant [UTC], forecast hour, age [h], place, diagnostics."""

    trajectory: int
    grid: int
    time: np.datetime64
    forecast: int
    age: float
    latitude: float
    longitude: float
    height: float
    diagnostics: tuple[float, ...]


@dataclass(frozen=True)
class Tdump:
    """A whole file; ``decimals`` are those of ages, heights and diagnostics."""

    grids: tuple[MetGrid, ...]
    direction: Direction
    vertical: str
    starts: tuple[TdumpStart, ...]
    diagnostics: tuple[str, ...]
    points: tuple[TdumpPoint, ...]
    decimals: int = 1


class _Lines:
    """The lines of a file, one after another, with the number of the last for messages."""

    def __init__(self, text: str, source: str) -> None:
        self._lines = text.splitlines()
        self.source, self.at = source, 0

    def next(self, what: str) -> str:
        if self.at >= len(self._lines):
            raise BadPayload(self.source, f"ends before {what}", remedy=REMEDY)
        self.at += 1
        return self._lines[self.at - 1]

    def rest(self) -> Iterator[str]:
        while self.at < len(self._lines):
            line = self.next("")
            if line.strip(" \x00\x1a"):
                yield line

    def bad(self, what: str, field: str) -> BadPayload:
        return BadPayload(self.source, f"line {self.at}: {what}", field=field, remedy=REMEDY)


def parse_tdump(text: str, source: str) -> Tdump:
    """Read the text of a tdump.

    Raises
    ------
    BadPayload
        it is none, or is cut short; names the line

    Examples
    --------
    >>> said = parse_tdump('''     1     1
    ...     NGM     95    10    16     0     0
    ...      1 FORWARD  OMEGA
    ...     95    10    16     0   40.000  -90.000    500.0
    ...      1 PRESSURE
    ...      1     1    95    10    16     0     0     0     0.0   40.000  -90.000    500.0    934.5
    ... ''', "tdump")
    >>> said.grids[0].name, said.vertical, said.starts[0].height, said.points[0].diagnostics
    ('NGM', 'OMEGA', 500.0, (934.5,))
    """
    lines = _Lines(text, source)
    grids = tuple(_grid(lines) for _ in range(_count(lines, "the number of grids")))
    motion = _MOTION.match(lines.next("the number of trajectories"))
    if motion is None or not 0 < int(motion[1]) <= MOST_STARTS:
        raise lines.bad("no number of trajectories with their direction", "direction")
    starts = tuple(_start(lines) for _ in range(int(motion[1])))
    names = _names(lines)
    points, decimals = _points(lines, len(starts), len(names))
    direction: Direction = "FORWARD" if motion[2].upper() == "FORWARD" else "BACKWARD"
    return Tdump(grids, direction, motion[3], starts, names, points, decimals)


def _count(lines: _Lines, what: str) -> int:
    words = lines.next(what).split()
    if not words or not words[0].isdecimal() or not 0 < int(words[0]) < 1000:
        raise lines.bad(f"not {what}", "grids")
    return int(words[0])


def _grid(lines: _Lines) -> MetGrid:
    words = lines.next("its grids").split()
    try:
        year, month, day, hour, forecast = (int(w) for w in words[-5:])
        return MetGrid(" ".join(words[:-5]), instant(year, month, day, hour), forecast)
    except ValueError:
        raise lines.bad("no grid with the time its file begins", "grids") from None


def _start(lines: _Lines) -> TdumpStart:
    words = numbers(lines.next("its starts"))
    try:
        year, month, day, hour = (int(w) for w in words[:4])
        latitude, longitude, height = (float(w) for w in words[4:7])
        start = TdumpStart(instant(year, month, day, hour), latitude, longitude, height)
    except ValueError:
        raise lines.bad("no start", "starts") from None
    if not _is_place(latitude, longitude) or not np.isfinite(height):
        raise lines.bad("a start that is no place", "starts")
    return start


def _names(lines: _Lines) -> tuple[str, ...]:
    """Return the names of the diagnostics: apart by blanks, or eight characters each without any."""
    line = lines.next("the names of its diagnostics").split("!")[0]
    words = line.split()
    head = re.match(r"\s*(\d+)", line)
    if head is None:
        raise lines.bad("no number of diagnostics", "diagnostics")
    count, body = int(head[1]), line[head.end() :].rstrip()
    words = body.split()
    if len(words) != count:
        words = [body[k : k + NAME_WIDTH].strip() for k in range(0, len(body), NAME_WIDTH)]
    if len(words) != count:
        raise lines.bad(f"not {count} names of diagnostics", "diagnostics")
    return tuple(words)


def _points(lines: _Lines, starts: int, diagnostics: int) -> tuple[tuple[TdumpPoint, ...], int]:
    """Return the points, and with how many decimals their heights are written."""
    points, decimals = [], 0
    for line in lines.rest():
        words = numbers(line)
        if len(words) != 12 + diagnostics:
            raise lines.bad(f"{len(words)} columns where {12 + diagnostics} should be", "points")
        point = _point(lines, words)
        if not 1 <= point.trajectory <= starts:
            raise lines.bad(f"trajectory {point.trajectory} of {starts}", "points")
        points.append(point)
        decimals = max(decimals, len(words[11].partition(".")[2]))
    if not points:
        raise BadPayload(lines.source, "holds no point", remedy=REMEDY)
    return tuple(points), min(max(decimals, 1), 2)


def _point(lines: _Lines, words: list[str]) -> TdumpPoint:
    try:
        number, grid, year, month, day, hour, minute, forecast = (int(w) for w in words[:8])
        age, latitude, longitude, height, *more = (float(w) for w in words[8:])
        time = instant(year, month, day, hour, minute)
    except ValueError:
        raise lines.bad("no point", "points") from None
    if not _is_place(latitude, longitude) or not np.isfinite([age, height, *more]).all():
        raise lines.bad("a point that is no place", "points")
    return TdumpPoint(number, grid, time, forecast, age, latitude, longitude, height, tuple(more))


def _is_place(latitude: float, longitude: float) -> bool:
    return abs(latitude) <= 90 and abs(longitude) <= 360


def numbers(line: str) -> list[str]:
    """Return the numbers of a line, also where a minus sign touches the number before.

    >>> numbers("  40.000-105.125    10.0")
    ['40.000', '-105.125', '10.0']
    """
    return _TOUCHING.sub(" -", line).split()


def instant(year: int, month: int, day: int, hour: int, minute: int = 0) -> np.datetime64:
    """Return an instant whose year may have two digits; raises ValueError for one that does not exist.

    >>> str(instant(95, 10, 16, 0)), str(instant(26, 2, 13, 13, 30))
    ('1995-10-16T00:00:00.000000000', '2026-02-13T13:30:00.000000000')
    """
    if year < 100:
        year += 2000 if year < CENTURY_TURNS else 1900
    parts = (year, month, day, hour, minute)
    if min(parts) < 0 or year > 2200:
        raise ValueError(parts)
    return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}", "ns")
