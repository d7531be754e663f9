"""Which columns a situation has: what a panel holds of the cities and of the places around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from forecasting.situation.calendar import ENTRIES
from forecasting.situation.columns import CALENDAR, HIGHEST, LOWEST, MEAN, RISE, SPEED, Column, Recipe
from forecasting.situation.derived import CONCENTRATIONS, DEW_POINT, EASTWARD, NORTHWARD, makeable
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.names import is_simulated
from pipeline.surroundings import AROUND, Place, all_places, arriving_id
from pipeline.times import FORECAST_DAYS

OWN_ROLES: Final = ("reference", "hourly")
LATEST: Final = ((0, 1), (0, 3), (0, 6), (6, 12))
DAYS: Final = ((0, 24), (24, 48), (48, 72))
LEVEL_HOURS: Final = 2160
"""Length of the window whose mean is the present level of a city's air [h]: 90 days."""

WEEKS: Final = ((0, 168), (0, 720), (0, LEVEL_HOURS))
BESIDE: Final = ((0, 6), (0, 24), (24, 48))
"""Windows of air upwind [h]."""

WEATHER_WINDOWS: Final = ((0, 3), *BESIDE)
"""Windows of weather [h]; what it does now is told by the first and by its rise since a day before."""

RISE_NOW, RISE_BEFORE = (0, 6), (24, 30)
PRESSURE: Final = ("air_pressure_at_mean_sea_level", "surface_air_pressure")
WEATHER: Final = (
    "air_temperature",
    DEW_POINT,
    "relative_humidity",
    EASTWARD,
    NORTHWARD,
    "pressure",
    "precipitation_amount",
    "cloud_area_fraction",
    "atmosphere_boundary_layer_thickness",
)
"""Weather of a place; ``pressure`` is that at sea level, else that of the station."""

SPEED_WINDOWS: Final = ((0, 6), (0, 24))
"""Windows of the speed of the wind [h]."""

GROUP_OF_PLACES: Final = {"weather": "weather around", "sea": "weather at sea"}
UPWIND_AIR: Final = "air upwind"
ARRIVING_AIR: Final = " air, arriving"
"""Ends the group of what was measured where a city's air of the coming days is (``transport.arriving``)."""


def recipe_of(panel: AsOfPanel, cities: Sequence[City], data_until: datetime) -> Recipe:
    """Return the columns for what a panel held at an instant.

    Places around that are the same stations as a city's own count once, as the city's.

    Parameters
    ----------
    data_until : a series of which nothing had been received by then gives no column

    Examples
    --------
    >>> import numpy as np
    >>> from pipeline.asof import AsOfSeries
    >>> from pipeline.cities import city
    >>> from pipeline.times import from_ns
    >>> t = np.array(["2020-01-01T00"], "M8[ns]")
    >>> panel = AsOfPanel({"seoul.pm2p5.reference": AsOfSeries(t, t, np.array([9.0]))}, "measured")
    >>> recipe_of(panel, [city("seoul")], from_ns(t[0])).groups
    ('seoul air, latest', 'seoul air', 'seoul air, weeks', 'calendar')
    """
    known = panel.known_by(data_until)
    columns: list[Column] = []
    for one in cities:
        columns += _own_air(known, one)
    for place, keys in _air_upwind(known, cities):
        columns += _beside(keys, UPWIND_AIR, place, None)
    columns += _arriving(known, cities)
    for owner, keys, city in weather_of(known, cities):
        group = f"{city} weather" if isinstance(owner, City) or city else GROUP_OF_PLACES[owner.group]
        columns += _weather(keys, group, owner, city)
        columns += _wind_speed(known, group, owner, city)
    return Recipe((*columns, *_calendar(cities)))


def weather_of(
    panel: AsOfPanel, cities: Sequence[City]
) -> Iterator[tuple[City | Place, list[str], str | None]]:
    """Return cities and places with the keys of their weather, and the id of the city whose own it is.

    A place where a city's own weather is measured adds only what the city's series do not hold.
    """
    own: dict[str, list[str]] = {city.id: _weather_keys(panel, city.id, "weather") for city in cities}
    for city in cities:
        yield city, own[city.id], city.id
    for place in all_places().values():
        if place.group in GROUP_OF_PLACES:
            keys = _weather_keys(panel, AROUND, place.id)
            same = next((city.id for city in cities if _is_own(place, city, panel.world)), None)
            held = {key.split(".")[1] for key in own[same]} if same else set()
            yield place, [key for key in keys if key.split(".")[1] not in held], same


