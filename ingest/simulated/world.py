"""One simulated world: a seed gives three years of weather and air, instruments, and a present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.open_meteo import POINTS, SOURCE
from ingest.quality import range_flags
from ingest.simulated.analysis import printed_weather, weather_values
from ingest.simulated.city_air import city_air
from ingest.simulated.grid import Floats
from ingest.simulated.instruments import Network, build_network, join_networks
from ingest.simulated.network import (
    BEIJING,
    CLEANER,
    CONTROL,
    SENTINELS,
    SEOUL,
    invented_stations,
    network_of,
    other_cities,
    station_table,
)
from ingest.simulated.scenario import episode_present, quiet_present
from ingest.simulated.synoptic import Climate, draw_climate
from ingest.simulated.transport import PointHistory, simulate
from pipeline.errors import UsageError
from pipeline.schema import OBSERVATION_COLUMNS
from pipeline.times import NS_HOUR, to_ns

FIRST_HOUR: Final = datetime(2022, 5, 15, tzinfo=UTC)
HOURS: Final = 25_400
"""Simulated hours: to early April 2025, three winters and two whole summers."""
WINTER: Final = (datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 3, 15, tzinfo=UTC))
SUMMER: Final = (datetime(2024, 6, 5, tzinfo=UTC), datetime(2024, 9, 5, tzinfo=UTC))
"""Between these the present is chosen; two years of history lie before both."""
HISTORY: Final = timedelta(days=730)


@dataclass(frozen=True)
class SimulatedWorld:
    """A region that never was, with its services; see :func:`make_world`.

    ``end`` is the present, a nominal cycle [UTC]; ``start`` is two years earlier. ``times`` (hours,) are the
    interval ends of the whole simulation, which goes on after the present for verification only.
    """

    name: str
    seed: int
    start: datetime
    end: datetime
    times: npt.NDArray[np.datetime64] = field(repr=False)
    cities: tuple[str, ...] = field(repr=False)
    stations: pd.DataFrame = field(repr=False)
    networks: Mapping[str, Network] = field(repr=False)
    printed: Mapping[str, Floats] = field(repr=False)
    history: PointHistory = field(repr=False)
    climate: Climate = field(repr=False)

    def hour_at(self, when: np.datetime64) -> int:
        """Return the newest hour that ended by an instant; outside the simulation it is a UsageError."""
        hour = int((when - self.times[0]).astype("timedelta64[ns]").astype("int64") // NS_HOUR)
        if not 0 <= hour < len(self.times):
            raise UsageError(
                f"{self.name} runs from {self.times[0]} to {self.times[-1]}, {when} lies outside"
            )
        return hour

    def observations(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return what the instruments showed, start < time ≤ end (OBSERVATION_COLUMNS), sorted.

        Every value that is ever published stands here, also those that come late; silent hours have no row.
        """
        hours = self._hours(start, end)
        columns = {
            (station, quantity): values[hours, at]
            for net in self.networks.values()
            for quantity, values in net.readings.items()
            for at, station in enumerate(net.stations)
        }
        return long_rows(self.times[hours], columns)

    def weather(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the weather analysis at the points, start < time ≤ end (OBSERVATION_COLUMNS), sorted."""
        hours = self._hours(start, end)
        values = weather_values({name: column[hours] for name, column in self.printed.items()})
        columns = {
            (f"{SOURCE}:{p.id}", quantity): column[:, at]
            for quantity, column in values.items()
            for at, p in enumerate(POINTS)
        }
        return long_rows(self.times[hours], columns)

    def truth(self) -> pd.DataFrame:
        """Return the air itself, no instrument between: ``time``, ``city.quantity`` [ug m-3], all hours."""
        columns = {
            f"{city}.{q}": net.truth[q]
            for city, net in zip(self.cities, self.networks.values(), strict=False)
            for q in net.truth
        }
        return pd.DataFrame({"time": self.times, **columns})

    def _hours(self, start: datetime, end: datetime) -> slice:
        low, high = np.searchsorted(self.times, [to_ns(start), to_ns(end)], side="right")
        return slice(int(low), int(high))


def make_world(seed: int, *, quiet_season: bool = False) -> SimulatedWorld:
    """Simulate a world and choose its present; the same seed gives the same world, to the last digit.

    Parameters
    ----------
    seed : any whole number from 0
    quiet_season : the present is a summer cycle with clean air ahead, not the eve of an episode

    Returns
    -------
    SimulatedWorld
        named ``simulated-<seed>`` or ``simulated-<seed>-quiet``; takes about four seconds
    """
    times = all_times()
    index = pd.DatetimeIndex(times)
    rng, climate = _drawn(seed)
    history = simulate(climate, HOURS)
    cities = ("seoul", "beijing")
    networks = {
        source: _network(rng, source, city, history, climate)
        for city, source in zip(cities, ("airkorea", "cnemc"), strict=True)
    }
    printed = printed_weather(rng, history, climate)
    networks = _with_others(networks, seed, history, climate)
    end = _present(index, networks, quiet_season)
    name = f"simulated-{seed}" + ("-quiet" if quiet_season else "")
    return SimulatedWorld(
        name, seed, end - HISTORY, end, times, cities, station_table(), networks, printed, history, climate
    )


def all_times() -> npt.NDArray[np.datetime64]:
    """Return the hours of every simulated world, (hours,) [UTC, datetime64[ns]]."""
    step = np.timedelta64(1, "h").astype("timedelta64[ns]")
    times: npt.NDArray[np.datetime64] = to_ns(FIRST_HOUR) + np.arange(HOURS) * step
    return times


def climate_of(seed: int) -> Climate:
    """Return what is random about the weather of the world of a seed."""
    return _drawn(seed)[1]


def _drawn(seed: int) -> tuple[np.random.Generator, Climate]:
    """Return the weather of a seed, and the generator for all that is drawn after it."""
    rng = np.random.default_rng([seed, 20_250_101])
    index = pd.DatetimeIndex(all_times())
    local_hour = ((index.hour.to_numpy() + 8.5) % 24).astype(float)
    return rng, draw_climate(rng, index.day_of_year.to_numpy(float), local_hour)


def _network(
    rng: np.random.Generator, source: str, city: str, history: PointHistory, climate: Climate
) -> Network:
    """Return a service's stations: those of its city, then those upwind of a city."""
    shares = {
        "airkorea": {f"airkorea:{name}": 1.0 for name in SEOUL},
        "cnemc": {f"cnemc:{code}": CLEANER.get(code, 1.04) for code in BEIJING},
    }[source]
    core = np.array([s != f"cnemc:{CONTROL}" for s in shares])
    parts = [build_network(rng, source, city_air(history, climate, city), shares, core)]
    for sentinel in (s for s in SENTINELS if s.station.startswith(f"{source}:")):
        air = city_air(history, climate, sentinel.place)
        parts.append(build_network(rng, source, air, {sentinel.station: 1.0}, np.array([True])))
    return join_networks(parts)


def _with_others(
    networks: dict[str, Network], seed: int, history: PointHistory, climate: Climate
) -> dict[str, Network]:
    """Return the networks with the stations of the installation's other cities.

    Each city has a generator of its own: which others there are changes nothing of its values.
    """
    found = {source: [network] for source, network in networks.items()}
    for city in other_cities():
        rng = np.random.default_rng([seed, *city.id.encode()])
        source, shares = network_of(city), {s.station: 1.0 for s in invented_stations(city)}
        air = city_air(history, climate, city.id)
        network = build_network(rng, source, air, shares, np.ones(len(shares), bool))
        found.setdefault(source, []).append(network)
    return {source: join_networks(parts) if len(parts) > 1 else parts[0] for source, parts in found.items()}


def _present(index: pd.DatetimeIndex, networks: Mapping[str, Network], quiet_season: bool) -> datetime:
    first, last = (to_ns(when) for when in (SUMMER if quiet_season else WINTER))
    hours = index.to_numpy()
    season = (hours >= first) & (hours < last)
    choose = quiet_present if quiet_season else episode_present
    seoul, beijing = (networks[n].truth["pm2p5"][season] for n in ("airkorea", "cnemc"))
    return choose(index[season], seoul, beijing)


def long_rows(times: npt.NDArray[np.datetime64], columns: Mapping[tuple[str, str], Floats]) -> pd.DataFrame:
    """Return observation rows, sorted by station, quantity, time, from one column per (station, quantity).

    ``station`` and ``quantity`` are categorical, which keeps millions of rows small; NaN gives no row.

    >>> t = np.array(["2025-01-01T01", "2025-01-01T02"], "M8[ns]")
    >>> long_rows(t, {("airkorea:x", "pm2p5"): np.array([12.0, np.nan])})["value"].tolist()
    [12.0]
    """
    keys = sorted(columns)
    there = [np.isfinite(columns[key]) for key in keys]
    counts = [int(mask.sum()) for mask in there]
    found = [columns[key][mask] for key, mask in zip(keys, there, strict=True)]
    names = {part: sorted({key[part] for key in keys}) for part in (0, 1)}
    numbers = {part: np.array([names[part].index(key[part]) for key in keys], np.int64) for part in (0, 1)}
    codes = {part: np.repeat(numbers[part], counts) for part in (0, 1)}
    return pd.DataFrame(
        {
            "station": pd.Categorical.from_codes(codes[0], categories=pd.Index(names[0])),
            "quantity": pd.Categorical.from_codes(codes[1], categories=pd.Index(names[1])),
            "time": np.concatenate([times[mask] for mask in there]),
            "value": np.concatenate(found),
            "qc": np.concatenate([range_flags(key[1], part) for key, part in zip(keys, found, strict=True)]),
        }
    )[list(OBSERVATION_COLUMNS)]
