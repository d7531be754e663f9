"""Training, a hindcast and paths: here, in two processes, on a Dask scheduler with one and two workers.

Counts seconds on the processor, which a busy machine does not falsify: in all, and of the busiest process,
which is how long it takes where nothing else runs. Ends with code 1 if a result differs from that made here,
if two workers need more than half as much again of processor time as one process, or if the busiest of them
has more than three quarters of it. ``python -m benchmarks.heavy_scaling [--year MODELS]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.heavy_scene import Part, Size, parts_of, solving
from pipeline.heavy import Errand, Heavy, heavy_work

MOST_MORE, MOST_OF_ONE = 1.5, 0.75
SMALL = Size(years=2.0, series=160, days=45, blocks=4)
YEAR = Size(years=2.0, series=160, days=365, blocks=32)
MAIN = "from cli.main import main; main()"
Spent = dict[int, float]


@dataclass(frozen=True)
class Figures:
    """Of one part at one place: result, seconds, and highest memory of each process [MiB]."""

    result: str
    wall: float
    total: float
    busiest: float
    memory: list[int]


def main() -> int:
    """Measure, print and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--year", type=Path, help="folder of models: the hindcast is a year with these")
    parser.add_argument("--only", nargs="*", default=[], help="of training, hindcast, paths")
    asked = parser.parse_args()
    parts = parts_of(YEAR if asked.year else SMALL, asked.year)
    parts = {name: part for name, part in parts.items() if not asked.only or name in asked.only}
    print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    head = ("", "", "wall s", "CPU s", "busiest", "more", "MiB of each process")
    print("{:9s} {:14s} {:>7s} {:>7s} {:>8s} {:>5s}  {}".format(*head))
    over = [one for name, part in parts.items() for one in compared(name, part)]
    nested()
    for line in over:
        print(f"OVER: {line}")
    return int(bool(over))


def compared(name: str, part: Part) -> Iterator[str]:
    """Print the figures of a part at every place; yield what is not as it should be."""
    first = None
    for place, workers in (("here", 0), ("2 processes", 2), ("Dask, 1 worker", 1), ("Dask, 2 workers", 2)):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            where = "1" if not workers else "2"
            if place.startswith("Dask"):
                where = stack.enter_context(cluster(Path(folder), workers))
            found = measured(part, stack.enter_context(heavy_work(where, Path(folder) / "inputs")))
        first = first or found
        more = found.total / first.total
        print(
            f"{name:9s} {place:14s} {found.wall:7.1f} {found.total:7.1f} {found.busiest:8.1f} {more:5.2f}"
            f"  {' '.join(str(m) for m in found.memory)}",
            flush=True,
        )
        if found.result != first.result:
            yield f"{name} at {place}: {found.result}, not {first.result}"
        if more > MOST_MORE:
            yield f"{name} at {place}: {more:.2f} times the processor time"
        if workers == 2 and found.busiest > MOST_OF_ONE * first.total:
            yield f"{name} at {place}: one process has {found.busiest:.1f} s of {first.total:.1f}"


def measured(part: Part, heavy: Heavy) -> Figures:
    """Do a part in processes that are awake, and read what each of ours spent on it."""
    list(heavy.ordered(product, [Errand("waking up", (n,)) for n in range(4)]))
    before, begun = spent(), time.perf_counter()
    result = part(heavy)
    wall, after = time.perf_counter() - begun, spent()
    each = {pid: seconds - before.get(pid, 0.0) for pid, seconds in after.items()}
    at_work = [pid for pid, seconds in each.items() if seconds > 0.5]
    return Figures(result, wall, sum(each.values()), max(each.values()), [peak(pid) for pid in at_work])


def product(number: int) -> float:
    """Load what numerical errands load."""
    return solving(1, number, rows=60)


def spent() -> Spent:
    """Return the seconds on the processor of this process and all below it."""
    found = {}
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        times = process.cpu_times()
        found[process.pid] = times.user + times.system
    return found


def peak(pid: int) -> int:
    """Return the highest memory of a process [MiB], pages of shared files among it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """Start a scheduler and workers on loopback, as an operator does; end them afterwards."""
    file = folder / "scheduler.json"
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard"]
    start += ["--host", "127.0.0.1"]
    said = (folder / "log").open("wb")
    running = [
        subprocess.Popen([*start, "--port", "0", "--scheduler-file", str(file)], stdout=said, stderr=said)
    ]
    try:
        while not file.is_file():
            time.sleep(0.2)
        time.sleep(0.5)
        url = str(json.loads(file.read_text())["address"])
        work = [sys.executable, "-c", MAIN, "worker", "--scheduler", url, "--data-dir", str(folder)]
        running += [subprocess.Popen(work, stdout=said, stderr=said) for _ in range(workers)]
        from distributed import Client

        with Client(url, set_as_default=False, timeout=300) as client:
            client.wait_for_workers(workers, timeout=300)
        yield url
    finally:
        for one in reversed(running):
            one.terminate()
        for one in running:
            one.wait()


def nested() -> None:
    """Print what solving costs with one thread in each of two processes, and with two threads in each."""
    for threads in (1, 2):
        with tempfile.TemporaryDirectory() as folder, heavy_work("2", Path(folder)) as heavy:
            list(heavy.ordered(solving, [Errand("warm", (1, 9)), Errand("warm", (1, 8))]))
            before, begun = spent(), time.perf_counter()
            list(heavy.ordered(solving, [Errand("solve", (threads, seed)) for seed in range(4)]))
            wall, after = time.perf_counter() - begun, spent()
            cost = sum(after[pid] - before.get(pid, 0.0) for pid in after)
            print(
                f"solving, 2 processes of {threads} thread(s): {wall:6.1f} s wall, {cost:6.1f} s CPU",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
