"""Every threshold of every version of every rule: at it, just below and just above, read from the rows."""

from datetime import date, timedelta
from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from alerts.rule_engine import evaluate
from alerts.rules import all_rules, rule
from pipeline.cities import all_cities
from tests.alerts.rule_cases import BEIJING, SEOUL, paths_of

HERE = {"KR": SEOUL, "CN": BEIJING}
BITS = 0.001


def of_kind(*kinds):
    return [r for r in all_rules() if r.kind in kinds]


def reached(held, paths, day):
    """Number of the level that a single path reaches."""
    found = evaluate(held, paths, HERE[held.country], day)
    assert found.probability == 1.0, found.note
    return held.levels.index(found.level)


def days_in_force(held, before=0, after=0):
    """First and last day of a version, or a day years later where it still holds, with room around them."""
    last = held.valid_to or held.valid_from + timedelta(days=3000)
    return held.valid_from + timedelta(days=before), last - timedelta(days=after)


def named(value):
    return f"{value.id} {value.version}" if hasattr(value, "version") else str(value)


@pytest.mark.parametrize("held", of_kind("day_grade"), ids=named)
def test_korean_grades_turn_where_the_rounded_mean_passes_an_edge(held):
    for day in days_in_force(held):
        for quantity, edges in held.parameters["edges"].items():
            for number, edge in enumerate(edges):
                for mean, level in ((edge, number), (edge + 0.5 - BITS, number), (edge + 0.5, number + 1)):
                    means = {"pm2p5": [0.0], "pm10": [0.0]} | {quantity: [mean]}
                    assert reached(held, paths_of(SEOUL, day, 1, **means), day) == level


def index_by_hand(mean, points, index):
    """The Chinese index in exact fractions: round half to even, interpolate, round up."""
    whole = min(round(Fraction(str(mean))), points[-1])
    upper = max(1, next(n for n, point in enumerate(points) if whole <= point))
    rise = Fraction(index[upper] - index[upper - 1], points[upper] - points[upper - 1])
    return ceil(index[upper - 1] + rise * (whole - points[upper - 1]))


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


def running(value, hours, base=10.0):
    """A day of hourly values with ``hours`` at a value in its middle."""
    values = np.full(24, base)
    values[8 : 8 + hours] = value
    return values


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


@pytest.mark.parametrize("held", of_kind("emergency"), ids=named)
def test_emergency_measures_are_met_just_above_every_value(held):
    (day, _), met = days_in_force(held, after=1), []
    for alternative in held.parameters["alternatives"]:
        today = alternative.get("part_day_gt", 0) + (BITS if "part_day_gt" in alternative else 0)
        tomorrow = alternative["tomorrow_gt"]
        hours = np.full(24, today)
        if "advisory_today" in alternative:
            hours[16:18] = rule(alternative["advisory_today"], day).parameters["advisory_ge"]
        for after, level in ((tomorrow - BITS, 0), (tomorrow, 0), (tomorrow + BITS, 1)):
            paths = paths_of(SEOUL, day, 2, hourly=np.concatenate([hours, np.full(24, after)]))
            met.append(reached(held, paths, day) == level)
        if "part_day_gt" in alternative:
            paths = paths_of(SEOUL, day, 2, pm2p5=[alternative["part_day_gt"], tomorrow + BITS])
            assert reached(held, paths, day) == 0
    assert all(met)


@pytest.mark.parametrize("held", of_kind("preliminary"), ids=named)
def test_preliminary_measures_need_both_days_above_the_value(held):
    edge, (day, _) = held.parameters["both_days_gt"], days_in_force(held)
    for one, two, level in (
        (edge, edge + BITS, 0),
        (edge + BITS, edge, 0),
        (edge - BITS, 300, 0),
        (300, edge - BITS, 0),
        (edge + BITS, edge + BITS, 1),
    ):
        assert reached(held, paths_of(SEOUL, day, 3, pm2p5=[300, one, two]), day) == level


