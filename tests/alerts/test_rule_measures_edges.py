"""Korean measures and the crisis alert: every value at, just below and just above; provinces; durations."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule_engine import evaluate, level_probabilities
from alerts.rule_evaluators import EVALUATORS
from alerts.rules import all_rules, rule
from tests.alerts.rule_cases import BITS, SEOUL, days_in_force, named, of_kind, paths_of, reached, running

DAY = date(2026, 1, 10)


def own(held, paths, day):
    """Level number that a single path reaches in Seoul itself, other provinces left aside."""
    (level,) = EVALUATORS[held.kind](held, paths, SEOUL, day).levels
    return level


@pytest.mark.parametrize("held", of_kind("emergency"), ids=named)
def test_emergency_measures_are_met_just_above_every_value(held):
    (day, _), met = (
        days_in_force(held, before=4, after=1),
        [],
    )  # no rule of 2017 begins a weekend on its 5th day
    for alternative in held.parameters["alternatives"]:
        today = alternative.get("part_day_gt", 0) + (BITS if "part_day_gt" in alternative else 0)
        tomorrow = alternative["tomorrow_gt"]
        hours = np.full(24, today)
        if "advisory_today" in alternative:
            hours[16:18] = rule(alternative["advisory_today"], day).parameters["advisory_ge"]
        for after, level in ((tomorrow - BITS, 0), (tomorrow, 0), (tomorrow + BITS, 1)):
            paths = paths_of(SEOUL, day, 2, hourly=np.concatenate([hours, np.full(24, after)]))
            met.append(own(held, paths, day) == level)
        if "part_day_gt" in alternative:
            paths = paths_of(SEOUL, day, 2, pm2p5=[alternative["part_day_gt"], tomorrow + BITS])
            assert own(held, paths, day) == 0
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
        assert own(held, paths_of(SEOUL, day, 3, pm2p5=[300, one, two]), day) == level


def test_two_of_three_provinces_are_not_decided_by_one_which_tells_its_own_share_of_paths():
    held = rule("kr.preliminary_measures", DAY)
    members = {"pm2p5": [[10] * 4, [60, 60, 60, 20], [60, 20, 60, 60]]}
    found = evaluate(held, paths_of(SEOUL, DAY, 3, members=4, **members), SEOUL, DAY)
    assert (found.level, found.probability) == ("", None)
    assert found.note.startswith("not decidable: of the provinces 2 of 3 must meet it, only seoul is known")
    assert "does with 50 %" in found.note  # both days above on two of four paths, not 0.75 * 0.75
    found = evaluate(held, paths_of(SEOUL, DAY, 2, pm2p5=[60, 60]), SEOUL, DAY)
    assert "next two days" in found.note


def test_one_province_decides_only_against_measures_that_all_three_must_meet():
    day = date(2018, 1, 16)
    held = rule("kr.emergency_measures", day)
    below = evaluate(held, paths_of(SEOUL, day, 2, pm2p5=[90, 50]), SEOUL, day)
    assert (below.level, below.probability) == ("kr.emergency_measures.none", 1.0)
    above = evaluate(held, paths_of(SEOUL, day, 2, pm2p5=[90, 51]), SEOUL, day)
    assert (above.level, above.probability) == ("", None)
    assert "3 of 3 must meet it" in above.note


def test_seoul_alone_issued_none_before_a_weekend():
    """12 January 2018 was a Friday."""
    for day, level in ((date(2018, 1, 11), "met"), (date(2018, 1, 12), "none"), (date(2018, 1, 13), "none")):
        held = rule("kr.emergency_measures_seoul", day)
        found = evaluate(held, paths_of(SEOUL, day, 2, pm2p5=[90, 90]), SEOUL, day)
        assert found.level == f"kr.emergency_measures.{level}", day


def test_a_tomorrow_that_decides_alone_needs_no_hours_of_today():
    for tomorrow, level in (
        (50, "kr.emergency_measures.none"),
        (75.1, "kr.emergency_measures.met"),
        (60, ""),
    ):
        paths = paths_of(SEOUL, DAY, 2, world="measured", pm2p5=[60.0, tomorrow])
        assert evaluate(rule("kr.emergency_measures", DAY), paths, SEOUL, DAY).level == level


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


@pytest.mark.parametrize(
    ("evening", "tomorrow", "level"),
    [(75, 50.1, 1), (75, 50.0, 0), (74.9, 60.0, 0), (20, 75.0, 0), (20, 75.1, 1)],
)
def test_attention_follows_from_the_other_criteria_of_emergency_measures_too(evening, tomorrow, level):
    """Today's mean stays below 50 throughout."""
    today = np.full(24, 20.0)
    today[20:22] = evening
    paths = paths_of(SEOUL, DAY, 2, hourly=np.concatenate([today, np.full(24, tomorrow)]))
    assert reached(rule("kr.pm2p5_crisis", DAY), paths, DAY) == level


