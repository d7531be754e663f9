"""What a national rule says about one city and day, from joint paths over days.

A rule is evaluated member by member: each path gets the number of the level it reaches, and every
probability is a share of the paths. Observations alone are one path, so their probabilities are 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import xarray as xr

from alerts.area_rules import decided_alone
from alerts.content import RuleFinding
from alerts.dust_rules import LEFT_OUT, without_dust
from alerts.judged import Undecidable
from alerts.rule_evaluators import BESIDE, DUST, EVALUATORS
from alerts.rules import Rule, rules_in_force
from pipeline.cities import City

HEADLINE_PROBABILITY = 0.5
"""A finding names the highest level that at least this share of the paths reaches."""

HEAVY_POLLUTION = "aqi_days"
"""Kind of the rules whose plans leave dust to the plans for sandstorms."""


@dataclass(frozen=True)
class LevelProbabilities:
    """Probability of each level or worse (1 for the lowest); None, with a note, where not decidable."""

    levels: tuple[str, ...]
    at_least: tuple[float, ...] | None
    basis: str
    evidence: str
    note: str


def evaluate(rule: Rule, paths: xr.Dataset, city: City, day: date) -> RuleFinding:
    """Return what one rule says about one city on one local day (KST in Korea, CST in China).

    Parameters
    ----------
    rule : a version in force on ``day`` (see ``alerts.rules.rules_in_force``)
    paths : observations continued by samples (realization, city, time) [ug m-3], ``schema.check_paths``
    city : the city, whose series tell which variable is hourly and which a proxy
    day : local date; for measures that follow on the next day, the day of decision

    Returns
    -------
    finding with the highest level that half of the paths reach and the probability of that level or worse;
    for the lowest level, the probability of exactly that. ``probability`` is None, with a note, where the
    rule is not decidable from these data (resolution, coverage under 75 %, beyond the horizon, a timetable);
    ``level`` is then empty.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from alerts.rules import rule as rule_of
    >>> from pipeline.cities import city as city_of
    >>> from pipeline.times import hour_range, local_day_bounds
    >>> start, end = local_day_bounds(date(2026, 3, 1), "Asia/Shanghai")
    >>> grid = hour_range(start, end)
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), np.full((1, 1, 24), 60.0)),
    ...     "is_observed": (("city", "time"), np.ones((1, 24), bool))},
    ...     coords={"realization": [0], "city": ["beijing"], "time": grid}, attrs={"world": "measured"})
    >>> found = evaluate(rule_of("cn.aqi", date(2026, 3, 1)), paths, city_of("beijing"), date(2026, 3, 1))
    >>> found.level, found.probability, found.basis
    ('cn.aqi.good', 1.0, 'observed')
    """
    held = level_probabilities(rule, paths, city, day)
    if held.at_least is None:
        return _finding(rule, city, day, "", None, held)
    reached = [k for k, p in enumerate(held.at_least) if p >= HEADLINE_PROBABILITY]
    top = max(reached)
    probability = held.at_least[top] if top > 0 else 1.0 - held.at_least[1]
    return _finding(rule, city, day, rule.levels[top], round(probability, 4), held)


def findings(
    paths: xr.Dataset,
    cities: Iterable[City],
    days: Iterable[date],
    *,
    everything: bool = False,
    dust: xr.Dataset | None = None,
) -> tuple[RuleFinding, ...]:
    """Return one finding per city, day and rule in force; what can decide no warning only if asked for.

    Parameters
    ----------
    dust : dust paths (``pipeline.dust_outlook.DUST_CONTRACT``); without them rules on dust are left out.
        Heavy-pollution warnings are judged without the hours of dust, which their plans exclude
    """
    chosen = list(days)
    found = []
    for city in cities:
        clean, any_left_out = (paths, False) if dust is None else without_dust(paths, dust, city)
        for day in chosen:
            for rule in rules_in_force(day, city.country, city.id):
                if rule.undecidable and not everything:
                    continue
                if rule.kind in DUST and dust is not None:
                    found.append(evaluate(rule, dust, city, day))
                elif rule.kind == HEAVY_POLLUTION:
                    judged = evaluate(rule, paths, city, day)
                    found.append(_cleaned(judged, rule, clean, city) if any_left_out else judged)
                elif rule.kind not in DUST and (everything or rule.kind not in BESIDE):
                    found.append(evaluate(rule, paths, city, day))
    return tuple(found)


def level_probabilities(rule: Rule, paths: xr.Dataset, city: City, day: date) -> LevelProbabilities:
    """Return the probability of each level of a rule or worse; it never rises from one level to the next."""
    evidence = rule.evidence_for(["pm2p5"])
    try:
        if rule.undecidable:
            raise Undecidable(rule.undecidable)
        if rule.zone != city.timezone:
            raise Undecidable(f"the rule's day is that of {rule.zone}")
        judged = decided_alone(rule, EVALUATORS[rule.kind](rule, paths, city, day), city)
    except Undecidable as reason:
        return LevelProbabilities(rule.levels, None, "", evidence, f"not decidable: {reason}")
    at_least = tuple(float(np.mean(judged.levels >= k)) for k in range(len(rule.levels)))
    evidence = rule.evidence_for(judged.quantities)
    return LevelProbabilities(rule.levels, at_least, judged.basis, evidence, judged.note)


def _cleaned(judged: RuleFinding, rule: Rule, clean: xr.Dataset, city: City) -> RuleFinding:
    """Return the finding without hours of dust; where nothing else is left of a day it reaches no level."""
    again = evaluate(rule, clean, city, date.fromisoformat(judged.day))
    if again.probability is None and judged.probability is not None:
        again = replace(judged, level=rule.levels[0], probability=1.0)
    return replace(again, note="; ".join(part for part in (LEFT_OUT, again.note) if part))


def _finding(
    rule: Rule, city: City, day: date, level: str, probability: float | None, held: LevelProbabilities
) -> RuleFinding:
    note = "; ".join(part for part in (held.note, rule.note) if part)
    return RuleFinding(
        rule=rule.id,
        version=rule.version,
        city=city.id,
        day=day.isoformat(),
        level=level,
        probability=probability,
        basis=held.basis,
        evidence=held.evidence,
        note=note,
    )