def test_preliminary_measures_count_paths_on_which_both_days_are_above():
    held = rule("kr.preliminary_measures", date(2026, 1, 10))
    members = {"pm2p5": [[10] * 4, [60, 60, 60, 20], [60, 20, 60, 60]]}
    found = evaluate(
        held, paths_of(SEOUL, date(2026, 1, 10), 3, members=4, **members), SEOUL, date(2026, 1, 10)
    )
    assert (found.level, found.probability) == ("kr.preliminary_measures.met", 0.5)  # not 0.75 * 0.75
    found = evaluate(held, paths_of(SEOUL, date(2026, 1, 10), 2, pm2p5=[60, 60]), SEOUL, date(2026, 1, 10))
    assert (found.level, found.probability) == ("", None)
    assert "next two days" in found.note


@pytest.mark.parametrize("held", of_kind("crisis"), ids=named)
def test_every_step_of_the_crisis_alert_turns_at_its_values(held):
    day, _ = days_in_force(held)
    for number, step in enumerate(held.parameters["steps"], start=1):
        after = step["tomorrow_gt"]
        if "today_mean_gt" in step:
            at, over = np.full(24, float(step["today_mean_gt"])), np.full(24, step["today_mean_gt"] + BITS)
        else:
            at = running(step["hourly_ge"] - BITS, step["hours"] + 3)
            over = running(step["hourly_ge"], step["hours"])
            single = np.concatenate(
                [running(step["hourly_ge"], step["hours"] - 1), np.full(24, after + BITS)]
            )
            assert reached(held, paths_of(SEOUL, day, 2, hourly=single), day) < number
        for today, tomorrow, met in (
            (over, after, False),
            (at, after + BITS, False),
            (over, after + BITS, True),
        ):
            paths = paths_of(SEOUL, day, 2, hourly=np.concatenate([today, np.full(24, tomorrow)]))
            assert (reached(held, paths, day) >= number) is met, (number, tomorrow)


def test_the_crisis_alert_asks_for_hours_only_where_tomorrow_could_make_a_step_of_them():
    day = date(2020, 1, 10)
    held = rule("kr.pm2p5_crisis", day)
    for tomorrow, level in ((75.0, "kr.pm2p5_crisis.attention"), (75.1, "")):
        paths = paths_of(SEOUL, day, 2, world="measured", pm2p5=[60.0, tomorrow])
        assert evaluate(held, paths, SEOUL, day).level == level


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


def above(index, day):
    """The lowest whole concentration whose exact index is above a value."""
    table = rule("cn.aqi", day).parameters
    points = table["breakpoints"]["pm2p5"]
    return next(c for c in range(600) if index_by_hand(c, points, table["iaqi"]) > index)


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


@pytest.mark.parametrize("held", of_kind("lift"), ids=named)
def test_a_warning_may_be_lifted_only_where_the_index_stays_low_for_its_hours(held):
    day, hours = date(2024, 11, 3), held.parameters["stay_hours"]
    low = above(held.parameters["iaqi_le"], day) - 1
    assert reached(held, paths_of(BEIJING, day - timedelta(days=2), 6, pm2p5=[low] * 6), day) == 1
    assert reached(held, paths_of(BEIJING, day - timedelta(days=2), 6, pm2p5=[low + 1] * 6), day) == 0
    values = np.full(6 * 24, float(low))
    start = 2 * 24 + 24 + hours  # the first hour past those that count from the end of the day
    values[start:] = 400.0
    assert reached(held, paths_of(BEIJING, day - timedelta(days=2), 6, hourly=values), day) == 1
    values[2 * 24 + hours - 12 :] = 400.0
    assert reached(held, paths_of(BEIJING, day - timedelta(days=2), 6, hourly=values), day) == 0


def test_a_lift_is_not_decided_where_the_hours_after_the_day_are_not_known():
    day = date(2024, 11, 3)
    held = rule("cn.alert_lift", day)
    paths = paths_of(BEIJING, day - timedelta(days=2), 3, pm2p5=[20] * 3)
    found = evaluate(held, paths, BEIJING, day)
    assert (found.level, found.probability) == ("", None)
    assert "the 36 h after the day" in found.note


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
    }
    assert kinds - tested == {"dust_warning", "dust_crisis", "dust_notice", "timetable"}
