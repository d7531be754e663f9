"""Builders for decision tests: cities whose days exceed their thresholds with given probabilities."""

from dataclasses import replace
from datetime import date, timedelta

from alerts.assessment import Assessment, CityAssessment, Link, RunFacts
from alerts.content import DayOutlook
from alerts.policy import load_policy
from pipeline.cities import city
from pipeline.names import PM_THRESHOLDS
from pipeline.times import local_date, parse_instant

POLICY = replace(load_policy(), chosen=())
"""The packaged policy with one probability for all cities, levels and leads, to be read at a glance."""
FIRST = parse_instant("2026-01-14T02:00Z")
LINK = Link("beijing", "seoul", 24.0, 1.8, 0.01, 250, 0.5, "lagged exceedance")
WEAK = Link("beijing", "seoul", 24.0, 1.0, 0.60, 250, 0.5, "lagged exceedance")


def facts(cycle=0, **more):
    issue = FIRST + timedelta(hours=6 * cycle)
    given = {
        "run_id": f"run-{cycle}",
        "world": "simulated-7",
        "mode": "simulated",
        "model_id": "m",
        "as_of": issue,
    }
    return RunFacts(issue_time=issue, **{**given, **more})


def day(city_id, when, lead, probability):
    """One day: `probability` is one number for every level, or one per level of the policy."""
    levels = POLICY.thresholds(city_id)
    given = probability if isinstance(probability, tuple) else (probability,) * len(levels)
    table = {}
    for threshold in PM_THRESHOLDS:
        at = [p for t, p in zip(levels, given, strict=True) if t <= threshold]
        table[str(threshold)] = at[-1] if at else 1.0
    mean = 20.0 + 100.0 * given[0]
    share = 1.0 if lead < 0 else 0.0
    return DayOutlook(when.isoformat(), lead, mean, mean / 2, mean * 2, table, share)


def assessed(city_id, run, probabilities, past=(), blind=""):
    """A city whose days D, D+1, … have these probabilities; `past` ends with yesterday."""
    place = city(city_id)
    today = local_date(run.issue_time, place.timezone)
    leads = range(-len(past), len(probabilities))
    days = tuple(
        day(city_id, today + timedelta(days=lead), lead, p)
        for lead, p in zip(leads, (*past, *probabilities), strict=True)
    )
    return CityAssessment(city_id, place.party, place.timezone, days, (), blind)


def both(run, beijing, seoul, links=(LINK,), **more):
    return Assessment(
        (assessed("beijing", run, beijing, **more), assessed("seoul", run, seoul, **more)), links
    )


def local(day_text):
    return date.fromisoformat(day_text)
