"""Changes of mind over successive cycles, counted by hand-made courses, and what damping costs."""

from datetime import date, timedelta

import pytest

from alerts.episode_scores import Measured
from alerts.flip_flop import damping_report, flip_flops
from alerts.policy_play import followed, undamped, without_hysteresis, without_persistence
from tests.alerts.decision_cases import POLICY, assessed, facts

ZONES = {"seoul": "Asia/Seoul"}
HIGH, NONE = (0.0, 0.9, 0.9, 0.0), (0.0, 0.0, 0.0, 0.0)


def cycles(*probabilities):
    """Four cycles of one local day: the horizon does not move."""
    runs = [facts(number) for number in range(len(probabilities))]
    return [(run, (assessed("seoul", run, p),)) for run, p in zip(runs, probabilities, strict=True)]


def counted(course, policy=POLICY):
    (row, *seasons) = flip_flops(followed(cycles(*course), policy), ZONES)
    assert row.season == "all"
    for name in ("opened", "taken_back", "reopened", "level_changes", "swings", "splits", "merges"):
        assert getattr(row, name) == sum(getattr(s, name) for s in seasons)
    return row


def test_a_forecast_that_stands_changes_nothing():
    row = counted([HIGH] * 3)
    assert (row.opened, row.taken_back, row.reopened, row.level_changes) == (1, 0, 0, 0)
    assert row.per_episode == 0


def test_what_is_taken_back_before_it_begins_and_opened_again_counts_twice():
    row = counted([HIGH, NONE, HIGH], undamped(POLICY))
    assert (row.opened, row.taken_back, row.reopened) == (2, 1, 1)
    assert row.per_episode == 1.0  # two changes of mind about two episodes


def test_persistence_lets_one_missing_cycle_pass():
    row = counted([HIGH, NONE, HIGH])
    # the level falls to the lowest while it lingers, and rises again: two changes, one of them a swing
    assert (row.opened, row.taken_back, row.reopened, row.level_changes, row.swings) == (1, 0, 0, 2, 1)


def test_hysteresis_keeps_the_level_of_a_forecast_that_wavers():
    low, high = (0.0, (0.9, 0.45, 0.0), 0.0, 0.0), (0.0, (0.9, 0.6, 0.0), 0.0, 0.0)
    course = [high, low, high, low]
    assert counted(course).level_changes == 0
    row = counted(course, without_hysteresis(POLICY))
    assert (row.level_changes, row.swings) == (3, 2)


def test_splits_and_merges_are_counted_and_are_no_change_of_mind():
    whole, parted = (0.9,) * 4, (0.9, 0.0, 0.0, 0.9)
    row = counted([whole, parted, whole])
    assert (row.opened, row.splits, row.merges, row.taken_back, row.reopened) == (2, 1, 1, 0, 0)


def test_the_price_of_damping_is_the_lead_that_a_second_cycle_costs():
    far = (0.0, 0.0, 0.0, 0.6)
    days = [date(2026, 1, 14) + timedelta(days=n) for n in range(6)]
    side = Measured("seoul", "Asia/Seoul", 50, 36, {d: 80.0 if d.day == 17 else 20.0 for d in days})
    rows = damping_report(cycles(far, far, far), POLICY, {"seoul": side})
    price = {row["rule"]: row["lead_hours_lost"] for row in rows if row["season"] == "all"}
    assert price == {"policy": 6.0, "no persistence": 0.0, "no hysteresis": 6.0, "undamped": 0.0}
    assert {row["season"] for row in rows} == {"all", "winter 2025/26"}


@pytest.mark.parametrize("change", [undamped, without_persistence])
def test_without_persistence_one_cycle_opens_and_one_ends(change):
    terms = change(POLICY).persistence
    assert (terms.cycles_to_open, terms.cycles_to_end) == (1, 1)


def test_without_hysteresis_what_was_chosen_is_kept_at_the_opening_probability_too():
    plain = without_hysteresis(POLICY)
    for level in range(1, len(POLICY.level) + 1):
        assert plain.keeping("seoul", level, 1) == plain.opening("seoul", level, 1)
