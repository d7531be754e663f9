"""Open-Meteo's hourly answers written from what is published: columns over GMT hours, null where unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from ingest.simulated.published import Published, by_hour
from pipeline.times import HOUR, to_ns

NETWORK: Final = "open_meteo:"
FIELDS: Final = {
    "temperature_2m": ("air_temperature", "°C", 1),
    "relative_humidity_2m": ("relative_humidity", "%", 0),
    "surface_pressure": ("surface_air_pressure", "hPa", 1),
    "pressure_msl": ("air_pressure_at_mean_sea_level", "hPa", 1),
    "boundary_layer_height": ("atmosphere_boundary_layer_thickness", "m", 0),
    "precipitation": ("precipitation_amount", "mm", 1),
    "cloud_cover": ("cloud_area_fraction", "%", 0),
    "wind_speed_10m": ("wind_speed", "m/s", 2),
    "wind_direction_10m": ("wind_from_direction", "°", 0),
}
"""Field → our quantity, its unit, digits printed."""
SCALE: Final = {"°C": (1.0, -273.15), "%": (100.0, 0.0), "hPa": (0.01, 0.0)}
"""Unit → factor and offset from ours."""
NEAR: Final = 0.25
"""Farthest that a published point may lie from the one asked for [degree]."""


def first_hour(now: datetime, parameters: Mapping[str, str]) -> datetime:
    """Return the first hour of an answer: midnight GMT, ``past_days`` before today.

    >>> first_hour(datetime(2025, 5, 9, 15, tzinfo=UTC), {"past_days": "1"}).isoformat()
    '2025-05-08T00:00:00+00:00'
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=int(parameters.get("past_days", "0")))


def hourly(published: Published, now: datetime, parameters: Mapping[str, str]) -> Any:
    """Return ``forecast`` with ``hourly`` fields at one or several points, or the refusal of a field.

    Hours that are not published by now are null: this twin knows analyses, no forecasts.
    """
    fields = [f for f in parameters.get("hourly", "").split(",") if f]
    unknown = [f for f in fields if f not in FIELDS]
    if unknown:
        return {
            "error": True,
            "reason": f"Cannot initialize a variable from invalid String value {unknown[0]}.",
        }
    start = first_hour(now, parameters)
    days = int(parameters.get("past_days", "0")) + int(parameters.get("forecast_days", "7"))
    hours = [start + n * HOUR for n in range(24 * days)]
    known = by_hour(published.known(now, start - HOUR, hours[-1], NETWORK))
    found = [
        _point(published, known, (latitude, longitude), hours, fields)
        for latitude, longitude in zip(
            _numbers(parameters["latitude"]), _numbers(parameters["longitude"]), strict=True
        )
    ]
    return found if len(found) > 1 else found[0]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _point(
    published: Published,
    known: Mapping[tuple[str, np.datetime64], Mapping[str, tuple[float, str]]],
    place: tuple[float, float],
    hours: list[datetime],
    fields: list[str],
) -> dict[str, Any]:
    station = _station_at(published, place)
    values = [known.get((station, to_ns(hour)), {}) for hour in hours]
    columns = {field: [_shown(field, at) for at in values] for field in fields}
    return {
        "latitude": round(place[0] * 8) / 8,
        "longitude": round(place[1] * 8) / 8,
        "elevation": 0.0,
        "generationtime_ms": 0.1,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "hourly_units": {"time": "iso8601", **{f: FIELDS[f][1] for f in fields}},
        "hourly": {"time": [f"{hour:%Y-%m-%dT%H:%M}" for hour in hours], **columns},
    }


def _station_at(published: Published, place: tuple[float, float]) -> str:
    """Return the published point at a place, empty where there is none."""
    table = published.stations_of(NETWORK)
    latitude, longitude = (table[name].to_numpy(float) for name in ("latitude", "longitude"))
    away = np.hypot(latitude - place[0], longitude - place[1])
    if not len(table) or float(away.min()) > NEAR:
        return ""
    return str(table.index[int(away.argmin())])


def _shown(field: str, values: Mapping[str, tuple[float, str]]) -> float | None:
    quantity, unit, digits = FIELDS[field]
    value = values.get(quantity, (_from_components(field, values), ""))[0]
    if value is None or not math.isfinite(value):
        return None
    factor, offset = SCALE.get(unit, (1.0, 0.0))
    return round(value * factor + offset, digits)


def _from_components(field: str, values: Mapping[str, tuple[float, str]]) -> float | None:
    """Return wind speed or direction where only the components are published."""
    if field not in ("wind_speed_10m", "wind_direction_10m") or "eastward_wind" not in values:
        return None
    u, v = values["eastward_wind"][0], values["northward_wind"][0]
    return math.hypot(u, v) if field == "wind_speed_10m" else math.degrees(math.atan2(-u, -v)) % 360
