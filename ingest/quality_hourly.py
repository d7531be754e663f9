"""Tests of hourly particulate matter in a network, on matrices of hours by stations.

They are the spike, rate-of-change, flat-line, neighbour and attenuated-signal tests of IOOS QARTOD ("Manual
for Real-Time Quality Control of In-Situ Temperature and Salinity Data", tests 4 to 9), with the neighbours as
witnesses: a rise that any neighbour shares is air, not a fault. The limits and their reasons stand in
docs/quality.md, with the measured detection and false-alarm rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality_network import Around, Matrix, Near, around, middle
from pipeline.names import QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT, QUANTITIES

Mask = npt.NDArray[np.bool_]
FlagMatrix = npt.NDArray[np.int8]

MEMORY_HOURS: Final = 6
"""A value is compared with the median of this many hours before it, so that spikes of three hours show."""
LEAST_MEMORY: Final = 3
"""… of which so many must be there."""
GAP_HOURS: Final = 6
"""A longer gap ends a run of equal values."""


@dataclass(frozen=True)
class Limits:
    """Limits of one quantity; the unit is that of the quantity unless said otherwise.

    Parameters
    ----------
    jump, jump_later, steep : a rise above the hours before (and, once known, after) by more than
        jump + steep · their median needs a witness
    share, floor : a neighbour is a witness if the value is at most share · neighbour + floor
    rise_share, floor : … or if the rise is at most rise_share · the neighbour's own rise + floor
    lone_jump : rise above the three hours before that is not believed where there is no neighbour
    apart, apart_floor : more than apart · highest neighbour + apart_floor is never believed
    vanish, vanish_least : less than vanish · neighbours' median, if that is at least vanish_least
    flat_quick, flat_slow, flat_low : hours of one value that are suspect while the neighbours move by at
        least ``flat_move``; whatever they do; and for values up to ``flat_small``
    cap : from here on networks cut values off, so that equal values are no flat line until ``flat_low``
    """

    jump: float
    jump_later: float
    steep: float
    share: float
    rise_share: float
    floor: float
    lone_jump: float
    apart: float
    apart_floor: float
    vanish: float
    vanish_least: float
    flat_quick: int
    flat_slow: int
    flat_low: int
    flat_move: float
    flat_small: float
    cap: float


LIMITS: Final = {
    "pm2p5": Limits(50, 40, 0.3, 1.2, 2, 20, 400, 4, 100, 0.02, 5, 5, 10, 24, 15, 10, 490),
    "pm10": Limits(600, 150, 0.3, 1.5, 2, 60, 1500, 4, 400, 0.02, 10, 5, 10, 24, 25, 15, 900),
}


def arrival_flags(quantity: str, values: Matrix, near: Near) -> FlagMatrix:
    """Flag every hour by itself, the hours before it and the neighbours in the same hour.

    Parameters
    ----------
    quantity : a key of LIMITS
    values : (hours, stations), consecutive hours; NaN where there is none
    near : neighbours of the stations

    Examples
    --------
    >>> alone = Near(np.zeros((1, 1), np.intp), np.zeros((1, 1), bool))
    >>> arrival_flags("pm2p5", np.array([[30.0], [31.0], [33.0], [900.0], [35.0]]), alone).T.tolist()
    [[0, 0, 0, 1, 0]]
    """
    limits, clean = LIMITS[quantity], in_range(quantity, values)
    others = around(clean, near)
    level = level_before(clean)
    flat, _ = flat_runs(clean, others.median, limits)
    sudden = _unshared(clean, level, limits.jump, others, near, limits) | _beyond_belief(
        clean - highest_before(clean), others, limits
    )
    return _flags(sudden | _misplaced(clean, others, limits) | flat)


def review_flags(quantity: str, values: Matrix, near: Near) -> FlagMatrix:
    """Flag every hour by the hours before and after it and the neighbours in the same hour.

    A rise that lasted is air; a run of equal values is suspect from its second hour on. Where too few hours
    before or after are known, nothing is said (not evaluated) of a value that is not suspect anyway.

    Examples
    --------
    >>> alone = Near(np.zeros((1, 1), np.intp), np.zeros((1, 1), bool))
    >>> lasting = np.array([[30.0]] * 4 + [[900.0]] * 8)
    >>> [int((f("pm2p5", lasting, alone) == 1).sum()) for f in (review_flags, arrival_flags)]
    [0, 1]
    >>> review_flags("pm2p5", lasting, alone).T.tolist()
    [[3, 3, 3, 0, 0, 0, 0, 0, 0, 3, 3, 3]]
    """
    limits, clean = LIMITS[quantity], in_range(quantity, values)
    others = around(clean, near)
    level = np.maximum(level_before(clean), level_before(clean[::-1])[::-1])
    flat, length = flat_runs(clean, others.median, limits)
    spikes = _unshared(clean, level, limits.jump_later, others, near, limits) | _beyond_belief(
        clean - level, others, limits
    )
    found = _flags(spikes | _misplaced(clean, others, limits) | _back_to_start(flat, length))
    found[(found == QC_PASS) & np.isnan(level)] = QC_NOT_EVALUATED
    return found


def in_range(quantity: str, values: Matrix) -> Matrix:
    """Return the values with those that fail the range test taken out, so that they are no yardstick."""
    known = QUANTITIES[quantity]
    with np.errstate(invalid="ignore"):
        return np.where((values >= known.lowest) & (values <= known.highest), values, np.nan)


def level_before(values: Matrix) -> Matrix:
    """Return the median of the MEMORY_HOURS rows before each; NaN where fewer than LEAST_MEMORY are there.

    >>> level_before(np.array([[1.0], [2.0], [9.0], [4.0]])).T.tolist()
    [[nan, nan, nan, 2.0]]
    """
    padded = np.concatenate([np.full((MEMORY_HOURS, values.shape[1]), np.nan), values])
    stack = np.stack([padded[lag : lag + len(values)] for lag in range(MEMORY_HOURS)])
    return middle(stack, LEAST_MEMORY)[0]


def highest_before(values: Matrix) -> Matrix:
    """Return the highest of the LEAST_MEMORY rows before each; NaN where one of them is missing.

    >>> highest_before(np.array([[1.0], [2.0], [9.0], [4.0]])).T.tolist()
    [[nan, nan, nan, 9.0]]
    """
    padded = np.concatenate([np.full((LEAST_MEMORY, values.shape[1]), np.nan), values])
    highest: Matrix = np.max([padded[lag : lag + len(values)] for lag in range(LEAST_MEMORY)], axis=0)
    return highest


def _unshared(clean: Matrix, level: Matrix, jump: float, others: Around, near: Near, limits: Limits) -> Mask:
    """Tell rises above a level that no neighbour shares."""
    rise = clean - level
    theirs = around(rise, near).highest
    with np.errstate(invalid="ignore"):
        above = clean > limits.share * others.highest + limits.floor
        shared = rise <= limits.rise_share * theirs + limits.floor
        found: Mask = (rise > jump + limits.steep * level) & above & ~shared
    return found


def _beyond_belief(rise: Matrix, others: Around, limits: Limits) -> Mask:
    """Tell rises that are beyond belief even where there is no neighbour to ask."""
    with np.errstate(invalid="ignore"):
        found: Mask = np.isnan(others.highest) & (rise > limits.lone_jump)
    return found


def _misplaced(clean: Matrix, others: Around, limits: Limits) -> Mask:
    """Tell values that lie apart from all neighbours, whatever came before: far above, or next to nothing."""
    with np.errstate(invalid="ignore"):
        above: Mask = clean > limits.apart * others.highest + limits.apart_floor
        below: Mask = (clean < limits.vanish * others.median) & (others.median >= limits.vanish_least)
    return above | below


def flat_runs(clean: Matrix, moving: Matrix, limits: Limits) -> tuple[Mask, npt.NDArray[np.int64]]:
    """Follow runs of one value: which are too long by now, and how many values each has so far.

    Parameters
    ----------
    moving : neighbours' median, whose span during the run says whether the air stood still
    """
    hours, stations = clean.shape
    last, length = np.full(stations, np.nan), np.zeros(stations, np.int64)
    silent, low, high = np.zeros(stations, np.int64), np.full(stations, np.nan), np.full(stations, np.nan)
    flat, lengths = np.zeros(clean.shape, np.bool_), np.zeros(clean.shape, np.int64)
    for hour in range(hours):
        value, there = clean[hour], np.isfinite(clean[hour])
        same = there & (value == last) & (silent <= GAP_HOURS)
        length = np.where(same, length + 1, np.where(there, 1, length))
        low = np.where(there & ~same, moving[hour], np.fmin(low, moving[hour]))
        high = np.where(there & ~same, moving[hour], np.fmax(high, moving[hour]))
        silent = np.where(there, 0, silent + 1)
        last = np.where(there, value, last)
        flat[hour] = there & _too_long(length, value, high - low, limits)
        lengths[hour] = np.where(there, length, 0)
    return flat, lengths


def _too_long(length: npt.NDArray[np.int64], value: Matrix, span: Matrix, limits: Limits) -> Mask:
    with np.errstate(invalid="ignore"):
        small = value <= limits.flat_small
        cut_off = value >= limits.cap
        quick = (length >= limits.flat_quick) & (span >= limits.flat_move) & ~cut_off
        slow = (length >= limits.flat_slow) & ~small & ~cut_off
    found: Mask = (quick | slow | (length >= limits.flat_low)) & (value > 0)
    return found


def _back_to_start(flat: Mask, length: npt.NDArray[np.int64]) -> Mask:
    """Extend what is flat back to the second value of its run."""
    out = flat.copy()
    running = np.zeros(flat.shape[1], np.bool_)
    for hour in range(len(flat) - 1, -1, -1):
        there = length[hour] > 0
        running = np.where(there, running | flat[hour], running)
        out[hour] |= there & running & (length[hour] > 1)
        running &= ~(there & (length[hour] == 1))
    return out


def _flags(suspect: Mask) -> FlagMatrix:
    return np.where(suspect, QC_SUSPECT, QC_PASS).astype(np.int8)
