"""`sameair serve` told to end, killed, or started twice: bounded, nothing left behind, nothing doubled."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from flows.job_workers import is_alive
from flows.parents import FAREWELL, LEAVING, children
from flows.runtime import SERVER_ENDS
from pipeline.ledger.runs import list_runs
from pipeline.ledger.warnings import list_versions
from pipeline.names import MEASURED
from pipeline.times import system_clock
from tests.flows.archive_world import open_episode
from tests.flows.prefect_processes import (
    ROOT,
    SERVE,
    clean,
    is_gone,
    kill_session,
    serving,
    session,
    wait_for,
)
from tests.flows.waiting import jobs_of, wait_until_due

pytestmark = [pytest.mark.flows, pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture
def ws(tmp_path):
    found = open_episode(tmp_path, system_clock())
    yield found
    found.ledger.close()


def running(ws, flow):
    return [job for job in jobs_of(ws, flow) if job.state == "running"]


def states(ws, flow):
    return [(job.attempt, job.state) for job in jobs_of(ws, flow)]


@contextmanager
def silent_peer():
    """Yield the address of a server that takes every connection and never answers."""
    held = []

    def take(listening):
        while True:
            try:
                held.append(listening.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=take, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    for connection in held:
        connection.close()


def hanging(address):
    """Return settings with which the hour's sources are asked and do not answer."""
    on = ("airkorea", "cnemc")
    return {
        "SAMEAIR_LIVE_SOURCES": "true",
        "SAMEAIR_SOURCE_URLS": json.dumps(dict.fromkeys(on, address)),
        "SAMEAIR_AIRKOREA_KEY": "k",
        "SAMEAIR_SOURCES_OFF": json.dumps(["ecmwf", "open_meteo", "openaq", "kma", "seoul"]),
    }


def test_told_to_end_in_the_middle_of_a_job_it_is_gone_in_time_and_the_next_start_takes_over(ws, tmp_path):
    folder, log = ws.settings.data_dir, tmp_path / "serve.log"
    wait_until_due(ws, "cycle")
    with silent_peer() as address, serving(folder, log, **hanging(address)) as (process, url):
        (job,) = wait_for(lambda: running(ws, "cycle"), 600, 0.1)
        assert len(children(process.pid)) >= 2, "Prefect's server and the run"
        time.sleep(2)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(FAREWELL + LEAVING + SERVER_ENDS + 15) == 0
        assert time.monotonic() - began < FAREWELL + LEAVING + SERVER_ENDS + 15
        wait_for(lambda: not session(process.pid), 30)
        assert is_gone(url)
        assert is_alive(job.worker) is False
    (left,) = jobs_of(ws, "cycle")
    assert (left.state, left.was_stopped, left.why) == ("failed", True, "its process was told to end")
    assert "Traceback" not in log.read_text("utf-8").split("told to end")[0]
    assert not list((folder / "outbox").glob("operator*")), "an end that was asked for is no trouble"
    with serving(folder, tmp_path / "again.log"):
        wait_for(lambda: (1, "failed") in states(ws, "cycle") and (2, "done") in states(ws, "cycle"), 900)


def test_killed_in_the_middle_of_a_cycle_the_next_start_takes_over_and_doubles_nothing(ws, tmp_path):
    folder = ws.settings.data_dir
    wait_until_due(ws, "cycle")
    with serving(folder, tmp_path / "serve.log") as (process, url):
        wait_for(lambda: running(ws, "cycle") and unfinished(ws), 600, 0.1)
        kill_session(process)
        assert is_gone(url)
    assert states(ws, "cycle") == [(1, "running")], "nobody was left to write it down"
    with serving(folder, tmp_path / "again.log"):
        # At once it is seen; its pause is over a minute after it was last heard of, looked for every five.
        wait_for(lambda: (2, "done") in states(ws, "cycle"), 900)
        done = jobs_of(ws, "cycle")
        assert [(job.attempt, job.state) for job in done] == [(1, "failed"), (2, "done")]
        assert done[0].why == "its process ended before it did"
    assert once_only(ws)


def unfinished(ws):
    """Tell whether a run of the cycle is in the middle."""
    with ws.ledger.read() as conn:
        return any(run.status == "running" for run in list_runs(conn, MEASURED, limit=10))


def once_only(ws):
    """Tell that one run of the cycle counts, and that its warning was drafted once."""
    with ws.ledger.read() as conn:
        runs = list_runs(conn, MEASURED, limit=10)
        drafts = list_versions(conn, world=MEASURED)
    assert sorted(run.status for run in runs) == ["failed", "finished"]
    return [(draft.version, draft.state) for draft in drafts] == [(1, "draft")]


def test_a_run_ends_with_the_service_that_began_it_however_that_ended(ws, tmp_path):
    wait_until_due(ws, "cycle")
    folder = ws.settings.data_dir
    with (
        silent_peer() as address,
        serving(folder, tmp_path / "serve.log", **hanging(address)) as (process, url),
    ):
        (job,) = wait_for(lambda: running(ws, "cycle"), 600, 0.1)
        time.sleep(2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        wait_for(lambda: not session(process.pid), FAREWELL + 10)
        assert is_gone(url)
        assert is_alive(job.worker) is False


def test_a_second_service_on_the_same_folder_says_that_it_does_nothing(ws, tmp_path):
    folder = ws.settings.data_dir
    with serving(folder, tmp_path / "serve.log") as (process, url):
        command = [sys.executable, "-c", SERVE, "serve", "--data-dir", str(folder)]
        environment = {**clean(), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
        assert (done.returncode, done.stdout) == (6, "")
        (said,) = done.stderr.splitlines()
        assert "another `sameair serve` keeps the schedule" in said
        assert str(folder) in said
        assert process.poll() is None
        assert not is_gone(url)
