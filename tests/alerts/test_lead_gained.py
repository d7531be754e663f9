"""Lead gained at equal alarms, on forecasts made by hand."""

from datetime import timedelta

import pytest

from alerts.episode_scores import Measured
from alerts.lead_gained import EpisodeLead, at_equal_rate, episode_leads, gain, played
from pipeline.times import local_date
from tests.alerts.decision_cases import POLICY, assessed, facts

EPISODES = 6
CYCLES = 24
"""A week of cycles for each episode; its day is that which D+3 of the first cycle means."""


def season(*, sure, since):
    """Cycles and measured days: a high day every week, said with ``sure`` from its cycle ``since`` on."""
    cycles, means = [], {}
    first = local_date(facts(0).issue_time, "Asia/Seoul")
    for week in range(EPISODES):
        high = first + timedelta(days=7 * week + 3)
        means |= {high + timedelta(days=n): 80.0 if n == 0 else 20.0 for n in range(-3, 4)}
        for n in range(CYCLES):
            run = facts(week * 28 + n)
            lead = (high - local_date(run.issue_time, "Asia/Seoul")).days
            chances = tuple(sure if n >= since and d == lead else 0.0 for d in range(4))
            cycles.append((run, (assessed("seoul", run, chances),)))
    return cycles, Measured("seoul", "Asia/Seoul", 50, 36, means)


def test_a_model_that_sees_later_gains_less_lead_at_as_many_alarms():
    early, side = season(sure=0.9, since=0)
    late, _ = season(sure=0.9, since=4)
    full = played(early, POLICY, side)
    equal = at_equal_rate(late, POLICY, side, full)
    assert len(full.alarms) == len(equal.alarms) == EPISODES
    leads = episode_leads(full, equal, side)
    assert [one.gained for one in leads] == [24.0] * EPISODES  # four cycles of six hours later
    told = gain(leads, seed=1)
    assert (told["hours"], told["low"], told["high"]) == (24.0, 24.0, 24.0)


def test_a_model_that_says_less_is_given_lower_probabilities_until_it_alarms_as_often():
    sure, side = season(sure=0.6, since=0)
    shy, _ = season(sure=0.4, since=0)
    full = played(sure, POLICY, side)
    assert not played(shy, POLICY, side).alarms
    equal = at_equal_rate(shy, POLICY, side, full)
    assert equal.factor < 1
    assert len(equal.alarms) == len(full.alarms)
    assert [one.gained for one in episode_leads(full, equal, side)] == [0.0] * EPISODES


def test_what_is_missed_has_no_lead_and_no_gain_is_below_what_was_lost():
    early, side = season(sure=0.9, since=0)
    blind, _ = season(sure=0.0, since=0)
    full, none = played(early, POLICY, side), played(blind, POLICY, side)
    leads = episode_leads(full, none, side)
    assert all(one.lead_without == 0 and one.gained == one.lead > 0 for one in leads)
    lost = episode_leads(none, full, side)
    assert gain(lost, seed=1)["hours"] == -gain(leads, seed=1)["hours"]  # published whatever its sign


def test_the_interval_is_over_episodes_and_seasons_turn_in_july():
    one = EpisodeLead("2019-06-30T15:00:00Z", 80.0, False, 24.0, 0.0)
    other = EpisodeLead("2019-07-01T15:00:00Z", 80.0, True, 0.0, 0.0)
    told = gain([one, other] * 20, seed=3)
    assert told["hours"] == 12.0
    assert 0 < told["low"] < 12.0 < told["high"] < 24.0
    assert told["seasons"] == {"2018/19": 24.0, "2019/20": 0.0}
    assert gain([], seed=3)["hours"] is None
    assert one.to_dict()["gained"] == pytest.approx(24.0)
