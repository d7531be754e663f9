"""Lifting of Chinese warnings: only where one is in force, replayed day by day, and only for long enough."""

from datetime import date, timedelta

import numpy as np
import pytest

from alerts.rule_engine import evaluate
from alerts.rules import rule
from tests.alerts.rule_cases import BEIJING, above, named, of_kind, paths_of, reached

DAY = date(2024, 11, 5)
NO_WARNING, HELD, MAY_LIFT = 0, 1, 2
HEAVY, LOW = 200.0, float(above(150, DAY) - 1)
HOURS = 36


def here(held):
    return held if held.applies_to("beijing") else rule("cn.alert_lift_beijing", DAY)


def judged(means, at, held="cn.alert_lift_beijing", hourly=False, first=DAY - timedelta(days=3)):
    """Level number on the day ``at`` of a run of days."""
    day = first + timedelta(days=at)
    values = {"hourly": means} if hourly else {"pm2p5": means}
    paths = paths_of(BEIJING, first, len(means) // 24 if hourly else len(means), **values)
    return reached(rule(held, day), paths, day)


def test_without_a_warning_in_force_there_is_nothing_to_lift():
    assert judged([LOW] * 7, 3) == NO_WARNING
    assert judged([20.0] * 7, 3) == NO_WARNING


def test_a_warning_is_held_while_the_index_is_high_and_may_be_lifted_when_it_stays_low():
    days = [20.0, HEAVY, HEAVY, 20.0, 20.0, 20.0, 20.0]
    assert [judged(days, n) for n in (1, 2, 3, 4)] == [HELD, HELD, MAY_LIFT, NO_WARNING]


def test_a_warning_that_was_lifted_is_in_force_again_when_its_criteria_are_met_again():
    days = [20.0, HEAVY, 20.0, 20.0, 20.0, HEAVY, 20.0, 20.0, 20.0]
    found = [judged(days, n) for n in range(1, 7)]
    assert found == [HELD, MAY_LIFT, NO_WARNING, NO_WARNING, HELD, MAY_LIFT]


def test_one_index_point_too_many_keeps_the_warning():
    """The plan of 2018 knows no level below an index of 200, but a warning stays while it is above 150."""
    for mean, level in ((LOW + 1, HELD), (LOW, MAY_LIFT)):
        days = [20.0, HEAVY, HEAVY, *[mean] * 5]
        assert judged(days, 3, first=date(2019, 3, 1)) == level


@pytest.mark.parametrize("held", of_kind("lift"), ids=named)
def test_the_index_must_stay_low_for_all_of_its_hours(held):
    """The first hour past those that count from the end of the day may be anything; no earlier one may."""
    assert held.parameters["stay_hours"] == HOURS
    base = np.concatenate([np.full(24, 20.0), np.full(48, HEAVY), np.full(5 * 24, LOW)])
    day_end = 4 * 24
    late, early = base.copy(), base.copy()
    late[day_end + HOURS :] = 400.0
    early[day_end + HOURS - 24 - 12 :] = 400.0
    assert judged(late, 3, here(held).id, hourly=True) == MAY_LIFT
    assert judged(early, 3, here(held).id, hourly=True) == HELD


def found(means, at):
    first = DAY - timedelta(days=3)
    day = first + timedelta(days=at)
    return evaluate(
        rule("cn.alert_lift_beijing", day), paths_of(BEIJING, first, len(means), pm2p5=means), BEIJING, day
    )


def test_a_lift_is_not_decided_where_the_hours_after_the_day_are_not_known():
    one = found([20.0, 20.0, HEAVY, 20.0], 3)
    assert (one.level, one.probability) == ("", None)
    assert "the 36 h after the day" in one.note
    assert found([20.0] * 4, 3).level == "cn.alert_lift.no_warning"  # nothing is in force, so none are needed


def test_a_lift_is_not_decided_where_a_warning_from_before_the_days_would_still_be_in_force():
    one = found([130.0] * 6, 3)
    assert one.level == "cn.alert_lift.held"  # an index above 150 for two days brings yellow by itself
    one = found([LOW + 1, LOW - 30, LOW + 1, LOW - 30, LOW + 1, 20.0], 1)
    assert (one.level, one.probability) == ("", None)
    assert "before the days at hand" in one.note


def test_the_wording_of_beijing_is_marked_as_unverified():
    assert found([20.0] * 7, 3).evidence == "unverified"
    assert rule("cn.alert_lift", DAY).evidence == "found"
