"""Quality flags: what they find, and that they never look ahead."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ingest.quality import FLAT_HOURS, STEP_LIMITS, flag_series, isd_flags, range_flags, step_flags, worst
from pipeline.names import QC_FAIL, QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT, QUANTITIES


def hours(n: int, step: int = 1) -> np.ndarray:
    return np.datetime64("2019-01-01T00", "ns") + np.arange(n) * np.timedelta64(step, "h")


def one(n: int) -> np.ndarray:
    return np.zeros(n, "int8")


@pytest.mark.parametrize("quantity", sorted(QUANTITIES))
def test_limits_of_every_quantity_are_inclusive(quantity):
    low, high = QUANTITIES[quantity].lowest, QUANTITIES[quantity].highest
    values = np.array([low, high, np.nextafter(low, -np.inf), np.nextafter(high, np.inf), -np.inf])
    assert range_flags(quantity, values).tolist() == [0, 0, 2, 2, 2]


def test_checked_quantities_exist():
    assert set(STEP_LIMITS) | set(FLAT_HOURS) <= set(QUANTITIES)


def test_a_spike_is_suspect_and_its_return_is_not():
    values = np.array([30.0, 31.0, 29.0, 900.0, 30.0, 31.0])
    assert step_flags("pm2p5", values, hours(6), one(6)).tolist() == [0, 0, 0, QC_SUSPECT, 0, 0]


def test_a_lasting_change_is_believed_after_two_values():
    values = np.array([30.0, 30.0, 31.0, 600.0, 610.0, 620.0, 615.0])
    assert step_flags("pm2p5", values, hours(7), one(7)).tolist() == [0, 0, 0, 1, 1, 0, 0]


def test_steps_are_not_judged_across_gaps_or_series():
    values = np.array([30.0, 30.0, 30.0, 900.0])
    assert step_flags("pm2p5", values, hours(4, 5), one(4)).tolist() == [0, 0, 0, 0]
    assert step_flags("pm2p5", values, hours(4), np.array([0, 0, 0, 1])).tolist() == [0, 0, 0, 0]


def test_flat_line_is_suspect_after_its_first_day_only_while_it_lasts():
    values = np.concatenate([np.full(30, 12.0), [13.0]])
    flags = flag_series("pm2p5", values, hours(31), one(31))
    assert flags.tolist() == [0] * 24 + [QC_SUSPECT] * 6 + [0]


def test_calm_and_sparse_series_are_no_flat_line():
    assert not flag_series("wind_speed", np.zeros(100), hours(100), one(100)).any()
    assert not flag_series("pm2p5", np.full(100, 9.0), hours(100, 12), one(100)).any()


def test_isd_codes():
    codes = np.array([*list("0123456799ACIMPRU"), "x", None, ""], object)
    expected = {"2": QC_SUSPECT, "6": QC_SUSPECT, "3": QC_FAIL, "7": QC_FAIL}
    want = [expected.get(str(c), QC_PASS) for c in codes[:17]] + [QC_NOT_EVALUATED] * 3
    assert isd_flags(codes).tolist() == want


def test_worst_puts_fail_first_and_not_evaluated_above_pass():
    a, b = (x.ravel().astype("int8") for x in np.meshgrid(range(4), range(4)))
    order = [QC_PASS, QC_NOT_EVALUATED, QC_SUSPECT, QC_FAIL]
    assert worst(a, b).tolist() == [max(x, y, key=order.index) for x, y in zip(a, b, strict=True)]


@given(
    values=hnp.arrays(
        "float64", st.integers(1, 60), elements=st.sampled_from([-1.0, 0.0, 20.0, 20.5, 700.0, 2000.0])
    ),
    cut=st.integers(0, 60),
)
def test_flags_never_look_ahead(values, cut):
    n = min(cut, len(values))
    whole = flag_series("pm2p5", values, hours(len(values), 3), one(len(values)))
    assert whole[:n].tolist() == flag_series("pm2p5", values[:n], hours(n, 3), one(n)).tolist()
