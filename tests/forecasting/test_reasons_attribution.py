"""Shares of inputs add up, are exact where the forecast is linear, and tell in which sense inputs move it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.reasons.attribution import alone_in, attribute, only, usual_of
from forecasting.reasons.days import Case, days_of
from forecasting.reasons.document import reasons_of
from forecasting.reasons.inputs import inputs_of
from forecasting.samples import forecast_samples
from forecasting.saying import missing_groups, variant
from forecasting.situation.columns import CALENDAR
from forecasting.situation.rows import situations
from forecasting.targets import to_level, to_log
from pipeline.paths import join_paths
from pipeline.times import to_ns


@dataclass
class Formula:
    """A fit whose forecast is a known function of the raw columns."""

    of: object

    def predict(self, rows):
        return self.of(rows.astype(np.float64))


def line(rows):
    return np.column_stack([2 * rows[:, 0] - 3 * rows[:, 1] + 0.5 * rows[:, 2], rows[:, 2]])


NOW, USUAL = np.array([[2.0, 1.0, 5.0]], np.float32), np.array([[1.0, 3.0, 5.0]], np.float32)
EACH = [np.array([0]), np.array([1]), np.array([2])]


def test_a_linear_forecast_is_shared_out_exactly():
    moved = attribute(Formula(line), NOW, USUAL, EACH)
    # 2 (2 - 1), -3 (1 - 3), and nothing for the column that is as usual
    np.testing.assert_allclose(moved.effect[:, 0], [2.0, 6.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(moved.effect[:, 1], 0.0, atol=1e-5)


def test_what_two_inputs_do_together_is_halved():
    # f = x y from (0, 0) to (2, 3): each has the integral of its slope, 2 * 3 / 2
    zero, there = np.zeros((1, 2), np.float32), np.array([[2.0, 3.0]], np.float32)
    moved = attribute(Formula(lambda r: r[:, :1] * r[:, 1:]), there, zero, EACH[:2])
    np.testing.assert_allclose(moved.effect[:, 0], [3.0, 3.0], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=8, max_size=8), st.integers(0, 2**32 - 1))
def test_shares_add_up_for_any_smooth_forecast(values, seed):
    rng = np.random.default_rng(seed)
    mix, bend = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    fit = Formula(lambda r: np.exp(-0.1 * (r**2).sum(axis=1))[:, None] * (r @ mix) + np.sin(r @ bend))
    now, usual = np.array(values, np.float32).reshape(2, 1, 4)
    moved = attribute(fit, now, usual, [np.array([0, 2]), np.array([1]), np.array([3])])
    np.testing.assert_allclose(moved.effect.sum(axis=0), moved.centre - moved.usual, atol=1e-9)
    np.testing.assert_allclose(moved.centre, fit.predict(now)[0], atol=1e-9)


def test_an_unknown_column_moves_nothing():
    now, usual = NOW.copy(), USUAL.copy()
    now[0, 1] = usual[0, 1] = np.nan
    moved = attribute(Formula(lambda r: line(np.nan_to_num(r))), now, usual, EACH)
    np.testing.assert_allclose(moved.effect[:, 0], [2.0, 0.0, 0.0], atol=1e-5)


@pytest.fixture(scope="module")
def case(panel, model, learned):
    issue = np.array([to_ns(learned.replace(hour=8))])
    values = situations(panel, model.recipe, issue)
    fitted = variant(model, 8, missing_groups(model, 8, values)[0]).fitted
    usual = usual_of(fitted, model.recipe, values, issue[0])
    return Case(fitted, model.recipe.columns, values, usual, issue[0])


def test_the_usual_situation_has_the_present_calendar_and_the_mean_of_the_season(case, panel, model):
    calendar = [c.group == CALENDAR for c in case.columns]
    np.testing.assert_array_equal(case.now[0, calendar], case.usual[0, calendar])
    column = next(i for i, c in enumerate(case.columns) if c.name.startswith("beijing air |"))
    past = situations(panel, model.recipe, case.fitted.issues)[:, column]
    days = (case.fitted.issues - case.issue) / np.timedelta64(1, "D")
    near = np.exp(-0.5 * (np.abs((days + 183) % 365.25 - 183) / 20.0) ** 2)
    assert case.usual[0, column] == pytest.approx((near * past).sum() / near.sum(), abs=0.02)


def test_a_cut_fit_says_the_same(case):
    wanted = np.array([3, 50, 7])
    np.testing.assert_allclose(
        only(case.fitted, wanted).predict(case.now), case.fitted.predict(case.now)[:, wanted], atol=1e-9
    )


def outputs_of_days(case, city):
    target = next(i for i, t in enumerate(case.fitted.outputs.targets) if t.city == city)
    days = case.fitted.outputs.day
    mine = np.flatnonzero((case.fitted.outputs.target == target) & (days >= 1) & (days <= 3))
    return {int(days[i]): int(i) for i in mine}


@pytest.mark.parametrize("city", ["seoul", "beijing"])
def test_effects_and_recent_errors_add_up_to_the_published_median(case, cities, city):
    one = next(c for c in cities if c.id == city)
    days = outputs_of_days(case, city)
    medians = {day: 20.0 + 7 * day for day in days}
    for told in days_of(case, one, days, medians):
        total = told["usual"] + sum(m["effect"] for m in told["moved"]) + told["rest"] + told["recent_errors"]
        assert total == pytest.approx(told["median"], abs=0.01)
        assert told["median"] == medians[told["lead_day"]]
        # the logarithmic mean of both ends shares out what is not of the inputs
        centre = float(case.fitted.predict(case.now)[0, days[told["lead_day"]]])
        low, high = (float(to_log(np.array([told[n]]))[0]) for n in ("usual", "median"))
        gap = (told["median"] - told["usual"]) / (high - low)
        assert told["recent_errors"] == pytest.approx(gap * (high - centre), abs=0.05)


@pytest.mark.parametrize("city", ["seoul", "beijing"])
def test_replacing_a_named_input_by_its_climatology_moves_the_forecast_as_stated(case, cities, city):
    one = next(c for c in cities if c.id == city)
    days = outputs_of_days(case, city)
    medians = {
        day: float(to_level(case.fitted.predict(case.now)[:, column])[0]) for day, column in days.items()
    }
    inputs = {i.id: i for i in inputs_of(case.columns, case.fitted.kept, one)}
    named = 0
    for told in days_of(case, one, days, medians):
        for moved in (m for m in told["moved"] if m["named"]):
            changed = case.now.copy()
            columns = list(inputs[moved["input"]].columns)
            changed[0, columns] = case.usual[0, columns]
            without = float(to_level(case.fitted.predict(changed)[:, days[told["lead_day"]]])[0])
            assert (told["median"] - without) * moved["effect"] > 0
            assert moved["median_without"] == pytest.approx(without, abs=0.06)
            named += 1
    assert named


def test_seoul_is_moved_by_the_city_upwind_and_beijing_is_not(panel, model, cities, learned, make_panel):
    """In the invented world Seoul's air is Beijing's of a day before, and nothing comes back."""
    shares = {"seoul": [], "beijing": []}
    for days in range(5, 60, 9):
        issue = np.array([to_ns(learned.replace(hour=8)) + np.timedelta64(days, "D")])
        values = situations(panel, model.recipe, issue)
        fitted = model.hours[8].best.fitted
        usual = usual_of(fitted, model.recipe, values, issue[0])
        one = Case(fitted, model.recipe.columns, values, usual, issue[0])
        for city in cities:
            asked = inputs_of(one.columns, fitted.kept, city)
            narrow = only(fitted, np.array([outputs_of_days(one, city.id)[1]]))
            moved = attribute(narrow, values, usual, [np.array(i.columns) for i in asked])
            effect = {i.id: abs(e) for i, e in zip(asked, moved.effect[:, 0], strict=True)}
            other = "beijing" if city.id == "seoul" else "seoul"
            shares[city.id].append(effect[f"{other}.air"] / sum(effect.values()))
    assert np.mean(shares["seoul"]) > 2 * np.mean(shares["beijing"])


def test_one_column_alone(case):
    narrow = only(case.fitted, np.array([0]))
    columns = np.array([0, 5])
    effect = alone_in(narrow, case.now, case.usual, columns)
    changed = case.now.copy()
    changed[0, 5] = case.usual[0, 5]
    expected = case.fitted.predict(case.now)[0, 0] - case.fitted.predict(changed)[0, 0]
    assert effect[1, 0] == pytest.approx(expected, abs=1e-9)


def test_the_reasons_of_a_run_are_of_its_own_forecast(panel, model, cities, learned):
    issue = learned.replace(hour=8)
    paths = join_paths(panel, forecast_samples(panel, model, cities, "pm2p5", issue, issue), cities)
    thresholds = {"seoul": (15, 35), "beijing": (35, 50)}
    told = reasons_of(panel, model, cities, paths, (issue, issue), thresholds)
    assert told["model_id"] == model.model_id
    assert [c["city"] for c in told["cities"]] == ["seoul", "beijing"]
    for one in told["cities"]:
        assert [day["lead_day"] for day in one["days"]] == [1, 2, 3]
        assert one["what_if"]["threshold"] in thresholds[one["city"]]
    blank = reasons_of(panel, None, cities, paths, (issue, issue), thresholds)
    assert all(not one["days"] for one in blank["cities"])
    silent = replace(model, hours={2: model.hours[2]})
    other = reasons_of(panel, silent, cities, paths, (issue, issue), thresholds)
    assert all(not one["days"] for one in other["cities"])
