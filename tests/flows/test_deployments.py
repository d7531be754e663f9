"""A deployed cron really creates runs, and they run: a pin that breaks the scheduler would only show here."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from pipeline.ledger.runs import newest_current_run
from tests.flows.archive_world import open_imported
from tests.flows.prefect_processes import (
    ROOT,
    is_gone,
    prefect_server,
    run_now,
    scheduled,
    serving,
    wait_for,
)

pytestmark = [pytest.mark.flows, pytest.mark.slow]

DEPLOY = """
import sys
from pathlib import Path
from flows.runtime import prepare_prefect
prepare_prefect(Path(sys.argv[1]))
from flows.deployments import deployments
from flows.scheduled import STARTED
print(*(d.apply() for d in deployments(STARTED, sys.argv[1])))
"""


@pytest.fixture
def server(tmp_path):
    """A Prefect server as an operator would start it, with its own database."""
    with prefect_server(tmp_path) as environment:
        yield environment


@pytest.fixture
def served(tmp_path):
    """`sameair serve` on an invented archive: its process, the URL of its server, its workspace."""
    ws = open_imported(tmp_path)
    with serving(ws.settings.data_dir, tmp_path / "serve.log") as (process, url):
        yield process, url, ws
    ws.ledger.close()


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
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    runs = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "cycle"), 240)
    assert len(runs) >= 3
    assert hours(runs) <= {"05:20", "11:20", "23:20"}
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in runs)
    assert {(b - a).total_seconds() / 3600 for a, b in pairwise(starts)} <= {6.0, 12.0}
    confirming = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "confirm"), 240)
    assert hours(confirming) == {"17:01"}, "it is to be there before the decision of 17:10"
    post = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "post"), 240)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in post)
    assert {(b - a).total_seconds() / 60 for a, b in pairwise(starts)} == {5.0}
    sources = wait_for(lambda: scheduled(server["PREFECT_API_URL"], "ingest"), 240)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in sources)
    assert {(b - a).total_seconds() / 60 for a, b in pairwise(starts)} == {60.0}
    assert {start.minute for start in starts} == {27}


def test_serve_schedules_the_cycle_and_runs_it(served):
    process, url, ws = served
    runs = wait_for(lambda: scheduled(url, "cycle"), 240)
    assert hours(runs) <= {"05:20", "11:20", "23:20"}
    post = wait_for(lambda: scheduled(url, "post"), 240)
    sources = wait_for(lambda: scheduled(url, "ingest"), 240)
    assert run_now(url, sources[0]["deployment_id"]) == "COMPLETED"
    assert run_now(url, runs[0]["deployment_id"]) == "COMPLETED"
    assert run_now(url, post[0]["deployment_id"]) == "COMPLETED"
    with ws.ledger.read() as conn:
        run = newest_current_run(conn, "measured")
    assert run.status == "finished"
    assert "beijing.pm2p5.reference" in run.inputs["missing"], "the archive ended years ago"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(120)
    wait_for(lambda: is_gone(url), 120)
