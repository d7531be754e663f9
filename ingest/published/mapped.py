"""Reading a table by its mapping file: stations, heights and species as stations and quantities.

A level of a profile is a station of its own, ``network:id@500m``, whose altitude says its height; so a
profile is stored, versioned and read like everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from ingest.archive_stations import Station
from ingest.published.mapped_times import interval_ends
from ingest.published.mapping import Mapping, Place, SpeciesColumn
from ingest.published.sheets import sheet_rows
from ingest.published.table import Codes, FileTable, Flags, LeftOut, Piece, Values, bad, joined
from ingest.published.text import Texts, coded, columns_of, needed, numbers, rows_of
from ingest.published.units import conversion
from pipeline.names import QC_FAIL, QC_PASS

MOST_STATIONS: Final = 100_000
HEIGHTS: Final = (-500.0, 100_000.0)
"""Heights that can be one [m]."""


def read_mapped(payload: bytes, name: str, mapping: Mapping) -> FileTable:
    r"""Read one file as its mapping says.

    Raises
    ------
    BadPayload
        the file is no such table, lacks a column that the mapping names, or no row can be read

    Examples
    --------
    >>> from ingest.published.mapping import parse_mapping
    >>> mapping = parse_mapping('''
    ... version = 1
    ... source = "lidar"
    ... time = {columns = ["t"], zone = "UTC", label = "end"}
    ... stations = {network = "lidar", places = [{id = "a", latitude = 37.5, longitude = 127.0}]}
    ... values = [{column = "b", quantity = "attenuated_backscatter", unit = "Mm-1 sr-1", height = 500}]
    ... ''', "lidar.toml")
    >>> table = read_mapped(b"t,b\n2019-01-01T01:00,2\n", "a.csv", mapping)
    >>> table.source, table.stations, table.value.tolist()
    ('files-lidar', ('lidar:a@500m',), [2e-06])
    """
    left_out = LeftOut(name)
    columns = _columns(payload, name, mapping, left_out)
    needed(columns, _named_columns(mapping), name)
    time, there = interval_ends(columns, mapping.time, left_out)
    qc = _quality(columns, mapping)
    levels = _Levels(mapping, left_out)
    pieces = []
    for quantity, unit, value, station in _series(columns, levels):
        factor, offset = conversion(quantity, unit)
        value = np.where(there & (station >= 0), value, np.nan) * factor + offset
        pieces.append(Piece(quantity, station, time, value, qc))
    ids = [s.station for s in levels.found]
    return joined(f"files-{mapping.source}", ids, pieces, left_out, listed=levels.found)


class _Levels:
    """Stations and levels of a table as they are met."""

    def __init__(self, mapping: Mapping, left_out: LeftOut) -> None:
        self.mapping, self.left_out = mapping, left_out
        self.found: list[Station] = []
        self._index: dict[str, int] = {}
        self._places = {p.id: p for p in mapping.stations.places}

    def position(self, written: str, height: float | None) -> int:
        """Return the position of a station or level among those found, -1 where there is none."""
        wanted = self.mapping.stations
        name = wanted.rename.get(written.strip(), written.strip())
        if not name or (height is not None and not HEIGHTS[0] <= height <= HEIGHTS[1]):
            self.left_out.add("some rows", f"no station or height: {written[:40]!r}, {height}")
            return -1
        station = _level(wanted.network, self._places.get(name, Place(id=name)), height, self.mapping)
        at = self._index.setdefault(station.station, len(self.found))
        if at == len(self.found):
            if at >= MOST_STATIONS:
                raise bad(self.left_out.name, f"holds more than {MOST_STATIONS} stations and levels")
            self.found.append(station)
        return at

    def of_rows(self, columns: dict[str, Texts], height: float | None) -> Codes:
        """Return the position of each row's station, at a fixed height or that of the row."""
        wanted, rows = self.mapping.stations, len(next(iter(columns.values())))
        code, names = (
            coded(columns[wanted.column])
            if wanted.column
            else (np.zeros(rows, dtype=np.int32), [wanted.places[0].id])
        )
        if height is not None or not self.mapping.height.column:
            return np.array([self.position(n, height) for n in names], dtype=np.int32)[code]
        metres = self._heights(columns)
        level, heights = pd.factorize(metres)
        pairs, of_row = np.unique(code.astype(np.int64) * (len(heights) + 1) + level + 1, return_inverse=True)
        found = []
        for pair in pairs.tolist():
            at, which = divmod(pair, len(heights) + 1)
            found.append(self.position(names[at], float(heights[which - 1])) if which else -1)
        return np.array(found, dtype=np.int32)[of_row]

    def _heights(self, columns: dict[str, Texts]) -> Values:
        """Return the height of each row [m], NaN where it has none."""
        height = self.mapping.height
        found = numbers(columns[height.column], height.column, self.left_out, ())
        return found * (1000.0 if height.unit == "km" else 1.0)


