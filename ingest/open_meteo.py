"""Open-Meteo: hourly weather at points (CC BY 4.0): what the weather services' analyses say has happened.

The answer holds one column per variable and does not name the points: they come in the order of the
request. Wind and temperature hold at the stamp, precipitation over the hour before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import requests

from ingest.wire import REMEDY, Parsed, ask, flags, load_json, required, station_rows
from pipeline.errors import BadPayload, SourceUnavailable
from pipeline.schema import OBSERVATION_COLUMNS, check_observations
from pipeline.times import to_ns

SOURCE: Final = "open_meteo"
BASE_URL: Final = "https://api.open-meteo.com/v1/forecast"
Floats = npt.NDArray[np.float64]


class WeatherPoint(NamedTuple):
    """A place that is asked for; ``city`` is empty for points upwind of the cities."""

    id: str
    name: str
    latitude: float
    longitude: float
    city: str = ""


POINTS: Final = (
    WeatherPoint("seoul", "Seoul", 37.5665, 126.9780, "seoul"),
    WeatherPoint("beijing", "Beijing", 39.9042, 116.4074, "beijing"),
    WeatherPoint("jinan", "Jinan, North China Plain", 36.65, 117.0),
    WeatherPoint("bohai", "Bohai Sea", 38.7, 119.8),
    WeatherPoint("yellow_sea", "Yellow Sea west of Incheon", 37.0, 124.0),
)
"""The two cities, then points upwind of them."""

VARIABLE_MAP: Final = {
    "temperature_2m": "air_temperature",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "surface_air_pressure",
    "boundary_layer_height": "atmosphere_boundary_layer_thickness",
    "precipitation": "precipitation_amount",
}
WIND_FIELDS: Final = ("wind_speed_10m", "wind_direction_10m")
CONVERSIONS: Final[dict[str, dict[str, Callable[[Floats], Floats]]]] = {
    "temperature_2m": {"°C": lambda x: x + 273.15},
    "relative_humidity_2m": {"%": lambda x: x / 100},
    "surface_pressure": {"hPa": lambda x: x * 100},
    "boundary_layer_height": {"m": lambda x: x},
    "precipitation": {"mm": lambda x: x},
    "wind_speed_10m": {"m/s": lambda x: x, "km/h": lambda x: x / 3.6},
    "wind_direction_10m": {"°": lambda x: x},
}
"""Units that are understood, per field; a kilogram per square metre is a millimetre of water."""
ANALYSIS: Final = "weather analysis at a point, not measured"
FAR_DEGREES: Final = 0.5
"""The answer gives the grid cell's coordinates; farther than this from the request, the order is mixed up."""


def wind_components(speed: Floats, from_direction: Floats) -> tuple[Floats, Floats]:
    """Return eastward and northward wind of a speed and the direction it comes *from* [degree].

    >>> [round(float(x), 6) + 0.0 for x in wind_components(np.float64(2.0), np.float64(270.0))]
    [2.0, 0.0]
    """
    angle = np.radians(from_direction)
    return -speed * np.sin(angle), -speed * np.cos(angle)


def parse_weather(
    payload: bytes, until: datetime, points: Sequence[WeatherPoint] = POINTS, note: str = ANALYSIS
) -> Parsed:
    """Read hourly weather of the points, up to an instant; later hours are forecasts and no observations.

    Parameters
    ----------
    payload : one point's object or a list of them, as the service answers
    until : newest stamp to take [UTC], normally the time of the request
    points : the points asked for, in that order
    note : what the station rows say of the values

    Returns
    -------
    Parsed
        rows in the units of ``pipeline.names`` (null gives no row) and one station per point

    Raises
    ------
    SourceUnavailable
        the limit of requests is reached, or the service is overloaded
    BadPayload
        wrong unit, length, order of points, or anything that does not read
    """
    answers = load_json(payload, SOURCE)
    answers = answers if isinstance(answers, list) else [answers]
    for answer in answers:
        _check_refusal(answer)
    if len(answers) != len(points):
        raise BadPayload(SOURCE, f"{len(answers)} points came, {len(points)} were asked", remedy=REMEDY)
    frames = [_point_rows(a, p, to_ns(until)) for a, p in zip(answers, points, strict=True)]
    return Parsed(
        check_observations(pd.concat(frames, ignore_index=True)),
        station_rows([point_station(p, note) for p in points]),
    )


def point_station(point: WeatherPoint, note: str = ANALYSIS) -> dict[str, object]:
    """Return the station row of a weather point."""
    return {
        "station": f"{SOURCE}:{point.id}",
        "name": point.name,
        "latitude": point.latitude,
        "longitude": point.longitude,
        "altitude": np.nan,
        "city": point.city,
        "interval_hours": 1,
        "note": note,
    }


