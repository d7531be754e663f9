"""Which rules ask for which event, and the table of events of a run or a hindcast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd

from alerts.aqi import iaqi
from alerts.rules import Rule, all_rules
from forecasting.events import event_table
from pipeline.cities import all_cities

Condition = tuple[str, int, int]
"""Kind (``days`` or ``hours``), length, and threshold [ug m-3]."""


def events_of(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return ``forecasting.events.event_table`` of every quantity, with the rules that ask for each event.

    Parameters
    ----------
    tables : predictions by quantity

    ``rules`` names rules of the city's country, in force or not, by whose numbers the event counts; their own
    roundings and running means are those of the findings of a run.
    """
    return pd.concat([_of_quantity(rows, q) for q, rows in tables.items()], ignore_index=True)


def _of_quantity(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
    table = event_table(rows)
    asked = {city.id: _askers(city.country, quantity) for city in all_cities().values()}
    keys = zip(table["city"], table["kind"], table["length"], table["threshold"], strict=True)
    rules = [", ".join(asked.get(city, {}).get((kind, n, at), ())) for city, kind, n, at in keys]
    return table.assign(quantity=quantity, rules=rules)


@cache
def _askers(country: str, quantity: str) -> dict[Condition, tuple[str, ...]]:
    found: dict[Condition, dict[str, None]] = {}
    for rule in all_rules():
        if rule.country == country:
            for condition in conditions_of(rule, quantity):
                found.setdefault(condition, {})[rule.id] = None
    return {condition: tuple(ids) for condition, ids in found.items()}


def conditions_of(rule: Rule, quantity: str) -> frozenset[Condition]:
    """Return what a rule asks for of one quantity, as stretches above concentrations.

    Examples
    --------
    >>> from datetime import date
    >>> from alerts.rules import rule
    >>> sorted(conditions_of(rule("kr.advisory.pm2p5", date(2020, 1, 1)), "pm2p5"))
    [('hours', 2, 75), ('hours', 2, 150)]
    >>> sorted(conditions_of(rule("kr.emergency_measures", date(2020, 1, 1)), "pm2p5"))
    [('days', 1, 50), ('days', 1, 75), ('days', 2, 50)]
    """
    if rule.undecidable:
        return frozenset()
    readers = {
        "day_grade": _of_grades,
        "aqi": _of_index,
        "aqi_days": _of_index_days,
        "hourly_alert": _of_hours,
        "emergency": _of_measures,
        "preliminary": _of_both_days,
        "crisis": _of_steps,
    }
    reader = readers.get(rule.kind)
    return frozenset(reader(rule, quantity)) if reader else frozenset()


def _of_grades(rule: Rule, quantity: str) -> Iterator[Condition]:
    for edge in rule.parameters["edges"].get(quantity, ()):
        yield "days", 1, int(edge)


def _of_index(rule: Rule, quantity: str) -> Iterator[Condition]:
    edges = rule.parameters["breakpoints"].get(quantity, ())
    for edge in edges[1:-1]:
        yield "days", 1, int(edge)


def _of_index_days(rule: Rule, quantity: str) -> Iterator[Condition]:
    if quantity != "pm2p5":
        return
    tables = [r for r in all_rules() if r.id == "cn.aqi" and _overlap(r, rule)]
    for alternative in (a for level in rule.parameters["criteria"] for a in level):
        for table in tables:
            yield "days", int(alternative["days"]), _concentration(int(alternative["gt"]), table)


def _of_hours(rule: Rule, quantity: str) -> Iterator[Condition]:
    if rule.parameters["quantity"] == quantity:
        for name in ("advisory_ge", "warning_ge"):
            yield "hours", int(rule.parameters["hours"]), int(rule.parameters[name])


def _of_measures(rule: Rule, quantity: str) -> Iterator[Condition]:
    if quantity == "pm2p5":
        for alternative in rule.parameters["alternatives"]:
            days = 2 if "part_day_gt" in alternative else 1
            yield "days", days, int(alternative["tomorrow_gt"])


def _of_both_days(rule: Rule, quantity: str) -> Iterator[Condition]:
    if quantity == "pm2p5":
        yield "days", 2, int(rule.parameters["both_days_gt"])


def _of_steps(rule: Rule, quantity: str) -> Iterator[Condition]:
    """Yield today and tomorrow apart where a step asks for hours of today, else as a stretch of days."""
    if quantity != "pm2p5":
        return
    for step in (*rule.parameters["steps"], *rule.parameters["attention_or"]):
        yield "days", 2 if "today_mean_gt" in step else 1, int(step["tomorrow_gt"])
        if "hourly_ge" in step:
            yield "hours", int(step["hours"]), int(step["hourly_ge"])


def _overlap(one: Rule, other: Rule) -> bool:
    """Tell whether two rules were ever in force together."""
    ends = [r.valid_to for r in (one, other) if r.valid_to is not None]
    return max(one.valid_from, other.valid_from) <= min(ends, default=max(one.valid_from, other.valid_from))


def _concentration(index: int, table: Rule) -> int:
    """Return the highest whole concentration whose index is not above a value."""
    whole = np.arange(0, 1001)
    return int(whole[iaqi(whole, "pm2p5", table) <= index].max())
