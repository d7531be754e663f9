"""Whatever is revised when, and however often is asked: the other side ends with what may be known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exchange_data import KEY, due
from pipeline.times import from_ns

START = np.datetime64("2026-01-14T00", "ns")
MINUTE = np.timedelta64(1, "m")
HOUR = np.timedelta64(1, "h")

values = st.sampled_from([5.0, 7.0, math.nan])
stations = st.sampled_from(["cnemc:1", "cnemc:2"])
versions = st.lists(st.tuples(stations, st.integers(0, 1), st.integers(1, 90), values), max_size=12)
polls = st.lists(st.integers(1, 150), min_size=1, max_size=6)


def at(minute):
    return from_ns(START + minute * MINUTE)


def table(found, delay):
    """Return versions (station, interval, minute of receipt, value) as the store and a rule give them."""
    rows = pd.DataFrame(found, columns=["station", "interval", "minute", "value"])
    rows = rows.drop_duplicates(["station", "interval", "minute"])
    rows = rows.sort_values(["station", "interval", "minute"], ignore_index=True)
    end = START + rows["interval"].to_numpy(int) * HOUR
    received = START + rows["minute"].to_numpy(int) * MINUTE
    leaves_at = np.maximum(received, end + delay * MINUTE)
    return rows.assign(quantity="pm2p5", time=end, qc=np.int8(0), received_at=received, leaves_at=leaves_at)


def keys(rows):
    return set(map(tuple, rows[KEY].to_numpy().tolist()))


@settings(max_examples=15, deadline=None)
@given(versions, polls, st.integers(0, 70))
def test_the_other_side_ends_with_what_may_be_known_and_hears_of_nothing_twice(found, asked, delay):
    rows = table(found, delay)
    held, count, cursor = {}, 0, 0
    for now in sorted(set(asked)):
        fresh, revised = due(rows[rows["minute"] <= now], at(cursor), at(now))
        assert not keys(fresh) & set(held)
        assert keys(revised) <= set(held)
        for part in (fresh, revised):
            held |= dict(zip(map(tuple, part[KEY].to_numpy().tolist()), part["value"], strict=True))
        held = {key: value for key, value in held.items() if not math.isnan(value)}
        count += len(fresh) + len(revised)
        if len(fresh) + len(revised):  # a round that says nothing leaves no trace
            cursor = now
    known = rows[rows["leaves_at"] <= START + max(asked) * MINUTE].drop_duplicates(KEY, keep="last")
    known = known[known["value"].notna()]
    expected = dict(zip(map(tuple, known[KEY].to_numpy().tolist()), known["value"], strict=True))
    assert held == expected
    assert count <= len(rows)


def test_no_value_leaves_a_moment_before_its_delay_is_over():
    rows = table([("cnemc:1", 1, 1, 5.0)], 30)
    fresh, _ = due(rows, at(0), at(89))
    assert len(fresh) == 0
    fresh, revised = due(rows, at(89), at(90))
    assert (len(fresh), len(revised)) == (1, 0)
    assert not any(len(part) for part in due(rows, at(90), at(200)))


def test_a_version_received_during_the_delay_leaves_in_the_place_of_the_one_before():
    rows = table([("cnemc:1", 0, 1, 5.0), ("cnemc:1", 0, 9, 7.0)], 30)
    fresh, revised = due(rows, at(0), at(30))
    assert (fresh["value"].tolist(), len(revised)) == ([7.0], 0)


def test_what_was_withdrawn_before_it_left_is_no_correction_later():
    rows = table([("cnemc:1", 0, 1, 5.0), ("cnemc:1", 0, 2, math.nan), ("cnemc:1", 0, 8, 7.0)], 0)
    assert not any(len(part) for part in due(rows[rows["minute"] <= 3], at(0), at(3)))
    fresh, revised = due(rows, at(3), at(9))
    assert (fresh["value"].tolist(), len(revised)) == ([7.0], 0)
