"""A deployed cron really creates scheduled runs: a pin that breaks the scheduler would only show here."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

pytestmark = [pytest.mark.flows, pytest.mark.slow]

DEPLOY = """
import sys
from pathlib import Path
from flows.runtime import prepare_prefect
prepare_prefect(Path(sys.argv[1]))
from flows.deployments import cycle_deployment
print(cycle_deployment(sys.argv[1]).apply())
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    """A Prefect server as an operator would start it, with its own database."""
    port = free_port()
    environment = {
        **os.environ,
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


def test_the_cycle_cron_creates_runs_at_the_korean_issue_hours(server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DEPLOY, str(tmp_path)],
        env=server,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

    def scheduled():
        wanted = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 50}
        answer = requests.post(f"{server['PREFECT_API_URL']}/flow_runs/filter", json=wanted, timeout=10)
        return answer.json()

    runs = wait_for(scheduled, 90)
    seoul = ZoneInfo("Asia/Seoul")
    from datetime import datetime

    hours = {datetime.fromisoformat(r["expected_start_time"]).astimezone(seoul).hour for r in runs}
    assert hours <= {5, 11, 17, 23}
    assert len(runs) >= 3
