"""GRIB 2 messages apart, with sections that add up, before any library decodes them.

A decoder written in C believes what a message says of itself: a few wrong bytes make it ask for gigabytes. So
only messages pass that are one plain field: a regular grid (template 3.0) of sane size, a forecast on a level
(4.0), packed simply (5.0) or by CCSDS (5.42), with as many values as points. After WMO Manual on Codes I.2.
"""

from __future__ import annotations

from typing import Final

from ingest.wire import REMEDY
from pipeline.errors import BadPayload

START: Final = b"GRIB"
END: Final = b"7777"
EDITION: Final = 2
MOST_POINTS: Final = 2_000_000
SHORTEST: Final = 100
SIMPLE: Final = 0
CCSDS: Final = 42
NO_BITMAP: Final = 255
MOST_BITS: Final = 32


def messages(payload: bytes, source: str) -> list[bytes]:
    """Return the GRIB 2 messages that follow each other in some bytes.

    Raises
    ------
    BadPayload
        anything else in between, or a message that is no plain field

    Examples
    --------
    >>> messages(b"", "ecmwf")
    []
    >>> messages(b"<html>", "ecmwf")
    Traceback (most recent call last):
    pipeline.errors.BadPayload: ecmwf: no GRIB 2 message at byte 0; ...
    """
    found = []
    at = 0
    while at < len(payload):
        head = payload[at : at + 16]
        length = _number(head, 8, 8)
        message = payload[at : at + length]
        if head[:4] != START or head[7:8] != bytes([EDITION]) or length < SHORTEST or len(message) != length:
            raise BadPayload(source, f"no GRIB 2 message at byte {at}", remedy=REMEDY)
        if not _is_plain(message):
            raise BadPayload(source, f"no plain field at byte {at}", remedy=REMEDY)
        found.append(message)
        at += length
    return found


def _number(section: bytes, at: int, size: int) -> int:
    return int.from_bytes(section[at : at + size], "big")


def _sections(message: bytes) -> dict[int, bytes] | None:
    """Return the sections of a message by number; None where they do not fill it in order, once each."""
    at, end = 16, len(message) - len(END)
    found: dict[int, bytes] = {}
    while at < end:
        size = _number(message, at, 4)
        if size < 5 or at + size > end or message[at + 4] <= max(found, default=0):
            return None
        found[message[at + 4]] = message[at : at + size]
        at += size
    whole = message[end:] == END and found.keys() - {2} == {1, 3, 4, 5, 6, 7}
    return found if whole else None


def _is_plain(message: bytes) -> bool:
    found = _sections(message)
    if found is None or not 21 <= len(found[1]) <= 64:
        return False
    points = _points(found[3])
    return (
        points > 0
        and len(found[4]) == 34
        and _number(found[4], 5, 4) == 0
        and _is_packed(found[5], found[6], found[7], points)
    )


def _points(grid: bytes) -> int:
    """Return how many points a regular grid has, 0 for any other grid."""
    if len(grid) != 72 or _number(grid, 10, 1) or _number(grid, 12, 2):
        return 0
    points, columns, lines = (_number(grid, at, 4) for at in (6, 30, 34))
    return points if 0 < points <= MOST_POINTS and columns * lines == points else 0


def _is_packed(packing: bytes, bitmap: bytes, data: bytes, points: int) -> bool:
    """Tell whether packing, bitmap and data agree on how many values there are."""
    template, values = _number(packing, 9, 2), _number(packing, 5, 4)
    mapped = _number(bitmap, 5, 1) != NO_BITMAP
    if mapped and (_number(bitmap, 5, 1) or len(bitmap) != 6 + (points + 7) // 8):
        return False
    if (not mapped and (values != points or len(bitmap) != 6)) or values > points:
        return False
    if mapped and sum(byte.bit_count() for byte in bitmap[6:]) != values:
        return False
    bits = _number(packing, 19, 1)
    if template == SIMPLE:
        return len(packing) == 21 and bits <= MOST_BITS and len(data) == 5 + (values * bits + 7) // 8
    return template == CCSDS and len(packing) == 25 and bits <= MOST_BITS