def _weather_keys(panel: AsOfPanel, owner: str, role: str) -> list[str]:
    """Return the keys of the weather of one place that a panel holds, or that can be made of its series."""
    found = []
    for quantity in WEATHER:
        options = PRESSURE if quantity == "pressure" else (quantity,)
        keys = [f"{owner}.{option}.{role}" for option in options]
        found += [key for key in keys if makeable(key, panel)][:1]
    return found


def _own_air(panel: AsOfPanel, city: City) -> list[Column]:
    columns = []
    blocks = {f"{city.id} air, latest": LATEST, f"{city.id} air": DAYS, f"{city.id} air, weeks": WEEKS}
    keys = [f"{city.id}.{quantity}.{role}" for quantity in CONCENTRATIONS for role in OWN_ROLES]
    for group, windows in blocks.items():
        wanted = [(MEAN, *window) for window in windows]
        if windows is DAYS:
            wanted += [(HIGHEST, 0, 24), (LOWEST, 0, 24), (RISE, RISE_NOW[0], RISE_BEFORE[1])]
        columns += [
            _column(group, key, what, a, b, city, city.id)
            for key in keys
            if key in panel
            for what, a, b in wanted
        ]
    return columns


def _wind_speed(panel: AsOfPanel, group: str, owner: City | Place, city: str | None) -> list[Column]:
    """Return the mean speed of the wind, which its mean components do not tell."""
    key = f"{owner.id}.wind_speed.weather" if isinstance(owner, City) else f"{AROUND}.wind_speed.{owner.id}"
    if not makeable(key, panel):
        return []
    return [_column(group, key, SPEED, a, b, owner, city) for a, b in SPEED_WINDOWS]


def _air_upwind(panel: AsOfPanel, cities: Sequence[City]) -> Iterator[tuple[Place, list[str]]]:
    """Return places with the keys of their air, less the stations that stand for a city."""
    for place in all_places().values():
        if place.group != "air":
            continue
        keys = [
            f"{AROUND}.{quantity}.{place.id}"
            for quantity in CONCENTRATIONS
            if not any(
                _stations(place, panel.world, quantity) & _stations(c, panel.world, quantity) for c in cities
            )
        ]
        yield place, [key for key in keys if key in panel]


def _arriving(panel: AsOfPanel, cities: Sequence[City]) -> Iterator[Column]:
    """Yield the air on its way to each city: one value an issue, made at that issue."""
    for city in cities:
        for day in range(FORECAST_DAYS + 1):
            place = all_places().get(arriving_id(city.id, day))
            key = f"{AROUND}.pm2p5.{arriving_id(city.id, day)}"
            if place is not None and key in panel:
                yield _column(f"{city.id}{ARRIVING_AIR}", key, MEAN, 0, 1, place, city.id)


def _is_own(place: Place, city: City, world: str) -> bool:
    """Tell whether a place is where a city's own weather is measured."""
    return any(
        _stations(place, world, quantity) & _stations(city, world, quantity)
        for quantity in place.quantities("simulated" if is_simulated(world) else world)
    )


def _stations(owner: City | Place, world: str, quantity: str) -> set[str]:
    """Return the stations that are read for a quantity."""
    kind = "simulated" if is_simulated(world) else world
    specs = [spec for spec in owner.series if spec.world == kind and spec.quantity == quantity]
    return {station for spec in specs for station in spec.stations}


def _weather(keys: Sequence[str], group: str, place: City | Place, city: str | None) -> list[Column]:
    means = [_column(group, key, MEAN, a, b, place, city) for key in keys for a, b in WEATHER_WINDOWS]
    rises = [_column(group, key, RISE, RISE_NOW[0], RISE_BEFORE[1], place, city) for key in keys]
    return means + rises


def _beside(keys: Sequence[str], group: str, place: City | Place, city: str | None) -> list[Column]:
    return [_column(group, key, MEAN, a, b, place, city) for key in keys for a, b in BESIDE]


def _column(
    group: str, key: str, what: str, start: int, end: int, place: City | Place, city: str | None
) -> Column:
    return Column(group, key, what, start, end, None, place.latitude, place.longitude, city)


def _calendar(cities: Sequence[City]) -> list[Column]:
    latitude = sum(city.latitude for city in cities) / max(1, len(cities))
    longitude = sum(city.longitude for city in cities) / max(1, len(cities))
    return [
        Column(CALENDAR, f"{CALENDAR}.{entry}.issue", CALENDAR, 0, 0, None, latitude, longitude)
        for entry in ENTRIES
    ]
