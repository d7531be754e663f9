"""Observations so far, continued by forecast samples: the joint paths from which every day mean is taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities
from pipeline.schema import SAMPLE_DIMS, check_paths
from pipeline.times import NS_HOUR, from_ns, horizon_end, hour_range, local_date, local_day_bounds, to_ns

MINIMUM_DAY_COVERAGE = 0.75
"""Share of a day's intervals that a day mean needs (HJ 663 and the Korean forecast evaluation use 75 %)."""

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]


def cities_in(forecast: xr.Dataset) -> list[City]:
    """Return the cities that paths or samples are of, in the order of the table of cities."""
    held = {str(name) for name in forecast["city"].values}
    return [city for city in all_cities().values() if city.id in held]


def join_paths(
    panel: AsOfPanel, samples: xr.Dataset, cities: Sequence[City], *, history_days: int = 3
) -> xr.Dataset:
    """Continue what was known at ``samples.as_of`` with the samples, per city on hourly interval ends.

    Parameters
    ----------
    panel : series of the same world, from which only values received by ``as_of`` are read [ug m-3]
    samples : joint samples (realization, city, forecast_period), see ``pipeline.schema.check_samples``
    cities : the cities of the samples, in any order
    history_days : local days before the day of issue that the paths reach back

    Returns
    -------
    paths (realization, city, time), see ``pipeline.schema.check_paths`` [ug m-3]
    """
    issue, as_of = instant_of(samples, "issue_time"), instant_of(samples, "as_of")
    chosen = [c for c in cities if c.id in samples["city"].values]
    grid = hour_range(*_span(chosen, issue, history_days))
    lead_times = lead_times_of(samples)
    out = xr.Dataset(
        coords={"realization": samples["realization"], "city": [c.id for c in chosen], "time": grid}
    )
    is_observed = np.zeros((len(chosen), len(grid)), dtype=bool)
    for name in sorted(str(v) for v in samples.data_vars if samples[v].dims == SAMPLE_DIMS):
        values = np.full((samples.sizes["realization"], len(chosen), len(grid)), np.nan)
        for i, one in enumerate(chosen):
            drawn = samples[name].sel(city=one.id).transpose("realization", "forecast_period").values
            known = panel.on_grid(_panel_key(one, name, panel.world), grid, as_of)
            _continue(values[:, i], grid, lead_times, drawn)
            values[:, i, np.isfinite(known)] = known[np.isfinite(known)]
            if "_" not in name:
                is_observed[i] |= np.isfinite(known)
        out[name] = (("realization", "city", "time"), values)
    out["is_observed"] = (("city", "time"), is_observed)
    for name in (str(v) for v in samples.data_vars if str(v).startswith("outlook_")):
        out[name] = samples[name].sel(city=[c.id for c in chosen])
    out.attrs = {**samples.attrs, "units": "ug m-3"}
    return check_paths(out.assign_coords(issue_time=samples["issue_time"], as_of=samples["as_of"]))


def lead_times_of(samples: xr.Dataset) -> Times:
    """Return the interval ends of the samples, issue time + forecast period [UTC]."""
    leads = np.asarray(samples["forecast_period"].values, dtype="int64") * NS_HOUR
    issue = np.asarray(samples["issue_time"].values, "datetime64[ns]").astype("int64")
    times: Times = (issue + leads).astype("datetime64[ns]")
    return times


def instant_of(dataset: xr.Dataset, name: str) -> datetime:
    """Return a scalar time coordinate such as ``issue_time`` as an aware datetime [UTC]."""
    return from_ns(np.datetime64(dataset[name].values.item(), "ns"))


def observed_paths(
    panel: AsOfPanel,
    cities: Sequence[City],
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    quantity: str = "pm2p5",
) -> xr.Dataset:
    """Return paths of observations alone (one realization) over (start, end], as known at ``as_of``."""
    grid = hour_range(start, end)
    reference = np.stack([panel.on_grid(_panel_key(c, quantity, panel.world), grid, as_of) for c in cities])
    hourly_name = f"{quantity}_hourly"
    hourly = np.stack([panel.on_grid(_panel_key(c, hourly_name, panel.world), grid, as_of) for c in cities])
    dims = ("realization", "city", "time")
    return check_paths(
        xr.Dataset(
            {
                quantity: (dims, reference[None]),
                hourly_name: (dims, hourly[None]),
                "is_observed": (("city", "time"), np.isfinite(reference)),
            },
            coords={"realization": [0], "city": [c.id for c in cities], "time": grid, "as_of": to_ns(as_of)},
            attrs={"world": panel.world, "units": "ug m-3"},
        )
    )


