"""What every table of cities must hold, so that a wrong one is refused before anything is forecast."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import PolicyError

if TYPE_CHECKING:
    from pipeline.cities import City

ID: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
PARTY: Final = re.compile(r"([a-z][a-z0-9-]{0,31})?")
COUNTRY: Final = re.compile(r"[A-Z]{2}")
RULE_SETS: Final = ("kr", "cn")
LANGUAGES: Final = ("ko", "zh", "en")
SOUTH, NORTH, WEST, EAST = 20.0, 52.0, 98.0, 142.0
"""Edges of the packaged map [degree]; a city must lie within them."""
LONGEST_NAME: Final = 40


def check_cities(cities: Iterable[City]) -> None:
    """Refuse tables of cities that lack something or contradict each other.

    Raises
    ------
    PolicyError
        names the city and what is wrong with it
    """
    found = list(cities)
    for one in found:
        for complaint in (*_faults(one), *_place_faults(one), *_series_faults(one)):
            raise PolicyError(f"city {one.id[:40]!r}: {complaint}; see docs/regions.md")
    codes = Counter((c.country, c.geocode["value"]) for c in found)
    areas = Counter((c.country, area) for c in found if len(c.areas) == 1 for area in c.areas)
    for (country, code), count in (*codes.items(), *areas.items()):
        if count > 1:
            raise PolicyError(f"{country} {code} is claimed by {count} cities; see docs/regions.md")


def _faults(one: City) -> Iterator[str]:
    if not isinstance(one.id, str) or not ID.fullmatch(one.id):
        yield "id must be lower-case letters, digits and _, at most 32"
    if not PARTY.fullmatch(one.party) or not COUNTRY.fullmatch(one.country):
        yield "party must be a name in lower case or empty, country two capitals"
    if one.rule_set not in RULE_SETS:
        yield f"rule_set must be one of {', '.join(RULE_SETS)}"
    names = [one.name.get(language, "") for language in LANGUAGES]
    if not all(0 < len(name) <= LONGEST_NAME and name.isprintable() for name in names):
        yield f"name needs {', '.join(LANGUAGES)}, each of at most {LONGEST_NAME} letters"
    if not {"name", "value"} <= set(one.geocode):
        yield "geocode needs name and value"


def _place_faults(one: City) -> Iterator[str]:
    if not (SOUTH < one.latitude < NORTH and WEST < one.longitude < EAST):
        yield f"it must lie within {SOUTH:g}-{NORTH:g} N, {WEST:g}-{EAST:g} E, on the map"
    if one.id in one.upwind or not all(isinstance(up, str) for up in one.upwind):
        yield "upwind must name other cities"
    if one.simulated.stations < 1:
        yield "simulated.stations must be at least 1"
    try:
        ZoneInfo(one.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"there is no time zone {one.timezone[:40]!r}"


def _series_faults(one: City) -> Iterator[str]:
    """Tell what is wrong with the series: each once, and a reference of PM2.5 to forecast."""
    keys = Counter((s.world, s.quantity, s.role) for s in one.series)
    yield from (f"{key} is given {count} times" for key, count in keys.items() if count > 1)
    if not any((s.quantity, s.role) == ("pm2p5", "reference") for s in one.series):
        yield "it has no series of pm2p5 as reference"
