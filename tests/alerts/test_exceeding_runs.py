"""How sure the first and last day of an episode are, from members that each have an episode of their own."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.exceeding_runs import exceeding_runs, extent_ranges
from pipeline.times import iso, parse_instant
from tests.alerts.decision_cases import POLICY, assessed, facts

MIDNIGHTS = [f"2026-01-{day}T15:00:00Z" for day in range(10, 19)]
"""Where the local days of Seoul begin: D-3 is the first day of the window, D+3 the last."""


def city_of(courses, past=()):
    """A city whose days' probabilities are those of the courses, given as {marks: share}."""
    length = len(next(iter(courses)))
    chances = [
        round(sum(share for marks, share in courses.items() if marks[at] == "1"), 6) for at in range(length)
    ]
    cut = len(past)
    city = assessed("seoul", facts(), chances[cut:], past=chances[:cut])
    return replace(city, courses=tuple(courses.items()))


def only_run(city):
    [run] = exceeding_runs(city, POLICY)
    return run


def test_members_that_agree_leave_no_doubt():
    city = city_of({"0110": 1.0})
    onset, end = extent_ranges(only_run(city), city, POLICY)
    assert onset == (MIDNIGHTS[4], MIDNIGHTS[4])
    assert end == (MIDNIGHTS[6], MIDNIGHTS[6])


def test_a_tenth_of_the_members_that_exceed_lies_outside_on_either_side():
    # Of those that exceed (0.8), 0.1 begin on D, 0.6 on D+1, 0.1 on D+2: a tenth of 0.8 is 0.08, so D and D+2
    # bound the onset; they end with D+1 (0.05, below a tenth), D+2 (0.65) and D+3 (0.1).
    city = city_of(
        {"1110": 0.1, "0110": 0.5, "0100": 0.05, "0111": 0.05, "0011": 0.05, "0010": 0.05, "0000": 0.2}
    )
    onset, end = extent_ranges(only_run(city), city, POLICY)
    assert onset == (MIDNIGHTS[3], MIDNIGHTS[5])
    assert end == (MIDNIGHTS[6], MIDNIGHTS[7])


def test_observed_days_are_certain():
    city = city_of({"0011100": 0.6, "0011110": 0.4}, past=(0, 0, 1))
    onset, _ = extent_ranges(only_run(city), city, POLICY)
    assert onset == (MIDNIGHTS[2], MIDNIGHTS[2])  # yesterday began at 15 UTC of the 12th


def test_members_whose_days_lie_far_from_the_run_do_not_count():
    city = city_of({"1000": 0.6, "0001": 0.3, "0000": 0.1})
    onset, end = extent_ranges(only_run(city), city, POLICY)
    assert (onset, end) == ((MIDNIGHTS[3],) * 2, (MIDNIGHTS[4],) * 2)


def test_without_joint_samples_no_range_is_stated():
    city = assessed("seoul", facts(), (0.9, 0.9, 0, 0))
    assert extent_ranges(only_run(city), city, POLICY) == ((), ())


marks = st.text("01", min_size=4, max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(marks, st.integers(1, 50), min_size=1, max_size=12))
def test_the_estimate_lies_within_its_range(weights):
    whole = sum(weights.values())
    city = city_of({m: w / whole for m, w in weights.items()})
    for run in exceeding_runs(city, POLICY):
        onset, end = extent_ranges(run, city, POLICY)
        assert onset[0] <= iso(run.onset) <= onset[1]
        assert end[0] <= iso(run.end) <= end[1]
        assert parse_instant(onset[0]) < parse_instant(end[1])


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_ranges_do_not_depend_on_the_number_of_members(share):
    courses = {"0100": share, "0110": 2 * share, "0011": share}
    whole = sum(courses.values())
    city = city_of({m: s / whole for m, s in courses.items()})
    scaled = replace(city, courses=tuple(courses.items()))
    for run in exceeding_runs(city, POLICY):
        assert extent_ranges(run, city, POLICY) == extent_ranges(run, scaled, POLICY)
