"""A case for or against a decision: one city's ground, how it moved, what others say, and why to doubt it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.policy import Policy
from forecasting.reasons.stored import read_reasons
from pipeline.dust_outlook import read_outlook
from pipeline.ledger.runs import RunRow
from pipeline.settings import Settings
from review.desk.air import CityAir
from review.desk.doubt import Doubt, Evidence, doubts
from review.desk.history import History, history_of
from review.desk.officials import Opinions, opinions_of
from review.desk.pending import Ground
from review.desk.run_forecast import Day, RunForecast
from review.security import product_file

DUST_VERDICTS = ("dust", "pm10_event")


@dataclass(frozen=True)
class Case:
    """One city's ground with everything that speaks for and against it."""

    ground: Ground
    forecast: Day | None
    history: History
    opinions: Opinions
    doubts: tuple[Doubt, ...]

    @property
    def doubt(self) -> Doubt | None:
        """Return the largest reason to doubt it, None where none is worth naming."""
        return self.doubts[0] if self.doubts else None


@dataclass(frozen=True)
class Basis:
    """What cases are drawn from: the runs that count, newest first, the newest's forecast, the air now."""

    settings: Settings
    policy: Policy
    runs: Sequence[RunRow]
    forecast: RunForecast | None
    airs: Mapping[str, CityAir]
    cycles_behind: int

    @property
    def run(self) -> RunRow | None:
        """Return the newest run that counts."""
        return self.runs[0] if self.runs else None


def case_of(basis: Basis, ground: Ground) -> Case:
    """Return the case of one ground."""
    found = basis.forecast.of(ground.city).of_day(ground.day) if basis.forecast is not None else None
    asked: dict[str, Any] = {"city": ground.city, "day": ground.day, "threshold": ground.threshold}
    history = history_of(basis.runs, basis.settings, opening=ground.opening, **asked)
    we_warn = ground.chance >= ground.opening
    opinions = opinions_of(basis.run, basis.settings, we_warn=we_warn, **asked)
    evidence = _evidence(basis, ground, found, (history, opinions))
    return Case(ground, found, history, opinions, doubts(evidence))


def strongest_ground(forecast: RunForecast | None, policy: Policy, cities: Sequence[str]) -> Ground | None:
    """Return the day of all cities nearest to opening the lowest level; None without a forecast."""
    found = [
        Ground(city, day.day, day.lead_day, lowest, chance, policy.opening(city, 1, day.lead_day))
        for city in cities
        for lowest in policy.thresholds(city)[:1]
        for day in (forecast.of(city).days if forecast is not None else ())
        if not day.is_outlook
        for chance in [day.chance_over(lowest)]
        if chance is not None
    ]
    return max(found, key=lambda ground: ground.chance - ground.opening, default=None)


def largest_doubt(cases: Sequence[Case]) -> tuple[Case, Doubt] | None:
    """Return the largest doubt of all cases, with the case that it is about."""
    found = [(case, case.doubt) for case in cases if case.doubt is not None]
    return max(found, key=lambda pair: pair[1].weight, default=None)


def _evidence(basis: Basis, ground: Ground, found: Day | None, told: tuple[History, Opinions]) -> Evidence:
    run, air = basis.run, basis.airs.get(ground.city)
    inputs = run.inputs if run is not None else {}
    history, opinions = told
    alike, like_none = _alike(run, basis.settings, ground)
    quantiles = found.quantiles if found is not None else {}
    return Evidence(
        city=ground.city,
        chance=ground.chance,
        opening=ground.opening,
        threshold=ground.threshold,
        low=quantiles.get("q10"),
        median=quantiles.get("q50"),
        high=quantiles.get("q90"),
        has_model=run is None or run.model_id is not None,
        missing=tuple(inputs.get("missing") or ()),
        coverage=air.coverage if air is not None else None,
        spread=history.spread,
        flips=history.flips,
        like_none=like_none,
        alike=alike,
        uncalibrated=str(inputs.get("calibrated") or ""),
        against=tuple(one.source for one in opinions.against),
        combined=opinions.combined,
        cycles_behind=basis.cycles_behind,
        dust=_is_dust(run, basis.settings, ground),
    )


def _alike(run: RunRow | None, settings: Settings, ground: Ground) -> tuple[int | None, bool]:
    """Return how many past cases were like a day, and whether the run found none that was."""
    path = product_file(run, "reasons", settings) if run is not None else None
    document = read_reasons(path) if path is not None else None
    cities = document["cities"] if document is not None else []
    alike = next((city.get("analogs") for city in cities if city["city"] == ground.city), None)
    if not alike:
        return None, False
    counted = alike.get("counted", {}).get(str(ground.lead_day))
    return (None if counted is None else int(counted)), bool(alike.get("like_none"))


def _is_dust(run: RunRow | None, settings: Settings, ground: Ground) -> bool:
    """Tell whether a run judged a day to be one of dust."""
    path = product_file(run, "dust", settings) if run is not None else None
    outlook = read_outlook(path) if path is not None else None
    days = outlook.days if outlook is not None else ()
    at = (ground.city, ground.day.isoformat())
    return any((day.city, day.day) == at and day.verdict in DUST_VERDICTS for day in days)
