"""Analyses at the places of weather stations whose reports no live source brings (CC BY 4.0).

Forecasts learn from reports of these stations (SYNOP, ASOS, buoys), which are archived and not to be had live
without a contract. A model's analysis at the same place and height stands in for them; it is smoother than a
station. Places and quantities are those of ``pipeline.surroundings``; stations that report every three hours
are asked for every three hours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from ingest.feeds import Ask, Feed, RawAnswer, SourceConfig, Timing
from ingest.open_meteo_hours import TIMING, asks, parse_hours
from ingest.open_meteo_wire import (
    BASE_URL,
    CONVERSIONS,
    FORECAST_PATH,
    SOURCE,
    Columns,
    Floats,
    WeatherPoint,
    ask_points,
)
from ingest.wire import Parsed
from pipeline.http import Http, Service
from pipeline.names import MEASURED
from pipeline.surroundings import Place, all_places
from pipeline.times import NS_HOUR

AT: Final = f"{SOURCE}:at_"
VARIABLE_MAP: Final = {
    "temperature_2m": "air_temperature",
    "relative_humidity_2m": "relative_humidity",
    "wind_speed_10m": "wind_speed",
    "wind_direction_10m": "wind_from_direction",
    "pressure_msl": "air_pressure_at_mean_sea_level",
    "surface_pressure": "surface_air_pressure",
    "cloud_cover": "cloud_area_fraction",
}
NOTE: Final = "weather analysis in place of a station's reports, not measured"


class StandIn(NamedTuple):
    """A point asked for: the station's height [m], the quantities it reports and how often [h]."""

    point: WeatherPoint
    altitude: float
    quantities: frozenset[str]
    interval_hours: int


def _stand_in(place: Place) -> StandIn | None:
    """Return what stands in for a place's station, if anything does."""
    named = {s for spec in place.series for s in spec.stations if s.startswith(AT)}
    if not named or place.altitude is None:
        return None
    (station,) = named
    point_id = station.removeprefix(f"{SOURCE}:")
    name = f"at {place.name}, {point_id.removeprefix('at_').replace('_', ' ').upper()}"
    point = WeatherPoint(point_id, name, place.latitude, place.longitude)
    hours = min(s.interval_hours for s in place.series if s.world == MEASURED)
    return StandIn(point, place.altitude, frozenset(place.quantities(MEASURED)), hours)


STAND_INS: Final = tuple(s for s in map(_stand_in, all_places().values()) if s is not None)
"""Every weather station of pipeline/surroundings.toml that has a stand-in."""

FEEDS: Final = {"open_meteo.stand_ins": 1, "open_meteo.stand_ins_3h": 3}
"""The feeds, each of the stations that report so often [h]."""


def stand_ins(interval_hours: int) -> tuple[StandIn, ...]:
    """Return those of the stations that report at an interval.

    >>> stand_ins(1)[0].point.id, len(stand_ins(1)), len(stand_ins(3))
    ('at_kma_asos_108', 13, 65)
    """
    return tuple(s for s in STAND_INS if s.interval_hours == interval_hours)


def parse_stand_ins(answer: RawAnswer, interval_hours: int) -> Parsed:
    """Read an answer; each point becomes the station ``open_meteo:at_…`` with what that station reports.

    Raises
    ------
    QuotaSpent, SourceUnavailable
        the limit of requests is reached, or the service is overloaded
    BadPayload
        wrong unit, length, order of points, or anything that does not read
    """
    asked = stand_ins(interval_hours)
    parsed = parse_hours(answer.payload, answer.fetched_at, [s.point for s in asked], NOTE, _values)
    rows = parsed.observations
    reported = pd.MultiIndex.from_tuples([(f"{SOURCE}:{s.point.id}", q) for s in asked for q in s.quantities])
    wanted = pd.MultiIndex.from_frame(rows[["station", "quantity"]]).isin(reported)
    on_step = rows["time"].to_numpy("datetime64[ns]").astype(np.int64) % (interval_hours * NS_HOUR) == 0
    return parsed._replace(
        observations=rows[wanted & on_step].reset_index(drop=True),
        covered=tuple((unit, hour) for unit, hour in parsed.covered or () if hour.hour % interval_hours == 0),
    )


def _values(columns: Columns, known: int) -> dict[str, Floats]:
    return {q: columns.column(field, CONVERSIONS[field])[:known] for field, q in VARIABLE_MAP.items()}


def get_stand_ins(
    http: Http, known: Service, config: SourceConfig, past_days: str, interval_hours: int
) -> bytes:
    """Ask for the hours of today and of the days before it; return the raw answer."""
    asked = stand_ins(interval_hours)
    query = {
        "elevation": ",".join(str(s.altitude) for s in asked),
        "hourly": ",".join(VARIABLE_MAP),
        "wind_speed_unit": "ms",
        "past_days": past_days,
        "forecast_days": "1",
    }
    url = (config.base_url or BASE_URL).rstrip("/") + FORECAST_PATH
    return ask_points(http, known, url, [s.point for s in asked], query)


def feeds(config: SourceConfig, known: Service) -> list[Feed]:
    """Return the feeds of the stand-ins: of the stations that report hourly, and three-hourly."""
    return [_feed(config, known, name, hours) for name, hours in FEEDS.items()]


def _feed(config: SourceConfig, known: Service, name: str, interval_hours: int) -> Feed:
    def fetch(http: Http, ask: Ask) -> bytes:
        return get_stand_ins(http, known, config, ask.parameters["past_days"], interval_hours)

    def parse(answer: RawAnswer) -> Parsed:
        return parse_stand_ins(answer, interval_hours)

    timing = Timing(TIMING.delay, TIMING.keeps, timedelta(hours=interval_hours))
    return Feed(name, SOURCE, timing, known, asks, fetch, parse, networks=(SOURCE,))
