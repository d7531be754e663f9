"""Trajectories on request: winds of files or of the store, paths, and the file that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import xarray as xr

from flows.winds import winds_for
from flows.workspace import Workspace
from forecasting.transport.passing import distance_km
from forecasting.transport.trajectories import Method, Starts, trajectories
from ingest.met_files import read_met
from pipeline.errors import BadPayload, UsageError
from pipeline.files import write_atomic
from pipeline.names import MEASURED
from pipeline.tdump import parse_tdump
from pipeline.tdump_paths import paths_of, tdump_of
from pipeline.tdump_write import format_tdump
from pipeline.times import from_ns, iso, parse_instant, to_ns
from pipeline.trajectory_files import read_trajectories, write_trajectories

Format = Literal["tdump", "netcdf"]

STORED: Final = "stored"
LONGEST_HOURS: Final = 1000.0
HIGHEST_M: Final = 30_000.0
SAME_KM, SAME_TIME = 1.0, np.timedelta64(60, "s")
"""Starts this near to each other are the same: files round them."""
NETCDF: Final = (".nc", ".nc4", ".netcdf")
WORDS: Final = {
    "model": "OMEGA",
    "model over terrain": "OMEGA",
    "isobaric": "ISOBAR",
    "constant height": "HEIGHT",
}
"""Methods of vertical motion as a tdump's third line names them."""
VERTICAL_MOTION: Final = ("lagrangian_tendency_of_air_pressure", "upward_air_velocity")


class Start(NamedTuple):
    """Instant [UTC], latitude, longitude [degree] and height above ground [m] of a start."""

    when: datetime
    latitude: float
    longitude: float
    height: float


@dataclass(frozen=True)
class Wanted:
    """What to compute.

    Parameters
    ----------
    met : files, or ``stored`` alone for the forecasts that are stored
    hours : length of the paths, negative back in time
    compare : trajectories to compare with, tdump or NetCDF, in the order of the starts
    as_of : stored forecasts count as they were known then; None: now
    """

    met: Sequence[str]
    starts: Sequence[Start]
    hours: float
    out: Path
    method: Method = field(default_factory=Method)
    format: Format = "tdump"
    compare: Path | None = None
    world: str = MEASURED
    as_of: datetime | None = None


@dataclass(frozen=True)
class Made:
    """What was computed: the paths, the file, and distances from what it was compared with [km] by age."""

    paths: xr.Dataset
    out: Path
    apart: xr.DataArray | None

    @property
    def short(self) -> int:
        """Return how many paths are shorter than asked."""
        return int((self.paths["ended"].to_numpy() != "").sum())

    def rows(self) -> list[dict[str, Any]]:
        """Return for each path where it starts, how long it is, where and why it ends."""
        found = []
        for k in range(self.paths.sizes["trajectory"]):
            path = self.paths.isel(trajectory=k)
            last = int(np.flatnonzero(np.isfinite(path["latitude"].to_numpy()))[-1])
            point = path.isel(age=last)
            row = {
                "start": iso(from_ns(self.paths["start_time"].to_numpy()[k])),
                "hours": float(point["age"]),
                "latitude": round(float(point["latitude"]), 3),
                "longitude": round(float(point["longitude"]), 3),
                "height_m": _rounded(point["height"]),
                "pressure_hpa": _rounded(point["air_pressure"] / 100.0),
                "ended": str(path["ended"].to_numpy()[()]),
            }
            if self.apart is not None:
                row["km_from_compared"] = self._end_apart(k)
            found.append(row)
        return found

    def _end_apart(self, k: int) -> float | None:
        """Return how far apart two paths are at the last age of both [km]; None where only their start is."""
        if self.apart is None:
            return None
        both = self.apart.isel(trajectory=k).dropna("age")
        return _rounded(both[-1], 2) if both.size and float(both["age"][-1]) != 0 else None


def _rounded(value: xr.DataArray, digits: int = 1) -> float | None:
    number = float(value)
    return round(number, digits) if np.isfinite(number) else None


def start_of(text: str) -> Start:
    """Read the start of a path: TIME,LAT,LON,HEIGHT_M.

    Raises
    ------
    UsageError
        it is none; says how to write one

    Examples
    --------
    >>> start_of("1995-10-16T00:00Z,40,-90,500").height
    500.0
    """
    parts = text.split(",")
    example = "write TIME,LAT,LON,HEIGHT_M, such as 2019-03-03T08:00Z,37.57,126.98,500"
    try:
        when, (latitude, longitude, height) = parse_instant(parts[0].strip()), (float(p) for p in parts[1:])
    except (ValueError, IndexError):
        raise UsageError(f"--start {text}: {example}") from None
    if not -90 <= latitude <= 90:
        raise UsageError(f"--start {text}: latitude {latitude:g} is not between -90 and 90; {example}")
    if not -180 <= longitude <= 360:
        raise UsageError(f"--start {text}: longitude {longitude:g} is not between -180 and 360; {example}")
    if not 0 <= height <= HIGHEST_M:
        raise UsageError(f"--start {text}: height {height:g} m is not between 0 and {HIGHEST_M:g}; {example}")
    return Start(when, latitude, longitude, height)


def make_trajectories(wanted: Wanted, ws: Workspace | None = None) -> Made:
    """Compute paths and write them.

    Parameters
    ----------
    ws : needed where the winds are ``stored``

    Raises
    ------
    UsageError
        nonsense is asked for, or no path can start; says what to do
    BadPayload
        a file is damaged, or holds no winds
    """
    _check(wanted)
    compared = _compared(wanted) if wanted.compare else None
    times = np.array([to_ns(start.when) for start in wanted.starts])
    winds = _winds(wanted, times, ws)
    north, east, up = np.array([start[1:] for start in wanted.starts], np.float64).T
    method = _method(wanted.method, winds)
    paths = trajectories(winds, Starts(times, north, east, up), wanted.hours, method=method)
    _refuse_unstarted(paths, winds)
    apart = None if compared is None else _apart(paths, compared)
    if wanted.format == "netcdf":
        out = write_trajectories(paths, wanted.out)
    else:
        said = tdump_of(paths, WORDS[method.vertical], begins=winds["time"].to_numpy()[0])
        out = write_atomic(wanted.out, format_tdump(said).encode("ascii", "replace"))
    return Made(paths, out, apart)


