"""Gridded winds made ready for parcels: motion at every node, heights of levels, the ground.

Arrays hold columns one after the other, (time x row x column x level, channels), as interpolation reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from forecasting.transport.frames import Frame, frame_of
from forecasting.transport.vertical import columns_of, rate
from pipeline.wind_fields import check_winds, horizontal

Floats = NDArray[np.float64]

_ALOFT: Final = (
    "lagrangian_tendency_of_air_pressure",
    "upward_air_velocity",
    "air_temperature",
    "geopotential_height",
)
_FLAT: Final = ("surface_air_pressure", "surface_altitude", "atmosphere_boundary_layer_thickness")
MIXING: Final = "atmosphere_boundary_layer_thickness"


@dataclass(frozen=True)
class Field:
    """Winds over time, or of one instant.

    Parameters
    ----------
    kind, levels : of the vertical coordinate, which grows upward; see ``vertical``
    seconds : (time,) instants [s since 1970]
    shape : times, rows and columns
    motion : (time x row x column x level, size + 1) motion of positions and of the coordinate, a second
    heights, pressures : (time x row x column, level) above ground [m], [Pa]
    lowest, ground, surface, mixing : (time x row x column,) height of the lowest level above ground [m],
        coordinate of the ground, surface pressure [Pa], mixing height [m] or None
    highest_ground : greatest coordinate that the ground has anywhere
    longest_gap : seconds between two times beyond which nothing is known between them
    """

    frame: Frame
    kind: str
    levels: Floats
    seconds: Floats
    shape: tuple[int, int, int]
    motion: Floats
    heights: Floats
    pressures: Floats
    lowest: Floats
    ground: Floats
    surface: Floats
    mixing: Floats | None
    highest_ground: float
    longest_gap: float

    def clock(self, seconds: Floats) -> Floats:
        """Return the place of instants in time, in steps of it; NaN outside and in long gaps."""
        if len(self.seconds) == 1:
            return np.where(np.abs(seconds - self.seconds[0]) < 1e-3, 0.0, np.nan)
        near = np.where(np.abs(seconds - self.seconds[-1]) < 1e-3, self.seconds[-1], seconds)
        near = np.where(np.abs(seconds - self.seconds[0]) < 1e-3, self.seconds[0], near)
        cell = np.clip(np.searchsorted(self.seconds, near, side="right") - 1, 0, len(self.seconds) - 2)
        length = self.seconds[cell + 1] - self.seconds[cell]
        share = (near - self.seconds[cell]) / length
        known = (share >= 0) & (share <= 1)
        known &= (length <= self.longest_gap) | (share == 0) | (share == 1)
        return np.where(known, cell + share, np.nan)

    def level(self, coordinate: Floats) -> Floats:
        """Return the place upward in steps of the levels: the lowest one's below it, NaN above the top."""
        if len(self.levels) == 1:
            return np.where(np.isnan(coordinate), np.nan, 0.0)
        cell = np.clip(np.searchsorted(self.levels, coordinate, side="right") - 1, 0, len(self.levels) - 2)
        length = self.levels[cell + 1] - self.levels[cell]
        place = np.maximum(cell + (coordinate - self.levels[cell]) / length, 0.0)
        return np.where(place <= len(self.levels) - 1 + 1e-9, place, np.nan)

    def moment(self, second: float) -> Field:
        """Return the field of one instant, or itself where nothing is known of that instant."""
        place = self.clock(np.array([second]))[0]
        if np.isnan(place) or len(self.seconds) == 1:
            return self
        first = min(int(place), self.shape[0] - 2)
        share = place - first
        size = self.shape[1] * self.shape[2]

        def between(values: Floats) -> Floats:
            each = len(values) // (self.shape[0] * size) * size
            early, late = values[first * each : (first + 1) * each], values[(first + 1) * each :][:each]
            if share in (0.0, 1.0):
                return late if share else early
            return np.asarray(early + share * (late - early))

        return replace(
            self, seconds=np.array([second]), shape=(1, *self.shape[1:]), motion=between(self.motion),
            heights=between(self.heights), pressures=between(self.pressures), lowest=between(self.lowest),
            ground=between(self.ground), surface=between(self.surface),
            mixing=None if self.mixing is None else between(self.mixing),
        )  # fmt: skip


def field_of(winds: xr.Dataset, longest_gap_hours: float = 12.0, *, over_terrain: bool = False) -> Field:
    """Return winds made ready for parcels; see :class:`Field`, and ``vertical.rate`` for ``over_terrain``.

    Raises
    ------
    ContractError
        the winds break WIND_CONTRACT, or their projection is not known
    """
    frame = frame_of(check_winds(winds))
    kind = str(winds["level"].attrs["vertical"])
    levels, order = _levels(winds, kind)
    fields = _fields(winds, order)
    seconds = winds["time"].to_numpy().astype("M8[ns]").astype(np.int64) / 1e9
    columns = columns_of(fields, kind, levels)
    climb = rate(fields, columns, seconds, frame, over_terrain=over_terrain)
    climb = np.where(np.isnan(climb) & np.isfinite(fields["first"]), 0.0, climb)
    motion = np.concatenate(
        [frame.motion(fields["first"], fields["second"]), frame.pad(climb)[..., None]], axis=-1
    )
    times, count = len(seconds), len(levels)
    motion = motion.transpose(0, 2, 3, 1, 4)
    return Field(
        frame, kind, levels, seconds, (times, *frame.shape), motion.reshape(-1, motion.shape[-1]),
        _stack(frame, columns.height, count), _stack(frame, columns.pressure, count),
        _flat(frame, columns.height[:, 0]), _flat(frame, columns.ground), _flat(frame, columns.surface),
        _flat(frame, fields[MIXING]) if MIXING in fields else None,
        float(np.nanmax(columns.ground, initial=-np.inf)), longest_gap_hours * 3600.0,
    )  # fmt: skip


def fastest(winds: xr.Dataset, field: Field) -> float:
    """Return the greatest speed in the winds, in grid cells a second along either axis."""
    places, names = horizontal(winds)
    height, width = field.frame.spacing()
    first, second = (winds[n].transpose("time", "level", *places).to_numpy() for n in names)
    speeds = np.abs(first) / width, np.abs(second) / height
    return float(max(np.nanmax(s, initial=0.0) for s in speeds))


def _levels(winds: xr.Dataset, kind: str) -> tuple[Floats, NDArray[np.intp]]:
    values = winds["level"].to_numpy().astype(np.float64)
    upward = {"pressure": -100.0 * values, "sigma": -values, "height": values}[kind]
    order = np.argsort(upward)
    return upward[order], order


def _fields(winds: xr.Dataset, order: NDArray[np.intp]) -> dict[str, Floats]:
    """Return the variables as (time, level, row, column) upward, or (time, row, column)."""
    places, names = horizontal(winds)
    keys = {names[0]: "first", names[1]: "second"} | {n: n for n in (*_ALOFT, *_FLAT)}
    fields = {}
    for name, key in keys.items():
        if name not in winds:
            continue
        array = winds[name]
        if "time" not in array.dims:
            array = array.expand_dims(time=winds.sizes["time"])
        if "level" in array.dims:
            array = array.transpose("time", "level", *places).isel(level=order)
        else:
            array = array.transpose("time", *places)
        fields[key] = array.to_numpy().astype(np.float64)
    return fields


def _stack(frame: Frame, values: Floats, count: int) -> Floats:
    return np.moveaxis(frame.pad(values), 1, -1).reshape(-1, count)


def _flat(frame: Frame, values: Floats) -> Floats:
    return np.ascontiguousarray(frame.pad(values)).reshape(-1)
