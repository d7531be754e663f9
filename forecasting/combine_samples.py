"""Joint futures that agree with the combined day means: every member keeps its rank, its hours go along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import xarray as xr

from forecasting.combine import Claim, Member, pooled
from forecasting.targets import Floats
from pipeline.cities import City
from pipeline.paths import day_means, instant_of, lead_times_of
from pipeline.schema import SAMPLE_DIMS, check_samples
from pipeline.times import local_date, local_day_bounds, to_ns

FURTHEST: Final = (0.1, 10.0)
"""Least and greatest factor by which the hours of a day go along."""


@dataclass(frozen=True)
class Heard:
    """A member and what it stated of the day."""

    member: Member
    claim: Claim


Told = Mapping[tuple[str, int], Sequence[Heard]]
"""Who is heard of which city and local day after the issue's."""


def combined_days(paths: xr.Dataset, cities: Sequence[City], told: Told) -> dict[tuple[str, int], Floats]:
    """Return the combined day means (member,) of each day of which somebody is heard [ug m-3].

    Parameters
    ----------
    paths : joint paths of our model alone, see ``pipeline.schema.check_paths``
    """
    found = {}
    for city in cities:
        own = own_days(paths, city)
        for (where, lead), heard in told.items():
            if where == city.id and lead in own:
                bounds = [(h.claim.low, h.claim.high) for h in heard]
                found[where, lead] = pooled(own[lead], [h.member for h in heard], bounds)
    return found


def own_days(paths: xr.Dataset, city: City) -> dict[int, Floats]:
    """Return the day means (member,) of our model alone by local day after the issue's; whole days only."""
    today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "D")
    means = day_means(paths, city)
    leads = (means["day"].values.astype("M8[D]") - today).astype(int).tolist()
    values = means["day_mean"].values
    ahead = [(i, n) for i, n in enumerate(leads) if n >= 1 and np.isfinite(values[:, i]).all()]
    return {n: values[:, i] for i, n in ahead}


def combined_samples(
    samples: xr.Dataset, paths: xr.Dataset, cities: Sequence[City], days: Mapping[tuple[str, int], Floats]
) -> xr.Dataset:
    """Return samples whose days have the combined means; days of which nobody is heard stay as they are.

    Parameters
    ----------
    samples, paths : of our model alone [ug m-3]
    days : from ``combined_days``
    """
    made = samples.copy(deep=True)
    ends = lead_times_of(samples)
    issued = instant_of(samples, "issue_time")
    names = [v for v in samples.data_vars if samples[v].dims == SAMPLE_DIMS]
    for city in cities:
        own = own_days(paths, city)
        at = list(samples["city"].values).index(city.id)
        for lead in sorted(n for where, n in days if where == city.id):
            day = local_date(issued, city.timezone) + timedelta(days=lead)
            first, last = (to_ns(bound) for bound in local_day_bounds(day, city.timezone))
            inside = np.flatnonzero((ends > first) & (ends <= last))
            factor = np.clip(days[city.id, lead] / np.maximum(own[lead], 1e-3), *FURTHEST)
            for name in names:
                made[name].values[:, at, inside] *= factor[:, None]
    return check_samples(made)
