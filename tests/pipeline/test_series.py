"""City series composed of stations: every late or corrected value makes a version, none is seen early."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cities import SeriesSpec
from pipeline.series import network_mean

SPEC = SeriesSpec("pm2p5", "reference", "simulated", 1, network="airkorea", minimum_coverage=0.5)
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
        for m in members
        if m
    ]
    if not parts:
        return
    series = network_mean(parts, len(members), SPEC)
    as_of = T0 + np.timedelta64(as_of_hour, "h")
    times, values = series.window(T0, T0 + np.timedelta64(100, "h"), as_of)
    expected = naive_mean(parts, pd.Timestamp(as_of), len(members))
    assert [pd.Timestamp(t) for t in times] == sorted(expected)
    np.testing.assert_allclose(values, [expected[t] for t in sorted(expected)])
