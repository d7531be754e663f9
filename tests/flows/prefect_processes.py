"""A Prefect server and `sameair serve` as an operator would start them, and how to ask them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[2]
SERVE = "from cli.main import main; main()"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def clean():
    """Return the environment without what other tests set for Prefect."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SAMEAIR_"))}


@contextmanager
def started(command, environment, log, cwd=None):
    """Run a command in a session of its own, and end that session with everything in it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_session(process)


def kill_session(process):
    """Kill a process and all of its session, as a power cut would."""
    for number in session(process.pid):
        os.kill(number, 9)
    process.wait(120)


def session(leader):
    """Return the living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = path.read_text("utf-8", errors="replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(own) == leader and state not in "ZX":
            found.append(int(path.parent.name))
    return sorted(found)


@contextmanager
def prefect_server(folder):
    """Yield the environment in which a Prefect server with its own empty home answers."""
    port = free_port()
    environment = {
        **clean(),
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with started(command, environment, folder / "server.log"):
        wait_for(lambda: requests.get(f"{environment['PREFECT_API_URL']}/health", timeout=5).ok, 300)
        yield environment


@contextmanager
def serving(folder, log, **settings):
    """Yield the process of `sameair serve` on a data folder, and the URL of its server once it answers."""
    environment = {**clean(), "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-c", SERVE, "serve", "--data-dir", str(folder)]
    with started(command, environment, log, cwd=folder.parent) as process:
        url = wait_for(lambda: re.search(r"http://[\d.:]+/api", log.read_text("utf-8")), 300)
        yield process, url[0]


def wait_for(condition, seconds, every=0.5):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if result := condition():
                return result
        except (requests.ConnectionError, requests.Timeout):
            pass
        time.sleep(every)
    raise AssertionError(f"nothing within {seconds} s")


def scheduled(url, name):
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
        "deployments": {"name": {"any_": [name]}},
        "limit": 50,
    }
    return answer("POST", f"{url}/flow_runs/filter", json=wanted)


def answer(method, url, **request):
    """Ask the server until it does not refuse; as its own client does when SQLite is locked for a moment."""

    def accepted():
        reply = requests.request(method, url, timeout=120, **request)
        return reply if reply.ok else None

    return wait_for(accepted, 120).json()


def asked_run(url, deployment):
    """Ask for a run of a deployment and return its id."""
    return answer("POST", f"{url}/deployments/{deployment}/create_flow_run", json={})["id"]


def state_of(url, run):
    return answer("GET", f"{url}/flow_runs/{run}")["state"]["type"]


def end_of(url, run, seconds=400):
    """Wait for the end of a run and return how it ended."""
    return wait_for(lambda: (state := state_of(url, run)) in ENDED and state, seconds)


def run_now(url, deployment):
    """Ask for a run of a deployment, wait for its end and return how it ended."""
    return end_of(url, asked_run(url, deployment))


def is_gone(url):
    try:
        return not requests.get(f"{url}/health", timeout=5)
    except requests.ConnectionError:
        return True
