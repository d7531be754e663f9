"""What was measured, by an issue, where the air of the coming days will come from.

For every issue, city and local day ahead, parcels that will arrive during that day are followed back to the
issue with the winds that the issue knew; there the newest readings of the places around tell their air. A
number of readings weighted by wind, not a forecast: what the air gains and loses on its way is the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.transport.interpolate import at_columns, corners
from pipeline.cities import City
from pipeline.times import from_ns, local_date, local_day_bounds, to_ns

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]

ARRIVAL_HOURS: Final = (3, 9, 15, 21)
"""Local hours at which parcels of a day arrive."""

STEP_HOURS: Final = 1.0
REACH_KM: Final = 150.0
"""Readings count by a Gaussian of this length, over which day means of stations hang together."""

BACKGROUND: Final = 0.1
"""Weight of the mean of all places beside the near ones: what is read where no place is near."""

EARTH_M: Final = 6.371e6
HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True)
class KnownWinds:
    """Winds of one height as many issues knew them.

    Parameters
    ----------
    times : (time,) evenly spaced [UTC]
    latitude, longitude : regular, ascending [degree]
    values : (layer, time, latitude, longitude, 2) eastward and northward wind [m s-1]
    layer_hours : layer n holds what was known (n + 1) · ``layer_hours`` less ``delay_hours`` before its time;
        0: one layer
    """

    times: Times
    latitude: Floats
    longitude: Floats
    values: npt.NDArray[np.floating]
    layer_hours: float = 0.0
    delay_hours: float = 0.0

    def at(self, issues: Times, when: Times, latitude: Floats, longitude: Floats) -> Floats:
        """Return the wind (n, 2) that each issue knew at places and times [m s-1]; NaN outside.

        Up to one step before the first time the first holds: a forecast begins after it was asked for.
        """
        layers, steps, rows, columns = self.values.shape[:4]
        clock = (when - self.times[0]).astype(np.float64) / float(
            (self.times[1] - self.times[0]).astype(np.int64)
        )
        clock = np.where((clock < 0) & (clock >= -1), 0.0, clock)
        layer = np.zeros(len(when), np.int64)
        if self.layer_hours:
            ahead = (when - issues).astype(np.float64) / HOUR_NS + self.delay_hours
            layer = np.clip(np.ceil(ahead / self.layer_hours).astype(np.int64) - 1, 0, None)
        row = (latitude - self.latitude[0]) / (self.latitude[1] - self.latitude[0])
        column = (longitude - self.longitude[0]) / (self.longitude[1] - self.longitude[0])
        inside = (clock >= 0) & (clock <= steps - 1) & (row >= 0) & (row <= rows - 1)
        inside &= (column >= 0) & (column <= columns - 1) & (layer < layers)
        clock, row, column = (np.where(inside, place, np.nan) for place in (clock, row, column))
        where = corners(clock, row, column, (steps, rows, columns))
        index = where.index + np.where(inside, layer, 0) * (steps * rows * columns)
        table = self.values.reshape(-1, 2)
        return at_columns(table, type(where)(index, where.weight))


@dataclass(frozen=True)
class Readings:
    """The newest readings of places as many issues knew them: ``values`` (issue, place), ln(c + 5)."""

    latitude: Floats
    longitude: Floats
    values: Floats

    def at(self, rows: npt.NDArray[np.int64], latitude: Floats, longitude: Floats) -> Floats:
        """Return the air at places from the readings of issues ``rows``, NaN where nothing was read.

        >>> one = Readings(np.array([37.0, 30.0]), np.array([127.0, 110.0]), np.array([[3.0, 1.0]]))
        >>> one.at(np.zeros(2, int), np.array([37.0, 45.0]), np.array([127.0, 130.0])).round(2).tolist()
        [2.91, 2.0]
        """
        km = np.pi / 180 * EARTH_M / 1000
        north = (latitude[:, None] - self.latitude) * km
        east = (longitude[:, None] - self.longitude) * km * np.cos(np.radians(latitude))[:, None]
        values = self.values[rows]
        there = np.isfinite(values)
        count = there.sum(axis=1)
        background = np.where(there, values, 0.0).sum(axis=1) / np.maximum(count, 1)
        weight = np.exp(-0.5 * (north**2 + east**2) / REACH_KM**2) * there
        near = (weight * np.nan_to_num(values)).sum(axis=1)
        told = (near + BACKGROUND * background) / (weight.sum(axis=1) + BACKGROUND)
        return np.where(count > 0, told, np.nan)


def arriving(winds: KnownWinds, readings: Readings, issues: Times, city: City, days: Sequence[int]) -> Floats:
    """Return the air that will arrive, (issue, day), ln(c + 5); NaN where no wind or reading is known.

    A parcel that leaves the winds is held where it left them.

    Parameters
    ----------
    winds, readings : as the issues knew them
    issues : (n,) [UTC]
    days : local days after that of the issue; of the issue's own day, what is left of it
    """
    out = np.full((len(issues), len(days)), np.nan)
    for column, day in enumerate(days):
        told = [
            _one(winds, readings, issues, _arrivals(issues, city, day, hour), city) for hour in ARRIVAL_HOURS
        ]
        known = np.isfinite(told)
        count = known.sum(axis=0)
        mean = np.where(known, told, 0.0).sum(axis=0) / np.maximum(count, 1)
        out[:, column] = np.where(count > 0, mean, np.nan)
    return out


def _arrivals(issues: Times, city: City, day: int, hour: int) -> Times:
    """Return when the parcels of an hour of a local day arrive, one an issue."""
    found = {}
    for issue in np.unique(issues.astype("M8[h]")):
        local = local_date(from_ns(issue.astype("M8[ns]")), city.timezone) + timedelta(days=day)
        found[issue] = to_ns(local_day_bounds(local, city.timezone)[0] + timedelta(hours=hour))
    return np.array([found[i] for i in issues.astype("M8[h]")], "M8[ns]")


def _one(winds: KnownWinds, readings: Readings, issues: Times, arrivals: Times, city: City) -> Floats:
    """Return the air of one parcel an issue; NaN for those that have arrived before it."""
    ahead = (arrivals - issues).astype(np.float64) / HOUR_NS
    rows = np.flatnonzero(ahead > 0)
    out = np.full(len(issues), np.nan)
    if not len(rows):
        return out
    latitude, longitude = np.full(len(rows), city.latitude), np.full(len(rows), city.longitude)
    left, when, issue = ahead[rows], arrivals[rows].copy(), issues[rows]
    blown = np.isfinite(winds.at(issue, when, latitude, longitude)).all(axis=1)
    while (left > 0).any():
        step = np.minimum(STEP_HOURS, np.maximum(left, 0.0))
        before = when - (step * HOUR_NS).astype("m8[ns]")
        first = winds.at(issue, when, latitude, longitude)
        guess = _moved(latitude, longitude, first, -step)
        second = winds.at(issue, before, *guess)
        latitude, longitude = _moved(latitude, longitude, 0.5 * (first + second), -step)
        when, left = before, left - step
    out[rows] = np.where(blown, readings.at(rows, latitude, longitude), np.nan)
    return out


def _moved(latitude: Floats, longitude: Floats, wind: Floats, hours: Floats) -> tuple[Floats, Floats]:
    """Return places moved by a wind for some hours; where there is no wind they stay."""
    degrees = np.degrees(3600.0 * hours / EARTH_M)
    known = np.isfinite(wind).all(axis=1)
    north = np.where(known, wind[:, 1] * degrees, 0.0)
    east = np.where(known, wind[:, 0] * degrees / np.cos(np.radians(latitude)), 0.0)
    return latitude + north, longitude + east
