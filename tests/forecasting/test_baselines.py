"""Baselines are there whatever is known, and say what they were told to say."""

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting.baselines import RECENT_PERIODS, Courses, lasts
from forecasting.futures import Scene, by_baseline
from forecasting.targets import read_history, targets_of
from forecasting.ties import MEMBERS
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import to_ns

ISSUE = datetime(2020, 3, 1, 8, tzinfo=UTC)
HOUR = np.timedelta64(3_600_000_000_000, "ns")


def drawn(panel, cities, persist=True, issues=(ISSUE,)):
    targets = targets_of(panel, cities, "pm2p5")
    scene = Scene(panel, targets, np.array([to_ns(i) for i in issues]))
    courses = Courses(read_history(panel, targets, ISSUE))
    return by_baseline(scene, courses, [None] * len(targets), range(len(targets)), persist)


def panel_of(cities, values):
    times = to_ns(ISSUE) - np.arange(len(values))[::-1] * HOUR
    series = {f"{c.id}.pm2p5.reference": AsOfSeries(times, times, values) for c in cities}
    return AsOfPanel(series, "simulated-1")


def test_persistence_continues_the_newest_day(cities):
    made = drawn(panel_of(cities, np.full(400 * 24, 40.0)), cities)
    for values in made.values:
        np.testing.assert_allclose(values[0][:, -70:], 40.0, rtol=1e-5)
    assert made.notes == [[f"{c.id}.pm2p5.reference: persistence" for c in cities]]


@pytest.mark.parametrize("persist", [True, False])
def test_gaps_and_silence_leave_no_gap_in_what_is_drawn(cities, persist):
    rng = np.random.default_rng(3)
    values = rng.lognormal(3, 0.5, 400 * 24)
    values[rng.random(len(values)) < 0.3] = np.nan
    values[-80:] = np.nan
    made = drawn(panel_of(cities, values), cities, persist)
    assert all(np.isfinite(v).all() and v.shape[:2] == (1, MEMBERS) for v in made.values)
    assert made.notes == [[f"{c.id}.pm2p5.reference: climatology" for c in cities]]


def test_without_any_past_a_wide_spread_is_assumed(cities):
    made = drawn(AsOfPanel({}, "simulated-1"), cities)
    assert all("no past at all" in note for note in made.notes[0])
    # ln(c + 5) is normal about ln 30 with spread 0.7: a tenth lies below 30 exp(-0.7 * 1.2816) - 5 = 7.2
    low = np.quantile(np.concatenate([v[0, :, 0] for v in made.values]), 0.1)
    assert 5.0 < low < 9.5


def test_an_issue_is_drawn_the_same_among_others(cities):
    rng = np.random.default_rng(4)
    panel = panel_of(cities, rng.lognormal(3, 0.5, 400 * 24))
    other = ISSUE.replace(day=1, month=2)
    both, alone = (drawn(panel, cities, issues=i) for i in ((other, ISSUE), (ISSUE,)))
    for one, two in zip(both.values, alone.values, strict=True):
        np.testing.assert_array_equal(one[1], two[0])


def test_a_level_lasts_for_three_days():
    known = np.full((2, len(RECENT_PERIODS)), np.nan)
    known[0, 23], known[1, 22] = 30.0, 30.0  # ended 72 h and 73 h before the issue
    assert lasts(known).tolist() == [True, False]
