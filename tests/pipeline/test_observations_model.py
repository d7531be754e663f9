"""Whatever is appended, corrected and compacted in any order, the store answers as a plain list would."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.observations import ObservationStore

START = datetime(2020, 1, 31, 20, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
WORLD = "simulated-1"
STATIONS, QUANTITIES, SOURCES = ("a:1", "b:2"), ("pm2p5", "pm10"), ("x", "y")
NEVER = timedelta(days=3650)

cells = st.tuples(
    st.sampled_from(STATIONS),
    st.sampled_from(QUANTITIES),
    st.integers(0, 8),
    st.sampled_from([1.0, 2.0, 3.0, np.nan]),
    st.sampled_from([0, 2]),
)
appends = st.tuples(
    st.just("append"),
    st.sampled_from(SOURCES),
    st.lists(cells, min_size=1, max_size=8),
    st.sampled_from([None, HOUR]),
    st.integers(-1, 3),
)
compactions = st.tuples(st.just("compact"), st.integers(-30, 30))


class Plain:
    """The same promises, kept by a list."""

    def __init__(self):
        self.versions, self.last = [], None

    def append(self, source, rows, delay, now):
        newest = {}
        for key, received, origin, value, qc in self.versions:
            if origin == source:
                newest[key] = (received, value, qc)
        fresh, corrected = [], []
        for key, (value, qc) in {(s, q, START + t * HOUR): (v, qc) for s, q, t, v, qc in rows}.items():
            if key not in newest:
                fresh += [] if np.isnan(value) else [(key, value, qc)]
            elif not (same(newest[key][1], value) and newest[key][2] == qc):
                corrected.append((key, value, qc))
        if corrected or (fresh and delay is None):
            now = now if self.last is None else max(now, self.last + TICK)
            self.last = now
        for key, value, qc in fresh:
            self.versions.append((key, key[2] + delay if delay else now, source, value, qc))
        for key, value, qc in corrected:
            self.versions.append((key, max(now, newest[key][0] + TICK), source, value, qc))

    def known(self, as_of):
        answer = {}
        for key, received, source, value, qc in self.versions:
            if received <= as_of and (key not in answer or (received, source) >= answer[key][:2]):
                answer[key] = (received, source, value, qc)
        return {k: (v, qc) for k, (_, _, v, qc) in sorted(answer.items()) if not np.isnan(v)}


def same(a, b):
    return a == b or (np.isnan(a) and np.isnan(b))


def frame(rows):
    table = pd.DataFrame(rows, columns=["station", "quantity", "hour", "value", "qc"])
    start = np.datetime64(START.replace(tzinfo=None), "ns")
    table["time"] = start + table.pop("hour").to_numpy().astype("m8[h]")
    return table.astype({"value": "float64", "qc": "int8"})


def answered(store, as_of):
    table = store.read(world=WORLD, as_of=as_of)
    times = (t.replace(tzinfo=UTC) for t in table["time"].dt.to_pydatetime())
    keys = zip(table["station"], table["quantity"], times, strict=True)
    return dict(zip(keys, zip(table["value"], table["qc"], strict=True), strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.one_of(appends, appends, appends, compactions), min_size=1, max_size=10),
    merge_after=st.sampled_from([2, 3, 48]),
    offsets=st.lists(st.integers(-2, 30), min_size=1, max_size=4),
    data=st.data(),
)
def test_every_instant_reads_as_a_plain_list_would(ledger, tmp_path, steps, merge_after, offsets, data):
    with ledger.write() as conn:
        for table in ("batches", "batch_parts", "receipts"):
            conn.exec_driver_sql(f"DELETE FROM {table}")
    clock, plain = [START], Plain()
    store = ObservationStore(tmp_path / "o", ledger, lambda: clock[0], merge_after)
    for step in steps:
        if step[0] == "append":
            _, source, rows, delay, hours = step
            clock[0] += hours * HOUR
            store.append(frame(rows), source=source, world=WORLD, assumed_delay=delay)
            plain.append(source, rows, delay, clock[0])
        else:
            store.compact(WORLD, before=START + step[1] * HOUR, grace=timedelta(0))
    instants = [START + hours * HOUR for hours in offsets]
    instants += [received - tick for _, received, *_ in plain.versions for tick in (timedelta(0), TICK)]
    chosen = data.draw(st.lists(st.sampled_from([*instants, START + NEVER]), min_size=1, max_size=6))
    for as_of in chosen:
        assert answered(store, as_of) == plain.known(as_of)
    stored = store.versions(world=WORLD)
    assert len(stored) == len(plain.versions)
    assert store.repair(WORLD, grace=timedelta(0)).missing == ()
    pd.testing.assert_frame_equal(store.versions(world=WORLD), stored)
