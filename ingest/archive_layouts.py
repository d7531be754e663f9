"""The layouts of the measured archives: which table holds what, in which unit, under which station id.

A table is recognised by its file name; the numbers in a name (stations, years) may differ, so that later
years or other numbers of stations are the same layout. Columns of a wide table are stations; columns of a
long table are quantities, converted as ``value * scale + offset`` to the unit of pipeline.names.QUANTITIES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_PERIOD = r"(?:_\d{4}){0,2}"


@dataclass(frozen=True)
class WideLayout:
    """A table with one column per station or city, all of one quantity.

    ``station`` is a template for the station id; ``{}`` is the column's name.
    """

    pattern: str
    quantity: str
    station: str
    interval_hours: int = 1
    city: str = ""
    lower: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a long table; ``quality`` names a column of NOAA ISD quality codes beside it."""

    quantity: str
    scale: float = 1.0
    offset: float = 0.0
    quality: str = ""
    evaluated: bool = True


@dataclass(frozen=True)
class LongLayout:
    """A table with one row per station and time, one column per quantity.

    ``station`` is a template: ``{stn}`` is the column of that name, ``{0}`` the first group of the pattern.
    ``reports`` gives other station ids to rows of certain report types (column ``rtype``).
    """

    pattern: str
    station: str
    columns: Mapping[str, Column]
    city: str = ""
    reports: Mapping[str, str] = field(default_factory=dict)
    other: frozenset[str] = frozenset()


Layout = WideLayout | LongLayout

KELVIN: Final = 273.15
HECTOPASCAL: Final = 100.0
PERCENT: Final = 0.01
TENTH: Final = 0.1
TEN_METRES: Final = 10.0
MEGAJOULE_PER_HOUR: Final = 1e6 / 3600
"""1 MJ m-2 received within one hour is 277.8 W m-2."""

WEATHER: Final = {
    "ta": Column("air_temperature", offset=KELVIN),
    "td": Column("dew_point_temperature", offset=KELVIN),
    "rh": Column("relative_humidity", PERCENT),
    "ws": Column("wind_speed"),
    "wd": Column("wind_from_direction"),
    "ps": Column("surface_air_pressure", HECTOPASCAL),
    "slp": Column("air_pressure_at_mean_sea_level", HECTOPASCAL),
}
SYNOP: Final = {**WEATHER, "rain": Column("precipitation_amount", evaluated=False)}
"""WMO SYNOP; its rain covers 6, 12 or 24 h before the report, which the table does not say: not evaluated."""

BUOY: Final = {
    **WEATHER,
    "gust": Column("wind_speed_of_gust"),
    "sst": Column("sea_surface_temperature", offset=KELVIN),
}
ASOS: Final = {
    **WEATHER,
    "rain": Column("precipitation_amount"),
    "cloud10": Column("cloud_area_fraction", TENTH),
    "vis10m": Column("visibility_in_air", TEN_METRES),
    "srad": Column("surface_downwelling_shortwave_flux_in_air", MEGAJOULE_PER_HOUR),
}
"""KMA ASOS hourly: cloud in tenths, visibility in steps of 10 m, radiation summed over the hour [MJ m-2]."""

METAR: Final = {
    "wd": Column("wind_from_direction", quality="wdq"),
    "ws": Column("wind_speed", quality="wsq"),
    "ta": Column("air_temperature", offset=KELVIN, quality="taq"),
    "td": Column("dew_point_temperature", offset=KELVIN, quality="tdq"),
    "slp": Column("air_pressure_at_mean_sea_level", HECTOPASCAL, quality="slpq"),
    "vis": Column("visibility_in_air", quality="visq"),
}
"""NOAA ISD; 9900 and 9999 m stand for "10 km or more". The visibility has no quality column so far."""

