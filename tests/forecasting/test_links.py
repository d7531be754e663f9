"""Evidence of links: a known lag is found, noise is not, and nothing unknown at the issue is used."""

import numpy as np
import pytest
import xarray as xr

from forecasting.transport.links import (
    Terms,
    joint_exceedance,
    lift_and_significance,
    past_day_means,
    transport_link,
)
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import city
from pipeline.times import hour_range, parse_instant, to_ns

BEIJING, SEOUL = city("beijing"), city("seoul")
ISSUE = parse_instant("2025-01-14T08:00Z")
TERMS = Terms(75, 50, 2)
DAYS = 730


def panel_of(up_days, down_days):
    """Hourly series of two cities whose days (CST for both, near enough) hold the given means."""
    grid = hour_range(parse_instant("2023-01-14T16:00Z"), parse_instant("2025-01-20T16:00Z"))
    held = {}
    for name, days in (("beijing", up_days), ("seoul", down_days)):
        values = np.repeat(np.resize(days, len(grid) // 24 + 1), 24)[: len(grid)]
        received = grid + np.timedelta64(1, "h")
        held[f"{name}.pm2p5.reference"] = AsOfSeries(grid, received, values.astype(float), 1)
    return AsOfPanel(held, "simulated-7")


def paths_of(up_days, down_days):
    """Paths of D-1 … D+2 of both cities, one list of day means per member."""
    grid = hour_range(parse_instant("2025-01-12T16:00Z"), parse_instant("2025-01-16T16:00Z"))
    values = np.stack([np.repeat(np.array(d, float), 24, axis=1) for d in (up_days, down_days)], axis=1)
    data = {"pm2p5": (("realization", "city", "time"), values)}
    data["is_observed"] = (("city", "time"), np.zeros((2, len(grid)), bool))
    coords = {"realization": np.arange(len(up_days)), "city": ["beijing", "seoul"], "time": grid}
    return xr.Dataset(data, coords=coords, attrs={"world": "simulated-7"})


def episodes(rng, lag):
    up = np.where(rng.random(DAYS) < 0.12, 150.0, 30.0)
    return up, np.where(np.roll(up, lag) > 100, 90.0, 20.0)


CALM = paths_of([[20] * 4] * 4, [[20] * 4] * 4)


def link(panel, paths=CALM, as_of=ISSUE):
    return transport_link(panel, paths, BEIJING, SEOUL, TERMS, issue_time=ISSUE, as_of=as_of)


def test_a_known_lag_of_a_day_is_found():
    found = link(panel_of(*episodes(np.random.default_rng(1), 1)))
    assert found.lift > 2
    assert found.p_value < 0.02
    assert found.sample_size > 150
    assert found.season == "within 60 d of the date"
    assert found.to_dict()["upwind"] == "beijing"


def test_independent_cities_are_seldom_found_linked():
    rejected = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        up, _ = episodes(rng, 1)
        _, down = episodes(rng, 1)
        rejected += link(panel_of(up, down)).p_value <= 0.1
    assert rejected <= 6  # 2 expected; P(more than 6 of 20 at 0.1) < 0.3 %


def test_nothing_received_after_the_snapshot_changes_the_evidence():
    up, down = episodes(np.random.default_rng(3), 1)
    panel = panel_of(up, down)
    changed = {}
    for key, series in panel.series.items():
        values = np.where(series.received > to_ns(ISSUE), 999.0, series.values)
        changed[key] = AsOfSeries(series.times, series.received, values, 1)
    assert link(AsOfPanel(changed, panel.world)) == link(panel)


def test_without_history_or_events_there_is_no_evidence():
    empty = link(AsOfPanel({}, "simulated-7"))
    assert (empty.lift, empty.p_value, empty.sample_size, empty.season) == (0.0, 1.0, 0, "no history")
    calm = link(panel_of(np.full(DAYS, 20.0), np.full(DAYS, 20.0)))
    assert (calm.lift, calm.p_value) == (0.0, 1.0)


def test_lift_is_a_ratio_of_shares():
    hit = np.array([True, True, False, False] * 10)
    followed = np.array([True, False, True, False] * 10)
    assert lift_and_significance(hit, followed)[0] == pytest.approx((1 / 2) / (1 / 2))
    assert lift_and_significance(hit, hit)[0] == pytest.approx(1 / (1 / 2))


def test_joint_exceedance_counts_ordered_samples_from_today_on():
    up = [[150, 20, 20, 20], [20, 150, 20, 20], [20, 20, 20, 150], [20, 20, 20, 20]]
    down = [[20, 20, 90, 20], [90, 20, 20, 20], [20, 90, 20, 20], [20, 90, 20, 20]]
    share, lag = joint_exceedance(paths_of(up, down), BEIJING, SEOUL, TERMS, ISSUE)
    assert share == 1 / 4  # first member only: then yesterday's day, the wrong order, no upwind day
    assert lag == 48.0
    assert joint_exceedance(CALM, BEIJING, SEOUL, TERMS, ISSUE) == (0.0, 0.0)


def test_day_means_need_three_quarters_of_the_day():
    grid = hour_range(parse_instant("2025-01-01T16:00Z"), parse_instant("2025-01-03T16:00Z"))
    keep = np.r_[0:24, 24:41]  # 24 hours and 17 hours
    series = AsOfSeries(grid[keep], grid[keep], np.full(len(keep), 50.0), 1)
    means = past_day_means(AsOfPanel({"beijing.pm2p5.reference": series}, "measured"), BEIJING, ISSUE)
    assert means.index.strftime("%Y-%m-%d").tolist() == ["2025-01-02"]
