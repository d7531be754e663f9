"""A fake of Open-Meteo: analyses at published points; forecasts, CAMS, previous and single runs by formula.

Analyses come from what is published. A forecast is a formula of variable, place, valid time and how many days
old its run is, so that a test can say what each value must be.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from ingest.simulated import write_open_meteo
from ingest.simulated.published import Published
from tests.fakes.server import FakeAnswer

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SURFACE = {
    "temperature_2m": "°C",
    "dew_point_2m": "°C",
    "relative_humidity_2m": "%",
    "surface_pressure": "hPa",
    "pressure_msl": "hPa",
    "boundary_layer_height": "m",
    "precipitation": "mm",
    "cloud_cover": "%",
    "wind_speed_10m": "",
    "wind_direction_10m": "°",
}
AIR = {"pm2_5": "μg/m³", "pm10": "μg/m³", "dust": "μg/m³", "aerosol_optical_depth": ""}
LEVEL = re.compile(r"(wind_speed|wind_direction|geopotential_height)_(\d+)hPa")
LEVEL_UNIT = {"wind_speed": "", "wind_direction": "°", "geopotential_height": "m"}
LEVELS = {1000, 975, 950, 925, 900, 850, 800, 700, 600, 500, 400, 300, 250, 200, 150, 100, 70, 50, 30}
PREVIOUS = re.compile(r"(.+)_previous_day([1-7])")
LOWEST_AND_SPAN = {
    "temperature_2m": (-10, 30),
    "dew_point_2m": (-20, 20),
    "relative_humidity_2m": (20, 80),
    "surface_pressure": (990, 40),
    "pressure_msl": (1000, 40),
    "boundary_layer_height": (50, 2000),
    "precipitation": (0, 5),
    "cloud_cover": (0, 100),
    "wind_speed": (0, 12),
    "wind_direction": (0, 359),
    "geopotential_height": (700, 5000),
    "pm2_5": (5, 120),
    "pm10": (10, 200),
    "dust": (0, 90),
    "aerosol_optical_depth": (0, 2),
}
FIRST_PREVIOUS = date(2024, 1, 1)
FIRST_RUN = datetime(2024, 3, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def _shape(field: str) -> tuple[float, float, float]:
    name = next(n for n in sorted(LOWEST_AND_SPAN, key=len, reverse=True) if field.startswith(n))
    return (*LOWEST_AND_SPAN[name], sum(map(ord, field)) / 11)


def forecast_value(field: str, latitude: float, longitude: float, when: datetime, days: int = 0) -> float:
    """What the fake forecasts for an instant, by a run ``days`` days old, in its default units (km/h)."""
    low, span, offset = _shape(field)
    phase = (when - EPOCH) / HOUR / 9 + latitude / 7 + longitude / 5 + days / 3 + offset
    return round(low + span * (0.5 + 0.5 * math.sin(phase)), 1)


@lru_cache(maxsize=256)
def _before(field: str) -> tuple[str, int]:
    """A variable and how many days old its run is."""
    found = PREVIOUS.fullmatch(field)
    return (found[1], int(found[2])) if found else (field, 0)


class OpenMeteoFake:
    """The service at its clock's instant, all its hosts at one address."""

    source = "open_meteo"

    def __init__(self, published: Published, clock: Callable[[], datetime]) -> None:
        self.published, self.clock = published, clock

    def answer(self, method, path, query, form, headers):
        del form, headers
        tables = {"/v1/forecast": _weather_unit, "/v1/air-quality": AIR.get}
        if method != "GET" or path not in tables:
            return reply({"error": True, "reason": "Not Found"}, 404)
        fields = [f for f in query.get("hourly", "").split(",") if f]
        try:
            units = {f: tables[path](f) for f in fields}
            if None in units.values():
                bad = next(f for f, unit in units.items() if unit is None)
                raise ValueError(f"Cannot initialize ForecastVariable from invalid String value {bad}.")
            if (
                "past_days" in query
                and path == "/v1/forecast"
                and set(fields) <= set(write_open_meteo.FIELDS)
            ):
                return reply(write_open_meteo.hourly(self.published, self.clock(), query))
            found = self._points(query, units)
        except (KeyError, ValueError) as error:
            return reply({"error": True, "reason": str(error)}, 400)
        return reply(found if len(found) > 1 else found[0])

    def _points(self, query, units):
        latitudes = [float(x) for x in query["latitude"].split(",")]
        longitudes = [float(x) for x in query["longitude"].split(",")]
        if len(latitudes) != len(longitudes):
            raise ValueError("Parameter 'latitude' and 'longitude' must have the same number of elements")
        metres = query.get("wind_speed_unit") == "ms"
        hours = self._hours(query, "pm2_5" in units)
        return [
            point(place, units, hours, metres, self._known(query))
            for place in zip(latitudes, longitudes, strict=True)
        ]

    def _known(self, query):
        """Whether a run of so many days before reaches a valid time."""
        run = datetime.fromisoformat(query["run"]).replace(tzinfo=UTC) if "run" in query else None
        newest = self.clock() if run is None else run

        def known(field, when, days):
            if days:
                return when.date() >= FIRST_PREVIOUS and when - days * 24 * HOUR <= newest
            return run is None or (FIRST_RUN <= run <= self.clock() and when >= run)

        return known

    def _hours(self, query, air):
        if "start_date" in query:
            first, last = (date.fromisoformat(query[name]) for name in ("start_date", "end_date"))
            days = (last - first).days + 1
        else:
            first = (datetime.fromisoformat(query["run"]) if "run" in query else self.clock()).date()
            days = int(query.get("forecast_days", "5" if air else "7"))
            if not 0 <= days <= (7 if air else 16):
                raise ValueError(f"Forecast days is invalid. Allowed range 0 to {7 if air else 16}.")
        start = datetime(first.year, first.month, first.day, tzinfo=UTC)
        return [start + n * HOUR for n in range(24 * days)]


def _weather_unit(field):
    """The unit of a weather variable; None for one that does not exist."""
    name, _ = _before(field)
    level = LEVEL.fullmatch(name)
    if level:
        return LEVEL_UNIT[level[1]] if int(level[2]) in LEVELS else None
    return SURFACE.get(name)


def point(place, units, hours, metres, known):
    columns = {field: [_shown(field, place, when, metres, known) for when in hours] for field in units}
    speed = "m/s" if metres else "km/h"
    named = {f: speed if f.startswith("wind_speed") else unit for f, unit in units.items()}
    return {
        "latitude": round(place[0] * 4) / 4,
        "longitude": round(place[1] * 4) / 4,
        "elevation": 12.0,
        "generationtime_ms": 0.5,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "hourly_units": {"time": "iso8601", **named},
        "hourly": {"time": [f"{when:%Y-%m-%dT%H:%M}" for when in hours], **columns},
    }


def _shown(field, place, when, metres, known):
    name, days = _before(field)
    if not known(name, when, days):
        return None
    value = forecast_value(name, *place, when, days)
    return value / 3.6 if metres and name.startswith("wind_speed") else value


def reply(content, status=200):
    return FakeAnswer(status, "application/json; charset=utf-8", json.dumps(content).encode())
