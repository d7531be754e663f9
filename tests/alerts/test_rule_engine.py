"""Korean rules on paths: every edge at, just below and just above, coverage, proxies and dates."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule_engine import evaluate, findings, level_probabilities
from alerts.rules import rule
from tests.alerts.rule_cases import SEOUL, paths_of


def grade(day, **means):
    return evaluate(rule("kr.grade", day), paths_of(SEOUL, day, 1, **means), SEOUL, day).level


OLD, NEW = date(2018, 3, 26), date(2018, 3, 27)


@pytest.mark.parametrize(
    ("day", "mean", "level"),
    [
        (NEW, 15.49, "good"),
        (NEW, 15.5, "moderate"),
        (NEW, 35.0, "moderate"),
        (NEW, 35.49, "moderate"),
        (NEW, 35.5, "bad"),
        (NEW, 75.49, "bad"),
        (NEW, 75.5, "very_bad"),
        (OLD, 15.49, "good"),
        (OLD, 15.5, "moderate"),
        (OLD, 50.49, "moderate"),
        (OLD, 50.5, "bad"),
        (OLD, 100.49, "bad"),
        (OLD, 100.5, "very_bad"),
    ],
)
def test_korean_grade_of_pm2p5_rounds_half_up_before_it_compares(day, mean, level):
    assert grade(day, pm2p5=[mean], pm10=[10.0]) == f"kr.grade.{level}"


@pytest.mark.parametrize(
    ("mean", "level"),
    [
        (30.49, "good"),
        (30.5, "moderate"),
        (80.49, "moderate"),
        (80.5, "bad"),
        (150.49, "bad"),
        (150.5, "very_bad"),
    ],
)
def test_korean_grade_is_the_worse_of_the_two(mean, level):
    assert grade(NEW, pm2p5=[5.0], pm10=[mean]) == f"kr.grade.{level}"


def test_worse_of_two_is_taken_on_every_path_not_on_probabilities():
    paths = paths_of(SEOUL, NEW, 1, members=4, pm2p5=[[80, 20, 20, 20]], pm10=[[20, 160, 20, 20]])
    held = level_probabilities(rule("kr.grade", NEW), paths, SEOUL, NEW)
    assert held.at_least == (1.0, 1.0, 0.5, 0.5)  # 20 ug m-3 of PM2.5 is moderate


def test_evidence_is_the_weakest_of_what_was_used():
    both = evaluate(rule("kr.grade", OLD), paths_of(SEOUL, OLD, 1, pm2p5=[10], pm10=[10]), SEOUL, OLD)
    one = evaluate(rule("kr.grade", OLD), paths_of(SEOUL, OLD, 1, pm2p5=[10]), SEOUL, OLD)
    assert (both.evidence, one.evidence) == ("unverified", "found")
    assert "PM10 not available" in one.note
    assert "rounding mode unverified" in both.note


def test_a_day_with_less_than_three_quarters_of_its_hours_is_not_decided():
    day = date(2020, 1, 10)
    for hours, decided in ((18, True), (17, False)):
        values = np.full(24, 80.0)
        values[hours:] = np.nan
        found = evaluate(rule("kr.grade", day), paths_of(SEOUL, day, 1, hourly=values), SEOUL, day)
        assert (found.probability is not None) is decided
    assert found.level == ""
    assert "75 %" in found.note


def advisory(values, day=date(2020, 1, 10), days=1, on=0):
    paths = paths_of(SEOUL, day, days, hourly=values)
    when = day + timedelta(days=on)
    return evaluate(rule("kr.advisory.pm2p5", when), paths, SEOUL, when).level.rsplit(".", 1)[1]


def hours(*runs):
    """Hourly values of whole days: runs of (value, hours), then 20 to the end of the day."""
    values = [v for value, count in runs for v in [value] * count]
    return np.array(values + [20.0] * (-len(values) % 24))


@pytest.mark.parametrize(
    ("day", "edge", "warning"), [(date(2020, 1, 10), 75, 150), (date(2018, 6, 30), 90, 180)]
)
def test_korean_advisory_needs_two_hours_at_or_above_the_edge(day, edge, warning):
    assert advisory(hours((20, 5), (edge, 2)), day) == "advisory"
    assert advisory(hours((20, 5), (edge, 1)), day) == "none"
    assert advisory(hours((20, 5), (edge - 0.1, 10)), day) == "none"
    assert advisory(hours((20, 5), (edge, 1), (20, 1), (edge, 1)), day) == "none"
    assert advisory(hours((20, 5), (warning, 2)), day) == "warning"
    assert advisory(hours((20, 5), (warning, 1), (edge, 1)), day) == "advisory"
    assert advisory(hours((20, 5), (warning - 0.1, 3)), day) == "advisory"


def test_korean_advisory_holds_until_a_single_hour_below_the_lift_value():
    held = hours((20, 20), (80, 4), (35, 24))
    lifted = hours((20, 20), (80, 4), (34.9, 24))
    first_hour_only = hours((20, 20), (80, 4), (34.9, 1), (60, 23))
    assert advisory(held, days=2, on=1) == "advisory"
    assert advisory(lifted, days=2, on=1) == "none"
    assert advisory(first_hour_only, days=2, on=1) == "none"


def test_korean_warning_becomes_an_advisory_below_75_and_not_at_75():
    at = hours((20, 20), (160, 4), (75, 24))
    below = hours((20, 20), (160, 4), (74.9, 24))
    assert advisory(at, days=2, on=1) == "warning"
    assert advisory(below, days=2, on=1) == "advisory"


def test_an_hour_without_a_value_breaks_the_run_of_hours():
    values = hours((20, 5), (80, 1), (np.nan, 1), (80, 1))
    assert advisory(values) == "none"


def test_an_advisory_is_not_decided_on_a_three_hourly_series():
    day = date(2019, 3, 5)
    paths = paths_of(SEOUL, day, 1, world="measured", pm2p5=[135.0])
    found = evaluate(rule("kr.advisory.pm2p5", day), paths, SEOUL, day)
    assert found.probability is None
    assert "no hourly PM2P5 series of seoul" in found.note
    sparse = paths["pm2p5"].where(paths["time"].dt.hour % 3 == 0)
    found = evaluate(
        rule("kr.advisory.pm2p5", day), paths.assign(pm2p5=sparse, pm2p5_hourly=sparse), SEOUL, day
    )
    assert found.probability is None
    assert "75 % of the hours" in found.note


def test_the_downtown_proxy_is_named_in_the_finding():
    day = date(2019, 3, 5)
    paths = paths_of(SEOUL, day, 1, world="measured", pm2p5=[135.0], pm2p5_hourly=[130.0])
    found = evaluate(rule("kr.advisory.pm2p5", day), paths, SEOUL, day)
    assert found.level == "kr.advisory.pm2p5.advisory"
    assert "downtown proxy" in found.note


@pytest.mark.parametrize(
    ("day", "today", "tomorrow", "met"),
    [
        (date(2020, 1, 10), 50.1, 50.1, True),
        (date(2020, 1, 10), 50.0, 60.0, False),
        (date(2020, 1, 10), 60.0, 50.0, False),
        (date(2020, 1, 10), 10.0, 75.1, True),
        (date(2020, 1, 10), 10.0, 75.0, False),
        (date(2019, 2, 13), 10.0, 75.1, False),  # the first version knew no third criterion
        (date(2019, 2, 13), 51.0, 51.0, True),
    ],
)
def test_korean_emergency_measures(day, today, tomorrow, met):
    paths = paths_of(SEOUL, day, 2, pm2p5=[today, tomorrow])
    held = rule("kr.emergency_measures_seoul" if day < date(2019, 2, 15) else "kr.emergency_measures", day)
    found = evaluate(held, paths, SEOUL, day)
    assert found.level == f"kr.emergency_measures.{'met' if met else 'none'}"
    assert found.probability == 1.0


def test_emergency_measures_read_only_the_hours_to_16():
    day = date(2020, 1, 10)
    values = np.concatenate([np.full(16, 40.0), np.full(8, 70.0), np.full(24, 60.0)])
    found = evaluate(rule("kr.emergency_measures", day), paths_of(SEOUL, day, 2, hourly=values), SEOUL, day)
    assert found.level.endswith("none")
    values[16:18] = 80.0  # an advisory of the evening
    found = evaluate(rule("kr.emergency_measures", day), paths_of(SEOUL, day, 2, hourly=values), SEOUL, day)
    assert found.level.endswith("met")


def test_emergency_measures_are_not_decided_beyond_the_horizon():
    day = date(2020, 1, 10)
    found = evaluate(rule("kr.emergency_measures", day), paths_of(SEOUL, day, 1, pm2p5=[90]), SEOUL, day)
    assert (found.probability, found.level) == (None, "")
    assert "next day" in found.note


def test_what_decides_no_warning_is_judged_only_where_it_is_asked_for():
    day = date(2020, 1, 10)
    paths = paths_of(SEOUL, day, 1, pm2p5=[90])
    found = {f.rule: f for f in findings(paths, [SEOUL], [day], everything=True)}
    assert found["kr.forecast_schedule"].note.startswith("not decidable: a timetable holds no criterion")
    assert found["kr.standard.pm2p5"].level == "kr.standard.pm2p5.above"
    assert found["kr.standard.pm10"].evidence == "unverified"
    assert {f.rule for f in found.values()} > {f.rule for f in findings(paths, [SEOUL], [day])}
    assert "kr.standard.pm2p5" not in {f.rule for f in findings(paths, [SEOUL], [day])}


def test_basis_tells_measurement_from_forecast():
    day = date(2020, 1, 10)
    spread = [[30.0, 40.0]]
    one = paths_of(SEOUL, day, 2, members=2, pm2p5=[30.0, *spread])
    bases = [evaluate(rule("kr.grade", d), one, SEOUL, d).basis for d in (day, day + timedelta(days=1))]
    assert bases == ["observed", "forecast"]
    half = one.copy(deep=True)
    half["pm2p5"][:, :, :12] = [[[20.0]], [[90.0]]]
    assert evaluate(rule("kr.grade", day), half, SEOUL, day).basis == "mixed"


def test_headline_is_the_level_that_half_of_the_paths_reach():
    day = date(2020, 1, 10)
    paths = paths_of(SEOUL, day, 1, members=4, pm2p5=[[80, 40, 20, 20]])
    found = evaluate(rule("kr.grade", day), paths, SEOUL, day)
    assert (found.level, found.probability) == ("kr.grade.bad", 0.5)
    grade = rule("kr.grade", day)
    held = level_probabilities(grade, paths, SEOUL, day)
    assert held.at_least[grade.levels.index("kr.grade.very_bad")] == 0.25
    calm = evaluate(
        rule("kr.grade", day), paths_of(SEOUL, day, 1, members=4, pm2p5=[[9, 9, 9, 40]]), SEOUL, day
    )
    assert (calm.level, calm.probability) == ("kr.grade.good", 0.75)


def state_by_hand(values, issue=75, lift=35, warn=150):
    """The advisory rule as a reader of the regulation would walk through the hours."""
    state, states = "none", []
    for t, now in enumerate(values):
        before = values[t - 1] if t else 0
        if state == "warning" and now < issue:
            state = "advisory"
        if now < lift:
            state = "none"
        if min(now, before) >= warn:
            state = "warning"
        elif min(now, before) >= issue and state == "none":
            state = "advisory"
        states.append(state)
    return max(states, key=["none", "advisory", "warning"].index)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([20, 34.9, 35, 60, 74.9, 75, 100, 149.9, 150, 200]), min_size=24, max_size=24)
)
def test_advisory_agrees_with_a_walk_through_the_hours(values):
    assert advisory(np.array(values, float)) == state_by_hand(values)