def lasting(means, at=3, first=DAY):
    day = first + timedelta(days=at)
    paths = paths_of(SEOUL, first, len(means), pm2p5=means)
    return evaluate(rule("kr.pm2p5_crisis_duration", day), paths, SEOUL, day).level.rsplit(".", 1)[-1]


def test_a_crisis_step_that_lasts_becomes_the_next():
    """A day is at attention when it and the next are above 50: so n days above 50 are n - 1 days of it."""
    calm = 20.0
    days = {
        "attention": [calm] * 2 + [60] * 3 + [calm] * 2,  # the day before and the day, none more
        "caution": [calm] * 2 + [60] * 4 + [calm],  # days 2, 3 and 4
        "alert": [calm] + [60] * 6 + [calm],  # days 1 to 5: caution on 2, 3, 4
        "serious": [60] * 8,  # days 0 to 6: caution on 1 to 5, alert on 2 to 4
    }
    assert {level: lasting(means) for level, means in days.items()} == {level: level for level in days}
    assert lasting([calm] * 8) == "none"


def test_a_duration_is_not_decided_where_days_that_could_raise_it_are_unknown():
    assert lasting([20.0] * 2 + [60.0] * 3, at=3) == ""
    assert lasting([20.0] * 2 + [60.0] * 2 + [20.0, 20.0], at=3) == "none"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(20, 120), min_size=3, max_size=3),
    st.integers(2, 40),
    st.floats(-30, 30),
    st.integers(0, 2**32 - 1),
)
def test_perfectly_dependent_paths_give_the_least_marginal_never_their_product(means, members, spread, seed):
    """One factor moves both days of every path: P(both above 50) is the smaller of the two, not p times q."""
    factor = np.random.default_rng(seed).normal(0, abs(spread), members)
    days = [np.maximum(mean + factor, 0) for mean in means]
    paths = paths_of(SEOUL, DAY, 3, members=members, observed=False, pm2p5=days)
    met = EVALUATORS["preliminary"](rule("kr.preliminary_measures", DAY), paths, SEOUL, DAY).levels
    single = [float(np.mean(d > 50)) for d in days[1:]]
    assert np.mean(met) == pytest.approx(min(single))
    if min(single) > 0 and max(single) < 1:
        assert np.mean(met) > single[0] * single[1]


def test_today_observed_so_far_and_tomorrow_forecast_are_judged_together():
    """Measured to 16 KST above 50 on every path; tomorrow above 50 on three of four: 75 %, mixed."""
    hours = np.full((4, 48), 60.0)
    hours[:, 16:24] = np.array([55.0, 65.0, 40.0, 70.0])[:, None]
    hours[:, 24:] = np.array([60.0, 70.0, 80.0, 45.0])[:, None]
    paths = paths_of(SEOUL, DAY, 2, members=4, pm2p5=[60.0, 60.0])
    paths["pm2p5"][:, 0] = hours
    paths["is_observed"][:, 16:] = False
    held = level_probabilities(rule("kr.emergency_measures", DAY), paths, SEOUL, DAY)
    assert (held.at_least, held.basis) == ((1.0, 0.75), "mixed")


def test_no_rule_counts_provinces_without_saying_how_many():
    areas = [r.parameters["area"] for r in all_rules() if "area" in r.parameters]
    assert all(1 < area["at_least"] <= area["of"] for area in areas)
    assert len(areas) == 2
