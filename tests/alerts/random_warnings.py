"""Random warnings, each a function of its seed: products, kinds, cities, days, times and probabilities."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from alerts.content import CityOutlook, DayOutlook, RuleFinding
from alerts.examples import example_content, example_update
from alerts.message_view import Background
from pipeline.names import PM_THRESHOLDS
from pipeline.times import iso

LEVELS = {
    "J1": {"seoul": 50, "beijing": 75},
    "J2": {"seoul": 75, "beijing": 115},
    "J3": {"seoul": 115, "beijing": 150},
}
FINDINGS = {
    "seoul": ("kr.emergency_measures", "kr.emergency_measures.met"),
    "beijing": ("cn.alert.beijing", "cn.alert.beijing.orange"),
}


def day_outlook(rng, day, lead):
    mean = float(rng.uniform(5, 480))
    low, high = mean * rng.uniform(0.4, 0.95), mean * rng.uniform(1.05, 2.2)
    chances = sorted(rng.uniform(0, 1, len(PM_THRESHOLDS)), reverse=True)
    probability = {str(t): round(float(p), 3) for t, p in zip(PM_THRESHOLDS, chances, strict=True)}
    share = float(rng.choice([0.0, 0.5, 1.0], p=[0.7, 0.2, 0.1])) if lead == 0 else 0.0
    return DayOutlook(day.isoformat(), lead, mean, float(low), float(high), probability, share)


def city_outlook(rng, name, issue):
    first = issue.date()
    days = tuple(day_outlook(rng, first + timedelta(days=n), n) for n in range(4))
    peak = max(days, key=lambda d: d.mean)
    onset = issue + timedelta(hours=int(rng.integers(-30, 60)))
    end = onset + timedelta(hours=int(rng.integers(1, 90)))
    ranges = {}
    if rng.random() < 0.5:
        ranges["onset_range"] = (
            iso(onset - timedelta(hours=int(rng.integers(1, 9)))),
            iso(onset + timedelta(hours=2)),
        )
    if rng.random() < 0.5:
        ranges["end_range"] = (
            iso(end - timedelta(hours=1)),
            iso(end + timedelta(hours=int(rng.integers(1, 9)))),
        )
    return CityOutlook(
        name, name, iso(onset), iso(end), peak.day, peak.mean, days, f"{name}-episode", **ranges
    )


def random_finding(rng, outlook):
    rule, level = FINDINGS[outlook.city]
    day = outlook.days[int(rng.integers(0, 3))].day
    return RuleFinding(
        rule, "v", outlook.city, day, level, round(float(rng.uniform(0.3, 1)), 3), "forecast", "found"
    )


def random_warning(seed):
    """Return a content and what stands beside it."""
    rng = np.random.default_rng(seed)
    issue = datetime(2025, 1, 1, 2, tzinfo=UTC) + timedelta(hours=6 * int(rng.integers(0, 2000)))
    product = str(rng.choice(["joint_warning", "notice", "single_city_warning"], p=[0.6, 0.15, 0.25]))
    names = ("beijing", "seoul") if product == "joint_warning" else (str(rng.choice(["beijing", "seoul"])),)
    cities = tuple(city_outlook(rng, name, issue) for name in names)
    level = str(rng.choice(list(LEVELS))) if product == "joint_warning" else ""
    status, world = [
        ("Exercise", "simulated-7"),
        ("Exercise", "measured"),
        ("Actual", "measured"),
        ("Test", "measured"),
    ][int(rng.integers(0, 4))]
    first = example_content(
        product=product,
        level=level,
        cities=cities,
        parties=names,
        cap_status=status,
        world=world,
        simulated=world != "measured",
        rules=tuple(random_finding(rng, c) for c in cities if rng.random() < 0.7),
        links=(),
        origins=(),
        issue_time=iso(issue),
        as_of=iso(issue),
        expires=iso(max(issue + timedelta(hours=6), issue + timedelta(hours=int(rng.integers(6, 96))))),
    )
    kind = str(rng.choice(["alert", "update", "all_clear", "cancel"], p=[0.5, 0.3, 0.1, 0.1]))
    content = (
        first
        if kind == "alert"
        else replace(
            example_update(first, kind=kind, reason="newer run" if kind == "update" else "sent in error"),
            issue_time=iso(issue),
        )
    )
    party = str(rng.choice(names))
    background = Background(
        previous=first if kind == "update" else None,
        thresholds=LEVELS.get(level, {}),
        party=party,
        telephones={party: f"+00 {int(rng.integers(100, 999))} {int(rng.integers(1000, 9999))}"},
        next_update=iso(issue + timedelta(hours=6)),
        listed_from=0.3,
    )
    return content, background
