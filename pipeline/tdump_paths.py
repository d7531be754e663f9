"""Trajectories as a NOAA ``tdump``, and a ``tdump`` as trajectories (TRAJECTORY_CONTRACT)."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.errors import ContractError
from pipeline.tdump import NAME_WIDTH, MetGrid, Tdump, TdumpPoint, TdumpStart
from pipeline.wind_fields import check_trajectories

UNKNOWN: Final = -999.0
"""What stands for a diagnostic that is not known; the format has no mark of its own."""
HOUR: Final = np.timedelta64(3_600_000_000_000, "ns")
MINUTE: Final = np.timedelta64(1, "m")


class Diagnostic(NamedTuple):
    """A diagnostic of HYSPLIT as a variable of ours: name, unit, and factor from HYSPLIT's unit."""

    name: str
    unit: str
    factor: float


DIAGNOSTICS: Final = {
    "PRESSURE": Diagnostic("air_pressure", "Pa", 100.0),
    "MIXDEPTH": Diagnostic("atmosphere_boundary_layer_thickness", "m", 1.0),
    "THETA": Diagnostic("air_potential_temperature", "K", 1.0),
    "AIR_TEMP": Diagnostic("air_temperature", "K", 1.0),
    "TERR_MSL": Diagnostic("surface_altitude", "m", 1.0),
}
"""Others keep their names, in lower case, and their units."""

Floats = npt.NDArray[np.float64]


def paths_of(said: Tdump, world: str = "measured") -> xr.Dataset:
    """Return the trajectories of a tdump.

    Ages count from each trajectory's own start, whatever the file counts from; a start without a point of
    its own is the point of age 0. Why a trajectory is short, the file does not tell: ``ended`` is empty.

    Examples
    --------
    >>> from pipeline.tdump import parse_tdump
    >>> paths = paths_of(parse_tdump('''     1     1
    ...     GFSQ    26     2    13     6     0
    ...      1 BACKWARD OMEGA
    ...     26     2    13    13   37.500  127.000   850.0
    ...      1 PRESSURE
    ...      1     1    26     2    13    13     0     7     0.0   37.500  127.000    850.0    909.2
    ...      1     1    26     2    13    12     0     6    -1.0   37.402  126.800    813.8    918.5
    ... ''', "tdump"))
    >>> paths["age"].values.tolist(), paths["air_pressure"].values.round().tolist()
    ([0.0, -1.0], [[90920.0, 91850.0]])
    """
    begins = _begins(said)
    sign = 1.0 if said.direction == "FORWARD" else -1.0
    rows = [(p, (p.time - begins[p.trajectory - 1]) / HOUR) for p in said.points]
    rows = [(p, age) for p, age in rows if age * sign >= 0]
    ages = np.array(sorted({0.0, *(age for _, age in rows)}, key=abs))
    place = {age: k for k, age in enumerate(ages.tolist())}
    names = [DIAGNOSTICS.get(n, Diagnostic(n.lower(), "", 1.0)) for n in said.diagnostics]
    arrays = {n: np.full((len(begins), len(ages)), np.nan) for n in ("latitude", "longitude", "height")}
    arrays |= {d.name: np.full((len(begins), len(ages)), np.nan) for d in names}
    for k, start in enumerate(said.starts):
        arrays["latitude"][k, 0], arrays["longitude"][k, 0] = start.latitude, start.longitude
        arrays["height"][k, 0] = _known(start.height)
    for point, age in rows:
        at = point.trajectory - 1, place[age]
        arrays["latitude"][at], arrays["longitude"][at] = point.latitude, point.longitude
        arrays["height"][at] = _known(point.height)
        for d, value in zip(names, point.diagnostics, strict=True):
            arrays[d.name][at] = _known(value) * d.factor
    return _dataset(said, begins, ages, arrays, world)


def _known(value: float) -> float:
    return value if value > UNKNOWN else float("nan")


def _begins(said: Tdump) -> npt.NDArray[np.datetime64]:
    """Return when each trajectory starts, to the minute where its first point tells."""
    begins = np.array([start.time for start in said.starts], "M8[ns]")
    for point in said.points:
        k = point.trajectory - 1
        if point.age == 0 and np.timedelta64(0, "h") < point.time - begins[k] < HOUR:
            begins[k] = point.time
    return begins


