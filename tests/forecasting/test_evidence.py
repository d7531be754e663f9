"""The evidence beside a forecast: its record, what would tip it, and what it is without a side's air."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from forecasting.evidence.changed import HOURS, Asked, series_that_may_change
from forecasting.evidence.partner import (
    compared,
    forecast_without,
    is_open_question,
    members_by_day,
)
from forecasting.evidence.record import HELD_OUT, ISSUED, NEAR, Past, held_out, held_out_past, record_of
from forecasting.evidence.stored import read_evidence, write_evidence
from forecasting.evidence.tipping import Decision, hangs_by_least, tipping
from forecasting.samples import forecast_samples
from forecasting.saying import missing_groups, variant
from forecasting.situation.rows import situations
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.paths import join_paths
from pipeline.times import to_ns

SEOUL, BEIJING = 0, 1


def outputs_of(model, issue, city):
    """Column of the day mean of each lead day of a city."""
    outputs = model.hours[issue.hour].outputs
    return {
        int(outputs.day[i]): i
        for i in range(len(outputs.end))
        if 1 <= outputs.day[i] <= 3 and outputs.targets[outputs.target[i]].city == city.id
    }


def said(panel, model, cities, issue):
    """Published day means of Seoul, and the issue as its model saw it."""
    samples = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
    members = members_by_day(join_paths(panel, samples, cities), cities[SEOUL])
    now = situations(panel, model.recipe, np.array([to_ns(issue)]))
    spoke = variant(model, issue.hour, missing_groups(model, issue.hour, now)[0])
    return members, Asked(panel, model.recipe, spoke, now, issue, issue)


@pytest.fixture(scope="module")
def case(panel, model, cities, issue):
    return said(panel, model, cities, issue)


def near(members):
    """One decision that the case misses by a little: what it needs lies just above what it has."""
    threshold = int(np.median(members[1]))
    chance = float((members[1] > threshold).mean())
    return [Decision(1, threshold, chance + 0.08)]


def past(day, probability, kind=ISSUED, came=True):
    return Past(f"2020-01-{day:02d}T08:00:00Z", probability, 60.0, came, kind)


def test_a_record_holds_the_newest_forecasts_like_this_one_each_issue_once():
    told = [past(day, 0.5) for day in range(1, 29)]
    others = [past(29, 0.5 + NEAR + 0.01), past(28, 0.5, HELD_OUT, came=False), past(30, 0.5 - NEAR)]
    record = record_of(1, 50, 0.5, [*others, *told], most=10)
    days = [int(one.issue_time[8:10]) for one in record.past]
    assert days == [30, *range(28, 19, -1)]
    assert {one.kind for one in record.past} == {ISSUED}


def test_probabilities_of_years_that_were_not_seen_came_true_as_often_as_they_said(model, cities, issue):
    hour, column = model.hours[issue.hour], outputs_of(model, issue, cities[BEIJING])[1]
    told = held_out(hour)
    found = []
    # bins that leave no probability out
    for present in np.arange(0.1, 1.0, 0.2):
        mine = held_out_past(hour, told, {1: column}, {(1, 35): float(present)}, issue)[1, 35]
        assert all(abs(one.probability - present) <= NEAR + 0.0005 for one in mine)
        assert all(one.came == (one.mean > 35) for one in mine if abs(one.mean - 35) > 0.06)
        found += mine
    probability, came = (
        np.array([getattr(one, name) for one in found], float) for name in ("probability", "came")
    )
    assert len(found) > 380
    assert probability.mean() == pytest.approx(came.mean(), abs=0.05)
    # a probability that knows nothing scores the variance of what came; the invented air remembers a day
    assert np.mean((probability - came) ** 2) < 0.8 * came.mean() * (1 - came.mean())


def test_a_day_that_was_not_measured_by_the_snapshot_is_in_no_record(model, cities, issue):
    hour, columns = model.hours[issue.hour], outputs_of(model, issue, cities[SEOUL])
    early, told, like = issue - timedelta(days=200), held_out(hour), {(1, 30): 0.3}
    then = held_out_past(hour, told, columns, like, early)[1, 30]
    now = held_out_past(hour, told, columns, like, issue)[1, 30]
    assert 0 < len(then) < len(now)
    # D+1 ends more than a day after its issue: what was issued in the last day is not known
    assert max(one.issue_time for one in then) < f"{early - timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}"
    assert then == now[: len(then)]


def test_a_threshold_hangs_by_its_best_day():
    members = {1: np.array([40.0, 60.0, 60.0, 80.0]), 2: np.array([10.0, 20.0, 30.0, 55.0])}
    told = [Decision(day, t, 0.4) for day in (1, 2) for t in (50, 75)]
    # 50: D+1 has 0.75, 0.35 beyond; 75: D+1 has 0.25, 0.15 short; D+2 decides neither
    assert hangs_by_least(members, told)[1] == Decision(1, 75, 0.4)


def test_the_reading_that_tips_a_decision_tips_it_when_it_is_forecast_again(
    case, panel, model, cities, issue
):
    members, asked = case
    what = near(members)
    found = tipping(asked, "seoul", outputs_of(model, issue, cities[SEOUL]), members, what)
    assert found.flips
    assert [flip.spreads for flip in found.flips] == sorted(flip.spreads for flip in found.flips)
    for flip in found.flips:
        series = panel[flip.key]
        recent = (series.times > to_ns(issue - timedelta(hours=HOURS))) & (series.times <= to_ns(issue))
        for beyond in (-0.05, 0.05):
            factor = (flip.instead / flip.read) ** (1 + beyond)
            changed = replace(series, values=np.where(recent, series.values * factor, series.values))
            other = AsOfPanel({**panel.series, flip.key: changed}, panel.world)
            again = forecast_samples(other, model, cities, "pm2p5", issue, issue)
            mean = members_by_day(join_paths(other, again, cities), cities[SEOUL])[1]
            chance = float((mean > what[0].threshold).mean())
            # five percent of the way short of the change, and beyond it: one of 200 futures may be late
            assert (chance > what[0].needed - 0.02) if beyond > 0 else (chance < what[0].needed + 0.02)


def test_what_is_received_later_tips_nothing(case, panel, model, cities, issue):
    series = dict(panel.series)
    for key, one in panel.series.items():
        late = one.received > to_ns(issue)
        series[key] = AsOfSeries(one.times, one.received, np.where(late, 999.0, one.values))
    columns = outputs_of(model, issue, cities[SEOUL])
    other = said(AsOfPanel(series, panel.world), model, cities, issue)
    both = [tipping(a, "seoul", columns, m, near(m)) for m, a in (case, other)]
    assert both[0] == both[1]


def test_no_reading_is_named_that_the_model_has_not_seen(case, model, cities, issue):
    members, asked = case
    far = [Decision(1, 400, 0.9)]
    found = tipping(asked, "seoul", outputs_of(model, issue, cities[SEOUL]), members, far)
    bounds = {one.key: (one.low, one.high) for one in series_that_may_change(asked)}
    assert found.looked_at == len(bounds) > 0
    assert all(bounds[f.key][0] <= f.instead <= bounds[f.key][1] for f in found.flips)
    assert tipping(asked, "seoul", {}, members, far) is None


def test_a_forecast_without_a_side_is_that_of_a_whole_run_without_it(case, panel, model, cities, issue):
    members, asked = case
    less = AsOfPanel({k: s for k, s in panel.series.items() if not k.startswith("beijing.")}, panel.world)
    row = situations(less, model.recipe, np.array([to_ns(issue)]))
    missing = missing_groups(model, issue.hour, row)[0]
    assert missing
    moved = forecast_without(asked, model.hours[issue.hour], row, missing, cities[SEOUL])
    again, course = moved(members)
    whole = forecast_samples(less, model, cities, "pm2p5", issue, issue)
    truth = members_by_day(join_paths(less, whole, cities), cities[SEOUL])
    for day in (1, 2, 3):
        ours, theirs = np.median(again[day]), np.median(truth[day])
        assert ours == pytest.approx(theirs, rel=0.08)
        assert np.argsort(again[day]).tolist() == np.argsort(members[day]).tolist()
    # a day of hours, and the far end of the third day
    assert set(range(1, 25)) <= set(course)
    assert min(course.values()) > 0
    shown = compared(cities[SEOUL], issue, ("beijing", 3), (members, again), course, [30])
    assert shown.days[0].date == f"{issue.date() + timedelta(days=1)}"
    assert shown.days[0].probability["30"] == pytest.approx(float((members[1] > 30).mean()), abs=0.001)


def test_without_inputs_that_were_not_there_nothing_changes(case, model, cities, issue):
    members, asked = case
    moved = forecast_without(asked, model.hours[issue.hour], asked.now, (), cities[SEOUL])
    again, _ = moved(members)
    for day, means in members.items():
        np.testing.assert_allclose(np.median(again[day]), np.median(means), rtol=0.05)


def test_where_no_threshold_is_possible_nothing_is_asked():
    calm = {day: np.full(200, 12.0) for day in (1, 2, 3)}
    assert not is_open_question(calm, [50, 75])
    assert is_open_question(calm | {2: np.full(200, 51.0)}, [50, 75])


def test_evidence_of_another_version_is_not_read(tmp_path):
    path = write_evidence({"version": 1, "cities": []}, tmp_path / "evidence.json")
    assert read_evidence(path) == {"version": 1, "cities": []}
    write_evidence({"version": 0}, path)
    assert read_evidence(path) is None
    path.write_text("[")
    assert read_evidence(path) is None
