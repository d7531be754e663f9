"""The origin panel: what an ensemble of paths back from the cities says of where their air comes from.

Hours of paths over regions are no amounts of dust: a path over clean and over polluted ground counts the
same, and nothing is said of what was emitted, formed or washed out on the way. Local air stands beside
arrival always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.arrival import arrival_windows
from forecasting.transport.local_air import LAST_HOURS, LOCAL_KM, local_air
from forecasting.transport.passing import hours_before, hours_by_region
from forecasting.transport.upwind import upwind_readings
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.origin_panel import CityOrigin, LocalAir, OriginPanel, Path, RegionHours
from pipeline.regions import ELSEWHERE, all_regions
from pipeline.times import from_ns, iso, to_ns
from pipeline.wind_fields import check_trajectories

DRAWN_STEP_HOURS: Final = 2.0
"""Hours between the points of a drawn path."""

LEAST_KNOWN: Final = 0.5
"""Where fewer of the paths than this are known for a day, nothing is said."""

SPREAD: Final = "start height, arrival time, start position"
NONE: Final = "none"


@dataclass(frozen=True)
class Question:
    """What is asked about: the run, the cities, the arrival whose paths are drawn, and why one has no paths.

    Parameters
    ----------
    drawn : by city, the arrival at which drawn paths and upwind readings end; else the middle one
    missing : by city, why there are no paths of it
    """

    issue_time: datetime
    as_of: datetime
    cities: Sequence[City]
    drawn: Mapping[str, datetime] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def origin_panel(paths: xr.Dataset, panel: AsOfPanel, asked: Question) -> OriginPanel:
    """Return the origin of the cities' air from paths back in time, from what was known at ``as_of``.

    Parameters
    ----------
    paths : after ``pipeline.wind_fields.TRAJECTORY_CONTRACT``, with ``city`` and ``member`` (trajectory);
        the members of a city differ in start height, position and arrival time
    panel : series of the same world

    Raises
    ------
    ContractError
        the paths break their contract
    """
    check_trajectories(paths)
    owner = paths["city"].to_numpy().astype(str)
    cities = tuple(
        city_origin(paths.isel(trajectory=np.flatnonzero(owner == one.id)), one, panel, asked)
        for one in asked.cities
    )
    kind: Literal["forecast", "surrogate"] = "surrogate" if paths.attrs["kind"] == "surrogate" else "forecast"
    return OriginPanel(
        world=panel.world,
        issue_time=iso(asked.issue_time),
        as_of=iso(asked.as_of),
        winds=str(paths.attrs["source"]),
        kind=kind,
        method=str(paths.attrs["method"]),
        spread=SPREAD,
        cities=cities,
    )


def panel_without_winds(world: str, asked: Question, why: str) -> OriginPanel:
    """Return the panel of a run for which there are no winds: it says why, and nothing else."""
    cities = tuple(_unknown(one.id, why) for one in asked.cities)
    return OriginPanel(
        world=world,
        issue_time=iso(asked.issue_time),
        as_of=iso(asked.as_of),
        winds=NONE,
        kind="none",
        method=NONE,
        spread=NONE,
        cities=cities,
        missing=why,
    )


def city_origin(paths: xr.Dataset, city: City, panel: AsOfPanel, asked: Question) -> CityOrigin:
    """Return the origin of one city's air from all paths back from it; see :func:`origin_panel`."""
    why = asked.missing.get(city.id) or _too_short(paths)
    if why:
        return _unknown(city.id, why)
    arrivals = np.unique(paths["start_time"].to_numpy())
    drawn = _nearest(arrivals, asked.drawn.get(city.id))
    last = paths.isel(trajectory=np.flatnonzero(paths["start_time"].to_numpy() == drawn))
    return CityOrigin(
        city=city.id,
        arrival=iso(from_ns(drawn)),
        arrivals=(iso(from_ns(arrivals[0])), iso(from_ns(arrivals[-1]))),
        hours=float(hours_before(paths)[-1]),
        members=paths.sizes["trajectory"],
        lost=int((paths["ended"].to_numpy().astype(str) != "").sum()),
        regions=region_hours(paths),
        local=local_air(paths, city),
        windows=arrival_windows(paths, city, asked.cities),
        upwind=upwind_readings(last, city, panel, asked.cities, asked.as_of),
        paths=drawn_paths(last),
    )


def region_hours(paths: xr.Dataset) -> tuple[RegionHours, ...]:
    """Return the hours of paths over every region they touched, most first; last what is in none.

    The means add up to the mean time that the paths are known. A path that ended early counts with what is
    known of it, so that hours over distant regions are rather too small.
    """
    hours = hours_by_region(paths)
    low, high = np.quantile(hours, (0.1, 0.9), axis=0)
    names = (*all_regions(), ELSEWHERE)
    found = [
        RegionHours(
            names[i],
            round(float(hours[:, i].mean()), 3),
            round(float(low[i]), 2),
            round(float(high[i]), 2),
            round(float((hours[:, i] > 0).mean()), 3),
        )
        for i in np.flatnonzero(hours.any(axis=0))
    ]
    return tuple(sorted(found, key=lambda r: (r.region == ELSEWHERE, -r.hours, r.region)))


def drawn_paths(paths: xr.Dataset) -> tuple[Path, ...]:
    """Return paths as they are drawn: points every two hours and the last one known."""
    ages = hours_before(paths)
    latitude, longitude, height = (paths[n].to_numpy() for n in ("latitude", "longitude", "height"))
    found = []
    for row, member in enumerate(paths["member"].to_numpy()):
        known = np.flatnonzero(np.isfinite(latitude[row]))
        if not len(known):
            continue
        points = [i for i in known if ages[i] % DRAWN_STEP_HOURS == 0 or i == known[-1]]
        found.append(
            Path(
                int(member),
                round(float(height[row, 0]), 1) if np.isfinite(height[row, 0]) else 0.0,
                tuple(
                    (
                        float(ages[i]),
                        round(float(latitude[row, i]), 3),
                        round(float(longitude[row, i]), 3),
                        round(float(height[row, i]), 0) if np.isfinite(height[row, i]) else None,
                    )
                    for i in points
                ),
            )
        )
    return tuple(found)


def _too_short(paths: xr.Dataset) -> str:
    """Return why paths do not say enough, empty where they do."""
    if not paths.sizes["trajectory"]:
        return "no paths were computed"
    known = np.isfinite(paths["latitude"].to_numpy()) & (hours_before(paths) >= LAST_HOURS)
    if known.any(axis=1).mean() >= LEAST_KNOWN:
        return ""
    reasons, counts = np.unique(paths["ended"].to_numpy().astype(str), return_counts=True)
    return f"most paths end within {LAST_HOURS:g} h: {reasons[counts.argmax()]}"


def _nearest(arrivals: npt.NDArray[np.datetime64], wanted: datetime | None) -> np.datetime64:
    if wanted is None:
        return np.datetime64(arrivals[len(arrivals) // 2])
    return np.datetime64(arrivals[np.abs(arrivals - to_ns(wanted)).argmin()])


def _unknown(city: str, why: str) -> CityOrigin:
    local = LocalAir(0.0, 0.0, 0.0, LOCAL_KM, "unknown")
    return CityOrigin(city, "", ("", ""), 0.0, 0, 0, (), local, (), (), (), missing=why)
