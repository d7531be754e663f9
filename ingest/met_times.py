"""Which times of a meteorology file a stretch needs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.errors import UsageError


class NoneAsked(UsageError):
    """A file holds none of the times asked for."""


def enclosing(
    times: npt.NDArray[np.datetime64], start: np.datetime64 | None, end: np.datetime64 | None, source: str
) -> slice:
    """Return the times from the last before ``start`` to the first after ``end``; None: all.

    Raises
    ------
    NoneAsked
        the times, which ascend, all lie before or after the stretch

    Examples
    --------
    >>> hours = np.arange("2025-01-01T00", "2025-01-02T00", 6, dtype="M8[h]").astype("M8[ns]")
    >>> enclosing(hours, np.datetime64("2025-01-01T07"), np.datetime64("2025-01-01T12"), "x.nc")
    slice(1, 3, None)
    """
    if (start is not None and times[-1] < start) or (end is not None and times[0] > end):
        held = " to ".join(f"{np.datetime_as_string(time, 'm')}Z" for time in times[[0, -1]])
        raise NoneAsked(f"{source} holds winds of {held}, none of the times asked for")
    low = 0 if start is None else max(int(np.searchsorted(times, start, "right")) - 1, 0)
    high = len(times) if end is None else min(int(np.searchsorted(times, end, "left")) + 1, len(times))
    return slice(low, high)
