"""What a model says depends on what was known at the issue and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting import saying
from forecasting.calibration.adaptive import unadjusted
from forecasting.calibration.quantiles import Distribution
from forecasting.hindcast import without_year
from forecasting.model import MISSING_BELOW
from forecasting.samples import RECENT_DAYS
from forecasting.saying import missing_groups, predict, say
from forecasting.situation.rows import situations
from forecasting.weather_ahead import Manner
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import from_ns, to_ns

relaxed = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HOUR = np.timedelta64(3_600_000_000_000, "ns")
LEVELS = np.array([0.05, 0.5, 0.95])


def issues_after(learned, days, hour=8):
    """Return the issues of one hour of the day on some days after the end of training."""
    return to_ns(learned) + (24 * np.array(days) + hour) * HOUR


def numbers(said, row=0):
    """Return all that a forecast is made of, (kind, output)."""
    d = said.distribution
    return np.stack([d.centre[row], d.scale[row], d.adjustment.shift[row], d.adjustment.stretch[row]])


def changed(series, how):
    """Return a panel's series, each altered."""
    return {key: how(key, s) for key, s in series.items()}


@relaxed
@given(
    day=st.integers(0, 60),
    hour=st.sampled_from([2, 8, 14, 20]),
    value=st.one_of(st.just(np.nan), st.floats(0.1, 900)),
    age=st.integers(1, 900),
    cut=st.booleans(),
)
def test_nothing_received_after_the_issue_changes_anything(panel, model, learned, day, hour, value, age, cut):
    issue = issues_after(learned, [day], hour)
    before = say(model, panel, issue)

    def later(_key, s):
        late = s.received > issue[0]
        if cut:
            return AsOfSeries(s.times[~late], s.received[~late], s.values[~late], s.interval_hours)
        # later values are altered, and an old one gets a correction that arrives a second too late
        at = int(np.searchsorted(s.times, issue[0])) - age
        times = np.insert(s.times, at + 1, s.times[at])
        received = np.insert(s.received, at + 1, issue[0] + np.timedelta64(1_000_000_000, "ns"))
        values = np.insert(np.where(late, value, s.values), at + 1, value)
        return AsOfSeries(times, received, values, s.interval_hours)

    after = say(model, AsOfPanel(changed(panel, later), panel.world), issue)
    np.testing.assert_array_equal(numbers(before), numbers(after))
    assert before.missing == after.missing


def test_what_was_received_at_the_issue_does_change_it(panel, model, learned):
    issue = issues_after(learned, [10])

    def louder(key, s):
        newest = (s.received <= issue[0]) & (s.received > issue[0] - 6 * HOUR)
        return replace(s, values=np.where(newest & (key == "seoul.pm2p5.reference"), 300.0, s.values))

    before = numbers(say(model, panel, issue))
    after = numbers(say(model, AsOfPanel(changed(panel, louder), panel.world), issue))
    assert not np.allclose(before[0], after[0])


def test_a_late_snapshot_knows_what_came_since(panel, model, learned):
    issue = issues_after(learned, [10])
    nominal = learned + timedelta(days=10, hours=8)
    late = {
        key: replace(s, received=s.received + np.timedelta64(600, "s").astype("m8[ns]"))
        for key, s in panel.items()
    }
    delayed = AsOfPanel(late, panel.world)
    at_once, waited = (say(model, delayed, issue, as_of) for as_of in (None, nominal + timedelta(minutes=20)))
    punctual = say(model, panel, issue)
    assert not np.allclose(numbers(at_once)[0], numbers(punctual)[0])
    np.testing.assert_allclose(numbers(waited)[:2], numbers(punctual)[:2])


@pytest.mark.slow
@pytest.mark.parametrize("hour", [2, 20])
def test_a_batch_is_its_issues_one_by_one(panel, model, learned, hour, monkeypatch):
    # shorter than in operation, so that the period reaches beyond it
    monkeypatch.setattr(saying, "LOOK_BACK", np.timedelta64(15 * 24, "h").astype("m8[ns]"))
    issues = issues_after(learned, range(0, 60, 4), hour)
    together = say(model, panel, issues)
    for row, issue in enumerate(issues):
        alone = say(model, panel, issues[row : row + 1])
        # sums of single precision differ in the last digits with the number of rows
        np.testing.assert_allclose(numbers(together, row), numbers(alone), atol=3e-5, err_msg=issue)
        one = together.one(row)
        np.testing.assert_array_equal(one.centre, together.distribution.centre[row : row + 1])
        np.testing.assert_allclose(one.quantiles(LEVELS), alone.one(0).quantiles(LEVELS), atol=1e-4)


