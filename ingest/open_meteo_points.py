"""Places at which Open-Meteo is asked: the two cities, and where their air comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from ingest.open_meteo_wire import WeatherPoint
from pipeline.cities import all_cities
from pipeline.names import MEASURED
from pipeline.surroundings import Place, all_places

USUAL_POINTS: Final = (
    WeatherPoint("seoul", "Seoul", 37.5665, 126.9780, "seoul"),
    WeatherPoint("beijing", "Beijing", 39.9042, 116.4074, "beijing"),
    WeatherPoint("jinan", "Jinan, North China Plain", 36.65, 117.0),
    WeatherPoint("bohai", "Bohai Sea", 38.7, 119.8),
    WeatherPoint("yellow_sea", "Yellow Sea west of Incheon", 37.0, 124.0),
)
"""The two cities, then points upwind of them."""

POINTS: Final = (
    *(p for p in USUAL_POINTS if p.city or p.id not in all_cities()),
    *(
        WeatherPoint(c.id, c.name["en"], c.latitude, c.longitude, c.id)
        for c in all_cities().values()
        if c.id not in {p.id for p in USUAL_POINTS if p.city}
    ),
)
"""Where the weather of the cities is asked for: the usual points, then the other cities chosen."""

_AROUND_THEM: Final = (
    WeatherPoint("baengnyeong", "Baengnyeong island", 37.97, 124.63),
    WeatherPoint("weihai", "Weihai", 37.51, 122.12),
    WeatherPoint("dalian", "Dalian", 38.91, 121.61),
    WeatherPoint("qingdao", "Qingdao", 36.07, 120.38),
    WeatherPoint("shanghai", "Shanghai", 31.23, 121.47),
    WeatherPoint("xuzhou", "Xuzhou", 34.26, 117.19),
    WeatherPoint("zhengzhou", "Zhengzhou", 34.75, 113.63),
    WeatherPoint("shijiazhuang", "Shijiazhuang", 38.04, 114.51),
    WeatherPoint("tianjin", "Tianjin", 39.13, 117.20),
    WeatherPoint("taiyuan", "Taiyuan", 37.87, 112.55),
    WeatherPoint("zhangjiakou", "Zhangjiakou", 40.77, 114.88),
    WeatherPoint("hohhot", "Hohhot", 40.84, 111.75),
    WeatherPoint("erenhot", "Erenhot, Gobi", 43.65, 111.98),
    WeatherPoint("dalanzadgad", "Dalanzadgad, Gobi", 43.57, 104.43),
    WeatherPoint("ejin", "Ejin, Alxa", 41.95, 101.07),
    WeatherPoint("ulaanbaatar", "Ulaanbaatar", 47.92, 106.92),
    WeatherPoint("shenyang", "Shenyang", 41.80, 123.43),
    WeatherPoint("changchun", "Changchun", 43.82, 125.32),
    WeatherPoint("pyongyang", "Pyongyang", 39.03, 125.75),
)
FORECAST_POINTS: Final = (*POINTS, *(p for p in _AROUND_THEM if p.id not in {q.id for q in POINTS}))
"""Also the coasts around the Yellow Sea, the plain, Manchuria and the Gobi."""

NEAR_KM: Final = 60.0
"""A place this near to a point needs none of its own: the fields are smooth over such distances."""

_KM_PER_DEGREE: Final = 111.2


def _around() -> tuple[WeatherPoint, ...]:
    """Return points at the places whose weather forecasts learn from, where none is near yet."""
    found = list(FORECAST_POINTS)
    for place in all_places().values():
        measured = any(s.world == MEASURED for s in place.series)
        if place.group in ("weather", "sea") and measured and _nearest_km(place, found) > NEAR_KM:
            found.append(WeatherPoint(f"around_{place.id}", place.name, place.latitude, place.longitude))
    return tuple(found[len(FORECAST_POINTS) :])


def _nearest_km(place: Place, points: Sequence[WeatherPoint]) -> float:
    """Return the distance to the nearest of some points [km], on a plane."""
    shrink = math.cos(math.radians(place.latitude))
    return _KM_PER_DEGREE * min(
        math.hypot(place.latitude - p.latitude, (place.longitude - p.longitude) * shrink) for p in points
    )


WEATHER_POINTS: Final = (*FORECAST_POINTS, *_around())
"""Where weather forecasts are asked for, in one request: near every place of pipeline/surroundings.toml."""
