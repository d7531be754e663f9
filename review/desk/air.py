"""The air of a city as it was known at an instant: hours measured, their coverage, the day so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import City
from pipeline.names import QC_FAIL
from pipeline.observations import ObservationStore
from pipeline.series import load_panel, stations_of
from pipeline.times import from_ns, local_date, local_day_bounds, to_ns

SHOWN: Final = timedelta(hours=48)
"""So far back the desk shows what was measured."""
DAY: Final = timedelta(hours=24)
QUANTITY: Final = "pm2p5"


@dataclass(frozen=True)
class CityAir:
    """PM2.5 of a city up to an instant [ug m-3].

    Parameters
    ----------
    times, values : ends of the intervals of the last 48 h that were received, of ``interval_hours`` each
    held, expected : intervals of the last 24 h that were received, and that a full day has
    stations, silent : stations of the city's network, and how many gave nothing in the last 24 h
    day_mean, day_share : mean of the local day so far, and how much of the day it covers [1]
    """

    city: str
    times: tuple[datetime, ...]
    values: tuple[float, ...]
    interval_hours: int
    held: int
    expected: int
    stations: int
    silent: tuple[str, ...]
    day_mean: float | None
    day_share: float

    @property
    def latest(self) -> float | None:
        """Return the newest value."""
        return self.values[-1] if self.values else None

    @property
    def latest_at(self) -> datetime | None:
        """Return the end of the newest interval."""
        return self.times[-1] if self.times else None

    @property
    def coverage(self) -> float:
        """Return the share of the last 24 h that was received [1]."""
        return min(self.held / self.expected, 1.0) if self.expected else 0.0


def airs_of(store: ObservationStore, cities: Sequence[City], world: str, at: datetime) -> tuple[CityAir, ...]:
    """Return the air of cities as it was known at an instant; reads only the hours that are shown."""
    start = at - SHOWN
    panel = load_panel(store, cities, world, start=start, end=at, as_of=at, around=False)
    listed = store.stations(world, at)
    members = {city.id: _stations(city, world, listed) for city in cities}
    heard = _heard(store, world, sorted({s for group in members.values() for s in group}), at)
    return tuple(_air(city, panel, world, at, (members[city.id], heard)) for city in cities)


def _stations(city: City, world: str, listed: pd.DataFrame) -> list[str]:
    """Return the stations of the networks that stand for a city's PM2.5 in a world."""
    spec = city.spec(QUANTITY, "hourly", world) or city.spec(QUANTITY, "reference", world)
    return stations_of(listed, city, spec) if spec is not None else []


def _heard(store: ObservationStore, world: str, stations: Sequence[str], at: datetime) -> frozenset[str]:
    """Return which stations gave a usable value of the last 24 h."""
    if not stations:
        return frozenset()
    rows = store.read(world=world, as_of=at, stations=stations, quantities=[QUANTITY], start=at - DAY, end=at)
    return frozenset(str(name) for name in rows.loc[rows["qc"] != QC_FAIL, "station"].unique())


def _air(
    city: City, panel: AsOfPanel, world: str, at: datetime, told: tuple[Sequence[str], frozenset[str]]
) -> CityAir:
    """Return one city's air from the series that stands for its hours, else from its reference."""
    roles = [role for role in ("hourly", "reference") if city.spec(QUANTITY, role, world) is not None]
    keys = [(f"{city.id}.{QUANTITY}.{role}", role) for role in roles]
    found = [(panel[key], role) for key, role in keys if key in panel]
    stations, heard = told
    silent = tuple(name for name in stations if name not in heard)
    if not found:
        return CityAir(city.id, (), (), 1, 0, 24, len(stations), silent, None, 0.0)
    series = found[0][0]
    times, values = series.window(to_ns(at - SHOWN), to_ns(at), to_ns(at))
    step = series.interval_hours
    day_mean, day_share = _day_so_far(series, city, at)
    recent = int((times > to_ns(at - DAY)).sum())
    instants = tuple(from_ns(t) for t in times)
    numbers = tuple(float(v) for v in values)
    return CityAir(
        city.id, instants, numbers, step, recent, 24 // step, len(stations), silent, day_mean, day_share
    )


def _day_so_far(series: AsOfSeries, city: City, at: datetime) -> tuple[float | None, float]:
    """Return the mean of the local day up to an instant [ug m-3] and the share of the day received [1]."""
    start, end = local_day_bounds(local_date(at, city.timezone), city.timezone)
    _, values = series.window(to_ns(start), to_ns(min(at, end)), to_ns(at))
    if not len(values):
        return None, 0.0
    return float(values.mean()), min(len(values) * series.interval_hours / 24, 1.0)
