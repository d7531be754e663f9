"""Quality flags for observations; a flag is added, a value is never changed or removed.

The checks are the gross range, rate-of-change and flat-line tests of IOOS QARTOD ("Manual for Real-Time
Quality Control", tests 4, 7 and 8). Each looks at the value and at what came *before* it, never after, so
that a stored flag tells a hindcast nothing that was not known when the value was received.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.names import QC_FAIL, QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT, QUANTITIES
from pipeline.times import NS_HOUR

Flags = npt.NDArray[np.int8]
Values = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]
Codes = npt.NDArray[np.integer]

STEP_LIMITS: Final = {
    "pm2p5": 400.0,
    "pm10": 2000.0,
    "air_temperature": 25.0,
    "dew_point_temperature": 30.0,
    "surface_air_pressure": 2500.0,
    "air_pressure_at_mean_sea_level": 2500.0,
    "wind_speed": 25.0,
    "wind_speed_of_gust": 40.0,
    "sea_surface_temperature": 8.0,
}
"""Largest believable distance from the median of the three values before [unit of the quantity]."""

STEP_MEMORY_HOURS: Final = 12
"""How old the oldest of those three values may be [h]; else the step is not judged."""

FLAT_HOURS: Final = {
    "pm2p5": 24,
    "pm10": 24,
    "air_temperature": 24,
    "surface_air_pressure": 24,
    "air_pressure_at_mean_sea_level": 24,
    "wind_speed": 48,
    "sea_surface_temperature": 120,
}
"""A positive value repeated without change for this long is suspect [h]; calms may last."""

FLAT_VALUES: Final = 8
"""… if it was also repeated at least this often."""

FLAT_GAP_HOURS: Final = 6
"""A gap longer than this ends a run of equal values [h]."""

_SEVERITY = np.array([0, 2, 3, 1], "int8")
_BY_SEVERITY = np.array([QC_PASS, QC_NOT_EVALUATED, QC_SUSPECT, QC_FAIL], "int8")

ISD_FLAGS: Final = {
    "2": QC_SUSPECT,
    "6": QC_SUSPECT,
    "3": QC_FAIL,
    "7": QC_FAIL,
}
"""NOAA ISD quality codes that are not a pass. 0, 1, 4, 5 and 9 passed the checks that were made, A and C were
accepted, I, M, P, R and U are values put right by the publisher (Federal Climate Complex Data Documentation
for Integrated Surface Data, 2018, "quality code" of the mandatory data section)."""


def flag_series(quantity: str, values: Values, times: Times, series: Codes) -> Flags:
    """Flag values of one quantity: the worst of range, step and flat-line check.

    Parameters
    ----------
    quantity : key of pipeline.names.QUANTITIES
    values : (n,) in the unit of the quantity, none missing
    times : (n,) interval ends [UTC, datetime64[ns]]
    series : (n,) integer naming the series; rows are sorted by series, then time

    Examples
    --------
    >>> t = np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-01T03", "2020-01-01T04"], "M8[ns]")
    >>> flag_series("pm2p5", np.array([30.0, -5.0, 35.0, 900.0]), t, np.zeros(4, "int8")).tolist()
    [0, 2, 0, 1]
    """
    return worst(
        range_flags(quantity, values),
        step_flags(quantity, values, times, series),
        flat_flags(quantity, values, times, series),
    )


def worst(*flags: Flags) -> Flags:
    """Combine flags elementwise: fail, then suspect, then not evaluated, then pass.

    >>> worst(np.array([0, 3, 3], "int8"), np.array([3, 1, 2], "int8")).tolist()
    [3, 1, 2]
    """
    rank: Flags = _SEVERITY[flags[0]]
    for more in flags[1:]:
        rank = np.maximum(rank, _SEVERITY[more])
    combined: Flags = _BY_SEVERITY[rank]
    return combined


def range_flags(quantity: str, values: Values) -> Flags:
    """Fail what lies outside the range of the quantity, infinities included.

    >>> range_flags("relative_humidity", np.array([0.5, 1.06, np.inf])).tolist()
    [0, 2, 2]
    """
    limits = QUANTITIES[quantity]
    inside = (values >= limits.lowest) & (values <= limits.highest)
    return np.where(inside, QC_PASS, QC_FAIL).astype("int8")


def step_flags(quantity: str, values: Values, times: Times, series: Codes) -> Flags:
    """Suspect what lies further than STEP_LIMITS from the median of the three values before.

    The median forgives the return from a single spike, and follows a real change after two values.
    Fewer than three values within STEP_MEMORY_HOURS, or a quantity without a limit, gives a pass.
    """
    out = np.zeros(len(values), "int8")
    limit = STEP_LIMITS.get(quantity)
    if limit is None or len(values) < 4:
        return out
    a, b, c = values[:-3], values[1:-2], values[2:-1]
    median = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    recent = _ns(times)[3:] - _ns(times)[:-3] <= STEP_MEMORY_HOURS * NS_HOUR
    far = np.abs(values[3:] - median) > limit
    out[3:] = np.where(far & recent & (series[3:] == series[:-3]), QC_SUSPECT, QC_PASS)
    return out


def flat_flags(quantity: str, values: Values, times: Times, series: Codes) -> Flags:
    """Suspect a positive value that has not changed for FLAT_HOURS; the run's first hours stay a pass.

    >>> t = np.arange("2020-01-01T00", "2020-01-02T06", dtype="M8[h]").astype("M8[ns]")
    >>> flat_flags("pm2p5", np.full(30, 17.0), t, np.zeros(30, "int8")).tolist()[22:]
    [0, 0, 1, 1, 1, 1, 1, 1]
    """
    hours = FLAT_HOURS.get(quantity)
    if hours is None or not len(values):
        return np.zeros(len(values), "int8")
    when = _ns(times)
    starts = np.ones(len(values), bool)
    starts[1:] = (
        (values[1:] != values[:-1])
        | (series[1:] != series[:-1])
        | (when[1:] - when[:-1] > FLAT_GAP_HOURS * NS_HOUR)
    )
    first = np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))
    long = (when - when[first] >= hours * NS_HOUR) & (np.arange(len(values)) - first + 1 >= FLAT_VALUES)
    return np.where(long & (values > 0), QC_SUSPECT, QC_PASS).astype("int8")


def isd_flags(codes: npt.NDArray[np.object_]) -> Flags:
    """Translate NOAA ISD quality codes to our flags; an unknown or missing code is not evaluated.

    >>> isd_flags(np.array(["1", "2", "7", "9", None], object)).tolist()
    [0, 1, 2, 0, 3]
    """
    known = {code: QC_PASS for code in "01459ACIMPRU"} | ISD_FLAGS
    names, where = np.unique(codes.astype(str), return_inverse=True)
    return np.array([known.get(str(n), QC_NOT_EVALUATED) for n in names], "int8")[where]


def _ns(times: Times) -> npt.NDArray[np.int64]:
    return times.astype("datetime64[ns]").view("int64")
