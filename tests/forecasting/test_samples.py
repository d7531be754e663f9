"""What every forecast guarantees: nothing from the future, no crossing, no gap, number for number again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting.features import RECENT_DAYS, FeatureTable
from forecasting.samples import baseline_samples, forecast_samples, shuffle
from forecasting.targets import read_history, targets_of
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
    hours=st.integers(0, 60 * 24),
    use_model=st.booleans(),
    value=st.one_of(st.just(np.nan), st.floats(0, 900)),
    shift=st.integers(-30, 200),
)
def test_nothing_received_later_changes_a_forecast(
    panel, model, cities, learned, hours, use_model, value, shift
):
    issue = learned + timedelta(hours=hours)
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


def test_nothing_received_later_changes_a_model(panel, model, cities, learned, train_small):
    changed = {
        k: AsOfSeries(s.times, s.received, np.where(s.received > to_ns(learned), 777.0, s.values))
        for k, s in panel.items()
    }
    again = train_small(AsOfPanel(changed, panel.world), cities)
    assert again.model_id == model.model_id
    said, repeated = (forecast_samples(panel, m, cities, "pm2p5", learned, learned) for m in (model, again))
    xr.testing.assert_identical(said, repeated)


def test_a_cycle_does_not_depend_on_the_cycles_before_it(panel, model, cities, learned):
    issues = cycles_between(learned, learned + timedelta(days=2))
    in_order = {i: forecast_samples(panel, model, cities, "pm2p5", i, i) for i in issues}
    for issue in reversed(issues):
        alone = forecast_samples(panel, model, cities, "pm2p5", issue, issue)
        xr.testing.assert_identical(alone, in_order[issue])


@pytest.mark.parametrize("use_model", [True, False])
def test_the_days_before_an_issue_are_enough(panel, model, cities, learned, use_model):
    first, used = to_ns(learned - timedelta(days=RECENT_DAYS)), model if use_model else None
    recent = {
        k: AsOfSeries(s.times[s.times > first], s.received[s.times > first], s.values[s.times > first])
        for k, s in panel.items()
    }
    said = forecast_samples(panel, used, cities, "pm2p5", learned, learned)
    xr.testing.assert_identical(
        said, forecast_samples(AsOfPanel(recent, panel.world), used, cities, "pm2p5", learned, learned)
    )


@relaxed
@given(
    columns=st.lists(st.floats(-50, 1e5) | st.just(np.nan), min_size=5, max_size=5), seed=st.integers(0, 99)
)
def test_margins_never_cross(model, columns, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, (40, len(model.layout.names))).astype(np.float32)
    values[:, rng.integers(0, values.shape[1], 5)] = columns
    values[:, 3], values[:, 9] = rng.integers(1, 120, 40), 3.0
    target = rng.integers(0, 2, 40)
    table = FeatureTable(target, np.ones(40, int), values, np.ones(2, bool))
    margins = model.marginals(table, np.linspace(0.001, 0.999, 50))
    assert (np.diff(margins, axis=1) >= 0).all()
    assert (margins >= 0).all()
    assert np.isfinite(margins).all()


@pytest.mark.parametrize("hour", [2, 8, 14, 20])
def test_samples_reach_the_end_of_the_fourth_day(panel, model, cities, learned, hour):
    issue = learned.replace(hour=hour)
    samples = check_samples(forecast_samples(panel, model, cities, "pm2p5", issue, issue, members=250))
    assert samples.sizes["realization"] == 250
    assert samples.attrs["degraded"] == ""
    assert samples.attrs["model_id"] == model.model_id
    for city in cities:
        last = int((horizon_end(issue, city.timezone) - issue).total_seconds() // 3600)
        values = samples["pm2p5"].sel(city=city.id)
        assert np.isfinite(values.sel(forecast_period=slice(-24, last))).all()
        assert last <= 92
        assert (values.sel(forecast_period=slice(-24, -1)).std("realization") < 1e-9).all()
        assert (values.sel(forecast_period=slice(0, last)).std("realization") > 0).all()


def test_every_day_mean_is_there_whatever_is_missing(panel, model, cities, learned):
    silent = learned - timedelta(days=30)
    holes = {
        "nothing": AsOfPanel({}, panel.world),
        "Seoul never": _without(panel, keys=["seoul"]),
        "Seoul silent": _without(panel, keys=["seoul"], since=silent),
        "both silent": _without(panel, keys=["seoul", "beijing"], since=silent),
        "no weather": _without(panel, keys=["seoul.eastward_wind"]),
        "ten hours late": _without(panel, keys=["beijing"], since=learned - timedelta(hours=10)),
    }
    said = {
        name: forecast_samples(there, m, cities, "pm2p5", learned, learned)
        for name, there in holes.items()
        for m in (model, None)
    }
    for name, samples in said.items():
        paths = join_paths(holes[name], samples, cities)
        for city in cities:
            today = np.datetime64(local_date(learned, city.timezone), "ns")
            days = day_means(paths, city)["day_mean"].sel(
                day=today + np.arange(1, 4) * np.timedelta64(1, "D")
            )
            assert np.isfinite(days).all(), name


def test_a_silent_city_falls_back_and_the_other_does_not(panel, model, cities, learned):
    usual = forecast_samples(panel, model, cities, "pm2p5", learned, learned)
    silent = _without(panel, keys=["seoul"], since=learned - timedelta(days=30))
    said = forecast_samples(silent, model, cities, "pm2p5", learned, learned)
    assert said.attrs["degraded"] == (
        "seoul.pm2p5.reference: nothing known of the last 72 h; seoul.pm2p5.reference: climatology"
    )
    assert "seoul.pm2p5.reference" in said.attrs["inputs_missing"]
    ahead = {"city": "beijing", "forecast_period": slice(1, 48)}
    spread = usual["pm2p5"].sel(ahead).std()
    assert abs(said["pm2p5"].sel(ahead) - usual["pm2p5"].sel(ahead)).mean() < 0.5 * spread


def test_without_a_model_persistence_is_named(panel, cities, learned):
    samples = forecast_samples(panel, None, cities, "pm2p5", learned, learned)
    assert samples.attrs["model_id"] == "none"
    assert samples.attrs["degraded"].startswith("no usable model; seoul.pm2p5.reference: persistence")
    nothing = forecast_samples(AsOfPanel({}, panel.world), None, cities, "pm10", learned, learned)
    assert "beijing.pm10.reference: no past at all" in nothing.attrs["degraded"]


def test_a_model_of_another_world_is_refused(panel, model, cities, learned):
    with pytest.raises(ContractError, match="simulated-99/pm2p5, not measured/pm2p5"):
        forecast_samples(AsOfPanel({}, "measured"), model, cities, "pm2p5", learned, learned)


@pytest.mark.parametrize("kind", ["persistence", "climatology"])
def test_baselines_give_the_same_shape(panel, model, cities, learned, kind):
    ours = forecast_samples(panel, model, cities, "pm2p5", learned, learned)
    history = read_history(panel, targets_of(panel, cities, "pm2p5"), learned)
    theirs = baseline_samples(kind, panel, history, cities, learned, learned)
    assert theirs["pm2p5"].shape == ours["pm2p5"].shape
    assert np.isfinite(theirs["pm2p5"]).equals(np.isfinite(ours["pm2p5"]))
    assert theirs.attrs["model_id"] == kind
    assert theirs.attrs["degraded"] == ""


def test_persistence_continues_the_newest_day(cities):
    issue = datetime(2020, 3, 1, 8, tzinfo=UTC)
    times = to_ns(issue) - np.arange(400 * 24)[::-1] * np.timedelta64(3_600_000_000_000, "ns")
    series = {f"{c.id}.pm2p5.reference": AsOfSeries(times, times, np.full(len(times), 40.0)) for c in cities}
    panel = AsOfPanel(series, "simulated-1")
    history = read_history(panel, targets_of(panel, cities, "pm2p5"), issue)
    samples = baseline_samples("persistence", panel, history, cities, issue, issue)
    ahead = samples["pm2p5"].sel(forecast_period=slice(1, 70))
    np.testing.assert_allclose(ahead, 40.0, rtol=1e-5)


@given(st.integers(0, 999), st.integers(1, 30), st.integers(1, 8))
def test_the_shuffle_keeps_every_margin_and_the_templates_order(seed, members, periods):
    rng = np.random.default_rng(seed)
    margins = np.sort(rng.normal(size=(periods, members)), axis=1)
    template = rng.normal(size=(members, periods))
    got = shuffle(margins, template)
    np.testing.assert_array_equal(np.sort(got, axis=0).T, margins)
    np.testing.assert_array_equal(np.argsort(got, axis=0), np.argsort(template, axis=0))
