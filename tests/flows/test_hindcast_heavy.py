"""A hindcast on a real scheduler writes the bytes of the local run, also when a worker is killed midway."""

import hashlib
import os
import signal
from threading import Thread

import pytest

from flows.hindcast import plan_hindcast, run_hindcast
from flows.workspace import open_workspace
from pipeline import heavy_dask, heavy_pins
from pipeline.errors import HeavyWorkError
from pipeline.settings import Settings
from tests.flows.archive_world import LEARNED, NOW, open_imported
from tests.pipeline.heavy_errands import awaited, cluster_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    return open_imported(tmp_path_factory.mktemp("heavy"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_of(tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


@pytest.fixture(autouse=True)
def edited(monkeypatch):
    """Let the program be edited between the start of a worker and its first errand."""
    pins = {name: value for name, value in heavy_pins.pins_here().items() if name != "program"}
    monkeypatch.setattr(heavy_dask, "pins_here", lambda: pins)


def elsewhere(ws, where):
    settings = Settings(data_dir=ws.settings.data_dir, heavy_work=where)
    return open_workspace(settings, lambda: NOW)


def bytes_of(ws, out):
    plan = plan_hindcast("2019-05-06", "2019-05-08", "seoul,beijing", LEARNED)
    files = run_hindcast(ws, plan, out).files
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def kill_a_worker(cluster, killed):
    """Kill one worker process, not its keeper, as soon as it has worked for a moment."""
    import psutil

    keeper = psutil.Process(cluster.processes[1].pid)
    workers = [p for p in keeper.children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]
    spent = {p.pid: sum(p.cpu_times()[:2]) for p in workers}
    awaited(lambda: any(sum(p.cpu_times()[:2]) - spent[p.pid] > 0.3 for p in workers), bool)
    for process in workers:
        os.kill(process.pid, signal.SIGKILL)
        killed.append(process.pid)


def test_a_hindcast_writes_the_same_bytes_with_two_workers_one_of_them_killed(imported, cluster, tmp_path):
    here = bytes_of(imported, tmp_path / "here")
    killed = []
    killer = Thread(target=kill_a_worker, args=(cluster, killed))
    killer.start()
    far = bytes_of(elsewhere(imported, cluster.url), tmp_path / "far")
    killer.join()
    assert killed
    assert far == here
    assert list((imported.settings.data_dir / "heavy").glob("job-*")) == []


def test_without_a_scheduler_a_hindcast_writes_nothing(imported, tmp_path, monkeypatch):
    monkeypatch.setattr(heavy_dask, "LONGEST_GREETING", 2.0)
    with pytest.raises(HeavyWorkError, match="no Dask scheduler answers"):
        bytes_of(elsewhere(imported, "tcp://127.0.0.1:9"), tmp_path / "out")
    assert not list(tmp_path.rglob("*.parquet"))
