"""Series as they were known at an instant: the only door from the past into a forecast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from pipeline.times import to_ns

Times = npt.NDArray[np.datetime64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AsOfSeries:
    """Every version of one series: interval ends, when each version was received, and its value.

    Parameters
    ----------
    times : (n,) interval ends [UTC, datetime64[ns]], ascending; equal times are versions of one value
    received : (n,) when each version became known [UTC, datetime64[ns]], ascending within equal times
    values : (n,) in the unit of the quantity; NaN withdraws an earlier version
    interval_hours : length of the averaging interval [h]

    Examples
    --------
    A correction is invisible before it was received:

    >>> t = np.array(["2020-01-01T01", "2020-01-01T01"], "M8[ns]")
    >>> r = np.array(["2020-01-01T02", "2020-01-03T00"], "M8[ns]")
    >>> s = AsOfSeries(t, r, np.array([40.0, 44.0]), 1)
    >>> s.window(np.datetime64("2020-01-01"), np.datetime64("2020-01-02"), np.datetime64("2020-01-02"))[1]
    array([40.])
    >>> s.window(np.datetime64("2020-01-01"), np.datetime64("2020-01-02"), np.datetime64("2020-01-04"))[1]
    array([44.])
    """

    times: Times
    received: Times
    values: Values
    interval_hours: int = 1

    def __post_init__(self) -> None:
        """Refuse arrays that are not sorted by time, then receipt."""
        if not len(self.times) == len(self.received) == len(self.values):
            raise ValueError("times, received and values differ in length")
        gap = np.diff(self.times.astype("int64"))
        if (gap < 0).any() or (np.diff(self.received.astype("int64"))[gap == 0] < 0).any():
            raise ValueError("an AsOfSeries must be sorted by time, then by receipt")

    def window(self, start: np.datetime64, end: np.datetime64, as_of: np.datetime64) -> tuple[Times, Values]:
        """Return times and values with start < time ≤ end, as known at ``as_of``; NaN values are left out."""
        low, high = np.searchsorted(self.times, np.array([start, end], "datetime64[ns]"), side="right")
        known = self.received[low:high] <= as_of
        times, values = self.times[low:high][known], self.values[low:high][known]
        newest = np.append(times[1:] != times[:-1], True)[: len(times)]
        times, values = times[newest], values[newest]
        there = np.isfinite(values)
        return times[there], values[there]

    def on_grid(self, grid: Times, as_of: np.datetime64) -> Values:
        """Return the values known at ``as_of`` on a grid of interval ends; NaN where nothing was known.

        >>> t = np.array(["2020-01-01T01", "2020-01-01T03"], "M8[ns]")
        >>> AsOfSeries(t, t, np.array([5.0, 7.0])).on_grid(
        ...     np.array(["2020-01-01T01", "2020-01-01T02", "2020-01-01T03"], "M8[ns]"), t[-1])
        array([ 5., nan,  7.])
        """
        out = np.full(len(grid), np.nan)
        if not len(grid) or not len(self.times):
            return out
        times, values = self.window(grid[0] - np.timedelta64(1, "ns"), grid[-1], as_of)
        if len(times):
            at = np.searchsorted(times, grid)
            at_safe = np.minimum(at, len(times) - 1)
            hit = times[at_safe] == grid
            out[hit] = values[at_safe[hit]]
        return out


@dataclass(frozen=True)
class AsOfPanel(Mapping[str, AsOfSeries]):
    """Named series of one world, keyed ``city.quantity.role`` (see ``pipeline.series.load_panel``)."""

    series: Mapping[str, AsOfSeries]
    world: str
    batches: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> AsOfSeries:
        """Return one series by key."""
        return self.series[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self.series)

    def __len__(self) -> int:
        """Count the series."""
        return len(self.series)

    def known_by(self, as_of: datetime) -> AsOfPanel:
        """Return the panel without the series of which nothing had been received by an instant.

        That a series will exist one day is a fact of the future, too.

        >>> t = np.array(["2020-01-01T01"], "M8[ns]")
        >>> panel = AsOfPanel({"a": AsOfSeries(t, t, t.astype(float))}, "measured")
        >>> list(panel.known_by(datetime.fromisoformat("2020-01-01T00:59+00:00")))
        []
        """
        limit = to_ns(as_of)
        known = {k: s for k, s in self.series.items() if len(s.received) and s.received.min() <= limit}
        return AsOfPanel(known, self.world, self.batches)

    def on_grid(self, key: str, grid: Times, as_of: datetime) -> Values:
        """Return one series on a grid as known at an instant; all NaN when there is no such series."""
        if key not in self.series:
            return np.full(len(grid), np.nan)
        return self.series[key].on_grid(grid, to_ns(as_of))


def join_panels(panels: Sequence[AsOfPanel]) -> AsOfPanel:
    """Return one panel of what panels of one world hold; where two hold the same series the last one counts.

    >>> t = np.array(["2020-01-01T01"], "M8[ns]")
    >>> one = AsOfSeries(t, t, t.astype(float))
    >>> list(join_panels([AsOfPanel({"a": one}, "measured"), AsOfPanel({"a": one, "b": one}, "measured")]))
    ['a', 'b']
    """
    [world] = {panel.world for panel in panels}
    series = {key: one for panel in panels for key, one in panel.series.items()}
    return AsOfPanel(series, world, tuple(dict.fromkeys(b for panel in panels for b in panel.batches)))