LAYOUTS: Final[tuple[Layout, ...]] = (
    WideLayout("seoul_city", "pm2p5", "archive:seoul_{}", city="seoul"),
    WideLayout(r"seoul_\d+_stations", "pm2p5", "seoul:{}", city="seoul"),
    WideLayout("beijing_city", "pm2p5", "archive:beijing_{}", city="beijing"),
    WideLayout("beijing_city_pm10", "pm10", "archive:beijing_pm10_{}", city="beijing"),
    WideLayout(r"beijing_\d+_stations", "pm2p5", "beijing:{}", city="beijing"),
    WideLayout(r"china_\d+_sites", "pm2p5", "cnemc:{}"),
    WideLayout(r"china_\d+_cities", "pm2p5", "archive:china_city_{}", lower=True),
    WideLayout(r"china_\d+_cities_pm10", "pm10", "archive:china_city_{}", lower=True),
    WideLayout(r"korea_\d+_stations_pm10_3h", "pm10", "archive:korea_{}", 3),
    WideLayout(r"korea_\d+_stations_pm25_3h", "pm2p5", "archive:korea_{}", 3),
    WideLayout("us_embassy_[a-z]+", "pm2p5", "archive:us_embassy_{}", lower=True),
    LongLayout(r"synop_\d+_stations_3h", "synop:{stn}", SYNOP),
    LongLayout("[a-z]+_synop_3h", "synop:{stn}", SYNOP),
    LongLayout("kma_buoys_1h", "kma_buoy:{stn}", BUOY),
    LongLayout(r"seoul_asos(\d+)_1h", "kma_asos:{0}", ASOS, city="seoul"),
    LongLayout(
        "beijing_airport_metar",
        "metar:ZBAA",
        METAR,
        city="beijing",
        reports={"FM-12": "metar:ZBAA_synop"},
        other=frozenset({"src", "rtype", "wtype"}),
    ),
)
"""Every table that can be imported. SYNOP reports (FM-12) that NOAA ISD files under the airport fall on the
same instants as its METARs and come from another instrument, hence an id of their own."""

ELSEWHERE: Final = frozenset({"baengnyeong"})
"""Columns of a city's table that lie outside the city."""

OUR_CITIES: Final = frozenset({"seoul", "beijing"})


def layout_of(stem: str) -> tuple[Layout, tuple[str, ...]] | None:
    """Return the layout of a table and the groups of its name, or None for an unknown name.

    >>> layout, groups = layout_of("seoul_asos108_1h")
    >>> layout.station.format(*groups)
    'kma_asos:108'
    >>> layout_of("china_1500_sites_2021")[0].station.format("1001A")
    'cnemc:1001A'
    >>> layout_of("holiday_photos") is None
    True
    """
    for layout in LAYOUTS:
        match = re.fullmatch(layout.pattern + _PERIOD, stem)
        if match:
            return layout, match.groups()
    return None


def interval_of(layout: Layout, column: str) -> int:
    """Return the length of the averaging interval of a column [h]; ``_3h_trailing`` in a name says 3."""
    if column.endswith("_3h_trailing"):
        return 3
    return layout.interval_hours if isinstance(layout, WideLayout) else 1


def city_of(layout: Layout, column: str) -> str:
    """Return the city in which a column of a wide table lies, or an empty string.

    >>> city_of(LAYOUTS[0], "jung_gu"), city_of(LAYOUTS[0], "baengnyeong"), city_of(LAYOUTS[10], "Beijing")
    ('seoul', '', 'beijing')
    """
    if layout.city:
        return "" if column in ELSEWHERE else layout.city
    name = column.lower().split("_")[0]
    return name if name in OUR_CITIES else ""


def station_of(layout: WideLayout, column: str) -> str:
    """Return the station id of a column of a wide table.

    >>> station_of(LAYOUTS[6], "Hong Kong")
    'archive:china_city_hong_kong'
    """
    name = column.lower().replace(" ", "_") if layout.lower else column
    return layout.station.format(name)
