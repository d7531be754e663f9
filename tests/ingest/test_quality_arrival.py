"""Flags on arrival: what they find, what they must let pass, and that they never look ahead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ingest.quality_arrival import flag_arrivals
from ingest.quality_hourly import LIMITS, arrival_flags
from ingest.quality_network import find_near
from pipeline.names import QC_FAIL, QC_NOT_EVALUATED, QC_PASS, QC_SUSPECT
from tests.ingest.quality_network_case import START, air, rows, stations

NETWORK = stations(9)
HOURS = 60


def flags_of(values: np.ndarray, quantity: str = "pm2p5", network: pd.DataFrame = NETWORK) -> np.ndarray:
    """Flags of a whole table that arrives at once, as a matrix."""
    table = rows(network, values, quantity)
    found = flag_arrivals(table, table[:0], network)
    return found["qc"].to_numpy().reshape(len(network), len(values)).T


def test_good_air_passes():
    assert not flags_of(air(NETWORK, 300)).any()


def test_a_lone_spike_is_suspect_and_nothing_else():
    values = air(NETWORK, HOURS)
    values[40, 4] += 300
    expected = np.zeros(values.shape, int)
    expected[40, 4] = QC_SUSPECT
    assert flags_of(values).tolist() == expected.tolist()


def test_a_spike_of_three_hours_is_suspect_in_each():
    values = air(NETWORK, HOURS)
    values[40:43, 4] += 400
    assert flags_of(values)[39:44, 4].tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("others", [1, 8])
def test_a_plume_that_a_neighbour_shares_passes(others):
    values = air(NETWORK, HOURS)
    values[40:43, 4 - others // 2 : 5 + others // 2] += 300
    if others == 1:
        values[40:43, 3] += 300
    assert not flags_of(values).any()


def test_a_dust_front_passes_also_at_the_station_that_it_reaches_first():
    values = 2 * air(NETWORK, HOURS)
    for station, delay in enumerate([0, 1, 2, 1, 2, 3, 2, 3, 4]):
        values[40 + delay :, station] += 500
    assert not flags_of(values, "pm10").any()


def test_values_cut_off_at_the_cap_of_a_network_pass():
    values = air(NETWORK, HOURS)
    values[20:40] += 300
    values[25:38, :3] = 500.0
    assert not flags_of(values)[:, :3].any()


def test_a_unit_slip_fails_or_is_suspect_either_way():
    values = air(NETWORK, HOURS)
    values[40:50, 2] *= 1000
    values[40:50, 6] /= 1000
    flags = flags_of(values)
    assert (flags[40:50, 2] == QC_FAIL).all()
    assert (flags[40:50, 6] == QC_SUSPECT).all()
    assert flags.astype(bool).sum() == 20


def test_a_stuck_sensor_is_suspect_once_it_lasts():
    values = air(NETWORK, HOURS)
    values[30:56, 4] = 57.3
    slow = LIMITS["pm2p5"].flat_slow
    assert flags_of(values)[30 + slow - 1 : 56, 4].all()
    assert not np.delete(flags_of(values), 4, axis=1).any()


def test_small_values_may_repeat_for_long_in_clean_air():
    values = np.full((40, 9), 8.0) + np.arange(9)[None] * 0.0
    assert not flags_of(values)[:23].any()
    assert flags_of(values)[23:].all()


def test_lone_stations_get_the_wider_limit():
    lone = stations(1)
    values = np.full((10, 1), 40.0) + np.arange(10)[:, None]
    values[8] = 47 + LIMITS["pm2p5"].lone_jump
    assert not flags_of(values, network=lone).any()
    values[8] = 47.1 + LIMITS["pm2p5"].lone_jump
    assert flags_of(values, network=lone)[:, 0].tolist() == [0] * 8 + [1, 0]


def test_fine_dust_above_all_dust_is_suspect_unless_another_test_explains_it():
    values = air(NETWORK, HOURS)
    both = pd.concat([rows(NETWORK, values), rows(NETWORK, values + 10, "pm10")], ignore_index=True)
    assert not flag_arrivals(both, both[:0], NETWORK)["qc"].any()
    at = both["time"] == START + np.timedelta64(50, "h")
    here = at & (both["station"] == "net:004")
    both.loc[here & (both["quantity"] == "pm10"), "value"] = 3.0
    both.loc[here & (both["quantity"] == "pm2p5"), "value"] = 1.2 * 3 + 20 + 0.1
    flagged = flag_arrivals(both, both[:0], NETWORK)
    assert flagged.index[flagged["qc"] == QC_SUSPECT].tolist() == both.index[here].tolist()
    both.loc[here & (both["quantity"] == "pm10"), "value"] = -999.0
    flagged = flag_arrivals(both, both[:0], NETWORK)
    assert flagged.loc[here].set_index("quantity")["qc"].to_dict() == {"pm2p5": QC_PASS, "pm10": QC_FAIL}


def test_hour_by_hour_gives_the_same_flags_as_all_at_once():
    values = air(NETWORK, 72)
    values[40, 4] += 300
    values[45:60, 7] = 33.0
    values[50:53, 1] = np.nan
    whole = rows(NETWORK, values)
    expected = flag_arrivals(whole, whole[:0], NETWORK)
    stored = whole[:0]
    for hour in np.unique(whole["time"].to_numpy()):
        fresh = whole[whole["time"] == hour].reset_index(drop=True)
        recent = stored[stored["time"] > hour - np.timedelta64(48, "h")]
        stored = pd.concat([stored, flag_arrivals(fresh, recent, NETWORK)], ignore_index=True)
    key = ["station", "time"]
    merged = stored.sort_values(key)["qc"].tolist()
    assert merged == expected.sort_values(key)["qc"].tolist()
    assert sum(merged) > 2


@given(
    values=hnp.arrays(
        "float64",
        st.tuples(st.integers(1, 40), st.just(4)),
        elements=st.sampled_from([np.nan, -1.0, 0.0, 20.0, 20.5, 60.0, 400.0, 499.0, 1400.0, 30000.0]),
    ),
    cut=st.integers(0, 40),
    quantity=st.sampled_from(sorted(LIMITS)),
)
def test_flags_never_look_ahead(values, cut, quantity):
    network = stations(4)
    near = find_near(network, network["station"].tolist())
    whole = arrival_flags(quantity, values, near)
    assert whole[:cut].tolist() == arrival_flags(quantity, values[:cut], near).tolist()


DAYS = st.integers(0, 24 * 365 * 200)
ROW = st.tuples(
    st.sampled_from(["net:000", "net:001", "net:002", "far:000"]),
    st.sampled_from(["pm2p5", "pm10", "ozone", "air_temperature"]),
    st.one_of(st.integers(0, 60), DAYS),
    st.sampled_from([0, 0, 0, 30, 17]),
    st.sampled_from([0.0, 12.0, 300.0, -5.0, 1e6, 280.0]),
    st.sampled_from([QC_PASS, QC_SUSPECT, QC_FAIL, QC_NOT_EVALUATED]),
)


def table_of(drawn) -> pd.DataFrame:
    frame = pd.DataFrame(drawn, columns=["station", "quantity", "hour", "minute", "value", "qc"])
    step = frame["hour"].to_numpy("int64") * 60 + frame["minute"].to_numpy("int64")
    frame["time"] = np.datetime64("1990-01-01", "ns") + step * np.timedelta64(1, "m")
    frame = frame.astype({"station": "str", "quantity": "str", "value": "float64", "qc": "int8"})
    return frame.drop_duplicates(["station", "quantity", "time"])[
        ["station", "quantity", "time", "value", "qc"]
    ]


@pytest.mark.slow
@settings(max_examples=30)
@given(drawn=st.lists(ROW, min_size=1, max_size=25), old=st.lists(ROW, max_size=25))
def test_any_rows_keep_order_and_values_and_no_flag_gets_better(drawn, old):
    fresh, recent = table_of(drawn).sample(frac=1, random_state=1), table_of(old)
    found = flag_arrivals(fresh, recent, stations(3))
    pd.testing.assert_frame_equal(found.drop(columns="qc"), fresh.drop(columns="qc"))
    rank = np.array([0, 2, 3, 1])
    assert (rank[found["qc"]] >= rank[fresh["qc"]]).all()
    again = flag_arrivals(found, recent, stations(3))
    assert again["qc"].tolist() == found["qc"].tolist()
