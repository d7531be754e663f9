"""Open-Meteo's forecasts at many points: weather with mixing height and winds aloft, and CAMS composition.

The seamless forecast joins the newest runs of several models and does not name them, so a dataset's
reference time is that of the request. CAMS global has two runs a day on 0.4°, usable from about 10 and 22
UTC. A forecast can be had as it was only until the next one replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from ingest.feeds import WHOLE, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
from ingest.open_meteo_points import FORECAST_POINTS, WEATHER_POINTS
from ingest.open_meteo_wire import (
    BASE_URL,
    CONVERSIONS,
    DIRECTION,
    FORECAST_PATH,
    LICENCE,
    METRES,
    SOURCE,
    SPEED,
    Columns,
    Floats,
    Times,
    WeatherPoint,
    answers_of,
    ask_points,
    wind_components,
)
from ingest.wire import REMEDY, Parsed, nothing
from pipeline.errors import BadPayload
from pipeline.http import Http, Service
from pipeline.times import iso, parse_instant, to_ns
from pipeline.weather_schema import ALOFT, check_weather_forecast, possible_only

AIR_URL: Final = "https://air-quality-api.open-meteo.com"
AIR_PATH: Final = "/v1/air-quality"
WEATHER: Final = {
    "temperature_2m": "air_temperature",
    "dew_point_2m": "dew_point_temperature",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "surface_air_pressure",
    "pressure_msl": "air_pressure_at_mean_sea_level",
    "boundary_layer_height": "atmosphere_boundary_layer_thickness",
    "precipitation": "precipitation_amount",
    "cloud_cover": "cloud_area_fraction",
}
LEVELS: Final = (925, 850, 700, 500)
"""Pressure levels [hPa]."""
COMPOSITION: Final = {
    "pm2_5": "pm2p5",
    "pm10": "pm10",
    "dust": "dust",
    "aerosol_optical_depth": "aerosol_optical_depth",
}
WINDS: Final = ("wind_speed", "wind_direction")
HEIGHT: Final = "geopotential_height"
FORECAST_DAYS: Final = 6
"""From today 00 UTC: enough for local day D+3 in both cities from any hour of the day."""
CAMS_DAYS: Final = 5
FORECAST_TIMING: Final = Timing(
    delay=timedelta(0), keeps=timedelta(hours=6), step=timedelta(hours=6), offset=timedelta(hours=1)
)
"""At 01, 07, 13, 19 UTC, so that it is there an hour before each cycle."""
CAMS_TIMING: Final = Timing(
    delay=timedelta(hours=1), keeps=timedelta(hours=13), step=timedelta(hours=12), offset=timedelta(hours=10)
)
"""Each can be had until the next is there, an hour after 10 and 22 UTC."""


def weather_fields() -> list[str]:
    """Return the names of all variables of a weather forecast.

    >>> [f for f in weather_fields() if f.endswith("850hPa")]
    ['wind_speed_850hPa', 'wind_direction_850hPa', 'geopotential_height_850hPa']
    """
    aloft = [f"{name}_{level}hPa" for level in LEVELS for name in (*WINDS, HEIGHT)]
    return [*WEATHER, *(f"{name}_10m" for name in WINDS), *aloft]


def parse_forecast(
    payload: bytes,
    reference: datetime,
    points: Sequence[WeatherPoint] = WEATHER_POINTS,
    said: str = "request",
) -> Parsed:
    """Read a weather forecast at the points, from the reference time on.

    Parameters
    ----------
    reference : whole hour [UTC] from which leads count; earlier hours are left out
    said : what the reference time is, ``request`` or ``run``

    Returns
    -------
    Parsed
        one forecast after ``pipeline.weather_schema``; a value that cannot be is missing, and a variable
        that is null throughout is left out

    Raises
    ------
    QuotaSpent, SourceUnavailable, BadPayload
        as ``ingest.open_meteo_wire.answers_of``
    """

    def read(columns: Columns) -> dict[str, Floats]:
        found = {q: columns.column(f, CONVERSIONS[f]) for f, q in WEATHER.items()}
        found |= _winds(columns, "10m", "")
        aloft = [_winds(columns, f"{level}hPa", ALOFT) for level in LEVELS]
        for level, winds in zip(LEVELS, aloft, strict=True):
            winds[HEIGHT + ALOFT] = columns.column(f"{HEIGHT}_{level}hPa", METRES)
        return found | {name: np.stack([a[name] for a in aloft], axis=1) for name in aloft[0]}

    attributes = {"source": "Open-Meteo, seamless forecast", "reference": said, "licence": LICENCE}
    return _parsed(payload, reference, points, read, attributes)


def parse_cams(
    payload: bytes, reference: datetime, points: Sequence[WeatherPoint] = FORECAST_POINTS
) -> Parsed:
    """Read a CAMS forecast of PM2.5, PM10, dust [ug m-3] and AOD; see :func:`parse_forecast`."""

    def read(columns: Columns) -> dict[str, Floats]:
        return {q: columns.column(f, CONVERSIONS[f]) for f, q in COMPOSITION.items()}

    attributes = {"source": "CAMS global by Open-Meteo", "reference": "request", "licence": LICENCE}
    return _parsed(payload, reference, points, read, attributes)


def _winds(columns: Columns, height: str, suffix: str) -> dict[str, Floats]:
    speed = columns.column(f"wind_speed_{height}", SPEED)
    from_direction = columns.column(f"wind_direction_{height}", DIRECTION)
    u, v = wind_components(speed, from_direction)
    return {f"eastward_wind{suffix}": u, f"northward_wind{suffix}": v}


def _parsed(
    payload: bytes,
    reference: datetime,
    points: Sequence[WeatherPoint],
    read: Callable[[Columns], dict[str, Floats]],
    attributes: Mapping[str, str],
) -> Parsed:
    times, variables = stacked(payload, points, read)
    dataset = points_dataset(variables, times, points)
    lead = (times - to_ns(reference)) // np.timedelta64(1, "h")
    dataset = dataset.isel(time=np.flatnonzero(lead >= 0)).rename(time="forecast_period")
    dataset = dataset.assign_coords(forecast_period=lead[lead >= 0].astype("int64"))
    dataset = possible_only(dataset.assign_coords(forecast_reference_time=to_ns(reference)))
    dataset = dataset.drop_vars([name for name, v in dataset.data_vars.items() if not v.notnull().any()])
    if not dataset.data_vars:
        raise BadPayload(SOURCE, "no value from the reference time on", field="hourly", remedy=REMEDY)
    if not any(name.endswith(ALOFT) for name in map(str, dataset.data_vars)):
        dataset = dataset.drop_vars("level", errors="ignore")
    return nothing()._replace(
        forecasts=(check_weather_forecast(dataset.assign_attrs(attributes)),), covered=((WHOLE, reference),)
    )


def stacked(
    payload: bytes, points: Sequence[WeatherPoint], read: Callable[[Columns], dict[str, Floats]]
) -> tuple[Times, dict[str, Floats]]:
    """Return the times that all points share, and what ``read`` finds at each, the points last.

    Raises
    ------
    QuotaSpent, SourceUnavailable, BadPayload
        as ``ingest.open_meteo_wire.answers_of``
    """
    columns = [Columns(answer) for answer in answers_of(payload, points)]
    times = columns[0].times
    if any(not np.array_equal(c.times, times) for c in columns[1:]):
        raise BadPayload(SOURCE, "points have different times", field="time", remedy=REMEDY)
    found = [read(c) for c in columns]
    return times, {name: np.stack([f[name] for f in found], axis=-1) for name in found[0]}


def points_dataset(
    variables: Mapping[str, Floats],
    times: Times,
    points: Sequence[WeatherPoint],
    between: tuple[str, npt.NDArray[Any]] = ("level", np.array(LEVELS, dtype=float)),
) -> xr.Dataset:
    """Return columns over (time, station), or with one more dimension ``between`` the two, as a dataset."""
    long, short = ("time", between[0], "station"), ("time", "station")
    return xr.Dataset(
        {name: (long if values.ndim == 3 else short, values) for name, values in variables.items()},
        {
            "time": times,
            "station": [f"{SOURCE}:{p.id}" for p in points],
            "latitude": ("station", [p.latitude for p in points]),
            "longitude": ("station", [p.longitude for p in points]),
            between[0]: between[1],
        },
    )


def get_forecast(
    http: Http, known: Service, config: SourceConfig, points: Sequence[WeatherPoint] = WEATHER_POINTS
) -> bytes:
    """Ask for the newest weather forecast at the points and return the raw answer."""
    query = {
        "hourly": ",".join(weather_fields()),
        "wind_speed_unit": "ms",
        "forecast_days": str(FORECAST_DAYS),
    }
    url = (config.base_url or BASE_URL).rstrip("/") + FORECAST_PATH
    return ask_points(http, known, url, points, query)


def get_cams(
    http: Http, known: Service, config: SourceConfig, points: Sequence[WeatherPoint] = FORECAST_POINTS
) -> bytes:
    """Ask for the newest CAMS forecast at the points and return the raw answer."""
    query = {
        "hourly": ",".join(COMPOSITION),
        "forecast_days": str(CAMS_DAYS),
        "domains": "cams_global",
    }
    url = (config.base_url or AIR_URL).rstrip("/") + AIR_PATH
    return ask_points(http, known, url, points, query)


def asks(operation: str, due: Due) -> list[Ask]:
    """Return one request for the newest forecast that is due; older ones can no longer be had as they were.

    >>> from datetime import UTC
    >>> now = datetime(2025, 2, 3, 7, 27, tzinfo=UTC)
    >>> [dict(a.parameters) for a in asks("forecast", Due(now, {WHOLE: (now.replace(minute=0),)}))]
    [{'reference_time': '2025-02-03T07:00:00Z'}]
    """
    if not due.instants:
        return []
    newest = due.instants[-1]
    return [
        Ask(operation, f"{operation} of {iso(newest)}", {"reference_time": iso(newest)}, ((WHOLE, newest),))
    ]


def feeds(config: SourceConfig, known: Service) -> list[Feed]:
    """Return the weather forecast, four times a day, and the CAMS forecast, twice a day."""

    def reference(answer: RawAnswer) -> datetime:
        return parse_instant(answer.asked["reference_time"])

    return [
        Feed(
            "open_meteo.forecast",
            SOURCE,
            FORECAST_TIMING,
            known,
            lambda due: asks("forecast", due),
            lambda http, ask: get_forecast(http, known, config),
            lambda answer: parse_forecast(answer.payload, reference(answer)),
        ),
        Feed(
            "open_meteo.cams",
            SOURCE,
            CAMS_TIMING,
            known,
            lambda due: asks("air-quality", due),
            lambda http, ask: get_cams(http, known, config),
            lambda answer: parse_cams(answer.payload, reference(answer)),
        ),
    ]