def test_a_live_forecast_needs_only_the_days_that_are_read_for_it(panel, model, learned, monkeypatch):
    monkeypatch.setattr(saying, "LOOK_BACK", np.timedelta64(3 * 24, "h").astype("m8[ns]"))
    issue = issues_after(learned, [55])
    # at most three days before the month, the month, and the longest window of a situation
    longest = max(c.end for c in model.recipe.columns) // 24 + 1
    first = issue[0] - (3 + 31 + longest) * 24 * HOUR
    recent = {
        key: AsOfSeries(s.times[s.times > first], s.received[s.times > first], s.values[s.times > first])
        for key, s in panel.items()
    }
    whole, part = (say(model, AsOfPanel(p, panel.world), issue) for p in (dict(panel), recent))
    np.testing.assert_array_equal(numbers(whole), numbers(part))


def test_what_is_read_for_a_live_forecast_holds_all_that_counts(model):
    longest = max(c.end for c in model.recipe.columns) // 24 + 1
    assert saying.LOOK_BACK / np.timedelta64(1, "D") + 31 + longest <= RECENT_DAYS


def test_frozen_forecasts_follow_no_error_and_adaptive_ones_do(panel, model, learned):
    """From the end of training on the air is half as dirty: inputs and truth both, which nothing taught."""
    quarter = {
        key: replace(s, values=np.where(s.times > to_ns(learned), 0.5 * s.values, s.values))
        if ".pm2p5." in key
        else s
        for key, s in panel.items()
    }
    cleaner, issue = AsOfPanel(quarter, panel.world), issues_after(learned, [60])
    frozen, adaptive = (say(model, cleaner, issue, manner=Manner(adaptive=a)) for a in (False, True))
    still = unadjusted(*frozen.distribution.centre.shape)
    np.testing.assert_array_equal(frozen.distribution.adjustment.shift, still.shift)
    np.testing.assert_array_equal(frozen.distribution.adjustment.stretch, still.stretch)
    np.testing.assert_allclose(numbers(frozen)[:2], numbers(adaptive)[:2], rtol=1e-9)
    far = np.flatnonzero((frozen.outputs.day >= 1) & frozen.usable)
    assert (adaptive.distribution.adjustment.shift[0, far] < 0).all()
    medians = [s.distribution.quantiles(np.array([0.5]))[0, far, 0] for s in (frozen, adaptive)]
    assert (medians[1] < medians[0]).all()


def test_errors_after_training_count_once_they_are_known(panel, model, learned):
    """The day after the end of training nothing is known yet; later each day's errors move the level."""
    issues = issues_after(learned, range(30))
    shift = say(model, panel, issues).distribution.adjustment.shift
    day = int(np.flatnonzero(model.hours[8].outputs.day == 1)[0])
    moved = np.abs(np.diff(shift[:, day]))
    assert (moved > 0).mean() > 0.9


def test_in_a_year_that_was_left_out_its_own_errors_count_as_in_operation(cities, make_panel, train_small):
    """In the year left out the air is half as dirty, which neither training nor the years about it tell."""
    year = {"from": np.datetime64("2019-01-01", "ns"), "to": np.datetime64("2020-01-01", "ns")}

    def cleaner(_key, s):
        inside = (s.times > year["from"]) & (s.times <= year["to"])
        return replace(s, values=np.where(inside, 0.5 * s.values, s.values))

    long = make_panel(days=1000)
    true = AsOfPanel(changed({k: s for k, s in long.items() if ".pm2p5." in k}, cleaner), long.world)
    until = from_ns(np.datetime64("2020-09-20", "ns"))
    left = train_small(without_year(true, 2019), cities, data_until=until, leave_out_years=[2019])
    taught = left.hours[8].past.issues
    assert taught[-1] > year["to"]
    issues = np.arange("2019-02-01T08", "2020-01-01T00", 30 * 24, dtype="M8[h]").astype("M8[ns]")
    said = say(left, true, issues)
    shift = said.distribution.adjustment.shift
    far = np.flatnonzero((said.outputs.day >= 1) & (said.outputs.day <= 3) & said.usable)
    assert (shift[4:][:, far] < -0.1).all()
    without_them = say(replace(left, leave_out_years=()), true, issues).distribution.adjustment.shift
    assert np.abs(without_them[-1, far]).max() < 0.05
    # known errors alone: what comes after an issue changes nothing before it
    then = AsOfPanel(changed(dict(true), lambda _k, s: cut_at(s, issues[6])), true.world)
    np.testing.assert_allclose(
        say(left, then, issues[6:7]).distribution.adjustment.shift, shift[6:7], atol=1e-4
    )
    # an issue that was learned from counts once, with the error of a fit that did not see it
    before = np.array(["2018-12-20T08"], "M8[ns]")
    usual = say(replace(left, leave_out_years=()), true, before)
    np.testing.assert_array_equal(numbers(say(left, true, before)), numbers(usual))


