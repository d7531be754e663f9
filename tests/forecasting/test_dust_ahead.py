"""The chance of coarse particles ahead: pairs of members of two forecasts made apart."""

from datetime import date, timedelta

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from forecasting.transport.dust_ahead import coarse_chance, day_futures, expected_day, pair_weights
from pipeline.cities import city
from pipeline.dust_outlook import DustEvidence
from pipeline.times import hour_range, local_day_bounds

SEOUL = city("seoul")
DAY = date(2024, 4, 22)
SUPPORT = DustEvidence("upwind", True, 500.0, "beijing", "")


def paths_of(quantity, members, *, known=0, world="simulated-7"):
    """Paths of one local day; ``members`` is one hourly value, or 24, for each member."""
    grid = hour_range(*local_day_bounds(DAY, SEOUL.timezone))
    values = np.stack([np.broadcast_to(np.asarray(m, float), (24,)) for m in members])
    observed = np.arange(24) < known
    return xr.Dataset(
        {
            quantity: (("realization", "city", "time"), values[:, None]),
            "is_observed": (("city", "time"), observed[None]),
        },
        {"realization": np.arange(len(members)), "city": ["seoul"], "time": grid},
        {"world": world},
    )


def futures(pm10, pm2p5, **more):
    return day_futures(paths_of("pm10", pm10, **more), paths_of("pm2p5", pm2p5, **more), SEOUL, DAY)


def test_what_all_futures_agree_on_is_certain():
    assert futures([300.0] * 4, [30.0] * 4).probability() == pytest.approx(1)
    assert futures([300.0] * 4, [200.0] * 4).probability() == 0
    assert futures([140.0] * 4, [10.0] * 4).probability() == 0


def test_three_hours_are_needed():
    spell = np.full(24, 50.0)
    spell[5:7] = 400.0
    assert futures([spell] * 4, [20.0] * 4).probability() == 0
    spell[7] = 400.0
    assert futures([spell] * 4, [20.0] * 4).probability() == pytest.approx(1)


@given(
    st.lists(st.floats(1, 800), min_size=3, max_size=8),
    st.lists(st.floats(1, 800), min_size=3, max_size=8),
    st.floats(0.1, 0.95),
)
def test_weights_are_a_distribution_and_leave_out_what_cannot_be(pm10, pm2p5, together):
    size = min(len(pm10), len(pm2p5))
    a, b = (np.array(v[:size])[:, None] for v in (pm10, pm2p5))
    weights = pair_weights(a, b, together)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    impossible = b[:, 0][None] > a[:, 0][:, None]
    if not impossible.all():
        assert weights[impossible].sum() == 0


def test_weights_follow_the_correlation():
    values = np.arange(1.0, 201.0)[:, None]
    drawn = pair_weights(values + 1000, values, 0.8)
    normal = np.argsort(np.argsort(values[:, 0]))
    rank = (normal - normal.mean()) / normal.std()
    assert rank @ drawn @ rank == pytest.approx(0.786, abs=0.02)  # 6/π · arcsin(0.8/2): Spearman of 0.8


def test_the_verdict_names_what_half_of_the_futures_show_and_needs_a_sign():
    half = futures([400.0] * 6 + [60.0] * 4, [30.0] * 10)
    assert expected_day(half, SEOUL, DAY, [SUPPORT], lead_day=1).verdict == "dust"
    assert expected_day(half, SEOUL, DAY, lead_day=1).verdict == "pm10_event"
    few = futures([400.0] * 3 + [60.0] * 7, [30.0] * 10)
    found = expected_day(few, SEOUL, DAY, [SUPPORT], lead_day=1)
    assert (found.verdict, found.observed, found.evidence) == ("none", False, (SUPPORT,))
    assert 0 < found.probability < 0.5
    assert few.dusty().tolist() == [True] * 3 + [False] * 7
    assert expected_day(futures([200.0] * 4, [150.0] * 4), SEOUL, DAY, lead_day=2).verdict == "fine"


def test_forecasts_that_contradict_each_other_tell_no_ratio():
    assert expected_day(futures([50.0] * 4, [90.0] * 4), SEOUL, DAY, lead_day=1).ratio is None


def test_a_day_beyond_the_forecast_is_not_judged():
    pm10, pm2p5 = paths_of("pm10", [300.0] * 3), paths_of("pm2p5", [30.0] * 3)
    assert day_futures(pm10, pm2p5, SEOUL, DAY + timedelta(days=1)) is None
    gap = np.full(24, 300.0)
    gap[:7] = np.nan
    assert futures([gap] * 3, [30.0] * 3) is None


def test_the_measured_part_of_a_day_is_counted_and_its_intervals_are_sure():
    spell = np.full(24, 50.0)
    spell[2] = 400.0
    pm10, pm2p5 = paths_of("pm10", [spell] * 3, known=6), paths_of("pm2p5", [20.0] * 3, known=6)
    assert day_futures(pm10, pm2p5, SEOUL, DAY).known == 6
    assert coarse_chance(pm10, pm2p5, SEOUL).tolist() == [0, 0, 1] + [0] * 21


def test_hours_share_the_chance_of_their_interval():
    """Measured Seoul has three-hourly series: values stand at the ends of the intervals alone."""
    thirds = np.full(24, np.nan)
    thirds[2::3] = 400.0
    pm10 = paths_of("pm10", [thirds] * 2, world="measured")
    pm2p5 = paths_of("pm2p5", [thirds / 20] * 2, world="measured")
    assert coarse_chance(pm10, pm2p5, SEOUL).tolist() == [1.0] * 24
    assert day_futures(pm10, pm2p5, SEOUL, DAY).hours.max() == 24
