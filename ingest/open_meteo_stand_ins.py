"""Analyses at the places of weather stations whose reports no live source brings (CC BY 4.0).

Forecasts learn from reports of these stations (SYNOP, ASOS), which are archived and not to be had live
without a contract. A model's analysis at the same place stands in for them; it is smoother than a station.
"""

from __future__ import annotations

from typing import Final

from ingest.feeds import Ask, Feed, RawAnswer, SourceConfig
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

POINTS: Final = (
    WeatherPoint("at_kma_asos_108", "at Seoul, ASOS 108", 37.571, 126.966),
    WeatherPoint("at_synop_54511", "at Beijing airport, SYNOP 54511", 40.080, 116.585),
    WeatherPoint("at_synop_44292", "at Ulaanbaatar, SYNOP 44292", 47.843, 106.767),
    WeatherPoint("at_synop_51076", "at Altay, SYNOP 51076", 47.733, 88.083),
    WeatherPoint("at_synop_51463", "at Urumqi, SYNOP 51463", 43.783, 87.617),
    WeatherPoint("at_synop_52267", "at Ejin, SYNOP 52267", 41.950, 101.067),
    WeatherPoint("at_synop_53068", "at Erenhot, SYNOP 53068", 43.650, 112.000),
    WeatherPoint("at_synop_53336", "at Haliut, SYNOP 53336", 41.567, 108.517),
    WeatherPoint("at_synop_53463", "at Hohhot, SYNOP 53463", 40.851, 111.824),
    WeatherPoint("at_synop_53772", "at Taiyuan, SYNOP 53772", 37.747, 112.628),
    WeatherPoint("at_synop_54342", "at Shenyang, SYNOP 54342", 41.733, 123.517),
    WeatherPoint("at_synop_54662", "at Dalian, SYNOP 54662", 38.966, 121.539),
    WeatherPoint("at_synop_54823", "at Jinan, SYNOP 54823", 36.683, 116.983),
    WeatherPoint("at_synop_54857", "at Qingdao, SYNOP 54857", 36.266, 120.374),
    WeatherPoint("at_synop_58362", "at Shanghai, SYNOP 58362", 31.400, 121.467),
)
"""Every weather station of pipeline/cities (places: WMO Publication 9, volume A)."""

VARIABLE_MAP: Final = {
    "temperature_2m": "air_temperature",
    "relative_humidity_2m": "relative_humidity",
    "wind_speed_10m": "wind_speed",
    "wind_direction_10m": "wind_from_direction",
    "pressure_msl": "air_pressure_at_mean_sea_level",
}
NOTE: Final = "weather analysis in place of a station's reports, not measured"


def parse_stand_ins(answer: RawAnswer) -> Parsed:
    """Read an answer; each point becomes the station ``open_meteo:at_…``.

    Raises
    ------
    QuotaSpent, SourceUnavailable
        the limit of requests is reached, or the service is overloaded
    BadPayload
        wrong unit, length, order of points, or anything that does not read
    """
    return parse_hours(answer.payload, answer.fetched_at, POINTS, NOTE, _values)


def _values(columns: Columns, known: int) -> dict[str, Floats]:
    return {q: columns.column(field, CONVERSIONS[field])[:known] for field, q in VARIABLE_MAP.items()}


def get_stand_ins(http: Http, known: Service, config: SourceConfig, past_days: str) -> bytes:
    """Ask for the hours of today and of the days before it; return the raw answer."""
    query = {
        "hourly": ",".join(VARIABLE_MAP),
        "wind_speed_unit": "ms",
        "past_days": past_days,
        "forecast_days": "1",
    }
    return ask_points(http, known, (config.base_url or BASE_URL).rstrip("/") + FORECAST_PATH, POINTS, query)


def feed(config: SourceConfig, known: Service) -> Feed:
    """Return the feed of the stand-ins."""

    def fetch(http: Http, ask: Ask) -> bytes:
        return get_stand_ins(http, known, config, ask.parameters["past_days"])

    return Feed(
        "open_meteo.stand_ins", SOURCE, TIMING, known, asks, fetch, parse_stand_ins, networks=(SOURCE,)
    )
