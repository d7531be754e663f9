"""What one run's samples say: quantiles, probabilities and day means, all counted on the members."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.cities import City
from pipeline.names import PM_THRESHOLDS, QUANTILE_LEVELS
from pipeline.paths import day_means, instant_of
from pipeline.schema import check_forecast
from pipeline.times import FORECAST_DAYS, local_date

Floats = npt.NDArray[np.float64]


def summarise(
    samples: xr.Dataset,
    paths: xr.Dataset,
    cities: Sequence[City],
    *,
    quantity: str = "pm2p5",
    thresholds: Sequence[int] = PM_THRESHOLDS,
) -> xr.Dataset:
    """Summarise joint samples into the forecast that is published.

    Parameters
    ----------
    samples : joint samples, see ``pipeline.schema.check_samples`` [ug m-3]
    paths : the same samples continued from what was observed, for whole local days
    cities : in the order of the result
    thresholds : concentrations [ug m-3] that the rules need; a value exceeds when it is above

    Returns
    -------
    forecast with quantiles and ``probability_of_exceedance`` by lead, day means and theirs by ``lead_day``
    0 … 3, see ``pipeline.schema.check_forecast``. Day 0 contains the hours already observed. Where the model
    gives an outlook, ``…_outlook_day_mean`` and its probabilities are by ``outlook_day``, 4 and 5.
    """
    ids = [c.id for c in cities]
    ahead = samples[quantity].sel(city=ids).transpose("realization", "city", "forecast_period")
    ahead = ahead.where(ahead["forecast_period"] > 0, drop=True)
    days = _days(paths, cities, quantity)
    observed = [_share(paths, c, quantity) for c in cities]
    forecast = xr.Dataset(
        {
            quantity: (("city", "forecast_period", "quantile"), _quantiles(ahead.values)),
            "probability_of_exceedance": (
                ("city", "forecast_period", "threshold"),
                _probabilities(ahead.values, thresholds),
            ),
            f"{quantity}_day_mean": (("city", "lead_day", "quantile"), _quantiles(days)),
            "probability_of_day_mean_exceedance": (
                ("city", "lead_day", "threshold"),
                _probabilities(days, thresholds),
            ),
            "observed_share_of_day": (("city", "lead_day"), np.array(observed)),
        },
        coords={
            "city": ids,
            "forecast_period": ahead["forecast_period"].values,
            "lead_day": np.arange(FORECAST_DAYS + 1),
            "quantile": list(QUANTILE_LEVELS),
            "threshold": list(thresholds),
            "issue_time": samples["issue_time"],
            "as_of": samples["as_of"],
        },
        attrs=dict(samples.attrs),
    )
    return check_forecast(_with_outlook(forecast, paths, quantity))


def _with_outlook(forecast: xr.Dataset, paths: xr.Dataset, quantity: str) -> xr.Dataset:
    """Add the day means beyond the forecast, NaN where the model may not speak."""
    if f"outlook_{quantity}" not in paths:
        return forecast
    ids = forecast["city"].values
    members = paths[f"outlook_{quantity}"].sel(city=ids).transpose("realization", "city", "outlook_day")
    dims = ("city", "outlook_day")
    thresholds = [int(t) for t in forecast["threshold"].values]
    return forecast.assign_coords(outlook_day=members["outlook_day"].values).assign(
        {
            f"{quantity}_outlook_day_mean": ((*dims, "quantile"), _quantiles(members.values)),
            "probability_of_outlook_day_mean_exceedance": (
                (*dims, "threshold"),
                _probabilities(members.values, thresholds),
            ),
        }
    )


def _days(paths: xr.Dataset, cities: Sequence[City], quantity: str) -> Floats:
    """Return day means (realization, city, lead_day)."""
    columns = []
    for city in cities:
        today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "ns")
        wanted = today + np.arange(FORECAST_DAYS + 1) * np.timedelta64(1, "D")
        means = day_means(paths, city, quantity)["day_mean"].reindex(day=wanted)
        columns.append(means.transpose("realization", "day").values)
    return np.stack(columns, axis=1)


def _share(paths: xr.Dataset, city: City, quantity: str) -> Floats:
    today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "ns")
    wanted = today + np.arange(FORECAST_DAYS + 1) * np.timedelta64(1, "D")
    shares: Floats = day_means(paths, city, quantity)["observed_share"].reindex(day=wanted).values
    return shares


def _quantiles(members: Floats) -> Floats:
    """Return (city, step, level) of members (realization, city, step)."""
    return np.moveaxis(np.quantile(members, QUANTILE_LEVELS, axis=0), 0, -1)


def _probabilities(members: Floats, thresholds: Sequence[int]) -> Floats:
    """Return the share of members above each threshold (city, step, threshold); NaN where unknown."""
    above = members[..., None] > np.asarray(thresholds, dtype=float)
    known = np.asarray(np.isfinite(members).all(axis=0))[..., None]
    return np.where(known, above.mean(axis=0), np.nan)
