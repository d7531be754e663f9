"""Open-Meteo: hourly weather at points (CC BY 4.0): what the weather services' analyses say has happened.

Wind and temperature hold at the stamp, precipitation over the hour before it. Later runs change the newest
hours a little; every request spans yesterday, so those changes come as new revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ingest import open_meteo_forecast, open_meteo_stand_ins
from ingest.feeds import About, Feed, RawAnswer, SourceConfig
from ingest.open_meteo_hours import ANALYSIS, TIMING, asks, parse_hours, point_station
from ingest.open_meteo_points import POINTS
from ingest.open_meteo_wire import (
    BASE_URL,
    CONVERSIONS,
    FORECAST_PATH,
    LICENCE,
    SOURCE,
    Columns,
    Floats,
    WeatherPoint,
    ask_points,
    service,
    wind_components,
)
from ingest.wire import Parsed
from pipeline.http import Http, Service

__all__ = [
    "ABOUT",
    "BASE_URL",
    "CONVERSIONS",
    "POINTS",
    "SOURCE",
    "WeatherPoint",
    "feeds",
    "get_weather",
    "parse_weather",
    "point_station",
    "service",
    "wind_components",
]

VARIABLE_MAP: Final = {
    "temperature_2m": "air_temperature",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "surface_air_pressure",
    "boundary_layer_height": "atmosphere_boundary_layer_thickness",
    "precipitation": "precipitation_amount",
}
WIND_FIELDS: Final = ("wind_speed_10m", "wind_direction_10m")
ABOUT: Final = About(
    source=SOURCE,
    title="Open-Meteo (api.open-meteo.com)",
    adds="weather at and upwind of the cities, weather forecasts with mixing height and winds aloft, "
    "CAMS forecasts of PM2.5, PM10 and dust",
    licence=LICENCE,
)


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
        rows in the units of ``pipeline.names`` (null gives no row) and one station per point; ``covered``
        holds the hours that have a value, or are so old that none will come

    Raises
    ------
    QuotaSpent, SourceUnavailable
        the limit of requests is reached, or the service is overloaded
    BadPayload
        wrong unit, length, order of points, or anything that does not read
    """
    return parse_hours(payload, until, points, note, _values)


def _values(columns: Columns, known: int) -> dict[str, Floats]:
    """Return the first ``known`` values of every quantity of a point."""
    fields = (*VARIABLE_MAP, *WIND_FIELDS)
    found = {f: columns.column(f, CONVERSIONS[f])[:known] for f in fields}
    values = {quantity: found[field] for field, quantity in VARIABLE_MAP.items()}
    values["eastward_wind"], values["northward_wind"] = wind_components(*(found[f] for f in WIND_FIELDS))
    return values


def get_weather(
    http: Http,
    known: Service,
    config: SourceConfig,
    points: Sequence[WeatherPoint] = POINTS,
    past_days: int = 1,
) -> bytes:
    """Ask for the hours of today and of the days before it at the points; return the raw answer."""
    query = {
        "hourly": ",".join((*VARIABLE_MAP, *WIND_FIELDS)),
        "wind_speed_unit": "ms",
        "past_days": str(past_days),
        "forecast_days": "1",
    }
    url = (config.base_url or BASE_URL).rstrip("/") + FORECAST_PATH
    return ask_points(http, known, url, points, query)


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the analyses at points and in place of stations, weather forecasts and CAMS forecasts.

    >>> [feed.name for feed in feeds(SourceConfig())]
    ['open_meteo.weather', 'open_meteo.stand_ins', 'open_meteo.stand_ins_3h', 'open_meteo.forecast',
     'open_meteo.cams']
    """
    known = service()

    def parse(answer: RawAnswer) -> Parsed:
        return parse_weather(answer.payload, answer.fetched_at, note=answer.asked.get("note", ANALYSIS))

    weather = Feed(
        "open_meteo.weather",
        SOURCE,
        TIMING,
        known,
        asks,
        lambda http, ask: get_weather(http, known, config, past_days=int(ask.parameters["past_days"])),
        parse,
        networks=(SOURCE,),
    )
    stand_ins = open_meteo_stand_ins.feeds(config, known)
    return [weather, *stand_ins, *open_meteo_forecast.feeds(config, known)]
