"""From one archive table on disk to blocks of observations: melted, deduplicated, converted and flagged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.archive_layouts import (
    Column,
    LongLayout,
    WideLayout,
    city_of,
    interval_of,
    layout_of,
    station_of,
)
from ingest.quality import flag_series, isd_flags, worst
from pipeline.errors import BadPayload
from pipeline.names import QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT
from pipeline.times import NS_HOUR

Times = npt.NDArray[np.datetime64]

REMEDY: Final = "fetch the file again and repeat the import; the other files were imported"
TIME_NAMES: Final = ("time", "t")
BOOKKEEPING: Final = ("n", "stn", "__index_level_0__")
"""Numeric columns that are no measurements: how many stations a mean has, station numbers, a row number."""

RETROSPECTIVE: Final = "_retro"
"""Ending of series made afterwards, partly by interpolation: suspect, also where they are spliced in."""


@dataclass(frozen=True)
class Block:
    """The values of one quantity, sorted by station, then time; ``codes`` index ``ArchiveTable.stations``."""

    quantity: str
    codes: npt.NDArray[np.int32]
    times: Times
    values: npt.NDArray[np.float64]
    qc: npt.NDArray[np.int8]


@dataclass
class ArchiveTable:
    """One archive table in the units and names of the store, and what was counted on the way."""

    stations: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    blocks: list[Block] = field(default_factory=list)
    intervals: dict[str, int] = field(default_factory=dict)
    cities: dict[str, str] = field(default_factory=dict)
    months: dict[str, dict[str, str]] = field(default_factory=dict)
    cells: int = 0
    bookkeeping: int = 0
    duplicates: int = 0
    dropped: int = 0
    ignored: tuple[str, ...] = ()

    @property
    def values(self) -> int:
        """Return the number of values to be stored."""
        return sum(len(b.values) for b in self.blocks)

    def flagged(self, flag: int) -> int:
        """Return how many values carry a flag."""
        return int(sum((b.qc == flag).sum() for b in self.blocks))


def read_table(path: Path) -> ArchiveTable | None:
    """Read one parquet table of a known layout; None if the name is no known layout.

    Raises
    ------
    BadPayload
        the file cannot be read as parquet, or lacks the columns of its layout
    """
    found = layout_of(path.stem)
    if found is None:
        return None
    layout, groups = found
    try:
        frame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadPayload(path.name, f"not a readable parquet table: {first_line}", remedy=REMEDY) from error
    frame, times, lost = _dated(frame, path.name)
    if isinstance(layout, WideLayout):
        table = _wide(frame, times, layout, path.name)
    else:
        if "{stn}" in layout.station:
            frame, times, nameless = _named(frame, times, path.name)
            lost += nameless
        table = _long(frame, times, layout, groups)
    numbers = frame.select_dtypes("number")
    table.cells = int(numbers.notna().to_numpy().sum()) + lost
    table.bookkeeping = int(numbers[[c for c in numbers if c in BOOKKEEPING]].notna().to_numpy().sum())
    table.dropped += lost
    return table


def frames(table: ArchiveTable, most_rows: int) -> Iterator[pd.DataFrame]:
    """Cut a table into long frames of whole months and at most ``most_rows`` rows, oldest first.

    A single month that is longer than ``most_rows`` is cut as well.
    """
    if not table.values:
        return
    quantities = sorted({b.quantity for b in table.blocks})
    code = np.concatenate(
        [np.full(len(b.values), quantities.index(b.quantity), "int8") for b in table.blocks]
    )
    times = np.concatenate([b.times for b in table.blocks])
    month = times.astype("datetime64[M]").astype("int16")
    order = np.argsort(month, kind="stable")
    columns = {
        name: np.concatenate([getattr(b, name) for b in table.blocks]) for name in ("codes", "values", "qc")
    }
    for low, high in _cuts(month[order], most_rows):
        rows = order[low:high]
        yield pd.DataFrame(
            {
                "station": pd.Categorical.from_codes(columns["codes"][rows], pd.Index(table.stations)),
                "quantity": pd.Categorical.from_codes(code[rows], pd.Index(quantities)),
                "time": times[rows],
                "value": columns["values"][rows],
                "qc": columns["qc"][rows],
            }
        )


def _cuts(month: npt.NDArray[np.int16], most_rows: int) -> Iterator[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(month)) + 1).tolist(), len(month)]
    low = 0
    for before, edge in pairwise(edges):
        if edge - low > most_rows and before > low:
            yield low, before
            low = before
        while edge - low > most_rows:
            yield low, low + most_rows
            low += most_rows
    if low < len(month):
        yield low, len(month)


def _dated(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, Times, int]:
    if isinstance(frame.index, pd.DatetimeIndex):
        raw: pd.Index | pd.Series = frame.index
    else:
        column = next((c for c in TIME_NAMES if c in frame.columns), None)
        if column is None:
            raise BadPayload(name, "has no time column", field="time", remedy=REMEDY)
        raw = frame[column]
    if pd.api.types.is_numeric_dtype(raw.dtype):
        raise BadPayload(name, "holds times that are plain numbers", field="time", remedy=REMEDY)
    try:
        times = pd.DatetimeIndex(pd.to_datetime(raw, utc=True)).tz_localize(None).as_unit("ns")
    except (ValueError, TypeError, OverflowError) as error:
        raise BadPayload(name, "holds times that are no times", field="time", remedy=REMEDY) from error
    frame = frame.drop(columns=[c for c in TIME_NAMES if c in frame.columns])
    there = np.asarray(times.notna())
    undated = int(frame[~there].select_dtypes("number").notna().to_numpy().sum())
    return frame[there], times[there].to_numpy(), undated


def _named(frame: pd.DataFrame, times: Times, name: str) -> tuple[pd.DataFrame, Times, int]:
    if "stn" not in frame.columns:
        raise BadPayload(name, "has no station column", field="stn", remedy=REMEDY)
    there = frame["stn"].notna().to_numpy()
    nameless = int(frame[~there].select_dtypes("number").notna().to_numpy().sum())
    frame = frame[there]
    if pd.api.types.is_float_dtype(frame["stn"]):
        frame = frame.assign(stn=frame["stn"].astype("int64"))
    return frame, times[there], nameless


def _wide(frame: pd.DataFrame, times: Times, layout: WideLayout, name: str) -> ArchiveTable:
    numeric = [c for c in frame.select_dtypes("number").columns if c not in BOOKKEEPING]
    texts = [str(c) for c in frame.columns if c not in numeric and c not in BOOKKEEPING]
    table = ArchiveTable(
        stations=tuple(station_of(layout, str(c)) for c in numeric),
        columns=tuple(str(c) for c in numeric),
        intervals={station_of(layout, str(c)): interval_of(layout, str(c)) for c in numeric},
        cities={station_of(layout, str(c)): city_of(layout, str(c)) for c in numeric},
        ignored=tuple(c for c in texts if not c.endswith("_source")),
    )
    if len(table.intervals) < len(numeric):
        raise BadPayload(name, "two columns have the same name", remedy=REMEDY)
    order = np.argsort(times, kind="stable")
    times, frame = times[order], frame.iloc[order]
    values = frame[numeric].to_numpy("float64").T
    retrospective = np.zeros(values.shape, bool)
    for at, column in enumerate(table.columns):
        source = f"{column.removesuffix('_hourly')}_source"
        if source in texts and source != column:
            table.months[table.stations[at]] = main_sources(times, frame[source])
            retrospective[at] = frame[source].astype(str).str.endswith(RETROSPECTIVE)
        elif column.endswith(RETROSPECTIVE):
            retrospective[at] = True
    steps = np.array([table.intervals[s] for s in table.stations], "int64")[:, None] * NS_HOUR
    there = ~np.isnan(values)
    kept = there & ((steps <= NS_HOUR) | (times.view("int64")[None, :] % np.maximum(steps, 1) == 0))
    table.dropped = int(there.sum() - kept.sum())
    codes, columns = np.nonzero(kept)
    flags = np.where(retrospective[kept], QC_SUSPECT, QC_PASS).astype("int8")
    block = _block(table, Column(layout.quantity), codes, times[columns], values[kept], flags)
    table.blocks = [block] if len(block.values) else []
    return table


def _long(frame: pd.DataFrame, times: Times, layout: LongLayout, groups: tuple[str, ...]) -> ArchiveTable:
    codes, stations = _station_codes(frame, layout, groups)
    qualities = {c.quality for c in layout.columns.values()}
    known = {*layout.columns, *qualities, *layout.other, *BOOKKEEPING}
    table = ArchiveTable(
        stations=stations,
        intervals=dict.fromkeys(stations, 1),
        cities=dict.fromkeys(stations, layout.city),
        ignored=tuple(str(c) for c in frame.columns if c not in known),
    )
    order = np.lexsort((times, codes))
    codes, times = codes[order], times[order]
    for label, column in layout.columns.items():
        if label not in frame.columns:
            continue
        raw = pd.to_numeric(frame[label], errors="coerce").to_numpy("float64")[order]
        there = ~np.isnan(raw)
        published = None
        if column.quality in frame.columns:
            published = isd_flags(frame[column.quality].to_numpy(object)[order][there])
        block = _block(table, column, codes[there], times[there], raw[there], published)
        if len(block.values):
            table.blocks.append(block)
    return table


def _station_codes(
    frame: pd.DataFrame, layout: LongLayout, groups: tuple[str, ...]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    if "{stn}" in layout.station:
        found, numbers = pd.factorize(frame["stn"], sort=True)
        ids = tuple(layout.station.format(*groups, stn=n) for n in numbers)
        return found.astype(np.int32), ids
    ids = (layout.station.format(*groups), *layout.reports.values())
    codes = np.zeros(len(frame), "int32")
    if layout.reports and "rtype" in frame.columns:
        for at, kind in enumerate(layout.reports, start=1):
            codes[frame["rtype"].to_numpy(object) == kind] = at
    return codes, ids


def _block(
    table: ArchiveTable,
    column: Column,
    codes: npt.NDArray[np.integer],
    times: Times,
    raw: npt.NDArray[np.float64],
    published: npt.NDArray[np.int8] | None = None,
) -> Block:
    last = np.ones(len(raw), bool)
    last[:-1] = (codes[1:] != codes[:-1]) | (times[1:] != times[:-1])
    table.duplicates += int((~last).sum())
    kept, times = codes[last].astype(np.int32), times[last]
    values = raw[last] * column.scale + column.offset
    qc = flag_series(column.quantity, values, times, kept)
    if published is not None:
        qc = worst(qc, published[last])
    if not column.evaluated:
        qc = worst(qc, np.where(qc == QC_PASS, QC_NOT_EVALUATED, qc).astype("int8"))
    return Block(column.quantity, kept, times, values, qc)


def main_sources(times: Times, sources: Iterable[object]) -> dict[str, str]:
    """Return the most frequent source of each month of a spliced series (ties: the first by name).

    >>> t = np.array(["2018-06-02T01", "2018-06-02T02", "2018-06-02T03"], "M8[ns]")
    >>> main_sources(t, ["12 stations", "embassy", "embassy"])
    {'2018-06': 'embassy'}
    """
    frame = pd.DataFrame({"month": times.astype("datetime64[M]").astype(str), "source": list(sources)})
    frame = frame[frame["source"].notna() & (frame["source"] != "")]
    counts = frame.groupby(["month", "source"]).size().reset_index(name="n")
    counts = counts.sort_values(["month", "n", "source"], ascending=[True, False, True])
    best = counts.drop_duplicates("month")
    return dict(zip(best["month"], best["source"].astype(str), strict=True))
