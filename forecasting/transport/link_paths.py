"""From paths back in time to when their air had passed another city."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from forecasting.transport.ensembles import ensemble
from forecasting.transport.link_test import Passings
from forecasting.transport.passing import passed_place
from forecasting.transport.trajectories import Method, trajectories
from pipeline.cities import City
from pipeline.paths import day_means
from pipeline.times import from_ns, to_ns

RADIUS_KM: Final = 300.0
"""A path passed a city that it came so near to: a third of the way between the two cities. Paths of such a
length are known to 20 % of it, or less well (Stohl 1998, Atmos. Environ. 32, 947-966)."""

LAG_HOURS: Final = (6.0, 72.0)
"""Air that passed earlier or later does not count [h]."""

EVERY_HOURS: Final = 6
"""From arrival to arrival [h]."""

OFFSETS_DEG: Final = (-0.25, 0.25)
HEIGHTS_M: Final = (100.0, 500.0)
CHUNK: Final = timedelta(days=90)

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
WindsOf = Callable[[datetime, datetime], xr.Dataset | None]


@dataclass(frozen=True)
class PathEvidence:
    """What paths back from the downwind city's expected episode say of an upwind city.

    ``share`` of them passed it within the lag window while it exceeded, counted with the probability of
    that [1]; ``lag_hours`` is the median between passing and arriving of those that passed; ``winds`` is
    the kind of winds (forecast or surrogate), empty where there are none.
    """

    share: float = 0.0
    lag_hours: float = 0.0
    paths: int = 0
    winds: str = ""


def passing_lags(paths: xr.Dataset, upwind: City) -> Floats:
    """Return how long before arrival each path passed a city (trajectory) [h], NaN where it did not."""
    lags = passed_place(paths, (upwind.latitude, upwind.longitude), RADIUS_KM)
    low, high = LAG_HOURS
    return np.where((lags >= low) & (lags <= high), lags, np.nan)


def paths_back(winds: xr.Dataset, downwind: City, arrivals: Times) -> xr.Dataset:
    """Return the paths of an ensemble back from a city; of winds on one level one height is enough."""
    single = winds.sizes["level"] == 1
    heights = HEIGHTS_M[-1:] if single else HEIGHTS_M
    starts = ensemble(downwind.latitude, downwind.longitude, arrivals, heights, OFFSETS_DEG)
    return trajectories(winds, starts, -LAG_HOURS[1], method=_method(winds))


def _method(winds: xr.Dataset) -> Method:
    moved = {"lagrangian_tendency_of_air_pressure", "upward_air_velocity"} & set(winds.data_vars)
    return Method() if moved else Method(vertical="constant height")


def path_evidence(back: xr.Dataset, joint: xr.Dataset, upwind: City, threshold: float) -> PathEvidence:
    """Return what paths back from a city's expected episode say of a city upwind.

    Parameters
    ----------
    back : paths back from the downwind city (TRAJECTORY_CONTRACT)
    joint : the run's joint paths (realization, city, time) [ug m-3]: they tell how probable it is that the
        upwind city exceeded on the local day of the passing
    threshold : of the upwind city's day mean [ug m-3]
    """
    lags = passing_lags(back, upwind)
    passed = np.isfinite(lags)
    kind = str(back.attrs["kind"])
    if not passed.any():
        return PathEvidence(0.0, 0.0, len(lags), kind)
    means = day_means(joint, upwind)
    over = (means["day_mean"] > threshold).mean("realization").where(means["complete"], 0.0).to_numpy()
    days = means["day"].to_numpy().astype("M8[D]")
    when = back["start_time"].to_numpy()[passed] - lags[passed].astype("m8[h]")
    at = day_number(when, upwind.timezone, days[0])
    inside = (at >= 0) & (at < len(days))
    probable = np.where(inside, over[np.clip(at, 0, len(days) - 1)], 0.0)
    return PathEvidence(float(probable.sum() / len(lags)), float(np.median(lags[passed])), len(lags), kind)


def passings_of(
    winds_of: WindsOf, upwind: City, downwind: City, days: pd.DatetimeIndex
) -> tuple[Passings, str]:
    """Return when the air that arrived over a record of days had passed another city, and whose winds.

    Parameters
    ----------
    winds_of : gives the winds between two instants, or None
    days : local days of the record, whole and in order
    """
    found, sources = [], set()
    for arrivals in _chunks(days, downwind.timezone):
        winds = winds_of(from_ns(arrivals[0]) - timedelta(hours=LAG_HOURS[1]), from_ns(arrivals[-1]))
        if winds is None or winds.sizes["time"] < 2:
            continue
        paths = paths_back(winds, downwind, arrivals)
        sources.add(str(winds.attrs["source"]))
        found.append((paths["start_time"].to_numpy(), passing_lags(paths, upwind)))
    if not found:
        nothing = np.zeros(0, np.int64)
        return Passings(nothing, nothing.astype(np.float64), nothing, nothing, len(days)), ""
    times = np.concatenate([times for times, _ in found])
    lags = np.concatenate([lags for _, lags in found])
    shift = np.nan_to_num(lags).astype("m8[h]")
    first = np.datetime64(days[0], "D")
    arrived = day_number(times, downwind.timezone, first)
    inside = (arrived >= 0) & (arrived < len(days))
    before, after = (day_number(times + sign * shift, upwind.timezone, first) for sign in (-1, 1))
    whole = Passings(arrived[inside], lags[inside], before[inside], after[inside], len(days))
    return whole, "; ".join(sorted(sources))


def day_number(times: Times, timezone: str, first: np.datetime64) -> Ints:
    """Return the local day on which an hour that ends at an instant lies, counted from a first day.

    >>> day_number(np.array(["2019-01-01T15", "2019-01-01T16"], "M8[ns]"), "Asia/Seoul",
    ...     np.datetime64("2019-01-01")).tolist()
    [0, 1]
    """
    stamps = pd.DatetimeIndex(times - np.timedelta64(1, "ns")).tz_localize("UTC").tz_convert(timezone)
    days = stamps.tz_localize(None).to_numpy().astype("M8[D]")
    return np.asarray((days - first) // np.timedelta64(1, "D"), np.int64)


def _chunks(days: pd.DatetimeIndex, timezone: str) -> Iterator[Times]:
    """Yield the arrivals of a record, a season at a time."""
    start = days[0].tz_localize(timezone).to_pydatetime()
    end = (days[-1] + pd.Timedelta(days=1)).tz_localize(timezone).to_pydatetime()
    step = np.timedelta64(EVERY_HOURS, "h")
    while start < end:
        until = min(start + CHUNK, end)
        yield np.arange(to_ns(start) + step, to_ns(until) + step, step).astype("M8[ns]")
        start = until