def _check_refusal(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise BadPayload(SOURCE, "the answer is no object", remedy=REMEDY)
    if answer.get("error"):
        reason = str(answer.get("reason", ""))[:120]
        if "limit" in reason or "concurrent" in reason or "overloaded" in reason:
            raise SourceUnavailable(SOURCE, reason, remedy="try again later")
        raise BadPayload(SOURCE, reason, remedy="check the variables asked for")


def _point_rows(answer: Mapping[str, Any], point: WeatherPoint, until: np.datetime64) -> pd.DataFrame:
    for field, asked in (("latitude", point.latitude), ("longitude", point.longitude)):
        got = required(answer, field, SOURCE)
        if not isinstance(got, int | float) or abs(got - asked) > FAR_DEGREES:
            raise BadPayload(
                SOURCE,
                f"{point.id} was asked at {asked}, the answer is for {got}",
                field=field,
                remedy="ask and read the points in the same order",
            )
    hourly, units = required(answer, "hourly", SOURCE), required(answer, "hourly_units", SOURCE)
    times = _times(hourly, required(answer, "utc_offset_seconds", SOURCE))
    columns = {f: _column(hourly, units, f, len(times)) for f in (*VARIABLE_MAP, *WIND_FIELDS)}
    values = {quantity: columns[field] for field, quantity in VARIABLE_MAP.items()}
    values["eastward_wind"], values["northward_wind"] = wind_components(*(columns[f] for f in WIND_FIELDS))
    known = times <= until
    return weather_rows(point.id, times[known], {q: v[known] for q, v in values.items()})


def weather_rows(
    point_id: str, times: npt.NDArray[np.datetime64], values: Mapping[str, Floats]
) -> pd.DataFrame:
    """Return observation rows of one point from columns over ``times``; NaN gives no row."""
    quantities = list(values)
    table = np.stack([values[q] for q in quantities]) if quantities else np.empty((0, len(times)))
    which, hour = np.nonzero(np.isfinite(table))
    quantity = np.array(quantities, dtype=object)[which]
    value = table[which, hour].astype(float)
    rows = pd.DataFrame(
        {
            "station": pd.Series([f"{SOURCE}:{point_id}"] * len(value), dtype="str"),
            "quantity": pd.Series(quantity, dtype="str"),
            "time": times[hour].astype("datetime64[ns]"),
            "value": value,
            "qc": flags(quantity.tolist(), value),
        }
    )
    return rows[list(OBSERVATION_COLUMNS)]


def _times(hourly: Any, offset: Any) -> npt.NDArray[np.datetime64]:
    try:
        stamps = [datetime.fromisoformat(text) for text in required(hourly, "time", SOURCE)]
        ends: npt.NDArray[np.datetime64] = np.array(stamps, dtype="datetime64[ns]")
        ends -= np.timedelta64(int(offset), "s")
        return ends
    except (TypeError, ValueError):
        raise BadPayload(
            SOURCE, "a time does not read; ask timeformat=iso8601", field="time", remedy=REMEDY
        ) from None


def _column(hourly: Mapping[str, Any], units: Any, field: str, length: int) -> Floats:
    cells, unit = required(hourly, field, SOURCE), required(units, field, SOURCE)
    convert = CONVERSIONS[field].get(unit)
    if convert is None:
        raise BadPayload(
            SOURCE,
            f"the unit is {unit!r}",
            field=field,
            remedy=f"ask for {' or '.join(CONVERSIONS[field])} (wind_speed_unit=ms)",
        )
    try:
        values = np.array([np.nan if x is None else float(x) for x in cells])
    except (TypeError, ValueError):
        raise BadPayload(SOURCE, "a value is no number", field=field, remedy=REMEDY) from None
    if len(values) != length:
        raise BadPayload(SOURCE, f"{len(values)} values for {length} times", field=field, remedy=REMEDY)
    return convert(values)


def read_weather(path: Path, until: datetime, points: Sequence[WeatherPoint] = POINTS) -> Parsed:
    """Read a saved answer; see :func:`parse_weather`."""
    return parse_weather(path.read_bytes(), until, points)


def get_weather(
    session: requests.Session,
    points: Sequence[WeatherPoint] = POINTS,
    past_days: int = 1,
    base_url: str = BASE_URL,
) -> bytes:
    """Ask for yesterday's and today's hours at the points and return the raw answer."""
    query = {
        "latitude": ",".join(str(p.latitude) for p in points),
        "longitude": ",".join(str(p.longitude) for p in points),
        "hourly": ",".join((*VARIABLE_MAP, *WIND_FIELDS)),
        "wind_speed_unit": "ms",
        "timezone": "GMT",
        "past_days": str(past_days),
        "forecast_days": "1",
    }
    return ask(session, SOURCE, "GET", base_url, params=query)
