"""Reading what can be read of an answer: bad rows are left out and named, the good ones count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from ingest.wire import REMEDY
from pipeline.errors import BadPayload

PPB_PER_PPM: Final = 1000.0
PURE_PPM: Final = 1e6
MOST_NAMED: Final = 20
"""How many bad rows of one answer are named."""
LONGEST_NAME: Final = 100
Item = TypeVar("Item")
Row = TypeVar("Row")


def read_each(
    items: Iterable[Item], read: Callable[[Item], Iterable[Row]]
) -> tuple[list[Row], tuple[BadPayload, ...]]:
    """Read items one by one; return all rows, and the errors of the items that could not be read.

    Raises
    ------
    BadPayload
        the first error, where no item at all could be read

    Examples
    --------
    >>> def halve(item):
    ...     if item % 2:
    ...         raise BadPayload("x", f"{item} is odd")
    ...     yield item // 2
    >>> rows, left_out = read_each([2, 3, 4], halve)
    >>> rows, [str(error) for error in left_out]
    ([1, 2], ['x: 3 is odd'])
    """
    rows: list[Row] = []
    errors: list[BadPayload] = []
    good = 0
    for item in items:
        try:
            rows += list(read(item))
            good += 1
        except BadPayload as error:
            errors.append(error)
    if errors and not good:
        raise errors[0]
    return rows, tuple(errors[:MOST_NAMED])


def parts_per_billion(ppm: float, source: str, field: str) -> float:
    """Return a mole fraction [1e-9] that came in parts per million; NaN stays.

    >>> parts_per_billion(0.037, "airkorea", "o3Value")
    37.0
    """
    if abs(ppm) > PURE_PPM:
        raise BadPayload(source, f"{ppm:g} ppm is more than all of the air", field=field, remedy=REMEDY)
    return round(ppm * PPB_PER_PPM, 6)


def clean_text(value: object) -> str:
    r"""Return text as it can be stored; nothing and what is no text give an empty string.

    >>> clean_text(" 보통 "), clean_text(None), clean_text("a\ud800")
    ('보통', '', 'a?')
    """
    return value.strip().encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def station_name(value: object, source: str, field: str) -> str:
    """Return the name of a station, which must be short and printable.

    >>> station_name("중구", "airkorea", "stationName")
    '중구'
    """
    name = value.strip() if isinstance(value, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadPayload(source, f"{ascii(value)[:40]} is no name", field=field, remedy=REMEDY)
    return name
