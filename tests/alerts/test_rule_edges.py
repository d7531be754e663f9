"""Every threshold of every version of every rule: at it, just below and just above, read from the rows.

Those of Korean measures stand in test_rule_measures_edges.py, those of lifting in test_rule_lift.py.
"""

from datetime import date, timedelta

import numpy as np
import pytest

from alerts.rule_engine import evaluate
from alerts.rules import all_rules, rule
from pipeline.cities import all_cities
from tests.alerts.rule_cases import (
    BEIJING,
    BITS,
    HERE,
    SEOUL,
    above,
    days_in_force,
    index_by_hand,
    named,
    of_kind,
    paths_of,
    reached,
    running,
)


@pytest.mark.parametrize("held", of_kind("day_grade"), ids=named)
def test_korean_grades_turn_where_the_rounded_mean_passes_an_edge(held):
    for day in days_in_force(held):
        for quantity, edges in held.parameters["edges"].items():
            for number, edge in enumerate(edges):
                for mean, level in ((edge, number), (edge + 0.5 - BITS, number), (edge + 0.5, number + 1)):
                    means = {"pm2p5": [0.0], "pm10": [0.0]} | {quantity: [mean]}
                    assert reached(held, paths_of(SEOUL, day, 1, **means), day) == level


@pytest.mark.slow
@pytest.mark.parametrize("held", of_kind("aqi"), ids=named)
def test_chinese_levels_turn_where_the_exact_index_passes_an_edge(held):
    index, edges = held.parameters["iaqi"], held.parameters["level_above"]
    for day in days_in_force(held):
        for quantity, points in held.parameters["breakpoints"].items():
            for point in points[1:]:
                for mean in (point - 1, point - 0.5, point, point + 0.499, point + 0.5, point + 1):
                    means = {"pm2p5": [0.0], "pm10": [0.0]} | {quantity: [mean]}
                    expected = sum(index_by_hand(mean, points, index) > edge for edge in edges)
                    assert reached(held, paths_of(BEIJING, day, 1, **means), day) == expected


@pytest.mark.parametrize("held", of_kind("hourly_alert"), ids=named)
def test_korean_advisories_are_issued_and_lifted_at_their_values(held):
    p, quantity = held.parameters, held.parameters["quantity"]

    def state(values, day):
        paths = paths_of(SEOUL, day, 1, hourly=values)
        return reached(held, paths.assign({quantity: paths["pm2p5"]}), day)

    for day in days_in_force(held):
        for edge, level in ((p["advisory_ge"], 1), (p["warning_ge"], 2)):
            assert state(running(edge, p["hours"]), day) == level
            assert state(running(edge, p["hours"] - 1), day) < level
            assert state(running(edge - BITS, p["hours"] + 5), day) == level - 1
            assert state(running(edge + BITS, p["hours"]), day) == level


@pytest.mark.parametrize("held", of_kind("hourly_alert"), ids=named)
@pytest.mark.parametrize(
    ("issue", "lift", "kept", "left"),
    [("advisory_ge", "advisory_lift_lt", 1, 0), ("warning_ge", "warning_to_advisory_lt", 2, 1)],
)
def test_korean_advisories_end_with_one_hour_below_their_lift_value(held, issue, lift, kept, left):
    p, quantity = held.parameters, held.parameters["quantity"]
    for day, _ in (days_in_force(held, before=1),):
        for value, level in ((p[lift], kept), (p[lift] + BITS, kept), (p[lift] - BITS, left)):
            hours = np.concatenate([np.full(22, 10.0), np.full(2, float(p[issue])), np.full(24, value)])
            paths = paths_of(SEOUL, day, 2, hourly=hours)
            paths = paths.assign({quantity: paths["pm2p5"]})
            assert reached(held, paths, day + timedelta(days=1)) == level


