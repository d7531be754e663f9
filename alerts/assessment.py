"""What one run knows about each city, as plain numbers: days, probabilities, links and rule findings."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any, Final

import numpy as np
import xarray as xr

from alerts.aqi import settle
from alerts.content import DayOutlook, RuleFinding
from alerts.onset_hours import first_hours_above
from alerts.origin_note import OriginNote
from alerts.policy import Policy
from alerts.rule_engine import findings
from pipeline.cities import City
from pipeline.names import PM_THRESHOLDS
from pipeline.paths import city_days
from pipeline.times import FORECAST_DAYS, HOUR, NS_HOUR, local_date, to_ns

FAULT: Final = "the assessment failed"
"""What a city's reason begins with where its assessment itself failed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFacts:
    """Which run speaks: every field goes into the warnings it proposes.

    ``mode`` is live, replay or simulated; ``drill`` marks a live run that nobody shall act on; ``origins``
    are those of all cities, of which a joint warning states its own.
    """

    run_id: str
    world: str
    mode: str
    issue_time: datetime
    as_of: datetime
    model_id: str
    degraded: str = ""
    calibrated: str = ""
    inputs_missing: tuple[str, ...] = ()
    drill: bool = False
    origins: tuple[OriginNote, ...] = ()


@dataclass(frozen=True)
class CityAssessment:
    """One city's complete local days, observed and forecast, oldest first; or why it cannot be assessed.

    ``courses`` says on which of ``days`` a member exceeds the lowest threshold, as one "1" or "0" a day, with
    the share of the members that take this course; empty where only days are known, not their joint samples.
    ``begun`` says of days measured at least in part where the first measured hours above it begin.
    """

    city: str
    party: str
    timezone: str
    days: tuple[DayOutlook, ...]
    missing_days: tuple[str, ...] = ()
    not_assessable: str = ""
    courses: tuple[tuple[str, float], ...] = ()
    begun: Mapping[str, str] = field(default_factory=dict)

    @property
    def coming(self) -> tuple[DayOutlook, ...]:
        """Return today and the days to come."""
        return tuple(d for d in self.days if d.lead_day >= 0)


@dataclass(frozen=True)
class Link:
    """Evidence that a downwind city exceeds after an upwind one (fields of forecasting.transport.links)."""

    upwind: str
    downwind: str
    lag_hours: float
    lift: float
    p_value: float
    sample_size: int
    joint_probability: float
    method: str
    path_share: float = 0.0
    path_winds: str = ""
    confidence: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Link:
        """Take the fields of a link from plain data, leaving out what decisions do not need."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})


@dataclass(frozen=True)
class Assessment:
    """Everything that decisions rest on; no data behind it is needed again."""

    cities: tuple[CityAssessment, ...]
    links: tuple[Link, ...] = ()
    rules: tuple[RuleFinding, ...] = ()

    def city(self, city_id: str) -> CityAssessment | None:
        """Return one city's part, or None."""
        return self._by_city.get(city_id)

    def rules_of(self, city_id: str) -> tuple[RuleFinding, ...]:
        """Return what the national rules say of one city."""
        return self._rules_by_city.get(city_id, ())

    @cached_property
    def _by_city(self) -> dict[str, CityAssessment]:
        return {c.city: c for c in self.cities}

    @cached_property
    def _rules_by_city(self) -> dict[str, tuple[RuleFinding, ...]]:
        ordered = sorted(self.rules, key=lambda finding: finding.city)
        return {city: tuple(own) for city, own in groupby(ordered, key=lambda finding: finding.city)}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)