def _dataset(
    said: Tdump, begins: npt.NDArray[np.datetime64], ages: Floats, arrays: dict[str, Floats], world: str
) -> xr.Dataset:
    units = {d.name: d.unit for d in DIAGNOSTICS.values()} | {"height": "m"}
    units |= {"latitude": "degrees_north", "longitude": "degrees_east"}
    arrays.setdefault("air_pressure", np.full((len(begins), len(ages)), np.nan))
    forecast = any(point.forecast > 0 for point in said.points)
    paths = xr.Dataset(
        {n: (("trajectory", "age"), v, {"units": units[n]} if n in units else {}) for n, v in arrays.items()},
        {"age": ("age", ages, {"units": "h"})},
        {
            "source": ", ".join(sorted({grid.name for grid in said.grids})),
            "kind": "forecast" if forecast else "analysis",
            "world": world,
            "method": f"HYSPLIT, vertical motion {said.vertical}",
        },
    )
    paths["start_time"] = ("trajectory", begins)
    paths["ended"] = ("trajectory", np.full(len(begins), "", dtype=object))
    return check_trajectories(paths)


def tdump_of(paths: xr.Dataset, vertical: str = "OMEGA", *, begins: np.datetime64 | None = None) -> Tdump:
    """Return trajectories as a tdump, with PRESSURE, and MIXDEPTH where the trajectories hold it.

    Points follow one another as HYSPLIT writes them: by time, then by trajectory; ages count from each
    trajectory's own start, times are rounded to the minute. Diagnostics that are not known are -999.

    Raises
    ------
    ContractError
        as check_trajectories, or no point is known at all
    """
    check_trajectories(paths)
    named = [n for n, d in DIAGNOSTICS.items() if n == "PRESSURE" or d.name in paths]
    back = bool((paths["age"].to_numpy() < 0).any())
    points = _points(paths, named)
    if not points:
        raise ContractError("trajectories hold no point that is known")
    points.sort(key=lambda p: (p.time.astype(np.int64) * (-1 if back else 1), p.trajectory))
    places = [paths[n].to_numpy()[:, 0] for n in ("latitude", "longitude", "height")]
    times = _minutes(paths["start_time"].to_numpy())
    starts = zip(times, *(np.nan_to_num(p, nan=UNKNOWN).tolist() for p in places), strict=True)
    return Tdump(
        grids=(MetGrid(_model(paths), begins if begins is not None else min(p.time for p in points), 0),),
        direction="BACKWARD" if back else "FORWARD",
        vertical=vertical,
        starts=tuple(TdumpStart(*start) for start in starts),
        diagnostics=tuple(named),
        points=tuple(points),
    )


def _model(paths: xr.Dataset) -> str:
    """Return the first word of the winds' source, as short as the column is."""
    return (str(paths.attrs["source"]).split() or ["winds"])[0][:NAME_WIDTH]


def _minutes(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    return (times + MINUTE // 2).astype("M8[m]").astype("M8[ns]")


def _points(paths: xr.Dataset, named: list[str]) -> list[TdumpPoint]:
    """Return all points that are known, trajectory by trajectory."""
    age = paths["age"].to_numpy().astype(np.float64)
    start = paths["start_time"].to_numpy()[:, None]
    times = _minutes(start + np.round(age * 3600.0).astype("m8[s]").astype("m8[ns]"))
    latitude, longitude, height = (paths[n].to_numpy() for n in ("latitude", "longitude", "height"))
    said = [paths[DIAGNOSTICS[n].name].to_numpy() / DIAGNOSTICS[n].factor for n in named]
    known = np.isfinite(latitude) & np.isfinite(longitude)
    number, column = (k.tolist() for k in np.nonzero(known))
    values = np.stack([np.nan_to_num(v[known], nan=UNKNOWN) for v in (height, *said)], axis=-1).tolist()
    place = zip(latitude[known].tolist(), _half_circle(longitude[known]).tolist(), strict=True)
    return [
        TdumpPoint(k + 1, 1, when, 0, float(age[c]), north, east, more[0], tuple(more[1:]))
        for k, c, when, (north, east), more in zip(number, column, times[known], place, values, strict=True)
    ]


def _half_circle(longitude: Floats) -> Floats:
    return np.asarray((longitude + 180.0) % 360.0 - 180.0)
