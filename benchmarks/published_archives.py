"""How fast a year of ``china_sites`` files is imported, against pyarrow merely reading the same files.

Writes invented files in the shape of the real ones (1605 sites, 24 hours, 15 types, 12 % of the cells empty,
1.7 MB a day), reads them all with pyarrow in both of its modes, imports them (parsed, checked, flagged,
stored and listed), and reads them again. The limit: the import takes at most twice as long as the faster
reading.
``python -m benchmarks.published_archives``
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.csv

from ingest.archive_stations import Station, merge
from ingest.published.importing import FilesReport, import_files
from pipeline.ledger import open_ledger
from pipeline.observations import ObservationStore

LIMIT = 0.5
SITES = 1605
POOL = 150
"""Different rows of each type; every day of every file draws from them."""

EMPTY = 0.12
MEANS = {"PM2.5": 45, "PM10": 80, "SO2": 12, "NO2": 35, "O3": 60, "CO": 0.9}
TYPES = ["AQI", *(f"{name}{end}" for name in MEANS for end in ("", "_24h")), "O3_8h", "O3_8h_24h"]
WORLD = "simulated-0"
NOW = datetime(2021, 1, 1, tzinfo=UTC)


def rows_of(kind: str, rng: np.random.Generator) -> list[str]:
    """Return invented rows of one type, without date and hour."""
    mean = MEANS.get(kind.split("_")[0], 80)
    values = rng.gamma(2.0, mean / 2, (POOL, SITES))
    texts = np.char.mod("%.1f", values + 0.1) if mean < 1 else np.char.mod("%d", values + 1)
    texts[rng.random(texts.shape) < EMPTY] = ""
    return [",".join(row) for row in texts.tolist()]


def write_files(folder: Path, days: int) -> list[Path]:
    """Write one file a day from 2019-01-01 on."""
    rng = np.random.default_rng(0)
    pool = {kind: rows_of(kind, rng) for kind in TYPES}
    header = "date,hour,type," + ",".join(f"{1001 + n}A" for n in range(SITES))
    paths = []
    for day in range(days):
        label = f"{date(2019, 1, 1) + timedelta(days=day):%Y%m%d}"
        drawn = rng.integers(0, POOL, (24, len(TYPES))).tolist()
        lines = [
            f"{label},{hour},{kind},{pool[kind][drawn[hour][at]]}"
            for hour in range(24)
            for at, kind in enumerate(TYPES)
        ]
        paths.append(folder / f"china_sites_{label}.csv")
        paths[-1].write_text("\n".join([header, *lines, ""]), "utf-8")
    return paths


def read_all(paths: list[Path], threads: bool) -> float:
    """Return how long pyarrow takes to read the files [s]."""
    began = time.perf_counter()
    options = pyarrow.csv.ReadOptions(use_threads=threads)
    for path in paths:
        pyarrow.csv.read_csv(path, read_options=options)
    return time.perf_counter() - began


def import_all(folder: Path, root: Path) -> FilesReport:
    """Import the files into a new store whose list has all sites."""
    ledger = open_ledger(f"sqlite:///{root}/ledger.sqlite")
    store = ObservationStore(root / "observations", ledger, lambda: NOW)
    sites = [Station(f"cnemc:{1001 + n}A", f"site {n}", 35.0, 115.0) for n in range(SITES)]
    store.append_stations(merge(sites, [], store.stations(WORLD)), source="list", world=WORLD)
    report = import_files([folder], store, now=NOW, world=WORLD)
    written = store.summary(WORLD)["rows"].sum()
    ledger.close()
    assert written == sum(f.values for f in report.files), "not every value was stored"
    return report


def main() -> None:
    """Write, read, import, read again, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place) / "files", Path(place) / "store"
        folder.mkdir()
        root.mkdir()
        paths = write_files(folder, chosen.days)
        size = sum(p.stat().st_size for p in paths) / 1e6
        reads = {threads: [read_all(paths, threads)] for threads in (True, False)}
        report = import_all(folder, root)
        for threads in reads:
            reads[threads].append(read_all(paths, threads))
    values = sum(f.values for f in report.files)
    for threads, took in reads.items():
        mode = "default" if threads else "one thread"
        print(f"pyarrow reads {len(paths)} files ({size:.0f} MB), {mode}: {took[0]:.1f} s, {took[1]:.1f} s")
    rate = values / report.seconds / 1e6
    print(f"import of {values / 1e6:.1f} million values: {report.seconds:.1f} s ({rate:.2f} million/s)")
    best = min(float(np.mean(took)) for took in reads.values())
    print(f"speed of the import / speed of reading: {best / report.seconds:.2f} (limit {LIMIT})")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
