"""The cities: name, party, time zone, rule set and the series that stand for each; rows of a table."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from pipeline.errors import PolicyError, UsageError
from pipeline.names import is_simulated

CITY_FOLDER = resources.files("pipeline") / "cities"


@dataclass(frozen=True)
class SeriesSpec:
    """Which stored stations make one series of a city.

    Every interval end takes the first of ``stations`` that has a value, else the mean over the city's
    stations of ``network``, where at least ``minimum_coverage`` of those expected report
    (``pipeline.splice``). Hourly parts of a coarser series are averaged. Values that failed quality control
    never enter; suspect ones only where ``accept_suspect``.
    """

    quantity: str
    role: str
    world: str
    interval_hours: int
    stations: tuple[str, ...] = ()
    network: str = ""
    minimum_coverage: float = 0.75
    accept_suspect: bool = True
    note: str = ""


@dataclass(frozen=True)
class City:
    """One forecast region: who owns it, where it lies, and which series stand for it."""

    id: str
    party: str
    country: str
    timezone: str
    rule_set: str
    latitude: float
    longitude: float
    name: dict[str, str]
    geocode: dict[str, str]
    series: tuple[SeriesSpec, ...] = field(repr=False)

    def spec(self, quantity: str, role: str, world: str) -> SeriesSpec | None:
        """Return the series of a quantity and role in a world; ``hourly`` falls back to an hourly reference.

        >>> city("seoul").spec("pm2p5", "reference", "measured").interval_hours
        3
        >>> city("beijing").spec("pm2p5", "hourly", "measured").stations[0]
        'archive:beijing_best_hourly'
        """
        kind = "simulated" if is_simulated(world) else world
        found = {s.role: s for s in self.series if (s.quantity, s.world) == (quantity, kind)}
        if role == "hourly" and "hourly" not in found:
            reference = found.get("reference")
            return reference if reference and reference.interval_hours == 1 else None
        return found.get(role)


def parse_city(table: dict[str, Any]) -> City:
    """Read one city table, ``quantities`` being a row for each; raises PolicyError naming what is wrong."""
    try:
        series = tuple(
            SeriesSpec(**{**shared, "quantity": quantity, "stations": tuple(row.get("stations", ()))})
            for row in table["series"]
            for shared in [{name: value for name, value in row.items() if name != "quantities"}]
            for quantity in row.get("quantities") or [row["quantity"]]
        )
        return City(**{**table, "series": series})
    except (KeyError, TypeError) as error:
        raise PolicyError(
            f"city file {table.get('id', '?')}: {error}; compare it with cities/seoul.toml"
        ) from error


@cache
def all_cities() -> dict[str, City]:
    """Return every city by id.

    >>> sorted(all_cities())
    ['beijing', 'seoul']
    """
    files = sorted((f for f in CITY_FOLDER.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {c.id: c for c in (parse_city(tomllib.loads(f.read_text("utf-8"))) for f in files)}


def city(city_id: str) -> City:
    """Return one city; an unknown id is a usage error."""
    try:
        return all_cities()[city_id]
    except KeyError:
        raise UsageError(f"no city '{city_id}'; there are {', '.join(sorted(all_cities()))}") from None
