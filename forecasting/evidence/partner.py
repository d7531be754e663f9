"""What a party's air did to the forecast of the other party's city: forecast again without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.calibration.adaptive import Past, adapt
from forecasting.calibration.groups import Groups
from forecasting.calibration.quantiles import Distribution
from forecasting.evidence.changed import Asked
from forecasting.model import Calibrated, Hour, calibrated_without
from forecasting.outputs import Ints, Outputs
from forecasting.reasons.attribution import only
from forecasting.targets import to_level, to_log
from pipeline.cities import City
from pipeline.paths import day_means, instant_of
from pipeline.times import FORECAST_DAYS, local_date, to_ns

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Times = npt.NDArray[np.datetime64]

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


def is_open_question(members: Mapping[int, Floats], thresholds: Sequence[int]) -> bool:
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


def forecast_without(
    asked: Asked,
    hour: Hour,
    less: Matrix,
    missing: Sequence[str],
    city: City,
) -> Callable[[Mapping[int, Floats]], tuple[dict[int, Floats], dict[int, float]]]:
    """Return what moves published day means to those of a forecast without some groups of inputs.

    The regression of the city's reference is solved again without them, from the same training, and its
    errors calibrated anew; every future keeps its rank in the distribution of its day. What recent errors
    taught stays.

    Parameters
    ----------
    less : (1, recipe column) raw situation without the inputs
    missing : the groups of inputs that are missing in it

    Returns
    -------
    a function of day means by lead day, that gives those without, and the median of every interval ahead by
    its end [hours after the issue], all [ug m-3]
    """
    wanted = _of_reference(hour.outputs, city)
    slim, said = narrowed(hour, wanted), narrow(asked.said, wanted)
    groups = [asked.recipe.columns[i].group for i in hour.best.fitted.kept]
    again = calibrated_without(slim, groups, missing)
    at = np.array([to_ns(asked.as_of)])
    both = [_distribution(one, slim, rows, at) for one, rows in ((said, asked.now), (again, less))]
    days = {int(day): i for i, day in enumerate(slim.outputs.day) if day >= 0}

    def moved(members: Mapping[int, Floats]) -> tuple[dict[int, Floats], dict[int, float]]:
        found: dict[int, Floats] = {}
        for day, means in members.items():
            logs = np.zeros((len(means), 1, len(wanted)))
            logs[:, 0, days[day]] = to_log(means)
            found[day] = np.asarray(
                to_level(both[1].at_scores(both[0].scores_of(logs))[:, 0, days[day]]), np.float64
            )
        middle = to_level(both[1].at_scores(np.zeros((1, len(wanted))))[0])
        ends = zip(slim.outputs.day, slim.outputs.end, middle, strict=True)
        return found, {int(end): float(v) for day, end, v in ends if day < 0 and end > 0}

    return moved


def narrowed(hour: Hour, wanted: Ints) -> Hour:
    """Return one hour of a model with some outputs only, so that it is solved again sooner."""
    past = Past(hour.past.issues, hour.past.z[:, wanted], hour.past.known[:, wanted])
    return replace(hour, best=narrow(hour.best, wanted), past=past, usable=hour.usable[wanted], variants={})


def narrow(said: Calibrated, wanted: Ints) -> Calibrated:
    """Return a calibrated regression with some outputs only."""
    fitted, outputs = said.fitted, said.fitted.outputs
    few = Outputs(
        outputs.targets,
        outputs.target[wanted],
        outputs.start[wanted],
        outputs.end[wanted],
        outputs.day[wanted],
    )
    groups = Groups(said.spread.groups.group[wanted], said.spread.groups.family)
    errors = fitted.errors[:, wanted] if fitted.errors.size else fitted.errors
    slim = replace(
        only(fitted, wanted),
        outputs=few,
        truth=fitted.truth[:, wanted],
        errors=errors,
        offset=fitted.offset[:, wanted],
    )
    spread = said.spread.of(wanted)
    return Calibrated(slim, spread, replace(said.shape, groups=groups))


def _distribution(said: Calibrated, hour: Hour, rows: Matrix, at: Times) -> Distribution:
    centre, scale = said.predict(rows)
    shape = hour.best.shape
    adjustment = adapt(hour.past, shape.groups, shape.half_width, at)
    return Distribution(said.shape, centre, scale, adjustment)


def _of_reference(outputs: Outputs, city: City) -> Ints:
    """Return the outputs of a city's reference series."""
    mine = [i for i, t in enumerate(outputs.targets) if (t.city, t.role) == (city.id, "reference")]
    return np.flatnonzero(np.isin(outputs.target, mine[:1]))


def compared(
    city: City,
    issue_time: datetime,
    left_out: tuple[str, int],
    both: tuple[Mapping[int, Floats], Mapping[int, Floats]],
    course: Mapping[int, float],
    thresholds: Sequence[int],
) -> Without:
    """Set a city's day means beside those forecast without a partner's air.

    Parameters
    ----------
    left_out : city of the partner, and how many series were left out
    both : published day means by lead day, and those without [ug m-3]
    course : median without of every interval by its end [hours after the issue]
    """
    whole, less = both
    first = local_date(issue_time, city.timezone)
    days = tuple(
        DayWithout(
            lead,
            (first + timedelta(days=lead)).isoformat(),
            round(float(np.median(whole[lead])), 1),
            round(float(np.median(less[lead])), 1),
            {str(t): round(float((whole[lead] > t).mean()), 3) for t in thresholds},
            {str(t): round(float((less[lead] > t).mean()), 3) for t in thresholds},
        )
        for lead in sorted(set(whole) & set(less))
    )
    hours = tuple(sorted(course))
    return Without(city.id, *left_out, days, hours, tuple(round(course[h], 1) for h in hours))