def _series(columns: dict[str, Texts], levels: _Levels) -> Iterator[tuple[str, str, Values, Codes]]:
    """Yield quantity, unit, values and stations of everything that the mapping names in a table."""
    mapping, left_out = levels.mapping, levels.left_out
    if mapping.species is not None:
        yield from _species(columns, mapping.species, levels)
        return
    for one in mapping.values:
        if one.column != "*":
            value = numbers(columns[one.column], one.column, left_out, mapping.missing)
            yield one.quantity, one.unit, value, levels.of_rows(columns, one.height)
            continue
        taken = set(_named_columns(mapping))
        for name in [n for n in columns if n not in taken]:
            value = numbers(columns[name], name, left_out, mapping.missing)
            at = levels.position(name, one.height)
            yield one.quantity, one.unit, value, np.full(len(value), at, dtype=np.int32)


def _species(
    columns: dict[str, Texts], wanted: SpeciesColumn, levels: _Levels
) -> Iterator[tuple[str, str, Values, Codes]]:
    """Yield the values of a long table by the name in its column of species."""
    names = np.char.strip(columns[wanted.column].astype(str))
    strange = ~np.isin(names, list(wanted.names))
    if strange.any():
        first = str(names[strange][0])[:40]
        levels.left_out.add("some rows", f"{first!r} is no species", wanted.column, int(strange.sum()))
    station = levels.of_rows(columns, None)
    for name, species in wanted.names.items():
        mine = names == name
        if mine.any():
            texts = np.where(mine, columns[wanted.value], "")
            value = numbers(texts, wanted.value, levels.left_out, {"", *levels.mapping.missing})
            yield species.quantity, species.unit, value, np.where(mine, station, -1).astype(np.int32)


def _level(network: str, place: Place, height: float | None, mapping: Mapping) -> Station:
    """Return the station of a place, or of one level above it."""
    ground = math.nan if place.altitude is None else place.altitude
    base = Station(
        f"{network}:{place.id}",
        place.name or place.id,
        math.nan if place.latitude is None else place.latitude,
        math.nan if place.longitude is None else place.longitude,
        ground,
        place.city,
        mapping.time.interval_hours,
        place.note,
    )
    if height is None:
        return base
    above = mapping.height.above
    label = f"{height:g} m above {above}"
    return replace(
        base,
        station=f"{base.station}@{height:g}m",
        name=f"{base.name}, {label}",
        altitude=height if above == "sea" else ground + height,
        note="; ".join(filter(None, [f"level {label}", place.note])),
    )


def _columns(payload: bytes, name: str, mapping: Mapping, left_out: LeftOut) -> dict[str, Texts]:
    """Return the columns of the file by name."""
    if mapping.kind == "excel":
        rows = sheet_rows(payload, name, mapping.sheet)
    else:
        encoding = "utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding
        rows = rows_of(payload, name, delimiter=mapping.delimiter, encoding=encoding)
    rows = rows[mapping.skip_lines :]
    first_line = mapping.skip_lines + 1
    if mapping.header:
        return columns_of(mapping.header, rows, left_out, first_line)
    if not rows:
        raise bad(name, "is empty")
    return columns_of(rows[0], rows[1:], left_out, first_line + 1)


def _named_columns(mapping: Mapping) -> list[str]:
    """Return the columns that a file must have."""
    names = [*mapping.time.columns, mapping.stations.column, mapping.height.column]
    names += [v.column for v in mapping.values if v.column != "*"]
    if mapping.species is not None:
        names += [mapping.species.column, mapping.species.value]
    if mapping.quality is not None:
        names.append(mapping.quality.column)
    return [name for name in names if name]


def _quality(columns: dict[str, Texts], mapping: Mapping) -> Flags | None:
    """Return the flags that the column of status marks gives."""
    if mapping.quality is None:
        return None
    marks = np.char.strip(columns[mapping.quality.column].astype(str))
    return np.where(np.isin(marks, mapping.quality.good), QC_PASS, QC_FAIL).astype(np.int8)
