"""What a party's air did to the forecast of the other party's city: forecast again without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from pipeline.cities import City
from pipeline.paths import day_means, instant_of
from pipeline.times import FORECAST_DAYS, local_date

Floats = npt.NDArray[np.float64]

DECIDED: Final = 0.05
"""Where every probability that matters is this close to 0 there is nothing to ask about."""


@dataclass(frozen=True)
class DayWithout:
    """One local day with and without a partner's air: medians [ug m-3] and probabilities by threshold [1]."""

    lead_day: int
    date: str
    median: float
    median_without: float
    probability: dict[str, float]
    probability_without: dict[str, float]


@dataclass(frozen=True)
class Without:
    """A city's forecast made again without a partner's air.

    Parameters
    ----------
    partner : city whose side's PM2.5 and PM10 were left out
    series : how many series that are
    days : D+1 to D+3
    hours, course : interval ends [hours after the issue], and the median of every one without them [ug m-3]
    """

    city: str
    partner: str
    series: int
    days: tuple[DayWithout, ...]
    hours: tuple[int, ...]
    course: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def is_open_question(members: dict[int, Floats], thresholds: Sequence[int]) -> bool:
    """Tell whether a forecast leaves a threshold of a day ahead possible.

    >>> is_open_question({1: np.array([10.0, 20.0])}, [50]), is_open_question({1: np.array([60.0])}, [50])
    (False, True)
    """
    lowest = min(thresholds, default=None)
    return lowest is not None and any(float((m > lowest).mean()) > DECIDED for m in members.values())


def members_by_day(paths: xr.Dataset, city: City, quantity: str = "pm2p5") -> dict[int, Floats]:
    """Return the day means (member,) of D+1 to D+3 of a city that are whole, by lead day [ug m-3]."""
    today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "D")
    days = day_means(paths, city, quantity)
    values = days["day_mean"].transpose("realization", "day").values
    found = {}
    for i, day in enumerate(days["day"].values.astype("M8[D]")):
        lead = int((day - today) / np.timedelta64(1, "D"))
        if 1 <= lead <= FORECAST_DAYS and np.isfinite(values[:, i]).all():
            found[lead] = np.asarray(values[:, i], np.float64)
    return found


def compared(
    city: City,
    partner: str,
    series: int,
    both: tuple[xr.Dataset, xr.Dataset],
    thresholds: Sequence[int],
) -> Without:
    """Compare the joint paths of one issue with those made without a partner's air.

    Parameters
    ----------
    both : paths with and without, see ``pipeline.schema.check_paths``
    """
    whole, less = (members_by_day(paths, city) for paths in both)
    first = np.datetime64(local_date(instant_of(both[0], "issue_time"), city.timezone), "D")
    days = tuple(
        DayWithout(
            lead,
            str(first + np.timedelta64(lead, "D")),
            round(float(np.median(whole[lead])), 1),
            round(float(np.median(less[lead])), 1),
            {str(t): round(float((whole[lead] > t).mean()), 3) for t in thresholds},
            {str(t): round(float((less[lead] > t).mean()), 3) for t in thresholds},
        )
        for lead in sorted(set(whole) & set(less))
    )
    hours, course = _course(both[1], city)
    return Without(city.id, partner, series, days, hours, course)


def _course(paths: xr.Dataset, city: City) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the hours ahead of which a city's reference has intervals, and their medians."""
    middle = np.median(paths["pm2p5"].sel(city=city.id).transpose("realization", "time").values, axis=0)
    lead = (paths["time"].values - paths["issue_time"].values) / np.timedelta64(1, "h")
    there = np.isfinite(middle) & (lead > 0)
    return (
        tuple(int(h) for h in lead[there]),
        tuple(round(float(v), 1) for v in middle[there]),
    )
