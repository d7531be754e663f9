"""Trajectories: the paths of air parcels through gridded winds, forward or back in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.transport.air import Held, Profile, above_top, around, to_coordinate, to_height, to_pressure
from forecasting.transport.integrate import Parcels, Scheme, advance
from forecasting.transport.interpolate import Corners, at_surface
from forecasting.transport.winds_grid import MIXING, Field, fastest, field_of
from pipeline.errors import ContractError, UsageError
from pipeline.wind_fields import check_speeds, check_trajectories, check_winds

Floats = NDArray[np.float64]
Vertical = Literal["model", "model over terrain", "isobaric", "constant height"]
COURANT = 0.75
"""Grid cells that the fastest wind may cross in a step."""


@dataclass(frozen=True)
class Starts:
    """Where and when parcels start, arrays (n,), and further labels (n,) that their paths carry.

    Parameters
    ----------
    times : instants [UTC, datetime64[ns]]
    latitude, longitude : [degree]
    height : above ground [m]
    labels : values by the name of their variable, such as member

    Raises
    ------
    ContractError
        the arrays differ in length, or a value is impossible
    """

    times: NDArray[np.datetime64]
    latitude: Floats
    longitude: Floats
    height: Floats
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", np.atleast_1d(np.asarray(self.times)).astype("M8[ns]"))
        for name in ("latitude", "longitude", "height"):
            object.__setattr__(self, name, np.atleast_1d(np.asarray(getattr(self, name), np.float64)))
        for name in ("latitude", "longitude", "height", *self.labels):
            values = self.labels[name] if name in self.labels else getattr(self, name)
            if np.shape(values) != self.times.shape:
                raise ContractError(
                    f"{name} of starts has the shape {np.shape(values)}, times {self.times.shape}"
                )
        if not (np.abs(self.latitude) <= 90).all() or not np.isfinite(self.longitude).all():
            raise ContractError("a start lies nowhere: latitude -90...90 and longitude [degree] are needed")
        if np.isnat(self.times).any():
            raise ContractError("a start has no time")
        if not (self.height >= 0).all():
            raise ContractError("height of starts is above ground [m], from 0")


@dataclass(frozen=True)
class Method:
    """How paths are computed.

    Parameters
    ----------
    vertical : with the winds' vertical motion (``model``: on sigma levels as HYSPLIT takes it; ``model over
        terrain``: there relative to surfaces that follow the ground), at one pressure or one height
    step_minutes : longest step; None: as long as 0.75 grid cells at the fastest wind allow, at most 60
    below_lowest : logarithmic wind profile below the lowest level, or refuse starts there
    passes : how often at least the end of a step is corrected; further until it is known to 1 m
    roughness_m : height at which the profile is still [m]
    longest_gap_hours : between two times of the winds further apart, nothing is known
    """

    vertical: Vertical = "model"
    step_minutes: float | None = None
    below_lowest: Literal["surface layer", "refuse"] = "surface layer"
    passes: int = 2
    roughness_m: float = 0.1
    longest_gap_hours: float = 12.0

    def __post_init__(self) -> None:
        if self.vertical not in get_args(Vertical):
            raise UsageError(f"vertical is {self.vertical!r}; choose one of {', '.join(get_args(Vertical))}")
        if self.step_minutes is not None and not 0 < self.step_minutes <= 60:
            raise UsageError(f"step_minutes is {self.step_minutes}; choose more than 0 and at most 60")
        if self.passes < 1 or self.roughness_m <= 0 or self.longest_gap_hours <= 0:
            raise UsageError("passes, roughness_m and longest_gap_hours must be positive")

    def text(self) -> str:
        """Return what is written beside paths."""
        return f"Petterssen, {self.passes} corrections; vertical: {self.vertical}"


def trajectories(
    winds: xr.Dataset, starts: Starts, hours: float, *, method: Method | None = None
) -> xr.Dataset:
    """Return the paths of parcels, one point an hour; see TRAJECTORY_CONTRACT.

    Petterssen's scheme; winds linear in time and between levels, bilinear between grid points, as vectors
    on the sphere or on the winds' own map. The ground stops parcels; they slide along it.

    Parameters
    ----------
    winds : as in WIND_CONTRACT
    hours : length of the paths, negative back in time

    Raises
    ------
    ContractError
        the winds break their contract
    UsageError
        no hours, or a start below the lowest level where the method refuses that

    Examples
    --------
    >>> dims, shape = ("time", "level", "latitude", "longitude"), (2, 1, 3, 30)
    >>> times = np.array(["2025-01-01T00", "2025-01-01T06"], "M8[ns]")
    >>> winds = xr.Dataset(
    ...     {"eastward_wind": (dims, np.full(shape, 10.0)), "northward_wind": (dims, np.zeros(shape))},
    ...     {"time": times, "latitude": [-1.0, 0.0, 1.0], "longitude": 100.0 + np.arange(30),
    ...      "level": ("level", [850.0], {"vertical": "pressure", "units": "hPa"})},
    ...     {"source": "X", "kind": "analysis", "world": "measured"})
    >>> path = trajectories(winds, Starts(times[:1], [0.0], [101.0], [500.0]), 6)
    >>> round(float(path["longitude"][0, -1]) - 101.0, 3)  # 216 km on the equator
    1.942
    """
    if not np.isfinite(hours) or hours == 0:
        raise UsageError(f"paths of {hours} hours; give a number other than 0, negative back in time")
    method = method or Method()
    over_terrain = method.vertical == "model over terrain"
    grid = field_of(
        _around(check_speeds(check_winds(winds)), starts, hours),
        method.longest_gap_hours,
        over_terrain=over_terrain,
    )
    ages = np.sign(hours) * np.append(np.arange(np.ceil(abs(hours))), abs(hours)) + 0.0
    steps = max(1, int(np.ceil(60.0 / _longest_step(method, winds, grid) - 1e-9)))
    run = _Run(grid, starts, method, ages)
    run.go(steps)
    attributes = {n: winds.attrs[n] for n in ("source", "kind", "world")}
    return check_trajectories(
        run.dataset(attributes | {"method": method.text(), "step_minutes": 60.0 / steps})
    )


def _around(winds: xr.Dataset, starts: Starts, hours: float) -> xr.Dataset:
    """Return the winds of the times that the paths need, and two more at both ends."""
    span = np.timedelta64(round(hours * 3600e9), "ns")
    ends = np.concatenate([starts.times, starts.times + span])
    if not len(ends):
        return winds
    times = winds["time"].to_numpy()
    first = max(int(np.searchsorted(times, ends.min(), side="right")) - 3, 0)
    return winds.isel(time=slice(first, int(np.searchsorted(times, ends.max())) + 3))


def _longest_step(method: Method, winds: xr.Dataset, grid: Field) -> float:
    speed = fastest(winds, grid)
    limit = COURANT / speed / 60.0 if speed > 0 else 60.0
    return min(60.0, limit, method.step_minutes or 60.0)


class _Run:
    """Arrays (trajectory, age) that fill as parcels move."""

    def __init__(self, grid: Field, starts: Starts, method: Method, ages: Floats) -> None:
        self.grid, self.starts, self.ages = grid, starts, ages
        self.single = len(grid.levels) == 1
        held: Held = "coordinate"
        if not self.single and method.vertical in ("isobaric", "constant height"):
            held = "pressure" if method.vertical == "isobaric" else "height"
        self.scheme = Scheme(
            grid, Profile(method.below_lowest == "surface layer", method.roughness_m), held, method.passes
        )
        self.seconds = starts.times.astype(np.int64) / 1e9
        size = (len(starts.times), len(ages))
        names = (
            "latitude",
            "longitude",
            "height",
            "air_pressure",
            *([MIXING] if grid.mixing is not None else []),
        )
        self.points = {n: np.full(size, np.nan) for n in names}
        self.ended = np.full(size[0], "", dtype="<U24")

    def go(self, steps: int) -> None:
        """Move all parcels to the end, with so many steps an hour."""
        parcels = self._begin()
        for column in range(1, len(self.ages)):
            first, last = self.ages[column - 1 : column + 1] * 3600.0
            count = max(1, int(np.ceil(steps * abs(last - first) / 3600.0 - 1e-9)))
            for moved, lost in advance(
                parcels, self.scheme, self.seconds, np.linspace(first, last, count + 1)[1:]
            ):
                if len(lost.number):
                    where = around(self.grid, lost.seconds, lost.position)
                    self._end(lost, above_top(self.grid, where, lost.place, self.scheme.held))
                parcels = moved
            self._write(parcels, column)

    def dataset(self, attributes: dict[str, Any]) -> xr.Dataset:
        """Return what is known of all paths."""
        variables = {n: (("trajectory", "age"), values) for n, values in self.points.items()}
        labels = {n: ("trajectory", np.asarray(v)) for n, v in self.starts.labels.items()}
        more = {"start_time": ("trajectory", self.starts.times), "ended": ("trajectory", self.ended)}
        return xr.Dataset(variables | more | labels, {"age": ("age", self.ages)}, attributes)

    def _begin(self) -> Parcels:
        s = self.starts
        position = self.grid.frame.enter(s.latitude, s.longitude)
        where = around(self.grid, self.seconds, position)
        place = self._place(where)
        parcels = Parcels(np.arange(len(s.times)), self.seconds, position, place)
        now = self.scheme.air(self.seconds, position, place)
        gone = np.isnan(now.motion).any(axis=1) | np.isnan(now.climb)
        self._write(parcels, 0)
        for name in ("latitude", "longitude", "height"):
            self.points[name][:, 0] = getattr(s, name)
        self.points["longitude"][:, 0] = np.where(
            np.abs(s.longitude) <= 180.0, s.longitude, (s.longitude + 180.0) % 360.0 - 180.0
        )
        if self.single:
            self.points["height"][:, 0] = np.nan
        above = above_top(self.grid, where, s.height, "height")
        self._end(parcels.only(gone), above[gone])
        # In the order of time and place, neighbours read the same part of memory.
        order = np.lexsort((s.longitude, s.latitude, self.seconds))
        return parcels.only(order[~gone[order]])

    def _place(self, where: Corners) -> Floats:
        """Return the vertical place of the starts, as it is held."""
        if self.single:
            return np.full(len(self.seconds), self.grid.levels[0])
        coordinate = to_coordinate(self.grid, where, self.starts.height, "height")
        low = coordinate < self.grid.levels[0]
        if low.any() and not self.scheme.profile.below:
            raise UsageError(
                f"a start {self.starts.height[low][0]:g} m above ground lies below the winds' lowest level; "
                "start higher, or take the method with a surface layer"
            )
        if self.scheme.held == "pressure":
            return to_pressure(self.grid, where, coordinate)
        return self.starts.height if self.scheme.held == "height" else coordinate

    def _write(self, parcels: Parcels, column: int) -> None:
        points, number = self.points, parcels.number
        latitude, longitude = self.grid.frame.leave(parcels.position)
        points["latitude"][number, column], points["longitude"][number, column] = latitude, longitude
        where = around(self.grid, parcels.seconds, parcels.position)
        if self.grid.mixing is not None:
            points[MIXING][number, column] = at_surface(self.grid.mixing, where)
        if self.single:
            return
        coordinate = parcels.place
        if self.scheme.held != "coordinate":
            coordinate = to_coordinate(self.grid, where, parcels.place, self.scheme.held)
        points["height"][number, column] = np.maximum(to_height(self.grid, where, coordinate), 0.0)
        points["air_pressure"][number, column] = to_pressure(self.grid, where, coordinate)

    def _end(self, lost: Parcels, above: NDArray[np.bool_]) -> None:
        """Say why parcels ended, from where they came to; ``above`` are those above the highest level."""
        row, _ = self.grid.frame.cells(lost.position)
        first, last = self.grid.seconds[0], self.grid.seconds[-1]
        outside = np.isnan(row) if self.single else np.isnan(row) | above
        reason = np.where(outside, "left the field", "no wind")
        reason = np.where(lost.seconds > last + 1e-3, "after the winds end", reason)
        self.ended[lost.number] = np.where(lost.seconds < first - 1e-3, "before the winds begin", reason)
