"""The cities: name, party, time zone, rule set and the series that stand for each; rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from pipeline.cities.checks import check_cities
from pipeline.cities.chosen import chosen_sets
from pipeline.cities.sets import city_tables
from pipeline.errors import PolicyError, UsageError
from pipeline.names import is_simulated

Value = TypeVar("Value")


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
class SimulatedAir:
    """What a simulated world has of a city: how many stations, and its own source.

    Parameters
    ----------
    stations : instruments of its network
    strength : own source [ug m-3 h-1 in 1000 m]; ``width`` of the city [km]; ``heating`` share in winter [1];
        ``road_dust`` [ug m-3]
    """

    stations: int = 3
    strength: float = 0.7
    width: float = 25.0
    heating: float = 0.3
    road_dust: float = 10.0


@dataclass(frozen=True)
class City:
    """One forecast region: who owns it, where it lies, and which series stand for it.

    Parameters
    ----------
    party : the side that signs for it; empty: it is forecast and assessed, and no warning is proposed
    rule_set : whose scale its days are shown on (``kr`` or ``cn``); legal rules go by ``country``
    areas : how services write it: provinces of AirKorea, cities of CNEMC, whose stations are then its own
    upwind : cities from which its air comes on the prevailing wind: links with them are examined, and a
        joint warning with them may be proposed where they belong to another party
    mark : how sure its membership in a set is, and its source; empty where it is in none
    """

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
    areas: tuple[str, ...] = field(default=(), repr=False)
    upwind: tuple[str, ...] = field(default=(), repr=False)
    mark: str = field(default="", repr=False)
    simulated: SimulatedAir = field(default=SimulatedAir(), repr=False)

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
        air = SimulatedAir(**table.get("simulated", {}))
        lists = {name: tuple(table.get(name, ())) for name in ("areas", "upwind")}
        return City(**{**table, **lists, "series": series, "simulated": air})
    except (KeyError, TypeError) as error:
        raise PolicyError(
            f"city file {table.get('id', '?')}: {error}; compare it with cities/seoul.toml"
        ) from error


class UnknownCity(UsageError, KeyError):
    """A city that this installation does not have, or has no longer."""

    def __str__(self) -> str:
        """Return the text as it is; a KeyError would quote it."""
        return str(self.args[0])


class Cities(dict[str, City]):
    """Cities by id; one that is not there is told with those that are."""

    def __missing__(self, city_id: str) -> City:
        """Refuse an id that the ledger may hold from a time when other cities were chosen.

        >>> Cities()["atlantis"]
        Traceback (most recent call last):
            ...
        pipeline.cities.UnknownCity: no city 'atlantis'; there are none, as SAMEAIR_CITIES chooses them
        """
        there = ", ".join(sorted(self)) or "none"
        raise UnknownCity(f"no city '{city_id}'; there are {there}, as SAMEAIR_CITIES chooses them")


@cache
def all_cities() -> Cities:
    """Return every city of this installation by id: those that ``SAMEAIR_CITIES`` chooses.

    The choice is made once in a process, when this is first called.

    Raises
    ------
    PolicyError
        a table lacks something or two of them contradict each other
    UsageError
        a set or folder that is named is not there

    Examples
    --------
    >>> sorted(all_cities())
    ['beijing', 'seoul']
    """
    return cities_of(chosen_sets())


def cities_of(sets: Sequence[str]) -> Cities:
    """Return the cities of some sets and folders, by id and in that order.

    >>> len(cities_of(["areas-2019"])), len(cities_of(["east-asian-clean-air-cities"]))
    (38, 9)
    """
    found = {table.get("id", ""): parse_city(table) for table in city_tables(sets)}
    check_cities(found.values())
    return Cities(sorted(found.items()))


def all_parties() -> list[str]:
    """Return the parties that own a city, sorted; a city without one has nobody who signs for it.

    >>> all_parties()
    ['beijing', 'seoul']
    """
    return sorted({c.party for c in all_cities().values() if c.party})


@cache
def upwind_pairs() -> tuple[tuple[str, str], ...]:
    """Return the pairs whose links are examined, upwind first, in the direction of the prevailing wind.

    >>> upwind_pairs()
    (('beijing', 'seoul'),)
    """
    known = all_cities()
    return tuple((up, one.id) for one in known.values() for up in one.upwind if up in known)


def are_partners(one: str, other: str) -> bool:
    """Tell whether two cities may stand in one joint warning: their link is examined.

    >>> are_partners("seoul", "beijing"), are_partners("seoul", "seoul")
    (True, False)
    """
    return {(one, other), (other, one)} & set(upwind_pairs()) != set()


def partner_of(city_id: str) -> str:
    """Return the first city with which one may stand in a joint warning; empty where there is none.

    >>> partner_of("seoul"), partner_of("beijing")
    ('beijing', 'seoul')
    """
    return next((up if down == city_id else down for up, down in upwind_pairs() if city_id in (up, down)), "")


def linked_cities() -> list[str]:
    """Return the cities that have a partner, all where none has: those of the programme itself.

    >>> linked_cities()
    ['beijing', 'seoul']
    """
    linked = {one for pair in upwind_pairs() for one in pair}
    return [one for one in all_cities() if one in linked] or list(all_cities())


def home_of(party: str) -> str:
    """Return the city that stands for a party where one is wanted: a linked one if it has any, else empty.

    >>> home_of("seoul"), home_of("mars")
    ('seoul', '')
    """
    own = [c.id for c in all_cities().values() if c.party == party]
    return next((one for one in own if one in linked_cities()), own[0] if own else "")


def of_city(city_id: str, table: Mapping[str, Value]) -> Value:
    """Return what a table by cities holds for one: its own row, else that of a named city like it.

    Like it is one of its country, else one of its rule set, else the first.

    >>> of_city("seoul", {"beijing": 75, "seoul": 50})
    50
    """
    if city_id in table or city_id not in all_cities():
        return table[city_id]
    mine, named = all_cities()[city_id], [c for c in all_cities().values() if c.id in table]
    same = [c.id for c in named if c.country == mine.country] + [
        c.id for c in named if c.rule_set == mine.rule_set
    ]
    return table[same[0] if same else sorted(table)[0]]


def cities_by_area(country: str) -> dict[str, str]:
    """Return whose each area of a country is; an area that a city has alone is not its province's.

    >>> cities_by_area("CN")
    {'北京市': 'beijing'}
    """
    here = [c for c in all_cities().values() if c.country == country]
    widest_first = sorted(here, key=lambda c: (-len(c.areas), c.id))
    return {area: c.id for c in widest_first for area in c.areas}


def city(city_id: str) -> City:
    """Return one city; an unknown id is a usage error."""
    return all_cities()[city_id]
