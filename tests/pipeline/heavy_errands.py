"""Errands that tests send to other processes, and a real scheduler with real workers on loopback."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.errors import NoUsableModel

ROOT = Path(__file__).parents[2]


def where_and_what(table, number, seconds=0.0):
    time.sleep(seconds)
    return number, float((table[number] @ table.T).sum()), os.getpid()


def threads_used():
    from threadpoolctl import threadpool_info

    return max(pool["num_threads"] for pool in threadpool_info())


def product_of(seed):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((300, 500)).astype(np.float32)
    return a @ a.T


def fails(kind):
    if kind == "ours":
        raise NoUsableModel("too little to learn from")
    raise ValueError("a strange\nvalue")


def die_once(folder, number, seconds=0.3):
    """Kill the process of one errand in the middle, the first time only."""
    time.sleep(seconds)
    mark = Path(folder) / "died"
    if number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def always_dies(number):
    if number == 1:
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def write_to(table):
    table[0] = 1.0


def say_and_wait(folder, seconds=120.0):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(seconds)


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def awaited(look, enough, seconds=60.0):
    until = time.monotonic() + seconds
    while not enough(found := look()) and time.monotonic() < until:
        time.sleep(0.05)
    return found


class Cluster:
    """A scheduler and workers, each a process of its own as an operator starts them."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        address = folder / "scheduler.json"
        self.scheduler = self.start(
            "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1", "--port", "0",
            "--scheduler-file", str(address),
        )  # fmt: skip
        assert awaited(lambda: address.is_file() and address.read_text(), bool, 240), self.log()
        import json

        self.url = json.loads(address.read_text())["address"]

    def start(self, module, *words, cwd=ROOT):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *words], stdout=log, stderr=log, env=env, cwd=cwd
            )
        self.processes.append(process)
        return process

    def worker(self, *more):
        return self.start(
            "distributed.cli.dask_worker", self.url, "--nworkers", "1", "--nthreads", "1", "--no-dashboard",
            "--host", "127.0.0.1", "--memory-limit", "0", "--local-directory", str(self.folder), *more,
        )  # fmt: skip

    def log(self):
        return (self.folder / "log").read_text()

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def cluster_of(folder, workers):
    made = Cluster(folder)
    try:
        for _ in range(workers):
            made.worker()
        assert awaited(made.log, lambda text: text.count("Registered to") >= workers, 240), made.log()
        yield made
    finally:
        made.end()
