"""Records of NOAA ARL's packed meteorology: the index of a time, and fields of difference-coded bytes.

A file is a row of records of one length: 50 characters of label, then one byte per grid point. The first
record of every time (``INDX``) says in plain text which grid, levels and variables follow. A byte holds the
difference from its neighbour to the west (in the first column: to the south) in units of
2 ** (exponent - 7). Source: Draxler and Hess 1997, NOAA Technical Memorandum ERL ARL-224, and the
HYSPLIT user's guide, section S141 (meteorology, ARL data format).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.errors import BadPayload
from pipeline.tdump import instant

LABEL: Final = 50
FIXED: Final = 108
"""Characters of an index before its list of levels."""
DAMAGED: Final = "fetch the file again; it must be a whole ARL-packed meteorology file"
MOST_POINTS: Final = 50_000_000
GRID_KEYS: Final = (
    "pole_lat",
    "pole_lon",
    "ref_lat",
    "ref_lon",
    "size_km",
    "orientation",
    "tangent_lat",
    "sync_x",
    "sync_y",
    "sync_lat",
    "sync_lon",
)


@dataclass(frozen=True)
class Label:
    """What the first 50 characters of a record say.

    ``time`` is the valid time [UTC]; ``lead`` the forecast hours, -1 where the field is missing.
    """

    time: np.datetime64
    lead: int
    level: int
    name: str
    exponent: int
    first: float
    thousands: tuple[int, int]


@dataclass(frozen=True)
class Index:
    """What the index of a time says.

    ``grid`` holds GRID_KEYS; ``fields`` (level, name, checksum) in the order of the records that follow;
    ``coordinate`` 1 sigma, 2 pressure, 3 height above ground, 4 hybrid; ``levels`` with the surface first.
    """

    time: np.datetime64
    source: str
    lead: int
    grid: dict[str, float]
    nx: int
    ny: int
    coordinate: int
    levels: tuple[float, ...]
    fields: tuple[tuple[int, str, int], ...]


def read_label(record: bytes, source: str) -> Label:
    """Read the label of a record.

    Raises
    ------
    BadPayload
        it is none; names the characters

    Examples
    --------
    >>> label = read_label(b"9510160000 0 6PRSS   7  .5039370E+00  .1017164E+04", "x.bin")
    >>> str(label.time), label.name, label.exponent, label.first
    ('1995-10-16T00:00:00.000000000', 'PRSS', 7, 1017.164)
    """
    text = record[:LABEL].decode("latin-1")
    try:
        year, month, day, hour, lead, level = (int(text[i : i + 2]) for i in range(0, 12, 2))
        exponent, first = int(text[18:22]), float(text[36:50])
        when = instant(year, month, day, hour)
    except ValueError:
        raise BadPayload(source, f"no ARL label: {text!r}", field="label", remedy=DAMAGED) from None
    if not abs(exponent) < 100 or not np.isfinite(first):
        raise BadPayload(source, f"no ARL label: {text!r}", field="label", remedy=DAMAGED)
    return Label(when, lead, level, text[14:18], exponent, first, _thousands(text[12:14]))


def _thousands(letters: str) -> tuple[int, int]:
    """Return the thousands of columns and rows: grids wider than 999 points note them as letters."""
    x, y = (ord(c) - ord("@") if c.isalpha() or c == "@" else 0 for c in letters)
    return x * 1000, y * 1000


def read_index(head: bytes, source: str) -> Index:
    """Read the index of a time from its record (label included).

    Raises
    ------
    BadPayload
        the record is no index, or its text contradicts itself
    """
    label = read_label(head, source)
    if label.name != "INDX":
        what = f"{label.name!r} where the index of a time should be"
        raise BadPayload(source, what, field="INDX", remedy=DAMAGED)
    text = head[LABEL:].decode("latin-1")
    try:
        grid = {key: float(text[9 + 7 * i : 16 + 7 * i]) for i, key in enumerate(GRID_KEYS)}
        nx, ny, nz = (int(text[93 + 3 * i : 96 + 3 * i]) for i in range(3))
        nx, ny = nx + label.thousands[0], ny + label.thousands[1]
        levels, fields = _levels(text, nz, int(text[104:108]))
        minutes, coordinate = int(text[7:9]), int(text[102:104])
    except (ValueError, IndexError):
        raise BadPayload(source, "an index that cannot be read", field="INDX", remedy=DAMAGED) from None
    if not 1 < nx * ny <= MOST_POINTS or min(nx, ny) < 2 or not np.isfinite([*grid.values()]).all():
        raise BadPayload(source, f"a grid of {nx} x {ny} points", field="INDX", remedy=DAMAGED)
    time = label.time + np.timedelta64(minutes, "m")
    return Index(time, text[:4].strip(), label.lead, grid, nx, ny, coordinate, levels, fields)


def _levels(text: str, count: int, length: int) -> tuple[tuple[float, ...], tuple[tuple[int, str, int], ...]]:
    """Return the levels of an index of ``length`` characters, and its fields."""
    if not FIXED <= length <= len(text) or count < 1:
        raise ValueError(length)
    at, levels, fields = FIXED, [], []
    for level in range(count):
        levels.append(float(text[at : at + 6]))
        variables = int(text[at + 6 : at + 8])
        at += 8
        for _ in range(variables):
            fields.append((level, text[at : at + 4], int(text[at + 4 : at + 7])))
            at += 8
    if at > length + 8:
        raise ValueError(at)
    return tuple(levels), tuple(fields)


def length_of_records(head: bytes, source: str) -> int:
    """Return the bytes of a record, from the first characters of a file.

    Raises
    ------
    BadPayload
        the file does not begin with an index
    """
    label = read_label(head, source)
    text = head[LABEL:].decode("latin-1")
    try:
        nx, ny = int(text[93:96]) + label.thousands[0], int(text[96:99]) + label.thousands[1]
    except ValueError:
        nx = ny = 0
    if label.name != "INDX" or not 1 < nx * ny <= MOST_POINTS:
        raise BadPayload(source, "does not begin with an ARL index", field="INDX", remedy=DAMAGED)
    return LABEL + nx * ny


def unpack(data: bytes, nx: int, ny: int, label: Label) -> npt.NDArray[np.float32]:
    """Return a field (ny, nx) from its difference-coded bytes, in the units of the file.

    Examples
    --------
    >>> label = read_label(b"9510160000 0 6PRSS   7  .5039370E+00  .1000000E+04", "x.bin")
    >>> unpack(bytes([127, 128, 129, 129, 127, 126]), 3, 2, label).tolist()
    [[1000.0, 1001.0, 1003.0], [1002.0, 1002.0, 1001.0]]
    """
    steps = np.frombuffer(data, np.uint8).reshape(ny, nx).astype(np.float64) - 127.0
    steps *= 2.0 ** (label.exponent - 7)
    steps[0, 0] += label.first
    steps[:, 0] = np.cumsum(steps[:, 0])
    return np.cumsum(steps, axis=1).astype(np.float32)


def checksum(data: bytes) -> int:
    """Return the rotating checksum that an index keeps of each record.

    >>> checksum(bytes([255, 255, 1])), checksum(bytes(5))
    (1, 0)
    """
    total = int(np.frombuffer(data, np.uint8).sum(dtype=np.int64))
    return 0 if total == 0 else (total - 1) % 255 + 1
