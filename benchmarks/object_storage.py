"""How much slower batches are on object storage than on the disk, in one run against a server on loopback.

Fills two stores alike (a year of archives, days of hourly live appends), one in a folder and one on moto's
S3-compatible server in its own process, then measures an append of an hour and reads of 60 days as of
yesterday: on the disk, with an empty cache, a full one, and none. Ends with code 1 when a read
from a full cache takes more than LIMIT times that of the disk.
``python -m benchmarks.object_storage``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore
from pipeline.storage.objects import ObjectFolder
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import HOUR
from tests.fakes.s3 import serving_s3, storage_settings

LIMIT = 3.0
WORLD, QUANTITY = "simulated-0", "pm2p5"
NOW = datetime(2020, 12, 31, tzinfo=UTC)


def table(first: datetime, hours: int, stations: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return hourly invented values of some stations."""
    start = np.datetime64(first.replace(tzinfo=None), "ns")
    times = start + np.arange(hours) * np.timedelta64(1, "h")
    return pd.DataFrame(
        {
            "station": np.tile([f"bench:s{n:04}" for n in range(stations)], hours),
            "quantity": QUANTITY,
            "time": np.repeat(times, stations),
            "value": rng.gamma(2, 20, stations * hours).round(1),
            "qc": np.zeros(stations * hours, dtype=np.int8),
        }
    )


def fill(root: Path | ObjectFolder, folder: Path, days: int, stations: int) -> tuple[ObservationStore, float]:
    """Fill a store and return it with the median time of an hourly append [s]."""
    rng, clock, took = np.random.default_rng(0), [NOW], list[float]()
    folder.mkdir()
    store = ObservationStore(root, open_ledger(f"sqlite:///{folder}/ledger.sqlite"), lambda: clock[0])
    live = days * 24
    archive = table(NOW - HOUR * (live + 8760), 8760, stations, rng)
    store.append(archive, source="archive", world=WORLD, assumed_delay=HOUR)
    for hour in range(live):
        clock[0] = NOW - HOUR * (live - hour - 1)
        fresh = table(clock[0] - HOUR, 1, stations, rng)
        began = time.perf_counter()
        store.append(fresh, source="live", world=WORLD)
        took.append(time.perf_counter() - began)
    return store, float(np.median(took))


def timed(job: Callable[[], int], before: Callable[[], object], repeats: int, rows: int) -> float:
    """Return the median time of a read [s], whose number of rows is checked."""
    took = []
    for _ in range(repeats):
        before()
        began = time.perf_counter()
        found = job()
        took.append(time.perf_counter() - began)
        assert found == rows, f"the benchmark reads {found} rows instead of {rows}"
    return float(np.median(took))


def clear(folder: Path) -> None:
    """Empty a cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


def main() -> int:
    """Fill both, measure, print ratios; return 1 where the limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--days", type=int, default=5, help="of hourly appends")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, serving_s3(Path(name)) as server:
        folder = Path(name)
        settings = storage_settings(folder / "node", server.endpoint, server.new_bucket())
        place = stored_in(settings, OBSERVATIONS)
        assert isinstance(place, ObjectFolder)
        assert place.cache is not None
        disk, disk_append = fill(folder / "disk", folder / "a", chosen.days, chosen.stations)
        objects, object_append = fill(place, folder / "b", chosen.days, chosen.stations)
        told = [line.split()[0] for line in server.requests()]
        print(f"{chosen.days * 24} appends and the archive: {told.count('PUT')} PUT, {told.count('GET')} GET")
        print(f"append of an hour: disk {disk_append * 1e3:.1f} ms, objects {object_append * 1e3:.1f} ms, "
              f"ratio {object_append / disk_append:.1f}")  # fmt: skip
        start, rows = NOW - timedelta(days=60), (59 * 24 - 1) * chosen.stations

        def read(store: ObservationStore) -> int:
            found = store.read(world=WORLD, as_of=NOW - timedelta(days=1), start=start, end=NOW)
            return len(found)

        rows = read(disk)
        cache = place.cache

        bare = replace(objects, root=replace(place, cache=None))
        base = timed(lambda: read(disk), lambda: None, chosen.repeats, rows)
        print(f"60 days as of yesterday, {rows} rows: disk {base * 1e3:.0f} ms")
        ratio = 0.0
        for what, store, before in (
            ("without a cache", bare, lambda: None),
            ("cache empty", objects, lambda: clear(cache.folder)),
            ("cache full", objects, lambda: None),
        ):
            ratio = timed(lambda s=store: read(s), before, chosen.repeats, rows) / base  # type: ignore[misc]
            print(f"  objects, {what:16s} {ratio * base * 1e3:7.0f} ms  ratio to the disk {ratio:.1f}")
        for store in (disk, objects):
            store.ledger.close()
    print(f"limit of the last: {LIMIT}; {'kept' if ratio <= LIMIT else 'BROKEN'}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
