"""What every forecast guarantees: nothing from the future, no crossing, no gap, number for number again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.samples import RECENT_DAYS, forecast_samples
from forecasting.saying import say
from forecasting.targets import to_level
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.errors import ContractError
from pipeline.paths import day_means, join_paths
from pipeline.schema import check_samples
from pipeline.times import cycles_between, horizon_end, local_date, to_ns

relaxed = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def _without(panel, *, keys=(), since=None):
    """Return the panel less some series, or less what some series said since an instant."""
    kept = {}
    for key, s in panel.items():
        if not key.startswith(tuple(keys)):
            kept[key] = s
        elif since is not None:
            early = s.times <= to_ns(since)
            kept[key] = AsOfSeries(s.times[early], s.received[early], s.values[early], s.interval_hours)
    return AsOfPanel(kept, panel.world)


@relaxed
@given(
    cycles=st.integers(0, 60 * 4),
    use_model=st.booleans(),
    value=st.one_of(st.just(np.nan), st.floats(0, 900)),
    shift=st.integers(-30, 200),
)
def test_nothing_received_later_changes_a_forecast(
    panel, model, cities, learned, cycles, use_model, value, shift
):
    issue = learned + timedelta(hours=2 + 6 * cycles)
    used = model if use_model else None
    said = forecast_samples(panel, used, cities, "pm2p5", issue, issue)
    changed = {}
    for key, s in panel.items():
        late = s.received > to_ns(issue)
        # later values are altered, and an earlier one gets a correction that arrives later
        values = np.where(late, value, s.values)
        at = int(np.clip(np.searchsorted(s.times, to_ns(issue)) - 1 + min(shift, -1), 0, len(s.times) - 1))
        times = np.insert(s.times, at + 1, s.times[at])
        received = np.insert(s.received, at + 1, to_ns(issue + timedelta(seconds=1)))
        changed[key] = AsOfSeries(times, received, np.insert(values, at + 1, value), s.interval_hours)
    again = forecast_samples(AsOfPanel(changed, panel.world), used, cities, "pm2p5", issue, issue)
    xr.testing.assert_identical(said, again)


def test_nothing_received_later_changes_a_model(panel, model, cities, learned, issue, train_small):
    changed = {
        k: AsOfSeries(s.times, s.received, np.where(s.received > to_ns(learned), 777.0, s.values))
        for k, s in panel.items()
    }
    again = train_small(AsOfPanel(changed, panel.world), cities)
    assert again.model_id == model.model_id
    said, repeated = (forecast_samples(panel, m, cities, "pm2p5", issue, issue) for m in (model, again))
    xr.testing.assert_identical(said, repeated)


def test_a_cycle_does_not_depend_on_the_cycles_before_it(panel, model, cities, learned):
    issues = cycles_between(learned, learned + timedelta(days=2))
    in_order = {i: forecast_samples(panel, model, cities, "pm2p5", i, i) for i in issues}
    for issue in reversed(issues):
        alone = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
        xr.testing.assert_identical(alone, in_order[issue])


@pytest.mark.parametrize("use_model", [True, False])
def test_the_days_before_an_issue_are_enough(panel, model, cities, issue, use_model):
    first, used = to_ns(issue - timedelta(days=RECENT_DAYS)), model if use_model else None
    recent = {
        k: AsOfSeries(s.times[s.times > first], s.received[s.times > first], s.values[s.times > first])
        for k, s in panel.items()
    }
    said = forecast_samples(panel, used, cities, "pm2p5", issue, issue)
    xr.testing.assert_identical(
        said, forecast_samples(AsOfPanel(recent, panel.world), used, cities, "pm2p5", issue, issue)
    )


@pytest.mark.parametrize("hour", [2, 8, 14, 20])
def test_samples_reach_the_end_of_the_fourth_day(panel, model, cities, learned, hour):
    issue = learned.replace(hour=hour)
    samples = check_samples(forecast_samples(panel, model, cities, "pm2p5", issue, issue))
    assert samples.sizes["realization"] == 200
    assert samples.attrs["degraded"] == ""
    assert samples.attrs["model_id"] == model.model_id
    for city in cities:
        last = int((horizon_end(issue, city.timezone) - issue).total_seconds() // 3600)
        values = samples["pm2p5"].sel(city=city.id)
        assert np.isfinite(values.sel(forecast_period=slice(-24, last))).all()
        assert last <= 92
        assert (values.sel(forecast_period=slice(-24, -1)).std("realization") < 1e-9).all()
        assert (values.sel(forecast_period=slice(0, last)).std("realization") > 0).all()


@pytest.mark.slow
def test_every_day_mean_is_there_whatever_is_missing(panel, model, cities, issue):
    silent = issue - timedelta(days=30)
    holes = {
        "nothing": AsOfPanel({}, panel.world),
        "Seoul never": _without(panel, keys=["seoul"]),
        "Seoul silent": _without(panel, keys=["seoul"], since=silent),
        "both silent": _without(panel, keys=["seoul", "beijing"], since=silent),
        "no weather": _without(panel, keys=["seoul.eastward_wind"]),
        "ten hours late": _without(panel, keys=["beijing"], since=issue - timedelta(hours=10)),
    }
    said = {
        name: forecast_samples(there, m, cities, "pm2p5", issue, issue)
        for name, there in holes.items()
        for m in (model, None)
    }
    for name, samples in said.items():
        paths = join_paths(holes[name], samples, cities)
        for city in cities:
            today = np.datetime64(local_date(issue, city.timezone), "ns")
            days = day_means(paths, city)["day_mean"].sel(
                day=today + np.arange(1, 4) * np.timedelta64(1, "D")
            )
            assert np.isfinite(days).all(), name


def test_a_silent_city_is_forecast_from_what_is_left_and_says_so(panel, model, cities, issue):
    usual = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
    silent = _without(panel, keys=["seoul"], since=issue - timedelta(days=40))
    said = forecast_samples(silent, model, cities, "pm2p5", issue, issue)
    groups = ("seoul air, latest", "seoul air", "seoul air, weeks", "seoul weather")
    assert said.attrs["degraded"] == "; ".join(f"forecast without {g}" for g in groups)
    assert "seoul.pm2p5.reference" in said.attrs["inputs_missing"]
    ahead = {"city": "beijing", "forecast_period": slice(1, 48)}
    spread = usual["pm2p5"].sel(ahead).std()
    assert abs(said["pm2p5"].sel(ahead) - usual["pm2p5"].sel(ahead)).mean() < 0.5 * spread


def test_the_unseen_hours_of_a_silent_city_err_together(panel, model, cities, issue):
    """The mean of hours that all have the same rank has the spread of their mean quantiles."""
    silent = _without(panel, keys=["seoul"], since=issue - timedelta(days=40))
    said = forecast_samples(silent, model, cities, "pm2p5", issue, issue)
    hours = said["pm2p5"].sel(city="seoul", forecast_period=slice(-15, 0)).to_numpy()
    together = np.sort(hours, axis=0).mean(axis=1)
    np.testing.assert_allclose(np.sort(hours.mean(axis=1)), together, rtol=1e-9)


def test_a_target_of_which_the_model_knows_too_little_falls_back_alone(panel, model, cities, issue):
    """Seoul's truths were too few to learn from: persistence stands in for Seoul, the model for Beijing."""
    seoul = [t.city for t in model.targets].index("seoul")
    hours = {at: replace(h, usable=h.usable & (h.outputs.target != seoul)) for at, h in model.hours.items()}
    blind = replace(model, hours=hours)
    usual, said = (forecast_samples(panel, m, cities, "pm2p5", issue, issue) for m in (model, blind))
    assert said.attrs["degraded"] == "seoul.pm2p5.reference: persistence"
    xr.testing.assert_identical(said["pm2p5"].sel(city="beijing"), usual["pm2p5"].sel(city="beijing"))
    assert not said["pm2p5"].sel(city="seoul").equals(usual["pm2p5"].sel(city="seoul"))
    assert np.isnan(said["outlook_pm2p5"].sel(city="seoul")).all()
    assert np.isfinite(said["outlook_pm2p5"].sel(city="beijing")).all()


