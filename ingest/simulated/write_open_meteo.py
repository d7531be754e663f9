"""Open-Meteo's hourly answers written from what is published or foretold: columns over GMT hours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.simulated.published import Hours, Published, by_hour
from ingest.simulated.service_forecast import DIGITS
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
UNITS: Final = {"dew_point": "°C", "wind_speed": "m/s", "wind_direction": "°", "geopotential_height": "m"}
"""Unit of the fields of a forecast that are not published otherwise, by how their names begin."""
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

    What is published of an hour by now comes first. Hours ahead, fields and places of which nothing is
    published are those of the forecast; without a forecaster they are null.
    """
    fields = [f for f in parameters.get("hourly", "").split(",") if f]
    known_fields = {*FIELDS, *(DIGITS if published.forecaster else ())}
    unknown = [f for f in fields if f not in known_fields]
    if unknown:
        return {
            "error": True,
            "reason": f"Cannot initialize a variable from invalid String value {unknown[0]}.",
        }
    start = first_hour(now, parameters)
    days = int(parameters.get("past_days", "0")) + int(parameters.get("forecast_days", "7"))
    hours = [start + n * HOUR for n in range(24 * days)]
    latitude, longitude = (np.array(_numbers(parameters[name])) for name in ("latitude", "longitude"))
    if len(latitude) != len(longitude):
        return {"error": True, "reason": "Parameter 'latitude' and 'longitude' must have the same size."}
    ahead = published.forecaster(now, hours, latitude, longitude) if published.forecaster else {}
    known = by_hour(published.known(now, start - HOUR, hours[-1], NETWORK))
    found = []
    for at, place in enumerate(zip(latitude.tolist(), longitude.tolist(), strict=True)):
        told = {f: _cells(ahead[f][:, at]) for f in fields if f in ahead}
        found.append(_point(_Known(published, known, place, now), told, place, hours, fields))
    return found if len(found) > 1 else found[0]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _cells(column: npt.NDArray[np.float64]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in column.tolist()]


class _Known:
    """What is published at one place by an instant."""

    def __init__(self, published: Published, known: Hours, place: tuple[float, float], now: datetime) -> None:
        self._station, self._known, self._now = _station_at(published, place), known, now
        self._fields = {
            field
            for (station, _), values in known.items()
            if station == self._station
            for field in FIELDS
            if _shown(field, values) is not None
        }

    def column(
        self, field: str, hours: list[datetime], ahead: list[float | None] | None
    ) -> list[float | None]:
        """Return a field: as published where it is measured and over, else as foretold."""
        told = ahead or [None] * len(hours)
        if field not in self._fields:
            return told
        return [
            self._value(field, hour) if hour <= self._now else later
            for hour, later in zip(hours, told, strict=True)
        ]

    def _value(self, field: str, hour: datetime) -> float | None:
        return _shown(field, self._known.get((self._station, to_ns(hour)), {}))


def _point(
    known: _Known,
    ahead: Mapping[str, list[float | None]],
    place: tuple[float, float],
    hours: list[datetime],
    fields: list[str],
) -> dict[str, Any]:
    columns = {field: known.column(field, hours, ahead.get(field)) for field in fields}
    return {
        "latitude": round(place[0] * 8) / 8,
        "longitude": round(place[1] * 8) / 8,
        "elevation": 0.0,
        "generationtime_ms": 0.1,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "timezone_abbreviation": "GMT",
        "hourly_units": {"time": "iso8601", **{f: _unit(f) for f in fields}},
        "hourly": {"time": [f"{hour:%Y-%m-%dT%H:%M}" for hour in hours], **columns},
    }


def _unit(field: str) -> str:
    """Return the unit of a field.

    >>> _unit("pressure_msl"), _unit("wind_speed_850hPa"), _unit("geopotential_height_850hPa")
    ('hPa', 'm/s', 'm')
    """
    if field in FIELDS:
        return FIELDS[field][1]
    return next(unit for begin, unit in UNITS.items() if field.startswith(begin))


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