@pytest.mark.parametrize("held", of_kind("standard"), ids=named)
def test_standards_are_passed_just_above_their_value(held):
    edge, quantity = held.parameters["day_mean"], held.parameters["quantity"]
    for day in days_in_force(held):
        for mean, level in ((edge - BITS, 0), (edge, 0), (edge + BITS, 1)):
            means = {"pm2p5": [0.0], quantity: [mean]}
            assert reached(held, paths_of(HERE[held.country], day, 1, **means), day) == level


@pytest.mark.parametrize("held", of_kind("season"), ids=named)
def test_the_season_is_that_of_the_calendar(held):
    for month in range(1, 13):
        day = date(held.valid_from.year + 1, month, 1)
        assert reached(held, paths_of(SEOUL, day, 1, pm2p5=[1]), day) == int(
            month in held.parameters["months"]
        )


@pytest.mark.parametrize("held", of_kind("aqi_days"), ids=named)
def test_every_alternative_of_a_chinese_warning_needs_its_days_and_its_index(held):
    first, _ = days_in_force(held)
    place = (
        BEIJING if held.applies_to("beijing") else next(c for c in all_cities().values() if c.country == "CN")
    )
    day = first + timedelta(days=3)
    for number, alternatives in enumerate(held.parameters["criteria"], start=1):
        for a in alternatives:
            over = above(a["gt"], day)
            means = [float(over)] * a["days"]
            if "also_gt" in a:
                means[: a["also_days"]] = [float(above(a["also_gt"], day))] * a["also_days"]
            for run, met in ((means, True), ([m - 1 for m in means], False), (means[:-1], False)):
                calm = [10.0] * 3
                paths = paths_of(place, first, 3 + len(run) + 3, pm2p5=[*calm, *run, *calm])
                found = held.levels.index(evaluate(held, paths, place, day).level)
                weaker = any(
                    n >= number and holds(x, run, day)
                    for n, level in enumerate(held.parameters["criteria"], 1)
                    for x in level
                )
                assert (found >= number) == weaker
                assert weaker or not met


def holds(alternative, run, day):
    """Whether whole days satisfy an alternative, by counting them."""
    table = rule("cn.aqi", day).parameters
    indices = [index_by_hand(m, table["breakpoints"]["pm2p5"], table["iaqi"]) for m in run]
    best = length = high = 0
    for value in [*indices, 0]:
        length, high = (
            (length + 1, high + (value > alternative.get("also_gt", 999)))
            if value > alternative["gt"]
            else (0, 0)
        )
        best = max(best, length if high >= alternative.get("also_days", 0) else 0)
    return best >= alternative["days"]


def test_real_time_values_of_the_korean_index_agree_with_the_formula():
    """``C24E = (C12 * 12 + C4 * 12) / 24``: 12 h of 20, then an hour of 40, which is 1.85 times the mean."""
    day = date(2026, 1, 11)
    held = rule("kr.cai", day)
    values = np.full(48, 20.0)
    values[30] = 60.0
    twelve, four = (11 * 20 + 60) / 12, (3 * 20 + 60) / 4  # 60 is above 1.7 times 23.3: taken whole
    value = (twelve * 12 + four * 12) / 24
    expected = [0, 16, 36, 76]
    level = sum(round(value) >= edge for edge in expected[1:])
    assert reached(held, paths_of(SEOUL, day - timedelta(days=1), 2, hourly=values), day) == level == 1
    values[26:31] = 400.0
    assert reached(held, paths_of(SEOUL, day - timedelta(days=1), 2, hourly=values), day) == 3


def test_dust_chain_has_its_own_edges():
    kinds = {r.kind for r in all_rules()}
    tested = {
        "day_grade",
        "aqi",
        "hourly_alert",
        "emergency",
        "preliminary",
        "crisis",
        "standard",
        "season",
        "aqi_days",
        "lift",
        "cai",
        "standard_year",
        "crisis_duration",
    }
    assert kinds - tested == {"dust_warning", "dust_crisis", "dust_notice", "timetable"}
