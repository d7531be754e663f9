"""What the bulletin shows, taken from a run's forecast and paths: curves, days and the facts of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import xarray as xr

from alerts.edition import JOINT, Edition
from alerts.scales import RULE_SETS, Scale, national_scale
from alerts.stated import NOTHING_STATED, Stated
from pipeline.cities import City
from pipeline.dust_outlook import DustOutlook
from pipeline.names import is_simulated
from pipeline.origin_panel import OriginPanel
from pipeline.paths import day_means
from pipeline.schema import check_forecast, check_paths
from pipeline.times import NS_HOUR, from_ns, local_date, local_day_bounds

SHOWN_THRESHOLDS = (15, 35, 50, 60, 75, 115, 150, 250)
"""Concentrations of the probability table [ug m-3]: every grade edge of both countries, and 50."""

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class RunFacts:
    """What the page says about the run; times are aware; ``exercise`` marks a replay of measured data.

    ``origins`` is the run's origin panel, ``dust`` its dust outlook; None of a run that stored none.
    ``stated`` is our range of the Chinese index, and what others had stated of the same days.
    ``edition`` says for whom the document is, ``credits`` of whom data came, each with its redistribution.
    """

    run_id: str
    world: str
    issue_time: datetime
    as_of: datetime
    model_id: str
    code_version: str
    degraded: str = ""
    calibrated: str = ""
    inputs_used: tuple[str, ...] = ()
    inputs_missing: tuple[str, ...] = ()
    written_at: datetime | None = None
    exercise: bool = False
    origins: OriginPanel | None = None
    dust: DustOutlook | None = None
    stated: Stated = NOTHING_STATED
    edition: Edition = JOINT
    credits: tuple[tuple[str, str], ...] = ()

    @property
    def simulated(self) -> bool:
        """Tell whether the data are simulated."""
        return is_simulated(self.world)


@dataclass(frozen=True)
class DayRow:
    """One local day: mean and central 80 % interval [ug m-3], probabilities by threshold, part measured [1].

    All numbers are NaN where too few of the day's intervals are known or forecast.
    """

    day: date
    start: datetime
    end: datetime
    mean: float
    q10: float
    q90: float
    probability: dict[int, float]
    observed_share: float


@dataclass(frozen=True)
class Outlook:
    """One city's part of the page: what was observed, what is forecast, its days and its country's scale.

    ``later`` are days beyond the forecast, an outlook that no rule reads.
    """

    city: City
    issue_time: datetime
    observed_times: Times
    observed: Floats
    forecast_times: Times
    levels: tuple[float, ...]
    quantiles: Floats
    days: tuple[DayRow, ...]
    scale: Scale
    later: tuple[DayRow, ...] = ()

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Return the scales of both countries in force on the day of issue, the city's own first."""
        today = local_date(self.issue_time, self.city.timezone)
        sets = sorted(RULE_SETS, key=lambda rule_set: rule_set != self.city.rule_set)
        return tuple(national_scale(rule_set, today) for rule_set in sets)

    @property
    def forecast_days(self) -> tuple[DayRow, ...]:
        """Return the day of issue and the days after it."""
        today = local_date(self.issue_time, self.city.timezone)
        return tuple(row for row in self.days if row.day >= today)

    @property
    def worst(self) -> DayRow | None:
        """Return the day with the highest mean from the issue on; None where none can be assessed."""
        assessable = [row for row in self.forecast_days if np.isfinite(row.mean)]
        return max(assessable, key=lambda row: row.mean, default=None)


def outlooks(
    forecast: xr.Dataset, paths: xr.Dataset, cities: Sequence[City], issue_time: datetime
) -> tuple[Outlook, ...]:
    """Return the outlook of each city that both datasets hold, in the order of ``cities``.

    Parameters
    ----------
    forecast : quantiles of one run, see ``pipeline.schema.check_forecast`` [ug m-3]
    paths : the same run's joint paths, see ``pipeline.schema.check_paths`` [ug m-3]
    """
    check_forecast(forecast)
    check_paths(paths)
    both = set(forecast["city"].values) & set(paths["city"].values)
    return tuple(_outlook(forecast, paths, c, issue_time) for c in cities if c.id in both)


def _outlook(forecast: xr.Dataset, paths: xr.Dataset, city: City, issue_time: datetime) -> Outlook:
    own = paths["pm2p5"].sel(city=city.id).transpose("realization", "time").values
    observed = paths["is_observed"].sel(city=city.id).values & np.isfinite(own[0])
    fan = forecast["pm2p5"].sel(city=city.id).transpose("forecast_period", "quantile")
    start = np.datetime64(issue_time.replace(tzinfo=None), "ns")
    times = start + fan["forecast_period"].values.astype("int64") * np.timedelta64(NS_HOUR, "ns")
    keep = np.isfinite(fan.values).all(axis=1)
    return Outlook(
        city=city,
        issue_time=issue_time,
        observed_times=paths["time"].values[observed],
        observed=own[0][observed],
        forecast_times=times[keep],
        levels=tuple(float(q) for q in fan["quantile"].values),
        quantiles=fan.values[keep],
        days=_days(paths, city),
        scale=national_scale(city.rule_set, local_date(issue_time, city.timezone)),
        later=_later(paths, city, issue_time),
    )


def _days(paths: xr.Dataset, city: City) -> tuple[DayRow, ...]:
    means = day_means(paths, city)
    rows = []
    for number, stamp in enumerate(means["day"].values):
        day = from_ns(stamp).date()
        members = means["day_mean"].values[:, number]
        start, end = local_day_bounds(day, city.timezone)
        share = float(means["observed_share"].values[number])
        rows.append(_row(day, (start, end), members, share))
    return tuple(rows)


def _later(paths: xr.Dataset, city: City, issue_time: datetime) -> tuple[DayRow, ...]:
    """Return the days of the outlook that the model could speak of."""
    if "outlook_pm2p5" not in paths:
        return ()
    own = paths["outlook_pm2p5"].sel(city=city.id).transpose("realization", "outlook_day")
    today = local_date(issue_time, city.timezone)
    rows = []
    for number, lead in enumerate(own["outlook_day"].values.tolist()):
        day = today + timedelta(days=lead)
        rows.append(_row(day, local_day_bounds(day, city.timezone), own.values[:, number], 0.0))
    return tuple(row for row in rows if np.isfinite(row.mean))


def _row(day: date, bounds: tuple[datetime, datetime], members: Floats, share: float) -> DayRow:
    known = members[np.isfinite(members)]
    if not len(known):
        nothing = dict.fromkeys(SHOWN_THRESHOLDS, float("nan"))
        return DayRow(day, *bounds, *(float("nan"),) * 3, nothing, share)
    low, high = (float(q) for q in np.quantile(known, [0.1, 0.9]))
    chances = {t: float(np.mean(known > t)) for t in SHOWN_THRESHOLDS}
    return DayRow(day, *bounds, float(known.mean()), low, high, chances, share)
