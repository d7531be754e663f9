"""From stored stations to the series of a city, with every version and its time of receipt kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, SeriesSpec
from pipeline.names import QC_FAIL, QC_SUSPECT, is_simulated
from pipeline.splice import network_mean, on_step, splice, trailing_mean
from pipeline.surroundings import AROUND, all_places

AVERAGED: Final = frozenset({"pm2p5", "pm10"})
"""Quantities that are means over their interval; the others hold at its end."""


READ_TOGETHER: Final = 400
"""How many stations are read at once, lest memory grow with their number; a series is read whole."""

Wanted = tuple[SeriesSpec, tuple[str, ...]]
"""What a series is, and the stations of its network."""


class VersionedStore(Protocol):
    """What is needed of the observation store: every version of stations' values, and the stations."""

    def versions(
        self,
        *,
        world: str,
        stations: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """Return every version with start < time ≤ end received by ``as_of``.

        Sorted by station, quantity, time and receipt.
        """

    def stations(self, world: str, as_of: datetime | None = None) -> pd.DataFrame:
        """Return the newest row of each station."""


def load_panel(
    store: VersionedStore,
    cities: Iterable[City],
    world: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
    around: bool = True,
) -> AsOfPanel:
    """Read the series of the cities and of the places around them, with all versions received by ``as_of``.

    Values that failed quality control (and suspect ones, where a series does not accept them) are taken as
    withdrawn: they are in the store, not in the panel. Without ``around`` only the cities' own are read.

    Returns
    -------
    panel keyed ``city.quantity.role`` and ``around.quantity.place`` (see ``pipeline.surroundings``); a
    series without any value is left out
    """
    kind = "simulated" if is_simulated(world) else world
    listed = store.stations(world, as_of)
    wanted = {
        f"{city.id}.{spec.quantity}.{spec.role}": (spec, tuple(stations_of(listed, city, spec)))
        for city in cities
        for spec in city.series
        if spec.world == kind
    } | {
        f"{AROUND}.{spec.quantity}.{spec.role}": (spec, ())
        for place in all_places().values()
        for spec in place.series
        if around and spec.world == kind
    }
    hours = dict(zip(listed["station"].astype(str), listed["interval_hours"].astype(int), strict=True))
    series = {}
    for together in _reads(wanted):
        rows = store.versions(
            world=world,
            stations=sorted({s for key in together for s in _sources(wanted[key])}),
            quantities=sorted({wanted[key][0].quantity for key in together}),
            start=start,
            end=end,
            as_of=as_of,
        )
        by_key = _by_station(rows)
        for key in together:
            if parts := _parts(*wanted[key], by_key, hours):
                series[key] = splice(parts)
    return AsOfPanel({key: series[key] for key in wanted if key in series}, world)


def _sources(wanted: Wanted) -> tuple[str, ...]:
    """Return the stations that a series is made of."""
    spec, members = wanted
    return (*spec.stations, *members)


def _reads(wanted: Mapping[str, Wanted]) -> Iterator[list[str]]:
    """Yield the series to read together: few reads, and no more stations in one than are needed.

    >>> few = SeriesSpec("pm2p5", "reference", 1, ("a:1",), "measured")
    >>> many = {name: (few, (f"{name}:1",) * READ_TOGETHER) for name in ("c", "d")}
    >>> list(_reads({"a": (few, ()), "b": (few, ()), **many, "d again": many["d"]}))
    [['a', 'b'], ['c'], ['d', 'd again']]
    """
    alike: dict[tuple[int, str, tuple[str, ...]], list[str]] = {}
    for key, one in wanted.items():
        sources = _sources(one)
        alike.setdefault((len(sources), one[0].quantity, sources), []).append(key)
    together, stations = list[str](), 0
    for (more, _, _), keys in sorted(alike.items()):
        if together and stations + more > READ_TOGETHER:
            yield together
            together, stations = [], 0
        together += keys
        stations += more
    if together:
        yield together


def _by_station(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Cut a table sorted by station and quantity where one of them changes."""
    if not len(rows):
        return {}
    codes = [pd.factorize(rows[name])[0] for name in ("station", "quantity")]
    edges = np.flatnonzero(np.any([np.diff(c) != 0 for c in codes], axis=0)) + 1
    starts, ends = np.concatenate([[0], edges]), np.append(edges, len(rows))
    columns = rows[["time", "received_at", "value", "qc"]]
    names = zip(rows["station"].iloc[starts], rows["quantity"].iloc[starts], strict=True)
    return {
        (str(station), str(quantity)): columns.iloc[start:end]
        for (station, quantity), start, end in zip(names, starts, ends, strict=True)
    }


def _parts(
    spec: SeriesSpec,
    members: Sequence[str],
    rows: Mapping[tuple[str, str], pd.DataFrame],
    hours: Mapping[str, int],
) -> list[AsOfSeries]:
    """Return what makes up a series, the preferred part first, all on its interval."""
    found = []
    for station in spec.stations:
        if (station, spec.quantity) in rows:
            part = _single(
                _accepted(rows[station, spec.quantity], spec), hours.get(station, spec.interval_hours)
            )
            found.append(_on_interval(part, spec))
    heard = [_accepted(rows[s, spec.quantity], spec) for s in members if (s, spec.quantity) in rows]
    if heard:
        mean = network_mean(heard, len(members), spec.minimum_coverage)
        found.append(_on_interval(mean, spec))
    return found


def _on_interval(part: AsOfSeries, spec: SeriesSpec) -> AsOfSeries:
    """Bring an hourly part to the interval of its series; concentrations are averaged, weather is read."""
    if part.interval_hours >= spec.interval_hours:
        return part
    if spec.quantity in AVERAGED:
        return trailing_mean(part, spec.interval_hours)
    return on_step(part, spec.interval_hours)


def _accepted(part: pd.DataFrame, spec: SeriesSpec) -> pd.DataFrame:
    refused = part["qc"].to_numpy() == QC_FAIL
    if not spec.accept_suspect:
        refused |= part["qc"].to_numpy() == QC_SUSPECT
    return part.assign(value=part["value"].mask(refused)) if refused.any() else part


def stations_of(listed: pd.DataFrame, city: City, spec: SeriesSpec) -> list[str]:
    """Return the stations of a city that belong to a network; values given for the whole city do not."""
    if not spec.network:
        return []
    here = listed[listed["city"] == city.id]["station"].astype(str)
    return sorted(s for s in here if s.startswith(f"{spec.network}:") and s not in spec.stations)


def _single(part: pd.DataFrame, interval_hours: int) -> AsOfSeries:
    return AsOfSeries(
        part["time"].to_numpy("datetime64[ns]"),
        part["received_at"].to_numpy("datetime64[ns]"),
        part["value"].to_numpy("float64"),
        interval_hours,
    )
