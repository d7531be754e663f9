"""What every reader of published files gives: values as columns of numbers, and counts of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.archive_stations import Station
from pipeline.errors import BadPayload
from pipeline.names import QC_PASS
from pipeline.times import NS_HOUR

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.int8]
Codes = npt.NDArray[np.int32]

LARGEST: Final = 1e30
"""No quantity comes near it in any unit; a larger number is damage, and would overflow when converted."""
LONGEST: Final = 300
"""As much as is said of what a file holds instead [characters]."""
MOST_LEFT_OUT: Final = 20
"""How many unreadable rows of a file are named; the others are counted."""

BEIJING: Final = -8 * NS_HOUR
"""From naive Beijing time (no summer time since 1991) to UTC [ns]."""

KOREA: Final = -9 * NS_HOUR
"""From naive Korean time (no summer time since 1988) to UTC [ns]."""

FIRST_YEAR, LAST_YEAR = 1990, 2199


@dataclass(frozen=True)
class Piece:
    """Values of one quantity, missing ones as NaN.

    Parameters
    ----------
    quantity : key of pipeline.names.QUANTITIES
    station : (n,) positions in the names of the table
    time : (n,) interval ends [ns since 1970, UTC]
    value : (n,) in the unit of the quantity
    qc : (n,) what the publisher says of the value, None: nothing
    """

    quantity: str
    station: Codes
    time: Times
    value: Values
    qc: Flags | None = None


@dataclass(frozen=True)
class FileTable:
    """The values of one published file, none missing, in the order in which the file wins over itself.

    Parameters
    ----------
    source : under which the store keeps them
    stations, quantities : the names that ``station`` and ``quantity`` count into
    time : interval ends [ns since 1970, UTC]
    qc : flag that the publisher or the known traps of the format give
    listed : what the file itself says of its stations
    missing : cells that hold a missing mark
    not_kept : cells that are derived from others (sliding means, indices) and are not stored
    left_out, left_out_count : the first rows or cells that could not be read, and how many there were
    """

    source: str
    stations: tuple[str, ...]
    quantities: tuple[str, ...]
    station: Codes
    quantity: npt.NDArray[np.int8]
    time: Times
    value: Values
    qc: Flags
    listed: tuple[Station, ...] = ()
    missing: int = 0
    not_kept: int = 0
    left_out: tuple[BadPayload, ...] = ()
    left_out_count: int = 0

    def __len__(self) -> int:
        """Count the values."""
        return len(self.value)


class LeftOut:
    """Rows and cells of a file that could not be read: all counted, the first ones named.

    >>> found = LeftOut("a.csv")
    >>> found.add("line 3", "'x' is no number")
    >>> found.count, str(found.named[0])
    (1, "a.csv: line 3: 'x' is no number; put it right in the file and import it again")
    """

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0
        self.named: list[BadPayload] = []

    def add(self, where: str, what: str, field: str | None = None, count: int = 1) -> None:
        """Count rows or cells and, among the first, name where they stand and what is wrong."""
        self.count += count
        if len(self.named) < MOST_LEFT_OUT:
            self.named.append(bad(self.name, f"{where}: {what}", field))


def bad(name: str, what: str, field: str | None = None) -> BadPayload:
    """Return the error about a file that cannot be read.

    >>> str(bad("a.csv", "holds no table"))
    'a.csv: holds no table; put it right in the file and import it again'
    """
    remedy = "put it right in the file and import it again"
    return BadPayload(name, what[:LONGEST], field=field, remedy=remedy)


def joined(
    source: str,
    stations: Sequence[str],
    pieces: Iterable[Piece],
    left_out: LeftOut,
    *,
    listed: Sequence[Station] = (),
    not_kept: int = 0,
) -> FileTable:
    """Put the pieces of a file together and drop its missing values.

    Raises
    ------
    BadPayload
        nothing at all could be read

    Examples
    --------
    >>> piece = Piece("pm2p5", np.zeros(2, "int32"), np.array([0, NS_HOUR]), np.array([35.0, np.nan]))
    >>> table = joined("archive-x", ["x:1"], [piece], LeftOut("a.csv"))
    >>> table.value.tolist(), table.missing
    ([35.0], 1)
    """
    kept = list(pieces)
    if not kept and left_out.count:
        raise bad(left_out.name, f"nothing in it could be read; first: {left_out.named[0].what}")
    quantities = tuple(sorted({piece.quantity for piece in kept}))
    columns: dict[str, list[Any]] = {name: [] for name in ("station", "quantity", "time", "value", "qc")}
    missing = 0
    for piece in kept:
        there = ~np.isnan(piece.value)
        count = int(np.count_nonzero(there))
        missing += int(np.count_nonzero(~there & (piece.station >= 0)))
        qc = piece.qc if piece.qc is not None else np.full(len(there), QC_PASS, np.int8)
        columns["station"].append(piece.station[there])
        columns["quantity"].append(np.full(count, quantities.index(piece.quantity), np.int8))
        columns["time"].append(piece.time[there])
        columns["value"].append(piece.value[there])
        columns["qc"].append(qc[there])
    empty = {"station": "int32", "quantity": "int8", "time": "int64", "value": "float64", "qc": "int8"}
    arrays = {k: np.concatenate(v) if v else np.empty(0, empty[k]) for k, v in columns.items()}
    return FileTable(
        source,
        tuple(stations),
        quantities,
        **arrays,
        listed=tuple(listed),
        missing=missing,
        not_kept=not_kept,
        left_out=tuple(left_out.named),
        left_out_count=left_out.count,
    )


def instants(year: Values, month: Values, day: Values, hour: Values) -> tuple[Times, npt.NDArray[np.bool_]]:
    """Return naive instants [ns since 1970] and which of them exist; hours run from 0 to 24.

    >>> t, there = instants(*(np.array([float(x)] * 2) for x in (2019, 12)), np.array([31.0, 32.0]),
    ...     np.array([24.0, 1.0]))
    >>> str(t[:1].view("M8[ns]")[0])[:13], there.tolist()
    ('2020-01-01T00', [True, False])
    """
    whole = np.ones(len(year), dtype=np.bool_)
    limits = ((year, FIRST_YEAR, LAST_YEAR), (month, 1, 12), (day, 1, 31), (hour, 0, 24))
    for numbers, low, high in limits:
        with np.errstate(invalid="ignore"):
            whole &= (numbers >= low) & (numbers <= high) & (np.floor(numbers) == numbers)
    y, m, d, h = (np.where(whole, n, low).astype(np.int64) for n, low, _ in limits)
    months = (y - 1970) * 12 + m - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    there = whole & (d <= after - first)
    return ((first + d - 1) * 24 + h) * NS_HOUR, there