def assess(
    paths: xr.Dataset,
    cities: Iterable[City],
    policy: Policy,
    issue_time: datetime,
    links: Iterable[Link] = (),
    dust: xr.Dataset | None = None,
) -> Assessment:
    """Assess every city of the paths: its days, and what its national rules say of today to D+3.

    A city whose assessment fails counts as not assessable, with the reason; the others are assessed.

    Parameters
    ----------
    paths : observations continued by samples [ug m-3], ``pipeline.schema.check_paths``
    issue_time : instant from which lead days count, in each city's own calendar [UTC]
    links : transport evidence for pairs of cities
    dust : dust paths of the run (``pipeline.dust_outlook``), or None where it has none
    """
    chosen = list(cities)
    found: list[CityAssessment] = []
    rules: list[RuleFinding] = []
    for city in chosen:
        try:
            own = assess_city(paths, city, policy, issue_time)
            rules += findings(paths, [city], _coming_days(issue_time, city.timezone), dust=dust)
        except Exception as error:
            log.exception("%s is not assessable; the other cities are assessed", city.id)
            own = not_assessable(city, f"{FAULT}, {type(error).__name__}")
        found.append(own)
    return Assessment(tuple(found), tuple(links), tuple(rules))


def not_assessable(city: City, why: str) -> CityAssessment:
    """Return the assessment of a city of which nothing can be said, with the reason."""
    return CityAssessment(city.id, city.party, city.timezone, (), (), why)


def assess_city(paths: xr.Dataset, city: City, policy: Policy, issue_time: datetime) -> CityAssessment:
    """Return one city's days; without enough recent observations it is not assessable."""
    share = recent_share(paths, city, issue_time, policy.assessment.recent_hours)
    means = city_days(paths, city)
    today = local_date(issue_time, city.timezone)
    days, missing, exceeds = [], [], []
    for at, day in enumerate(means.days):
        if not means.complete[at]:
            missing.append(day.isoformat())
            continue
        values = settle(means.means[:, at])
        days.append(_outlook(day, (day - today).days, values, float(means.observed_share[at])))
        exceeds.append(values > policy.thresholds(city.id)[0])
    begun = first_hours_above(paths, city, policy.thresholds(city.id)[0])
    reason = ""
    if share < policy.assessment.minimum_share:
        reason = f"{share:.0%} of the last {policy.assessment.recent_hours} h were received"
    elif not any(d.lead_day >= 0 for d in days):
        reason = "no day from today on has 75 % of its intervals"
    return CityAssessment(
        city.id, city.party, city.timezone, tuple(days), tuple(missing), reason, _courses(exceeds), begun
    )


def recent_share(paths: xr.Dataset, city: City, issue_time: datetime, hours: int) -> float:
    """Return the share of a city's reference intervals that were received of the last hours [1]."""
    spec = city.spec("pm2p5", "reference", str(paths.attrs.get("world", "measured")))
    step = spec.interval_hours if spec else 1
    times = paths["time"].values.astype("datetime64[ns]")
    recent = (times > to_ns(issue_time - hours * HOUR)) & (times <= to_ns(issue_time))
    recent &= times.astype("int64") % (step * NS_HOUR) == 0
    if not recent.any():
        return 0.0
    return float(paths["is_observed"].sel(city=city.id).values[recent].mean())


def _outlook(day: date, lead_day: int, values: np.ndarray[Any, Any], observed_share: float) -> DayOutlook:
    q10, q90 = np.quantile(values, [0.1, 0.9])
    return DayOutlook(
        day=day.isoformat(),
        lead_day=lead_day,
        mean=round(float(values.mean()), 3),
        q10=round(float(q10), 3),
        q90=round(float(q90), 3),
        probability={str(t): round(float((values > t).mean()), 4) for t in PM_THRESHOLDS},
        observed_share=round(observed_share, 3),
    )


def _courses(exceeds: list[np.ndarray[Any, Any]]) -> tuple[tuple[str, float], ...]:
    """Return the courses of the members over the days, and the share of each."""
    if not exceeds:
        return ()
    number = len(exceeds)
    marks = sum(day.astype("int64") << (number - 1 - at) for at, day in enumerate(exceeds))
    found, counts = np.unique(marks, return_counts=True)
    shares = (counts / len(exceeds[0])).round(6).tolist()
    return tuple((f"{code:0{number}b}", share) for code, share in zip(found.tolist(), shares, strict=True))


def _coming_days(issue_time: datetime, timezone: str) -> list[date]:
    today = local_date(issue_time, timezone)
    return [today + timedelta(days=lead) for lead in range(FORECAST_DAYS + 1)]
