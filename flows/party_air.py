"""Whose air a series measures: what a hindcast leaves out to see what one party's data are worth."""

from __future__ import annotations

from typing import Final

from pipeline.asof import AsOfPanel
from pipeline.surroundings import AROUND, ARRIVING, all_places

AIR: Final = ("pm2p5", "pm10")

KOREAN_NETWORKS: Final = ("airkorea", "archive:korea_", "archive:seoul_", "kma_dust")
CHINESE_NETWORKS: Final = ("cnemc", "archive:china_city_", "archive:beijing_")
BESIDE_BEIJING: Final = ("beijing_embassy", "shanghai_embassy", "shenyang_embassy")
"""Measured by a third party beside those of the Chinese networks, whose air they tell."""


def side_of_place(place: str) -> str:
    """Return the city with whose party's air a place belongs: ``seoul``, ``beijing``, or empty for neither.

    >>> [side_of_place(name) for name in ("busan_air", "weihai_air", "ulaanbaatar_embassy")]
    ['seoul', 'beijing', '']
    """
    if place in BESIDE_BEIJING:
        return "beijing"
    stations = [station for series in all_places()[place].series for station in series.stations]
    for side, networks in (("seoul", KOREAN_NETWORKS), ("beijing", CHINESE_NETWORKS)):
        if any(station.startswith(networks) for station in stations):
            return side
    return ""


def without_air_of(panel: AsOfPanel, city: str) -> AsOfPanel:
    """Return the panel without any PM2.5 or PM10 of a city's side; weather, all of it, stays.

    The air on its way to a city is left out too: it mixes the readings of both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from pipeline.asof import AsOfSeries
    >>> t = np.array(["2018-06-01"], "M8[ns]")
    >>> one = AsOfSeries(t, t, np.array([1.0]))
    >>> names = ("beijing.pm2p5.reference", "around.pm10.tianjin_air", "seoul.pm2p5.reference",
    ...     "beijing.wind_speed.weather", "around.pm2p5.arriving_seoul_d0")
    >>> sorted(without_air_of(AsOfPanel(dict.fromkeys(names, one), "measured"), "beijing"))
    ['beijing.wind_speed.weather', 'seoul.pm2p5.reference']
    """
    kept = {key: panel[key] for key in panel if not _is_air_of(key, city)}
    return AsOfPanel(kept, panel.world, panel.batches)


def _is_air_of(key: str, city: str) -> bool:
    owner, quantity, place = key.split(".")
    if quantity not in AIR:
        return False
    if owner != AROUND:
        return owner == city
    return place.startswith(ARRIVING) or side_of_place(place) == city
