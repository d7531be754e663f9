"""Open-Meteo: hourly weather at points (CC BY 4.0): what the weather services' analyses say has happened.

Wind and temperature hold at the stamp, precipitation over the hour before it. Later runs change the newest
hours a little; every request spans yesterday, so those changes come as new revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest import open_meteo_forecast
from ingest.feeds import WHOLE, About, Ask, Due, Feed, RawAnswer, SourceConfig, Timing
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
    answers_of,
    ask_points,
    service,
    wind_components,
)
from ingest.wire import Parsed, flags, station_rows
from pipeline.http import Http, Service
from pipeline.schema import OBSERVATION_COLUMNS, check_observations
from pipeline.times import from_ns, to_ns

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
ANALYSIS: Final = "weather analysis at a point, not measured"
MOST_PAST_DAYS: Final = 92
SETTLED: Final = np.timedelta64(24, "h")
"""An hour that is still null at this age will stay so."""
TIMING: Final = Timing(delay=timedelta(minutes=15), keeps=timedelta(days=MOST_PAST_DAYS - 1))
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
    answers = answers_of(payload, points)
    frames, covered = [], set()
    for answer, point in zip(answers, points, strict=True):
        columns = Columns(answer)
        times = columns.times[columns.times <= to_ns(until)]
        frame = weather_rows(point.id, times, _values(columns, len(times)))
        frames.append(frame)
        covered |= {*times[times <= to_ns(until) - SETTLED].tolist(), *_ns(frame["time"].to_numpy())}
    return Parsed(
        check_observations(pd.concat(frames, ignore_index=True)),
        station_rows([point_station(p, note) for p in points]),
        covered=tuple((WHOLE, from_ns(np.datetime64(t, "ns"))) for t in sorted(covered)),
    )


def _ns(times: npt.NDArray[np.datetime64]) -> list[int]:
    found: list[int] = np.unique(times).tolist()
    return found


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


def _values(columns: Columns, known: int) -> dict[str, Floats]:
    """Return the first ``known`` values of every quantity of a point."""
    fields = (*VARIABLE_MAP, *WIND_FIELDS)
    found = {f: columns.column(f, CONVERSIONS[f])[:known] for f in fields}
    values = {quantity: found[field] for field, quantity in VARIABLE_MAP.items()}
    values["eastward_wind"], values["northward_wind"] = wind_components(*(found[f] for f in WIND_FIELDS))
    return values


def weather_rows(
    point_id: str, times: npt.NDArray[np.datetime64], values: Mapping[str, Floats]
) -> pd.DataFrame:
    """Return observation rows of one point from columns over ``times``; NaN gives no row."""
    quantities = list(values)
    table = np.stack([values[q] for q in quantities])
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


def asks(due: Due) -> list[Ask]:
    """Return one request for all hours that are due; it reaches back to the oldest, at least to yesterday.

    >>> from datetime import UTC
    >>> now = datetime(2025, 2, 3, 1, 27, tzinfo=UTC)
    >>> [a.parameters["past_days"] for a in asks(Due(now, {WHOLE: (now - timedelta(days=3),)}))]
    ['3']
    """
    if not due.instants:
        return []
    days = (due.now.date() - due.instants[0].date()).days
    past_days = str(min(max(days, 1), MOST_PAST_DAYS))
    fills = tuple((WHOLE, hour) for hour in due.instants)
    return [Ask("forecast", f"hourly weather of {past_days} days", {"past_days": past_days}, fills)]


def feeds(config: SourceConfig) -> list[Feed]:
    """Return the analyses at points, weather forecasts and CAMS forecasts.

    >>> [feed.name for feed in feeds(SourceConfig())]
    ['open_meteo.weather', 'open_meteo.forecast', 'open_meteo.cams']
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
    return [weather, *open_meteo_forecast.feeds(config, known)]
