"""A run's forecast as numbers, read from its CF NetCDF file."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import xarray as xr
from fastapi import HTTPException

from pipeline.cities import City, all_cities
from pipeline.ledger.runs import RunRow
from pipeline.names import is_simulated
from pipeline.times import iso, to_utc
from review.read_api.models import CityForecast, Day, Forecast, Hour

log = logging.getLogger(__name__)

DIGITS = 3
Numbers = npt.NDArray[np.floating]


def read_forecast(path: Path, run: RunRow, cities: Collection[str] | None = None) -> Forecast:
    """Return the forecast of a run, of all its cities or of some; 503 where its file is damaged."""
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as file:
            data = file.load()
    except (OSError, ValueError) as error:
        log.exception("%s cannot be read", path)
        raise HTTPException(503, "the file of this forecast cannot be read; tell the operator") from error
    wanted = [str(c) for c in data["city"].to_numpy() if cities is None or str(c) in cities]
    return Forecast(
        run=run.id,
        world=run.world,
        simulated=is_simulated(run.world),
        quantity="pm2p5",
        issue_time=iso(run.cycle),
        as_of=iso(run.as_of),
        model_id=str(data.attrs.get("model_id", "")),
        degraded=run.degraded,
        inputs_missing=[name for name in str(data.attrs.get("inputs_missing", "")).split(",") if name],
        cities=[_city(data.sel(city=name), all_cities()[name], run.cycle) for name in wanted],
    )


def _city(data: xr.Dataset, city: City, issued: datetime) -> CityForecast:
    return CityForecast(
        city=city.id,
        party=city.party,
        latitude_degree_north=round(float(data["latitude"]), DIGITS),
        longitude_degree_east=round(float(data["longitude"]), DIGITS),
        hours=_hours(data, issued),
        days=_days(data, city, issued),
    )


def _hours(data: xr.Dataset, issued: datetime) -> list[Hour]:
    """Return every hour ahead."""
    levels, limits = _levels(data)
    values, chances = data["pm2p5"].to_numpy(), data["probability_of_exceedance"].to_numpy()
    return [
        Hour(
            valid_end=iso(to_utc(issued) + timedelta(hours=int(lead))),
            lead_hours=int(lead),
            quantiles_ug_m3=_by(levels, values[i], 1),
            probability_above_ug_m3=_by(limits, chances[i], DIGITS),
        )
        for i, lead in enumerate(data["forecast_period"].to_numpy())
    ]


def _days(data: xr.Dataset, city: City, issued: datetime) -> list[Day]:
    """Return the days ahead, then those of the outlook."""
    first = to_utc(issued).astimezone(ZoneInfo(city.timezone)).date()
    levels, limits = _levels(data)
    found = []
    for kind, prefix in (("lead_day", ""), ("outlook_day", "outlook_")):
        if kind not in data.dims:
            continue
        values = data[f"pm2p5_{prefix}day_mean"].to_numpy()
        chances = data[f"probability_of_{prefix}day_mean_exceedance"].to_numpy()
        shares = data["observed_share_of_day"].to_numpy() if not prefix else np.zeros(len(values))
        for i, lead in enumerate(data[kind].to_numpy()):
            found.append(
                Day(
                    lead_day=int(lead),
                    date=(first + timedelta(days=int(lead))).isoformat(),
                    observed_share_1=_number(shares[i], DIGITS),
                    quantiles_ug_m3=_by(levels, values[i], 1),
                    probability_above_ug_m3=_by(limits, chances[i], DIGITS),
                )
            )
    return found


def _levels(data: xr.Dataset) -> tuple[list[str], list[str]]:
    """Return the names of quantile levels and thresholds."""
    return (
        [f"{level:.2f}" for level in data["quantile"].to_numpy()],
        [str(int(limit)) for limit in data["threshold"].to_numpy()],
    )


def _by(names: list[str], values: Numbers, digits: int) -> dict[str, float | None]:
    return {name: _number(value, digits) for name, value in zip(names, values, strict=True)}


def _number(value: float, digits: int) -> float | None:
    """Return a number as JSON has it: none where it is not known."""
    return None if math.isnan(value) else round(float(value), digits)
