"""City series composed of stations: every late or corrected value makes a version, none is seen early."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.asof import AsOfSeries
from pipeline.splice import network_mean, splice, trailing_mean

T0 = np.datetime64("2020-01-01T00", "ns")


def naive_mean(parts, as_of, size):
    """City mean per hour from the newest values known at an instant, computed without any cleverness."""
    out = {}
    newest = {}
    for member, part in enumerate(parts):
        for row in part.sort_values("received_at", kind="stable").itertuples():
            if row.received_at <= as_of:
                newest[(row.time, member)] = row.value
    for hour in {t for t, _ in newest}:
        values = [v for (t, _), v in newest.items() if t == hour and np.isfinite(v)]
        if len(values) >= max(1, int(np.ceil(0.5 * size))):
            out[hour] = float(np.mean(values))
    return out


rows = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 6), st.sampled_from([5.0, 10.0, 40.0, float("nan")])),
    max_size=12,
    unique_by=lambda r: (r[0], r[1]),
)


@settings(max_examples=150, deadline=None)
@given(members=st.lists(rows, min_size=1, max_size=4), as_of_hour=st.integers(0, 10))
def test_versions_of_a_city_mean_equal_a_naive_as_of_mean(members, as_of_hour):
    parts = [
        pd.DataFrame(
            {
                "time": T0 + np.array([r[0] for r in m], dtype="timedelta64[h]"),
                "received_at": T0 + np.array([r[0] + r[1] for r in m], dtype="timedelta64[h]"),
                "value": np.array([r[2] for r in m], dtype=float),
            }
        )
        for m in map(sorted, members)
        if m
    ]
    if not parts:
        return
    series = network_mean(parts, len(members), 0.5)
    as_of = T0 + np.timedelta64(as_of_hour, "h")
    times, values = series.window(T0, T0 + np.timedelta64(100, "h"), as_of)
    expected = naive_mean(parts, pd.Timestamp(as_of), len(members))
    assert [pd.Timestamp(t) for t in times] == sorted(expected)
    np.testing.assert_allclose(values, [expected[t] for t in sorted(expected)])


def test_parts_that_are_not_in_order_are_refused():
    part = station(1, 3)
    for mixed in (
        part[::-1],
        pd.concat([part, part.assign(received_at=part["received_at"] - pd.Timedelta("1h"))]),
    ):
        with pytest.raises(ValueError, match="sorted"):
            network_mean([part, mixed], 2, 0.75)


def station(first_hour, hours, value=10.0):
    """A station that reports from an hour on, each value half an hour after its interval."""
    time = T0 + np.arange(first_hour, first_hour + hours) * np.timedelta64(1, "h")
    return pd.DataFrame({"time": time, "received_at": time + np.timedelta64(30, "m"), "value": value})


def test_a_station_counts_as_silent_from_thirty_days_before_it_began_and_not_earlier():
    old, new = station(1, 60 * 24), station(45 * 24, 10 * 24)
    series = network_mean([old, new], 2, 0.75)
    day = (series.times - T0) / np.timedelta64(1, "D")
    enough = np.isfinite(series.values)
    assert enough[day < 15 - 1 / 24].all()
    assert not enough[(day > 15) & (day < 45 - 1 / 24)].any()
    assert enough[(day > 45) & (day < 54)].all()


def test_a_station_silent_for_thirty_days_is_expected_no_more_and_one_never_heard_always():
    lasting, closed = station(1, 60 * 24), station(1, 10 * 24)
    day = (lasting["time"].to_numpy() - T0) / np.timedelta64(1, "D")
    enough = np.isfinite(network_mean([lasting, closed], 2, 0.75).values)
    assert not enough[(day > 10) & (day <= 40)].any()
    assert enough[day > 40 + 1 / 24].all()
    assert not np.isfinite(network_mean([lasting], 2, 0.75).values).any()


versions = st.lists(
    st.tuples(st.integers(1, 9), st.integers(0, 6), st.sampled_from([5.0, 10.0, 40.0, float("nan")])),
    max_size=14,
    unique_by=lambda r: (r[0], r[1]),
).map(sorted)


def as_series(rows):
    """Versions (hour, delay, value) as a series."""
    return AsOfSeries(
        T0 + np.array([r[0] for r in rows], "timedelta64[h]"),
        T0 + np.array([r[0] + r[1] for r in rows], "timedelta64[h]"),
        np.array([r[2] for r in rows], float),
    )


def known(series, as_of):
    """What a series holds as of an instant, by hour."""
    times, values = series.window(T0, T0 + np.timedelta64(100, "h"), as_of)
    return dict(zip(((times - T0) // np.timedelta64(1, "h")).tolist(), values.tolist(), strict=True))


@given(rows=versions, as_of_hour=st.integers(0, 16))
def test_a_mean_over_hours_is_at_any_instant_the_mean_of_the_hours_known_then(rows, as_of_hour):
    series, as_of = as_series(rows), T0 + np.timedelta64(as_of_hour, "h")
    hours, expected = known(series, as_of), {}
    for end in (3, 6, 9):
        there = [hours[h] for h in range(end - 2, end + 1) if h in hours]
        if len(there) >= 2 and end <= as_of_hour:
            expected[end] = sum(there) / len(there)
    got = known(trailing_mean(series, 3), as_of)
    assert got.keys() == expected.keys()
    np.testing.assert_allclose([got[k] for k in expected], list(expected.values()))


@given(first=versions, second=versions, third=versions, as_of_hour=st.integers(0, 16))
def test_a_splice_is_at_any_instant_the_first_part_that_has_a_value_then(first, second, third, as_of_hour):
    parts, as_of = [as_series(r) for r in (first, second, third)], T0 + np.timedelta64(as_of_hour, "h")
    expected = {}
    for part in reversed(parts):
        expected |= known(part, as_of)
    assert known(splice(parts), as_of) == expected
