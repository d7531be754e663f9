"""Forecasts of the past from Open-Meteo, so that training sees what a forecaster could have known.

Two services. *Previous runs* hold, hour by hour, what runs of one and more days before had forecast, since
January 2024, for variables near the ground. *Single runs* hold whole runs of ECMWF's IFS since March 2024,
with mixing height and winds aloft. Both without key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import xarray as xr

from ingest.open_meteo_forecast import FORECAST_DAYS, parse_forecast, points_dataset, stacked, weather_fields
from ingest.open_meteo_points import FORECAST_POINTS, WEATHER_POINTS
from ingest.open_meteo_wire import (
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
from pipeline.errors import BadPayload
from pipeline.http import Http, Limits
from pipeline.weather_schema import check_previous_runs, possible_only

PREVIOUS: Final = "open_meteo.previous_runs"
SINGLE: Final = "open_meteo.single_runs"
PREVIOUS_URL: Final = "https://previous-runs-api.open-meteo.com"
SINGLE_URL: Final = "https://single-runs-api.open-meteo.com"
PREVIOUS_SERVICE: Final = service("previous_runs", Limits(per_minute=5, per_day=8))
SINGLE_SERVICE: Final = service("single_runs", Limits(per_minute=10, per_day=60))
"""A month of previous runs counts about 590 times, a single run about 53 times; see LIMITS of the wire."""
PREVIOUS_SINCE: Final = datetime(2024, 1, 1, tzinfo=UTC)
SINGLE_SINCE: Final = datetime(2024, 3, 1, tzinfo=UTC)
LEAD_DAYS: Final = (1, 2, 3, 4)
"""Days before; four reach local day D+3 from any hour."""
NEAR_GROUND: Final = {
    "temperature_2m": "air_temperature",
    "relative_humidity_2m": "relative_humidity",
    "surface_pressure": "surface_air_pressure",
    "pressure_msl": "air_pressure_at_mean_sea_level",
    "precipitation": "precipitation_amount",
    "cloud_cover": "cloud_area_fraction",
}
WIND: Final = ("wind_speed_10m", "wind_direction_10m")
MODEL: Final = "ecmwf_ifs"


def previous_fields() -> list[str]:
    """Return the names of all variables of previous runs.

    >>> previous_fields()[0], len(previous_fields())
    ('temperature_2m_previous_day1', 32)
    """
    return [f"{field}_previous_day{day}" for field in (*NEAR_GROUND, *WIND) for day in LEAD_DAYS]


def get_previous_runs(
    http: Http,
    start: datetime,
    end: datetime,
    base_url: str = "",
    points: Sequence[WeatherPoint] = WEATHER_POINTS,
) -> bytes:
    """Ask what had been forecast for the days that begin in [start, end) [UTC]; return the raw answer."""
    query = {
        "hourly": ",".join(previous_fields()),
        "wind_speed_unit": "ms",
        "start_date": start.strftime("%Y-%m-%d"),
        "end_date": (end - timedelta(days=1)).strftime("%Y-%m-%d"),
    }
    url = (base_url or PREVIOUS_URL).rstrip("/") + FORECAST_PATH
    return ask_points(http, PREVIOUS_SERVICE, url, points, query)


def parse_previous_runs(
    payload: bytes, start: datetime, end: datetime, points: Sequence[WeatherPoint] = WEATHER_POINTS
) -> xr.Dataset:
    """Read previous runs; hours outside [start, end) are left out.

    Returns
    -------
    Dataset
        after PREVIOUS_CONTRACT of ``pipeline.weather_schema``

    Raises
    ------
    QuotaSpent, SourceUnavailable, BadPayload
        as ``ingest.open_meteo_wire.answers_of``
    """
    times, variables = stacked(payload, points, _lead_columns)
    dataset = points_dataset(variables, times, points, ("lead_day", np.array(LEAD_DAYS)))
    dataset = dataset.transpose("lead_day", "time", "station")
    low, high = (np.datetime64(t.replace(tzinfo=None), "ns") for t in (start, end))
    dataset = possible_only(dataset.isel(time=np.flatnonzero((times >= low) & (times < high))))
    if not dataset.sizes["time"] or not any(bool(v.notnull().any()) for v in dataset.data_vars.values()):
        raise BadPayload(
            SOURCE, "no previous runs for those days", field="hourly", remedy="ask a later month"
        )
    return check_previous_runs(dataset.assign_attrs(source="Open-Meteo, previous runs", licence=LICENCE))


def _lead_columns(columns: Columns) -> dict[str, Floats]:
    """Return each quantity of a point as (time, lead_day)."""

    def leads(field: str) -> Floats:
        found = [columns.column(f"{field}_previous_day{d}", CONVERSIONS[field]) for d in LEAD_DAYS]
        return np.stack(found, axis=1)

    values = {quantity: leads(field) for field, quantity in NEAR_GROUND.items()}
    values["eastward_wind"], values["northward_wind"] = wind_components(*(leads(f) for f in WIND))
    return values


def get_single_run(
    http: Http, run: datetime, base_url: str = "", points: Sequence[WeatherPoint] = FORECAST_POINTS
) -> bytes:
    """Ask for one run of the IFS, by its start [UTC]; return the raw answer."""
    query = {
        "hourly": ",".join(weather_fields()),
        "wind_speed_unit": "ms",
        "run": run.strftime("%Y-%m-%dT%H:%M"),
        "models": MODEL,
        "forecast_days": str(FORECAST_DAYS),
    }
    url = (base_url or SINGLE_URL).rstrip("/") + FORECAST_PATH
    return ask_points(http, SINGLE_SERVICE, url, points, query)


def parse_single_run(
    payload: bytes, run: datetime, points: Sequence[WeatherPoint] = FORECAST_POINTS
) -> xr.Dataset:
    """Read one run as a forecast after ``pipeline.weather_schema``; see ``parse_forecast`` for errors."""
    [forecast] = parse_forecast(payload, run, points, said="run").forecasts
    return forecast.assign_attrs(source="ECMWF IFS by Open-Meteo, single run")