def test_day_means_of_the_joint_paths_are_those_of_the_days_own_regression(panel, model, cities, issue):
    """A whole local day ahead: the members' day means are the calibrated quantiles of the day."""
    said = say(model, panel, np.array([to_ns(issue)]))
    samples = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
    for i, target in enumerate(model.targets):
        for column in said.outputs.of(i, days=True)[1:4]:
            start, end = said.outputs.start[column], said.outputs.end[column]
            hours = samples["pm2p5"].sel(city=target.city, forecast_period=slice(start + 1, end))
            means = np.sort(hours.mean("forecast_period").values)
            levels = (np.arange(200) + 0.5) / 200
            wanted = to_level(said.distribution.quantiles(levels)[0, column])
            np.testing.assert_allclose(means, wanted, rtol=1e-6)


def test_outlook_days_are_the_two_after_the_forecast(panel, model, cities, issue):
    samples = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
    outlook = samples["outlook_pm2p5"]
    assert outlook["outlook_day"].values.tolist() == [4, 5]
    assert (outlook.std("realization") > 0).all()
    assert float(outlook.min()) >= 0
    without = forecast_samples(panel, None, cities, "pm2p5", issue, issue)
    assert "outlook_pm2p5" not in without


def test_without_a_model_persistence_is_named(panel, cities, issue):
    samples = forecast_samples(panel, None, cities, "pm2p5", issue, issue)
    assert samples.attrs["model_id"] == "none"
    assert samples.attrs["degraded"].startswith("no usable model; seoul.pm2p5.reference: persistence")
    nothing = forecast_samples(AsOfPanel({}, panel.world), None, cities, "pm10", issue, issue)
    assert "beijing.pm10.reference: no past at all" in nothing.attrs["degraded"]


def test_a_model_of_another_world_is_refused(panel, model, cities, issue):
    with pytest.raises(ContractError, match="simulated-99/pm2p5, not measured/pm2p5"):
        forecast_samples(AsOfPanel({}, "measured"), model, cities, "pm2p5", issue, issue)
