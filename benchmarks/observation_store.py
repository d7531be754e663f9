"""How long the observation store takes against its limit: 60 days x 100 stations as of an instant in 0.5 s.

Builds 20 million archived rows (100 stations, 6 quantities, hourly) and 30 days of hourly live appends that
are not compacted, in a folder that is deleted at the end, then reads as of an instant. Beside it, in the same
run, a plain pandas read of the same files without versions or instants.
``python -m benchmarks.observation_store``
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.batches import partition
from pipeline.ledger import open_ledger
from pipeline.ledger.batches import listed_batches
from pipeline.observations import ObservationStore
from pipeline.times import HOUR

LIMIT_SECONDS = 0.5
WORLD = "simulated-0"
STATIONS = 100
QUANTITIES = ["pm2p5", "pm10", "air_temperature", "relative_humidity", "wind_speed", "precipitation_amount"]
LIVE_HOURS = 720
NOW = datetime(2020, 12, 31, tzinfo=UTC)


def table(first: datetime, hours: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return hourly invented values of every station and quantity."""
    cells = STATIONS * len(QUANTITIES)
    times = np.datetime64(first.replace(tzinfo=None), "ns") + np.arange(hours) * np.timedelta64(1, "h")
    stations = [f"bench:s{i:03d}" for i in range(STATIONS)]
    return pd.DataFrame(
        {
            "station": pd.Categorical.from_codes(np.tile(np.repeat(np.arange(STATIONS), 6), hours), stations),
            "quantity": pd.Categorical.from_codes(np.tile(np.arange(6), STATIONS * hours), QUANTITIES),
            "time": np.repeat(times, cells),
            "value": rng.gamma(2, 20, cells * hours).round(1),
            "qc": np.zeros(cells * hours, dtype=np.int8),
        }
    )


def build(root: Path, rows: int, merge_after: int) -> ObservationStore:
    """Fill a store: archives up to 30 days before NOW, then an append an hour, a tenth of it corrections."""
    rng = np.random.default_rng(0)
    clock = [NOW]
    ledger = open_ledger(f"sqlite:///{root}/ledger.sqlite")
    store = ObservationStore(root / "observations", ledger, lambda: clock[0], merge_after)
    archive_hours = rows // (STATIONS * len(QUANTITIES))
    first = NOW - HOUR * (LIVE_HOURS + archive_hours)
    began = time.perf_counter()
    for done in range(0, archive_hours, 5000):
        chunk = table(first + HOUR * done, min(5000, archive_hours - done), rng)
        store.append(chunk, source="archive", world=WORLD, assumed_delay=HOUR)
    spent = time.perf_counter() - began
    print(f"{rows / 1e6:.0f} million rows appended in {spent:.1f} s ({rows / spent / 1e6:.2f} million/s)")
    began = time.perf_counter()
    before = table(NOW - HOUR * (LIVE_HOURS + 1), 1, rng)
    for hour in range(LIVE_HOURS):
        clock[0] = NOW - HOUR * (LIVE_HOURS - hour - 1)
        fresh = table(clock[0] - HOUR, 1, rng)
        revised = before.sample(len(before) // 10, random_state=hour).assign(value=lambda t: t["value"] + 1)
        store.append(pd.concat([fresh, revised]), source="live", world=WORLD)
        before = fresh
    spent = time.perf_counter() - began
    print(f"{LIVE_HOURS} hourly appends in {spent:.1f} s ({spent / LIVE_HOURS * 1e3:.0f} ms each)")
    return store


def timed(what: str, job: Callable[[], int], repeats: int) -> float:
    """Print and return the median time of a job that returns its number of rows [s]."""
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        rows = job()
        took.append(time.perf_counter() - began)
    median = float(np.median(took))
    print(
        f"{what:58s} {rows:8d} rows  first {took[0]:.3f}  median {median:.3f}  worst {max(took):.3f} s  "
        f"median/limit {median / LIMIT_SECONDS:.2f}"
    )
    return median


def plain_pandas(store: ObservationStore, start: datetime, quantities: list[str]) -> int:
    """Read the same files with pandas alone: no versions, no instant, no order."""
    with store.ledger.read() as conn:
        listed = listed_batches(conn, WORLD, times=(start, NOW))
    files = [partition(store.root, b.world, b.source, b.month) / f"{b.id}.parquet" for b in listed]
    whole = pd.concat([pd.read_parquet(f) for f in files])
    naive = pd.Timestamp(start).tz_localize(None)
    return len(whole[(whole["time"] > naive) & whole["quantity"].isin(quantities)])


def compare(store: ObservationStore, state: str, repeats: int) -> None:
    """Read one quantity and all as of a day ago, beside pandas; the first row count is checked."""
    start, as_of = NOW - timedelta(days=60), NOW - timedelta(days=1)
    for quantities in (QUANTITIES[:1], QUANTITIES):

        def read(chosen: list[str] = quantities) -> int:
            return len(store.read(world=WORLD, as_of=as_of, start=start, end=NOW, quantities=chosen))

        expected = (60 * 24 - 25) * STATIONS * len(quantities)
        assert read() == expected, "the benchmark reads something else than it says"
        ours = timed(f"60 d x {STATIONS} stations, {len(quantities)} of 6 quantities, {state}", read, repeats)
        peer = timed("  plain pandas, same files", lambda q=quantities: plain_pandas(store, start, q), 2)
        print(f"  ours/pandas {ours / peer:.2f}")


def main() -> None:
    """Build, read, compact, read again: once with live batches left alone, once as the store comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args()
    for merge_after, state in ((10**9, "720 files unmerged"), (48, "as it comes")):
        with tempfile.TemporaryDirectory() as folder:
            store = build(Path(folder), chosen.rows, merge_after)
            compare(store, state, chosen.repeats)
            began = time.perf_counter()
            done = store.compact(WORLD, before=NOW + timedelta(days=1), grace=timedelta(0))
            print(f"{done} in {time.perf_counter() - began:.1f} s")
            compare(store, "compacted", chosen.repeats)
            store.ledger.close()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
