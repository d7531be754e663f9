"""What a policy would have done: alarms over cycles, and their verdicts by hand-made days."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from alerts.episode_scores import Measured, score, verdicts
from alerts.policy_play import Alarm, Said, joint_alarms, play, undamped
from pipeline.times import UTC
from tests.alerts.decision_cases import FIRST, POLICY, assessed, facts

DAY = date(2026, 1, 15)
"""2026-01-14T15Z to 2026-01-15T15Z in Seoul."""

ONSET = datetime(2026, 1, 14, 15, tzinfo=UTC)


def cycles(*probabilities, city="seoul"):
    runs = [facts(number) for number in range(len(probabilities))]
    return [(run, (assessed(city, run, p),)) for run, p in zip(runs, probabilities, strict=True)]


def said(at, onset=0, end=24, until=None):
    """Hours after the onset of DAY."""
    hours = [ONSET + timedelta(hours=h) for h in (at, onset, end, end if until is None else until)]
    return Said(*hours)


def alarm(*statements, city="seoul"):
    return Alarm("a", city, statements)


def measured(**means):
    """Day means by name: d0 is DAY."""
    return Measured(
        "seoul", "Asia/Seoul", 50, 36, {DAY + timedelta(days=int(k[1:])): v for k, v in means.items()}
    )


def test_a_signal_that_stands_is_one_alarm_from_the_cycle_that_opens_it():
    far = (0.0, 0.0, 0.0, 0.6)
    (found,) = play(cycles(far, far, far), POLICY)
    assert [s.at for s in found.said] == [FIRST + timedelta(hours=6), FIRST + timedelta(hours=12)]
    assert found.said[0].until == FIRST + timedelta(hours=12)
    assert found.said[1].until == found.said[1].end
    (sooner,) = play(cycles(far, far, far), undamped(POLICY))
    assert sooner.said[0].at == FIRST


def test_a_signal_of_one_cycle_far_ahead_is_none_under_the_policy_and_one_undamped():
    far, none = (0.0, 0.0, 0.0, 0.6), (0.0, 0.0, 0.0, 0.0)
    assert play(cycles(far, none, none), POLICY) == ()
    assert len(play(cycles(far, none, none), undamped(POLICY))) == 1


@pytest.mark.parametrize(
    ("statements", "outcome", "lead"),
    [
        ([said(-13)], "hit", 13.0),
        ([said(0)], "hit", 0.0),
        ([said(5)], "late", -5.0),
        ([said(-19, until=-13), said(-13)], "hit", 19.0),
        ([said(-31, until=-25), said(-13)], "hit", 13.0),  # taken back in between: only the last counts
        ([said(-31, until=-25)], "missed", None),  # taken back before it began
        ([], "missed", None),
    ],
)
def test_lead_is_the_onset_minus_the_first_issue_that_stood(statements, outcome, lead):
    (found,) = verdicts([alarm(*statements)] if statements else [], measured(d0=60.0))
    assert (found.outcome, found.lead_hours, found.highest) == (outcome, lead, 60.0)


def test_an_alarm_in_vain_is_false_where_its_days_were_measured_and_unknown_elsewhere():
    assert [v.outcome for v in verdicts([alarm(said(-5))], measured(d0=50.0))] == ["false alarm"]
    assert [v.outcome for v in verdicts([alarm(said(-5))], measured(d1=10.0))] == ["not measured"]
    assert [v.outcome for v in verdicts([alarm(said(-5), city="beijing")], measured(d0=10.0))] == []


def test_hours_in_force_are_counted_on_the_right_days():
    found = score([alarm(said(-5, 0, 48))], measured(d0=60.0, d1=40.0, d2=70.0))
    assert (found.warned, found.over_warned, found.under_warned) == (48.0, 24.0, 24.0)
    assert (found.episodes, found.hits, found.lead_hours) == (1, 1, 5.0)  # a gap of 24 h is one episode


def test_hours_before_the_first_issue_are_not_warned():
    found = score([alarm(said(6))], measured(d0=60.0))
    assert (found.warned, found.under_warned) == (18.0, 6.0)


def test_reversals_count_what_was_taken_back_or_given_again_before_the_day_began():
    side = measured(d0=60.0)
    assert score([alarm(said(-19, until=-13), said(-13))], side).reversals == 0
    assert score([alarm(said(-31, until=-25), said(-13))], side).reversals == 2
    assert score([alarm(said(-31, until=-25))], side).reversals == 1


def test_joint_alarms_are_pairs_open_at_once_for_overlapping_times():
    one, other = alarm(said(-5), city="beijing"), alarm(said(-5, 12, 36))
    assert joint_alarms([one, other]) == 1
    assert joint_alarms([one, alarm(said(-5, 24, 48))]) == 0
    assert joint_alarms([one, alarm(said(1, 12, 36))]) == 0


def test_a_false_alarm_on_a_day_with_measures_is_marked_and_stays_false():
    side = replace(measured(d0=50.0, d1=40.0, d5=60.0), measures=frozenset({DAY}))
    alarms = [alarm(said(-5))]
    found = verdicts(alarms, side)
    assert [(v.outcome, v.measures) for v in found] == [("false alarm", True), ("missed", False)]
    every, rest = score(alarms, side), score(alarms, side, with_measures=False)
    assert (every.alarms, every.hits, every.false_alarms, every.false_with_measures) == (1, 0, 1, 1)
    assert (rest.alarms, rest.hits, rest.false_alarms, rest.missed) == (0, 0, 0, 1)
    assert (every.over_warned, rest.over_warned) == (24.0, 0.0)


def test_an_episode_with_measures_is_a_hit_among_all_days_and_none_without_them():
    side = replace(measured(d0=60.0), measures=frozenset({DAY}))
    assert score([alarm(said(-5))], side).hits == 1
    assert score([alarm(said(-5))], side, with_measures=False).episodes == 0
