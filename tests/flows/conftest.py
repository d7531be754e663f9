"""One Prefect server for all tests of flows, and one simulated world whose folder each test copies."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.ingest import SNAPSHOT_AFTER, simulated_world
from flows.models import models_for
from flows.plan import CyclePlan, world_name
from flows.run import run_cycle
from flows.runtime import await_server, begin_server, end_server
from flows.simulated import SNAPSHOT
from flows.workspace import open_workspace
from ingest.simulated.loading import ingest_history
from pipeline.observations import ObservationStore
from pipeline.settings import Settings

SEED = 5
ROOT = Path(__file__).parents[2]

KILLER = """
import importlib, json, os, signal, sys
from pathlib import Path
import flows.cycle, flows.run
from flows.plan import CyclePlan
from flows.workspace import open_workspace
from pipeline.settings import Settings

folder, plan, place, calls = sys.argv[1:]
module, _, name = place.partition(":")
*owners, name = name.split(".")
target = importlib.import_module(module)
for owner in owners:
    target = getattr(target, owner)
real, left = getattr(target, name), [int(calls)]

def deadly(*args, **kwargs):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*args, **kwargs)

setattr(target, name, deadly)
flows.run.run_cycle(open_workspace(Settings(data_dir=Path(folder))), CyclePlan.from_dict(json.loads(plan)))
"""


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """Prefect's server as `sameair run` starts it; flows of this session and its children use it."""
    before = {k: v for k, v in os.environ.items() if k.startswith(("PREFECT_", "DO_NOT_TRACK"))}
    begin_server(tmp_path_factory.mktemp("prefect"))
    await_server()
    yield
    end_server()
    for name in [k for k in os.environ if k.startswith(("PREFECT_", "DO_NOT_TRACK"))]:
        del os.environ[name]
    os.environ.update(before)


def workspace(folder):
    return open_workspace(Settings(data_dir=folder))


@pytest.fixture(scope="session")
def world():
    """The simulated world that the demonstration begins with."""
    return simulated_world(SEED, False)


@pytest.fixture(scope="session")
def plan(world):
    """The drill of that world."""
    cycle = world.end
    return CyclePlan(world_name(SEED, False), cycle, cycle + SNAPSHOT, "simulated", True, SEED)


def made_once(tmp_path_factory, name, make):
    """Make a folder in the first worker that needs it; the others wait for it.

    With ledgers on a server each worker makes its own, for a database lives no longer than its worker.
    """
    own = tmp_path_factory.mktemp(name)
    if "PYTEST_XDIST_WORKER" not in os.environ or "SAMEAIR_TEST_POSTGRES" in os.environ:
        make(own)
        return own
    shared = tmp_path_factory.getbasetemp().parent / f"{name}-of-all"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            make(own)
            own.rename(shared)
    return shared


@pytest.fixture(scope="session")
def _past(tmp_path_factory, world, plan):
    """A folder that holds the world's history and models, but not its last day."""

    def make(folder):
        ws = workspace(folder)
        asked_at = plan.as_of - SNAPSHOT_AFTER
        ingest_history(world, ObservationStore(ws.settings.observations_dir, ws.ledger, lambda: asked_at))
        models_for(ws, plan.world, plan.as_of)
        ws.ledger.close()

    return made_once(tmp_path_factory, "past", make)


@pytest.fixture(scope="session")
def _done(_past, tmp_path_factory, plan, prefect_server):
    """A folder in which the drill has been run."""

    def make(folder):
        shutil.copytree(_past, folder, dirs_exist_ok=True)
        ws = workspace(folder)
        assert run_cycle(ws, plan) is False
        ws.ledger.close()

    return made_once(tmp_path_factory, "done", make)


def copied(source, folder):
    shutil.copytree(source, folder)
    return workspace(folder)


@pytest.fixture
def past(_past, tmp_path, prefect_server):
    """A workspace of the world before its last day was taken in."""
    ws = copied(_past, tmp_path / "past")
    yield ws
    ws.ledger.close()


@pytest.fixture
def done(_done, tmp_path):
    """A workspace in which the drill has been run, moved to another folder since."""
    ws = copied(_done, tmp_path / "done")
    yield ws
    ws.ledger.close()


@pytest.fixture
def kill_at():
    """Run a cycle in a process of its own that is killed at the n-th call of `module:name`."""

    def kill(ws, plan, place, call=1):
        arguments = [str(ws.settings.data_dir), json.dumps(plan.to_dict()), place, str(call - 1)]
        done = subprocess.run(
            [sys.executable, "-c", KILLER, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == -signal.SIGKILL, done.stderr

    return kill