def format_of(name: str | None, out: Path) -> Format:
    """Return the format of a file: what is named, else by its suffix.

    Raises
    ------
    UsageError
        no such format is known

    Examples
    --------
    >>> format_of(None, Path("a.nc")), format_of(None, Path("tdump.2019"))
    ('netcdf', 'tdump')
    """
    if name not in (None, "tdump", "netcdf"):
        raise UsageError(f"--format {name}: choose tdump or netcdf")
    if name is not None:
        return "netcdf" if name == "netcdf" else "tdump"
    return "netcdf" if out.suffix.lower() in NETCDF else "tdump"


def _check(wanted: Wanted) -> None:
    """Refuse what cannot be meant."""
    if not 0 < abs(wanted.hours) <= LONGEST_HOURS:
        what = f"--hours {wanted.hours:g}: give up to {LONGEST_HOURS:g}, negative for paths back in time"
        raise UsageError(what)
    if not wanted.starts:
        raise UsageError("no --start is given; write TIME,LAT,LON,HEIGHT_M")
    if not wanted.met or (STORED in wanted.met and len(wanted.met) > 1):
        raise UsageError("--met takes files, or the word stored alone")
    if wanted.out.is_dir():
        raise UsageError(f"--out {wanted.out} is a folder; name a file in it")
    if any(wanted.out.resolve() == Path(m).resolve() for m in wanted.met):
        raise UsageError(f"--out {wanted.out} is a file of --met, and would be overwritten; name another")


def _winds(wanted: Wanted, times: np.ndarray, ws: Workspace | None) -> xr.Dataset:
    span = np.timedelta64(round(wanted.hours * 3600), "s").astype("m8[ns]")
    first, last = min(times.min(), (times + span).min()), max(times.max(), (times + span).max())
    if list(wanted.met) != [STORED]:
        return read_met([Path(m) for m in wanted.met], start=first, end=last)
    if ws is None:
        raise UsageError("stored winds need a data folder; see --data-dir")
    day = timedelta(hours=12)
    as_of = wanted.as_of or ws.clock()
    found = winds_for(ws, wanted.world, start=from_ns(first) - day, end=from_ns(last) + day, as_of=as_of)
    if found is None:
        what = (
            f"no winds aloft of {wanted.world} are stored for {iso(from_ns(first))} to {iso(from_ns(last))}"
        )
        raise UsageError(f"{what}; `sameair fields` shows what is, or give files")
    return found


def _method(method: Method, winds: xr.Dataset) -> Method:
    """Return the method that winds allow: those that hold no vertical motion keep paths at their height."""
    if method.vertical.startswith("model") and not any(name in winds for name in VERTICAL_MOTION):
        return replace(method, vertical="constant height")
    return method


def _refuse_unstarted(paths: xr.Dataset, winds: xr.Dataset) -> None:
    """Refuse paths of which none leaves its start, with the first reason."""
    if paths.sizes["age"] > 1 and np.isfinite(paths["latitude"].to_numpy()[:, 1:]).any():
        return
    first = str(paths["ended"].to_numpy()[0])
    held = " to ".join(iso(from_ns(t)) for t in winds["time"].to_numpy()[[0, -1]])
    what = f"no path gets away from its start ({first}); the winds are of {held}"
    raise UsageError(f"{what}: start within their times, their grid and below their top level")


def _compared(wanted: Wanted) -> xr.Dataset:
    """Return the trajectories to compare with."""
    path = wanted.compare or Path()
    if not path.is_file():
        raise UsageError(f"--compare {path}: there is no such file")
    if path.suffix.lower() in NETCDF:
        found = read_trajectories(path)
    else:
        try:
            found = paths_of(parse_tdump(path.read_text("utf-8"), path.name))
        except UnicodeDecodeError:
            raise BadPayload(path.name, "is no text", remedy="give a tdump or NetCDF file") from None
    if found.sizes["trajectory"] != len(wanted.starts):
        what = f"{found.sizes['trajectory']} trajectories for {len(wanted.starts)} starts"
        raise UsageError(f"--compare {path}: it holds {what}; give a --start for each, in its order")
    for k, start in enumerate(wanted.starts):
        place = (np.float64(start.latitude), np.float64(start.longitude))
        there = found["latitude"].to_numpy()[k, 0], found["longitude"].to_numpy()[k, 0]
        late = abs(found["start_time"].to_numpy()[k] - to_ns(start.when))
        if distance_km(*place, there) > SAME_KM or late > SAME_TIME:
            raise UsageError(f"--compare {path}: its path {k + 1} starts at another place or time than ours")
    return found


def _apart(paths: xr.Dataset, compared: xr.Dataset) -> xr.DataArray:
    """Return great-circle distances at the ages that both hold [km] (trajectory, age)."""
    ages = [a for a in paths["age"].to_numpy() if a in compared["age"].to_numpy()]
    here, there = paths.sel(age=ages), compared.sel(age=ages)
    place = there["latitude"].to_numpy(), there["longitude"].to_numpy()
    apart = distance_km(here["latitude"].to_numpy(), here["longitude"].to_numpy(), place)
    return xr.DataArray(apart, {"age": ages}, ("trajectory", "age"))
