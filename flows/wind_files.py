"""Which stored forecast tells each instant best: the shortest lead known by then, broken files left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.errors import StorageError
from pipeline.forecast_store import PREVIOUS_RUNS, StoredForecast
from pipeline.previous_runs import ASSUMED_RUN_DELAY
from pipeline.times import to_ns
from pipeline.weather_schema import ALOFT, valid_times

log = logging.getLogger(__name__)

FEWEST_KNOWN: Final = 0.5
"""An instant at which less of the winds is there is left to another file [1]."""

_HOUR: Final = np.timedelta64(1, "h")
_DAY: Final = np.timedelta64(24, "h")
_NEVER: Final = np.iinfo(np.int64).max

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Slice:
    """Instants told by one file: over ``time``, with the lead of each [h] and what could not be read."""

    source: str
    world: str
    dataset: xr.Dataset
    leads: Ints
    skipped: tuple[str, ...] = ()

    def labelled(self) -> xr.Dataset:
        """Return the dataset with the attributes that winds need."""
        return self.dataset.assign_attrs(kind="forecast", world=self.world)


def slices_of(
    listed: Sequence[StoredForecast],
    wanted: Times,
    as_of: datetime,
    read: Callable[[StoredForecast], xr.Dataset],
    usable: Callable[[xr.Dataset], bool],
) -> list[Slice]:
    """Return, for every wanted instant, what the file with the shortest lead says of it.

    Parameters
    ----------
    listed : files received by ``as_of``, in their order; of equal leads the one received last counts
    wanted : (n,) ascending [UTC]
    read : reads a file; one that raises StorageError is left out, with a line in the log
    usable : tells whether a file holds what is needed
    """
    listed = listed[::-1]
    leads = np.array([_leads(one, wanted, as_of) for one in listed], np.int64).reshape(-1, len(wanted))
    open_now, found, skipped = np.ones(len(wanted), bool), [], []
    while len(leads) and (leads[:, open_now] < _NEVER).any():
        best = leads.argmin(axis=0)
        offered = open_now & (leads.min(axis=0) < _NEVER)
        for number in np.unique(best[offered]):
            mine = offered & (best == number)
            part, trouble = _read_slice(listed[number], wanted[mine], leads[number, mine], read, usable)
            if trouble:
                skipped.append(trouble)
            leads[number, mine if part is not None else slice(None)] = _NEVER
            if part is not None and part.dataset.sizes["time"]:
                found.append(part)
                open_now &= ~np.isin(wanted, part.dataset["time"].to_numpy())
    return [Slice(p.source, p.world, p.dataset, p.leads, tuple(skipped)) for p in found]


def _leads(stored: StoredForecast, wanted: Times, as_of: datetime) -> Ints:
    """Return how old a file's word on each instant is [h]; _NEVER where it may not or cannot say any."""
    inside = (wanted >= to_ns(stored.first_time)) & (wanted <= to_ns(stored.last_time))
    if stored.kind != PREVIOUS_RUNS:
        return np.where(inside, (wanted - to_ns(stored.reference_time)) // _HOUR, _NEVER)
    days = _days_before(wanted, as_of)
    inside &= days <= int(stored.attributes.get("most_days", 7))
    return np.where(inside, 24 * days, _NEVER)


def _days_before(times: Times, as_of: datetime) -> Ints:
    """Return the least number of whole days before an instant whose run had been published by ``as_of``."""
    ahead = times - to_ns(as_of - ASSUMED_RUN_DELAY)
    days: Ints = np.maximum(-(-ahead // _DAY), 1).astype(np.int64)
    return days


def _read_slice(
    stored: StoredForecast,
    times: Times,
    leads: Ints,
    read: Callable[[StoredForecast], xr.Dataset],
    usable: Callable[[xr.Dataset], bool],
) -> tuple[Slice | None, str]:
    """Return what a file says of some instants; None, and why, where it is not to be asked again."""
    try:
        dataset = read(stored)
    except StorageError as error:
        log.warning("winds: %s is left out: %s", stored.path, error)
        return None, stored.path
    if not usable(dataset):
        return None, ""
    cut = _previous(dataset, times, leads) if stored.kind == PREVIOUS_RUNS else _forecast(dataset, times)
    kept = cut.isel(time=_is_known(cut))
    age = dict(zip(times.tolist(), leads.tolist(), strict=True))
    own = np.array([age[t] for t in kept["time"].to_numpy().tolist()], np.int64)
    return Slice(stored.source, stored.world, kept, own), ""


def _forecast(dataset: xr.Dataset, times: Times) -> xr.Dataset:
    known = valid_times(dataset)
    at = dataset.isel(forecast_period=np.flatnonzero(np.isin(known, times)))
    stamps = valid_times(at)
    found = at.drop_vars(["forecast_reference_time", "forecast_period"])
    return found.rename(forecast_period="time").assign_coords(time=stamps)


def _previous(dataset: xr.Dataset, times: Times, leads: Ints) -> xr.Dataset:
    """Return previous runs at instants, from the first lead day that is no younger than ``leads``."""
    days = dataset["lead_day"].to_numpy()
    at = np.searchsorted(days, leads // 24)
    there = np.isin(times, dataset["time"].to_numpy()) & (at < len(days))
    where = {
        "lead_day": xr.DataArray(days[at[there]], dims="time"),
        "time": xr.DataArray(times[there], dims="time"),
    }
    return dataset.sel(where).drop_vars("lead_day").assign_coords(time=times[there])


def _is_known(cut: xr.Dataset) -> Flags:
    wind = cut[f"eastward_wind{ALOFT}"].transpose("time", ...).to_numpy()
    known: Flags = np.isfinite(wind).mean(axis=tuple(range(1, wind.ndim))) >= FEWEST_KNOWN
    return known
