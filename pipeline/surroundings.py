"""Places around the cities: where weather and air are measured that a forecast may use, rows of a table."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from pipeline.cities import SeriesSpec
from pipeline.errors import PolicyError

AROUND: Final = "around"
"""Stands where the keys of a city's series have its id: ``around.<quantity>.<place>``."""

ARRIVING: Final = "arriving"
"""Group, and network of the stations, of the air on its way to a city."""

GROUPS: Final = ("weather", "sea", "air", "second_truth", ARRIVING)
"""What places are for; a second truth measures a city's own air beside its reference, as a check on that.

``arriving`` is no place of measurement: readings elsewhere, chosen by forecast winds (``flows.arriving``)."""

_OF_KIND: Final = ("group", "world", "quantities", "stations", "interval_hours", "note")
_OF_PLACE: Final = ("id", "name", "latitude", "longitude")


@dataclass(frozen=True)
class Place:
    """One place: its group (one of GROUPS) and the series measured there.

    Parameters
    ----------
    latitude, longitude : [degree]
    altitude : of the station [m]; None where it does not matter
    series : as those of a city, their ``role`` being the id of the place
    """

    id: str
    name: str
    group: str
    latitude: float
    longitude: float
    altitude: float | None = None
    series: tuple[SeriesSpec, ...] = field(default=(), repr=False)

    def quantities(self, world: str) -> tuple[str, ...]:
        """Return what is measured here, in worlds of a kind (``measured`` or ``simulated``).

        >>> [all_places()["jinan_air"].quantities(kind) for kind in ("measured", "simulated")]
        [('pm2p5', 'pm10'), ('pm2p5',)]
        """
        return tuple(s.quantity for s in self.series if s.world == world)


def arriving_id(city: str, day: int) -> str:
    """Return the id that stands for the air on its way to a city on a local day after that of the issue.

    >>> arriving_id("seoul", 1) in all_places()
    True
    """
    return f"{ARRIVING}_{city}_d{day}"


def parse_places(table: dict[str, Any]) -> dict[str, Place]:
    """Read the table of kinds of places; what a place measures as several kinds comes together.

    Raises
    ------
    PolicyError
        something is missing, or a place stands in two groups or in an unknown one

    Examples
    --------
    >>> kind = {"group": "sea", "world": "measured", "quantities": ["wind_speed"], "note": "buoy",
    ...     "stations": ["kma_buoy:{number}"], "interval_hours": 1,
    ...     "places": [{"id": "b", "number": "7", "name": "B", "latitude": 35.0, "longitude": 125.0}]}
    >>> parse_places({"kind": [kind]})["b"].series[0].stations
    ('kma_buoy:7',)
    """
    found: dict[str, Place] = {}
    for kind in table.get("kind", ()):
        for row in kind.get("places", ()):
            new = _place(kind, row)
            old = found.get(new.id)
            if old is not None and old.group != new.group:
                raise PolicyError(f"surroundings: {new.id} is in two groups, {old.group} and {new.group}")
            found[new.id] = new if old is None else _both(old, new)
    return found


def _place(kind: dict[str, Any], row: dict[str, Any]) -> Place:
    try:
        group, world, quantities, stations, hours, note = (kind[name] for name in _OF_KIND)
        place_id, name, latitude, longitude = (row[name] for name in _OF_PLACE)
        named = tuple(station.format(**row) for station in stations)
        series = tuple(
            SeriesSpec(quantity, place_id, world, hours, named, note=note.format(**row))
            for quantity in quantities
        )
    except KeyError as error:
        raise PolicyError(
            f"surroundings: {row.get('id', 'a place')} lacks {error}; compare it with its neighbours"
        ) from error
    if group not in GROUPS:
        raise PolicyError(f"surroundings: {place_id} is in group {group}; choose one of {', '.join(GROUPS)}")
    return Place(place_id, name, group, latitude, longitude, row.get("altitude"), series)


def _both(old: Place, new: Place) -> Place:
    altitude = new.altitude if old.altitude is None else old.altitude
    series = (*old.series, *new.series)
    return Place(old.id, old.name, old.group, old.latitude, old.longitude, altitude, series)


@cache
def all_places() -> dict[str, Place]:
    """Return every place by id.

    >>> sorted({p.group for p in all_places().values()})
    ['air', 'arriving', 'sea', 'second_truth', 'weather']
    """
    file = resources.files("pipeline") / "surroundings.toml"
    return parse_places(tomllib.loads(file.read_text("utf-8")))
