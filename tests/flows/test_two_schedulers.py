"""Two nodes, a data folder each, work on one ledger in PostgreSQL: each cycle is run once, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.run import cycle_lock
from flows.workspace import open_workspace
from pipeline.errors import StorageError
from pipeline.ledger.jobs import jobs_between
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.runs import begin_run, finish_run, list_runs, make_current
from pipeline.settings import Settings
from tests.pipeline.conftest import database, postgres

__all__ = ["database", "postgres"]
ROOT = Path(__file__).parents[2]
FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)
STEP, MINUTE = timedelta(hours=6), timedelta(minutes=1)
BEGINS = 40 * MINUTE
"""By then every cycle of the timetable is to be run."""
NODE = """
import sys, time
from datetime import timedelta
from pathlib import Path
from flows.jobs import Worker, work_on
from flows.run import cycle_lock
from flows.workspace import open_workspace
from pipeline.errors import StorageError
from pipeline.ledger.runs import begin_run, current_run, finish_run, make_current
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant

folder, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
clock = lambda: parse_instant((folder / "clock").read_text())

def cycle(ws, entry, nominal):
    with cycle_lock(ws, "measured"):
        with ws.ledger.write() as conn:
            before = current_run(conn, "measured", nominal)
            if before:
                return {}
            at = ws.clock()
            run = begin_run(conn, world="measured", cycle=nominal, as_of=at, code_version=name, at=at)
        (folder / f"at-{name}-{iso(nominal).replace(':', '')}").touch()
        while (folder / "hold").exists():
            time.sleep(0.02)
        with ws.ledger.write() as conn:
            finish_run(conn, run, at=ws.clock(), model_id=None, inputs={}, degraded="", products={})
            assert make_current(conn, run, expected=None)
    return {"run": run}

ws = open_workspace(Settings(data_dir=folder / name, ledger_url=url), clock)
worker = Worker(f"machine-{name}:1:1", timedelta(seconds=0.1))
while not (folder / "end").exists():
    try:
        work_on(ws, "cycle", cycle, worker)
    except StorageError as error:
        print(error, flush=True)
    time.sleep(0.05)
"""


class Nodes:
    """Two running nodes, their common clock, and a look into their ledger."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.ws = open_workspace(Settings(data_dir=folder / "watched", ledger_url=url), lambda: self.now)
        self.set(FIRST)
        self.running = {name: self._begin(name) for name in ("a", "b")}

    def _begin(self, name):
        command = [sys.executable, "-c", NODE, str(self.folder), self.url, name]
        quiet = {k: v for k, v in os.environ.items() if not k.startswith("SAMEAIR_")}
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, cwd=ROOT, env=quiet, stdout=log, stderr=subprocess.STDOUT)

    def set(self, now):
        self.now = now
        beside = self.folder / "clock.new"
        beside.write_text(now.isoformat())
        beside.replace(self.folder / "clock")

    def hold(self, nominal):
        """Let whoever begins a cycle stay in it; returns who did."""
        (self.folder / "hold").touch()
        self.set(nominal + BEGINS)
        stamp = nominal.strftime("%Y-%m-%dT%H%M%SZ")
        return self.wait(lambda: next((p.name[3] for p in self.folder.glob(f"at-?-{stamp}")), ""))

    def go_on(self):
        (self.folder / "hold").unlink()

    def jobs(self, nominal):
        with self.ws.ledger.read() as conn:
            return jobs_between(conn, nominal, nominal + MINUTE, flow="cycle")

    def runs(self, nominal):
        with self.ws.ledger.read() as conn:
            return [run for run in list_runs(conn, "measured", limit=500) if run.cycle == nominal]

    def done(self, nominal):
        self.wait(lambda: any(job.state == "done" for job in self.jobs(nominal)))

    def wait(self, found, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            got = found()
            if got:
                return got
            time.sleep(0.05)
        raise AssertionError([path.read_text("utf-8")[-2000:] for path in self.folder.glob("?.log")])

    def close(self):
        (self.folder / "end").touch()
        for process in self.running.values():
            process.kill()
            process.wait()
        self.ws.ledger.close()


@pytest.fixture
def nodes(tmp_path, database):
    found = Nodes(tmp_path, database)
    yield found
    found.close()


def outcome(nodes, nominal):
    """Return how the jobs and the runs of a cycle ended."""
    jobs = sorted(nodes.jobs(nominal), key=lambda job: job.attempt)
    runs = Counter((run.status, run.is_current) for run in nodes.runs(nominal))
    return [job.state for job in jobs], runs


@pytest.mark.slow
def test_of_two_nodes_one_runs_each_cycle_and_both_live_on(nodes):
    for number in range(12):
        nominal = FIRST + number * STEP
        nodes.set(nominal + BEGINS)
        nodes.done(nominal)
    for number in range(12):
        assert outcome(nodes, FIRST + number * STEP) == (["done"], {("finished", True): 1})
    assert [process.poll() for process in nodes.running.values()] == [None, None]


@pytest.mark.slow
def test_a_killed_node_frees_its_lock_at_once_and_its_cycle_is_taken_over_when_it_is_silent(nodes):
    dead = nodes.hold(FIRST)
    with pytest.raises(LockHeld), ledger_lock(nodes.ws.ledger, "cycle measured", wait_s=0):
        pass
    nodes.running[dead].send_signal(signal.SIGKILL)
    with ledger_lock(nodes.ws.ledger, "cycle measured", wait_s=20):
        pass
    nodes.set(FIRST + BEGINS + 2 * MINUTE)
    time.sleep(1)
    assert outcome(nodes, FIRST) == (["running"], {("running", False): 1})
    nodes.go_on()
    nodes.set(FIRST + BEGINS + 6 * MINUTE)
    nodes.done(FIRST)
    assert outcome(nodes, FIRST) == (["failed", "done"], {("failed", False): 1, ("finished", True): 1})
    first, second = sorted(nodes.jobs(FIRST), key=lambda job: job.attempt)
    assert (first.worker[8], second.worker[8]) == (dead, "ab".replace(dead, ""))
    assert first.why.startswith("no sign of life of machine-")


@pytest.mark.slow
def test_a_node_whose_session_died_cannot_make_a_second_run_count(nodes, postgres, database):
    holder = nodes.hold(FIRST)
    name = database.partition("?")[0].rpartition("/")[2]
    held = (
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database"
        f" WHERE locktype = 'advisory' AND datname = '{name}'"
    )
    assert postgres.execute(held)
    at = nodes.now
    with cycle_lock(nodes.ws, "measured"), nodes.ws.ledger.write() as conn:
        run = begin_run(conn, world="measured", cycle=FIRST, as_of=at, code_version="taker", at=at)
        finish_run(conn, run, at=at, model_id=None, inputs={}, degraded="", products={})
        assert make_current(conn, run, expected=None)
    nodes.go_on()
    nodes.wait(lambda: any(job.state == "failed" for job in nodes.jobs(FIRST)))
    nodes.set(FIRST + BEGINS + 10 * MINUTE)
    nodes.done(FIRST)
    assert outcome(nodes, FIRST)[1] == {("failed", False): 1, ("finished", True): 1}
    assert [r.code_version for r in nodes.runs(FIRST) if r.is_current] == ["taker"]
    assert nodes.running[holder].poll() is None
    with pytest.raises(StorageError), nodes.ws.ledger.write() as conn:
        finish_run(conn, run, at=at, model_id=None, inputs={}, degraded="", products={})
