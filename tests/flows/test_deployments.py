"""A deployed cron really creates runs, and they run: a pin that breaks the scheduler would only show here."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from pipeline.ledger.runs import newest_current_run
from tests.flows.archive_world import open_imported

pytestmark = [pytest.mark.flows, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
DEPLOY = """
import sys
from pathlib import Path
from flows.runtime import prepare_prefect
prepare_prefect(Path(sys.argv[1]))
from flows.deployments import deployments
print(*(d.apply() for d in deployments(sys.argv[1])))
"""
SERVE = "from cli.main import main; main()"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def clean():
    """Return the environment without what other tests set for Prefect."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SAMEAIR_"))}


@pytest.fixture
def server(tmp_path):
    """A Prefect server as an operator would start it, with its own database."""
    port = free_port()
    environment = {
        **clean(),
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: requests.get(f"{environment['PREFECT_API_URL']}/health", timeout=5).ok, 120)
        yield environment
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture
def serving(tmp_path):
    """`sameair serve` on an invented archive: its process, the URL of its server, its workspace."""
    ws = open_imported(tmp_path)
    log = tmp_path / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--data-dir", str(ws.settings.data_dir)],
            cwd=tmp_path,
            env={**clean(), "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = wait_for(lambda: re.search(r"http://[\d.:]+/api", log.read_text("utf-8")), 150)
        yield process, url[0], ws
    finally:
        process.kill()
        process.wait(30)
        ws.ledger.close()


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if result := condition():
                return result
        except requests.ConnectionError:
            pass
        time.sleep(0.5)
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
        reply = requests.request(method, url, timeout=30, **request)
        return reply if reply.ok else None

    return wait_for(accepted, 60).json()


def hours(runs):
    seoul = ZoneInfo("Asia/Seoul")
    return {
        datetime.fromisoformat(r["expected_start_time"]).astimezone(seoul).strftime("%H:%M") for r in runs
    }


def test_the_cycle_cron_creates_runs_at_the_korean_issue_hours(server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DEPLOY, str(tmp_path)],
        env=server,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    runs = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "cycle"), 90)
    assert len(runs) >= 3
    assert hours(runs) <= {"05:20", "11:20", "23:20"}
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in runs)
    assert {(b - a).total_seconds() / 3600 for a, b in pairwise(starts)} <= {6.0, 12.0}
    confirming = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "confirm"), 90)
    assert hours(confirming) == {"17:01"}, "it is to be there before the decision of 17:10"
    post = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "post"), 90)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in post)
    assert {(b - a).total_seconds() / 60 for a, b in pairwise(starts)} == {5.0}
    sources = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "ingest"), 90)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in sources)
    assert {(b - a).total_seconds() / 60 for a, b in pairwise(starts)} == {60.0}
    assert {start.minute for start in starts} == {27}


def test_serve_schedules_the_cycle_and_runs_it(serving):
    process, url, ws = serving
    runs = wait_for(lambda: scheduled(url, "cycle"), 90)
    assert hours(runs) <= {"05:20", "11:20", "23:20"}
    post = wait_for(lambda: scheduled(url, "post"), 90)
    sources = wait_for(lambda: scheduled(url, "ingest"), 90)
    assert run_now(url, sources[0]["deployment_id"]) == "COMPLETED"
    assert run_now(url, runs[0]["deployment_id"]) == "COMPLETED"
    assert run_now(url, post[0]["deployment_id"]) == "COMPLETED"
    with ws.ledger.read() as conn:
        run = newest_current_run(conn, "measured")
    assert run.status == "finished"
    assert "beijing.pm2p5.reference" in run.inputs["missing"], "the archive ended years ago"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    wait_for(lambda: is_gone(url), 30)


def run_now(url, deployment):
    """Ask for a run of a deployment, wait for its end and return how it ended."""
    asked = answer("POST", f"{url}/deployments/{deployment}/create_flow_run", json={})

    def ended():
        state = answer("GET", f"{url}/flow_runs/{asked['id']}")["state"]
        return state["type"] if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    return wait_for(ended, 200)


def is_gone(url):
    try:
        return not requests.get(f"{url}/health", timeout=5)
    except requests.ConnectionError:
        return True
