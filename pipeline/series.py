"""From stored stations to the series of a city, with every version and its time of receipt kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City, SeriesSpec
from pipeline.names import QC_FAIL, QC_SUSPECT, is_simulated
from pipeline.splice import network_mean, on_step, splice, trailing_mean

AVERAGED: Final = frozenset({"pm2p5", "pm10"})
"""Quantities that are means over their interval; the others hold at its end."""


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
        """Return every version with start < time ≤ end received by ``as_of``."""

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
) -> AsOfPanel:
    """Read the declared series of the cities from the store, with all versions received by ``as_of``.

    Values that failed quality control (and suspect ones, where a series does not accept them) are taken as
    withdrawn: they are in the store, not in the panel.

    Returns
    -------
    panel keyed ``city.quantity.role``; a series without any value is left out
    """
    kind = "simulated" if is_simulated(world) else world
    wanted = [(c, s) for c in cities for s in c.series if s.world == kind]
    listed = store.stations(world, as_of)
    members = {_key(city, spec): stations_of(listed, city, spec) for city, spec in wanted}
    stations = {s for group in members.values() for s in group} | {
        s for _, spec in wanted for s in spec.stations
    }
    rows = store.versions(
        world=world,
        stations=sorted(stations),
        quantities=sorted({spec.quantity for _, spec in wanted}),
        start=start,
        end=end,
        as_of=as_of,
    )
    by_key = {
        (str(s), str(q)): part
        for (s, q), part in rows.groupby(["station", "quantity"], observed=True, sort=False)
    }
    hours = dict(zip(listed["station"].astype(str), listed["interval_hours"].astype(int), strict=True))
    series = {}
    for city, spec in wanted:
        parts = _parts(spec, members[_key(city, spec)], by_key, hours)
        if parts:
            series[_key(city, spec)] = splice(parts)
    return AsOfPanel(series, world)


def _key(city: City, spec: SeriesSpec) -> str:
    return f"{city.id}.{spec.quantity}.{spec.role}"


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
    refused = [QC_FAIL] if spec.accept_suspect else [QC_FAIL, QC_SUSPECT]
    return part.assign(value=part["value"].where(~part["qc"].isin(refused)))


def stations_of(listed: pd.DataFrame, city: City, spec: SeriesSpec) -> list[str]:
    """Return the stations of a city that belong to a network; values given for the whole city do not."""
    if not spec.network:
        return []
    here = listed[listed["city"] == city.id]["station"].astype(str)
    return sorted(s for s in here if s.startswith(f"{spec.network}:") and s not in spec.stations)


def _single(part: pd.DataFrame, interval_hours: int) -> AsOfSeries:
    rows = part.sort_values(["time", "received_at"], kind="stable")
    return AsOfSeries(
        rows["time"].to_numpy("datetime64[ns]"),
        rows["received_at"].to_numpy("datetime64[ns]"),
        rows["value"].to_numpy("float64"),
        interval_hours,
    )
