"""Models that read the weather ahead: what they gain where the truth is known, and what they never see."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.outputs import outputs_of, read_record, truth_of
from forecasting.saying import knows_ahead, say
from forecasting.situation.columns import Recipe
from forecasting.targets import Target
from forecasting.train import train
from forecasting.weather_ahead import (
    AHEAD,
    Manner,
    kernel_keys,
    kernel_weights,
    perfect_prognosis,
    situations_of,
)
from forecasting.weather_table import DAY, weather_table
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.times import from_ns, to_ns

START = datetime(2018, 1, 1, tzinfo=UTC)
LEARNED = START + timedelta(days=430)
DAYS = 500
HOUR = np.timedelta64(3_600_000_000_000, "ns")
CITIES = [all_cities()[c] for c in ("seoul", "beijing")]
ISSUES = to_ns(LEARNED) + 8 * HOUR + np.arange(60) * DAY


def windy(seed=3):
    """Both cities' air follows the same day's wind, which the days before do not tell."""
    rng = np.random.default_rng(seed)
    times = to_ns(START) + np.arange(1, DAYS * 24 + 1) * HOUR
    wind = np.repeat(rng.standard_normal(DAYS + 1), 24)[15 : 15 + len(times)]
    series = {}
    for name, level in (("seoul", 3.1), ("beijing", 3.8)):
        noise = 0.1 * rng.standard_normal(len(times))
        series[f"{name}.pm2p5.reference"] = AsOfSeries(
            times, times + HOUR, np.exp(level - 0.5 * wind + noise)
        )
    series["seoul.eastward_wind.weather"] = AsOfSeries(times, times + HOUR, 3.0 + wind)
    return AsOfPanel(series, "simulated-7")


@pytest.fixture(scope="module")
def panel():
    return windy()


@pytest.fixture(scope="module")
def models(panel):
    learn = {"data_until": LEARNED, "effort": "quick"}
    return [train(panel, CITIES, "pm2p5", **learn, weather=w) for w in ("observed", AHEAD)]


def column(model, city, day):
    out = model.hours[8].outputs
    [i] = [i for i, t in enumerate(out.targets) if t.city == city and t.role == "reference"]
    return int(np.flatnonzero((out.target == i) & (out.day == day))[0])


def errors(panel, model, said, city, day):
    record = read_record(panel, model.targets, LEARNED, from_ns(panel["seoul.pm2p5.reference"].times[-1]))
    truth = truth_of(record, model.hours[8].outputs, ISSUES)
    at = column(model, city, day)
    return (truth.logs - said.distribution.centre)[:, at]


@pytest.mark.parametrize("city", ["seoul", "beijing"])
def test_what_only_the_days_own_weather_tells_is_learned(panel, models, city):
    blind, seeing = models
    without = errors(panel, blind, say(blind, panel, ISSUES), city, 2)
    told = errors(panel, seeing, say(seeing, panel, ISSUES, manner=Manner(ahead=perfect_prognosis)), city, 2)
    # two thirds of local days lie in one draw of the wind, so that some of it stays unknown to the day's mean
    assert np.std(told) < 0.6 * np.std(without)
    assert (seeing.weather, seeing.facts()["weather"]) == (AHEAD, "ahead")
    assert seeing.model_id.startswith("kernel-ahead-pm2p5-")


def test_no_output_reads_the_weather_of_a_later_day(models):
    seeing = models[1]
    out = seeing.hours[8].outputs
    columns = seeing.recipe.columns
    weights = kernel_weights(kernel_keys(out, AHEAD), columns, CITIES)
    for key, factors in weights.items():
        name, _, day = key.partition(" D+")
        for c, factor in zip(columns, factors, strict=True):
            if c.day is not None:
                assert factor == 0 or (c.city == name and c.day <= int(day))
                assert factor > 0 or (c.city, c.day) != (name, int(day))


def test_without_a_source_the_model_does_without_and_says_so(panel, models):
    seeing = models[1]
    said = say(seeing, panel, ISSUES[:3])
    assert all(any(g.startswith("weather ahead") for g in groups) for groups in said.missing)
    assert not knows_ahead(seeing, panel, ISSUES[:3], None, None).any()
    assert knows_ahead(seeing, panel, ISSUES[:3], None, perfect_prognosis).all()
    assert knows_ahead(models[0], panel, ISSUES[:3], None, None).all()
    assert np.isfinite(said.distribution.centre).all()


def table(panel, model, wrong=0.0, read=()):
    """A table of forecasts that are what came, and so much wrong from one issue to the next."""
    past = to_ns(LEARNED) + 8 * HOUR + np.arange(-100, 60) * DAY
    made = weather_table(read, panel, [model.recipe], past)
    rng = np.random.default_rng(0)
    for name, came in made.measured.items():
        made.forecast[name][:] = came + wrong * rng.standard_normal((len(past), 1))
    return made


def test_wrong_forecasts_widen_what_is_said(panel, models):
    seeing = models[1]
    right, wrong = (say(seeing, panel, ISSUES, manner=Manner(False, table(panel, seeing, w))) for w in (0, 1))
    at = column(seeing, "seoul", 2)
    assert (wrong.distribution.scale[:, at] > 1.3 * right.distribution.scale[:, at]).mean() > 0.9
    spread = errors(panel, seeing, wrong, "seoul", 2).std()
    assert 0.6 < spread / wrong.distribution.scale[:, at].mean() < 1.5


def test_weather_measured_after_an_issue_changes_nothing(panel, models):
    seeing, at = models[1], 30
    issue = ISSUES[at : at + 1]
    known = table(panel, seeing, 0.5)
    before = say(seeing, panel, issue, manner=Manner(ahead=known))

    def later(series):
        late = series.received > issue[0]
        return AsOfSeries(series.times, series.received, np.where(late, 99.0, series.values))

    other = AsOfPanel({k: later(s) for k, s in panel.items()}, panel.world)
    again = weather_table((), other, [seeing.recipe], known.issues)
    for name in known.forecast:
        again.forecast[name][:] = known.forecast[name]
    after = say(seeing, other, issue, manner=Manner(ahead=again))
    for name in ("centre", "scale"):
        assert np.array_equal(getattr(before.distribution, name), getattr(after.distribution, name))
    assert np.array_equal(before.distribution.adjustment.shift, after.distribution.adjustment.shift)


def test_frozen_levels_do_not_follow(panel, models):
    said = say(models[0], panel, ISSUES, manner=Manner(adaptive=False))
    assert not said.distribution.adjustment.shift.any()
    assert (said.distribution.adjustment.stretch == 1).all()


def test_a_situation_has_the_weather_ahead_only_from_a_source(panel, models):
    recipe = Recipe(tuple(c for c in models[1].recipe.columns if c.day is not None))
    assert len(recipe.columns)
    assert np.isnan(situations_of(panel, recipe, ISSUES)).all()
    assert np.isfinite(situations_of(panel, recipe, ISSUES, ahead=perfect_prognosis)).all()


def test_outputs_of_the_outlook_read_the_last_day_there_is():
    out = outputs_of([Target("seoul", "pm2p5", "reference", 3, "Asia/Seoul")], 8)
    keys = np.array(kernel_keys(out, AHEAD))
    assert set(keys[out.day > 3]) == {"seoul D+3"}
