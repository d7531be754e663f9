"""An invented forecast, paths and stations to go with ``alerts.examples``: for previews and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from alerts.bulletin_data import RunFacts
from alerts.bulletin_view import Bulletin, make_bulletin
from alerts.content import WarningContent
from alerts.edition import JOINT, Edition
from pipeline.cities import City, all_cities
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS
from pipeline.paths import day_means
from pipeline.schema import check_forecast, check_paths
from pipeline.times import horizon_end, hour_range, parse_instant, to_ns

ISSUE = parse_instant("2026-01-14T08:00Z")
HISTORY = parse_instant("2026-01-10T15:00Z")
MEMBERS = 200
_PEAK = {"beijing": (30.0, 165.0), "seoul": (48.0, 105.0)}
"""Hours from the issue to the middle of the episode, and its height [ug m-3]."""


def example_paths(
    *, scale: float = 1.0, issue: datetime = ISSUE, seed: int = 7, world: str = "simulated-7"
) -> xr.Dataset:
    """Return joint paths of both cities through an invented episode; ``scale`` 0.1 makes a quiet season.

    >>> dict(example_paths().sizes)["realization"]
    200
    """
    rng = np.random.default_rng(seed)
    cities = sorted(all_cities().values(), key=lambda c: c.id)
    shift = issue - ISSUE
    times = hour_range(HISTORY + shift, max(horizon_end(issue, c.timezone) for c in cities))
    lead = (times - to_ns(issue)) / np.timedelta64(1, "h")
    values = np.stack([_city_paths(c, lead, scale, rng) for c in cities], axis=1)
    is_observed = np.broadcast_to(lead <= 0, (len(cities), len(times))).copy()
    return check_paths(
        xr.Dataset(
            {
                "pm2p5": (("realization", "city", "time"), values),
                "is_observed": (("city", "time"), is_observed),
            },
            coords={"realization": np.arange(MEMBERS), "city": [c.id for c in cities], "time": times},
            attrs={"world": world, "units": "ug m-3"},
        ).assign_coords(issue_time=to_ns(issue), as_of=to_ns(issue))
    )


def _city_paths(city: City, lead: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return (realization, time) of one city: background, a daily wave, an episode, a spread that grows."""
    middle, height = _PEAK[city.id]
    shape = np.exp(-(((lead - middle) / 20.0) ** 2))
    base = 24 + 6 * np.sin(2 * np.pi * (lead - 3) / 24) + scale * height * shape
    past = np.cumsum(rng.normal(0, 0.05, lead.size)) * (lead <= 0)
    past = past - past[lead <= 0][-1] * (lead <= 0)
    steps = rng.normal(0, 0.055, (MEMBERS, lead.size)) * (lead > 0)
    spread = np.cumsum(steps, axis=1) + rng.normal(0, 0.10, (MEMBERS, 1)) * np.clip(lead / 24, 0, 1.6)
    paths: np.ndarray = np.maximum(base * np.exp(past + spread), 2.0)
    return paths


def example_forecast(paths: xr.Dataset) -> xr.Dataset:
    """Return the forecast dataset that belongs to paths: quantiles and probabilities.

    >>> sorted(example_forecast(example_paths()).data_vars)[:2]
    ['pm2p5', 'pm2p5_day_mean']
    """
    lead = ((paths["time"] - paths["issue_time"]) / np.timedelta64(1, "h")).astype("int64")
    ahead = paths["pm2p5"].isel(time=(lead > 0).values)
    hourly = ahead.assign_coords(time=lead.values[lead.values > 0]).rename(time="forecast_period")
    days = _day_members(paths)
    return check_forecast(
        xr.Dataset(
            {
                "pm2p5": _quantiles(hourly).transpose("city", "forecast_period", "quantile"),
                "probability_of_exceedance": _chances(hourly).transpose("city", "forecast_period", ...),
                "pm2p5_day_mean": _quantiles(days).transpose("city", "lead_day", "quantile"),
                "probability_of_day_mean_exceedance": _chances(days).transpose("city", "lead_day", ...),
            },
            attrs=dict(paths.attrs),
        )
    )


def _day_members(paths: xr.Dataset) -> xr.DataArray:
    ids = [str(c) for c in paths["city"].values]
    members = [day_means(paths, all_cities()[c])["day_mean"].values[:, -4:] for c in ids]
    dims = ("city", "realization", "lead_day")
    return xr.DataArray(np.stack(members), dims=dims, coords={"city": ids, "lead_day": range(4)})


def _quantiles(members: xr.DataArray) -> xr.DataArray:
    return members.quantile(list(QUANTILE_LEVELS), dim="realization", skipna=False)


def _chances(members: xr.DataArray) -> xr.DataArray:
    parts = [(members > threshold).mean("realization") for threshold in PM_THRESHOLDS]
    return xr.concat(parts, dim=pd.Index(PM_THRESHOLDS, name="threshold"))


def example_stations(cities: Sequence[City] = (), *, seed: int = 3) -> pd.DataFrame:
    """Return twelve invented stations round each city (columns of pipeline.schema.STATION_COLUMNS).

    >>> len(example_stations())
    24
    """
    rng = np.random.default_rng(seed)
    rows = []
    for city in cities or list(all_cities().values()):
        for number in range(12):
            rows.append(
                {
                    "station": f"invented:{city.id}{number:02d}",
                    "name": f"{city.name['en']} {number + 1}",
                    "latitude": city.latitude + rng.normal(0, 0.10),
                    "longitude": city.longitude + rng.normal(0, 0.13),
                    "altitude": 40.0,
                    "city": city.id,
                    "interval_hours": 1,
                    "note": "invented",
                }
            )
    return pd.DataFrame(rows)


def example_bulletin(
    edition: Edition = JOINT, content: WarningContent | None = None, **facts: Any
) -> Bulletin:
    """Return a bulletin of the invented episode.

    >>> [o.city.id for o in example_bulletin(Edition("seoul")).outlooks]
    ['seoul']
    """
    paths = example_paths()
    run = RunFacts("r1", "simulated-7", ISSUE, ISSUE, "m1", "0.1.0", edition=edition)
    cities = list(all_cities().values())
    return make_bulletin(
        content, example_forecast(paths), paths, example_stations(), cities, run_facts=replace(run, **facts)
    )