def cut_at(s, when):
    known = s.received <= when
    return AsOfSeries(s.times[known], s.received[known], s.values[known], s.interval_hours)


def test_the_variant_without_a_group_is_the_model_trained_without_it(panel, model, cities, train_small):
    blind = AsOfPanel({k: s for k, s in panel.items() if "wind" not in k}, panel.world)
    never = train_small(blind, cities)
    issues = to_ns(model.data_until) + (24 * np.arange(0, 60, 20) + 8) * HOUR
    with_gap, without_it = say(model, blind, issues), say(never, blind, issues)
    assert with_gap.missing == (("seoul weather",),) * 3
    assert without_it.missing == ((),) * 3
    ours, theirs = with_gap.distribution, without_it.distribution
    np.testing.assert_allclose(ours.centre, theirs.centre, atol=1e-4)
    np.testing.assert_allclose(ours.scale, theirs.scale, rtol=1e-3)


def test_groups_are_missing_when_less_than_half_of_them_is_known(panel, model, learned):
    issue = issues_after(learned, [5])
    values = situations(panel, model.recipe, issue)
    assert missing_groups(model, 8, values) == [()]
    own = np.array(model.recipe.members("seoul air, latest"))
    for known in range(len(own) + 1):
        part = values.copy()
        part[0, own[known:]] = np.nan
        expected = ("seoul air, latest",) if known / len(own) < MISSING_BELOW else ()
        assert missing_groups(model, 8, part) == [expected]


def test_every_city_is_forecast_while_one_or_all_are_silent(panel, model, learned):
    issue = issues_after(learned, [5])
    usual = say(model, panel, issue)
    silent = AsOfPanel({k: s for k, s in panel.items() if not k.startswith("seoul")}, panel.world)
    said = say(model, silent, issue)
    assert said.missing == (("seoul air, latest", "seoul air", "seoul air, weeks", "seoul weather"),)
    assert np.isfinite(said.distribution.quantiles(LEVELS)).all()
    beijing = said.outputs.target == [t.city for t in model.targets].index("beijing")
    far = np.abs(said.distribution.centre - usual.distribution.centre)[0, beijing]
    assert far.max() < usual.distribution.scale[0, beijing].min()
    # of the silent city less is known, so its forecast is wider
    seoul = ~beijing & (said.outputs.end > 0) & (said.outputs.end < 12)
    assert (said.distribution.scale[0, seoul] > usual.distribution.scale[0, seoul]).mean() > 0.9


@relaxed
@given(
    columns=st.lists(st.floats(-50, 1e5) | st.just(np.nan), min_size=5, max_size=5), seed=st.integers(0, 99)
)
def test_margins_never_cross_whatever_the_situation(model, columns, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (8, len(model.recipe.columns))).astype(np.float32)
    values[:, rng.integers(0, values.shape[1], 5)] = columns
    centre, scale, _ = predict(model, 14, values)
    said = Distribution(model.hours[14].best.shape, centre, scale, unadjusted(*centre.shape))
    margins = said.quantiles(np.linspace(0.001, 0.999, 50))
    assert np.isfinite(margins).all()
    assert (np.diff(margins, axis=-1) > 0).all()


def test_an_hour_without_a_regression_is_refused(panel, model, learned):
    with pytest.raises(KeyError):
        say(model, panel, issues_after(learned, [3], hour=5))