def day_means(
    paths: xr.Dataset,
    city: City,
    quantity: str = "pm2p5",
    minimum_coverage: float = MINIMUM_DAY_COVERAGE,
) -> xr.Dataset:
    """Return the local-day means of one city along every path.

    A day is the mean of the city's intervals whose end lies in (local midnight, next midnight]; it needs
    ``minimum_coverage`` of them [1], else it is NaN and ``complete`` is false.

    Returns
    -------
    dataset with ``day_mean`` (realization, day) [ug m-3], ``observed_share`` (day) [1], ``complete`` (day),
    ``valid_start`` and ``valid_end`` (day) [UTC]; ``day`` is the local date

    Examples
    --------
    Seoul's measured reference is 3-hourly, so the intervals ending at 18, 21 … 15 UTC count:

    >>> from pipeline.cities import city
    >>> grid = hour_range(datetime.fromisoformat("2020-01-10T15:00+00:00"),
    ...                   datetime.fromisoformat("2020-01-11T15:00+00:00"))
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), np.arange(24.0)[None, None])},
    ...     coords={"realization": [0], "city": ["seoul"], "time": grid})
    >>> paths["is_observed"] = (("city", "time"), np.ones((1, 24), bool))
    >>> day_means(paths, city("seoul"))["day_mean"].values.tolist()
    [[12.5]]
    """
    found = city_days(paths, city, quantity, minimum_coverage)
    bounds = [local_day_bounds(day, city.timezone) for day in found.days]
    return xr.Dataset(
        {
            "day_mean": (("realization", "day"), found.means),
            "observed_share": ("day", found.observed_share),
            "complete": ("day", found.complete),
            "valid_start": ("day", np.array([to_ns(b[0]) for b in bounds], dtype="datetime64[ns]")),
            "valid_end": ("day", np.array([to_ns(b[1]) for b in bounds], dtype="datetime64[ns]")),
        },
        coords={
            "day": np.array(found.days, dtype="datetime64[D]").astype("datetime64[ns]"),
            "city": city.id,
        },
    )


class DayMeans(NamedTuple):
    """Local days and, by them, means (realization, day) [ug m-3], share observed [1] and completeness."""

    days: list[date]
    means: Floats
    observed_share: Floats
    complete: npt.NDArray[np.bool_]


def city_days(
    paths: xr.Dataset,
    city: City,
    quantity: str = "pm2p5",
    minimum_coverage: float = MINIMUM_DAY_COVERAGE,
) -> DayMeans:
    """Return what :func:`day_means` says as plain arrays, for many cities at a time."""
    times = paths["time"].values
    step = _cadence(city, quantity, str(paths.attrs.get("world", "measured")))
    on_cadence = times.astype("int64") % (step * NS_HOUR) == 0
    times = times[on_cadence]
    at = list(paths["city"].values).index(city.id)
    values = paths[quantity].transpose("realization", "city", "time").values[:, at, on_cadence]
    observed = paths["is_observed"].transpose("city", "time").values[at, on_cadence]
    days = _whole_days(times, city, step)
    part = (values, observed, times)
    columns = [_one_day(part, day, city, step, minimum_coverage) for day in days]
    return DayMeans(
        days,
        _stack([c[0] for c in columns], len(values)),
        np.array([c[1] for c in columns], dtype=float),
        np.array([c[2] for c in columns], dtype=bool),
    )


def _panel_key(city: City, name: str, world: str) -> str:
    quantity, _, role = name.partition("_")
    spec = city.spec(quantity, role or "reference", world)
    return f"{city.id}.{quantity}.{spec.role if spec else 'reference'}"


def _cadence(city: City, name: str, world: str) -> int:
    quantity, _, role = name.partition("_")
    spec = city.spec(quantity, role or "reference", world)
    return spec.interval_hours if spec else 1


def _span(cities: Sequence[City], issue: datetime, history_days: int) -> tuple[datetime, datetime]:
    starts = [
        local_day_bounds(local_date(issue, c.timezone) - timedelta(days=history_days), c.timezone)[0]
        for c in cities
    ]
    return min(starts), max(horizon_end(issue, c.timezone) for c in cities)


def _continue(target: Floats, grid: Times, lead_times: Times, drawn: Floats) -> None:
    at = np.searchsorted(grid, lead_times)
    inside = (at < len(grid)) & (grid[np.minimum(at, len(grid) - 1)] == lead_times)
    target[:, at[inside]] = drawn[:, inside]


def _whole_days(times: Times, city: City, step: int) -> list[date]:
    if not len(times):
        return []
    first = local_date(from_ns(times[0]) - timedelta(hours=step), city.timezone)
    last = local_date(from_ns(times[-1]) - timedelta(seconds=1), city.timezone)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    begin, end = from_ns(times[0]) - timedelta(hours=step), from_ns(times[-1])
    bounds = [(d, *local_day_bounds(d, city.timezone)) for d in days]
    return [d for d, low, high in bounds if low >= begin and high <= end]


def _one_day(
    series: tuple[Floats, npt.NDArray[np.bool_], Times], day: date, city: City, step: int, share: float
) -> tuple[Floats, float, bool]:
    values, observed, times = series
    low, high = (to_ns(b) for b in local_day_bounds(day, city.timezone))
    inside = (times > low) & (times <= high)
    expected = int((high - low) / np.timedelta64(step * NS_HOUR, "ns"))
    part = values[:, inside]
    complete = bool(np.isfinite(part).sum(axis=1).min(initial=expected) >= share * expected)
    if not complete or not inside.any():
        return np.full(len(values), np.nan), float(observed[inside].sum() / expected), False
    return np.nanmean(part, axis=1), float(observed[inside].sum() / expected), True


def _stack(columns: list[Floats], rows: int) -> Floats:
    return np.stack(columns, axis=1) if columns else np.empty((rows, 0))
