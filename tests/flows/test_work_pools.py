"""`prefect.yaml` is the timetable; on a real server with real workers it gives one cycle, killed or not."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from flows.duties import DUTIES
from flows.jobs import late_flows
from flows.run import cycle_lock
from flows.scheduled import FLOWS, STARTED
from flows.starts import LATE_CRON, PATIENT_POOL, PROMPT_POOL, ZONE, prefect_file, starts
from flows.timetable import TIMETABLE, flows
from pipeline.ledger.runs import list_runs
from pipeline.names import MEASURED
from pipeline.times import system_clock
from tests.flows.archive_world import open_episode
from tests.flows.prefect_processes import (
    ROOT,
    answer,
    asked_run,
    end_of,
    kill_session,
    prefect_server,
    started,
    state_of,
    wait_for,
)
from tests.flows.waiting import jobs_of, wait_until_due

WRITTEN = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))


def test_the_committed_file_is_made_from_the_timetable():
    assert (ROOT / "prefect.yaml").read_text("utf-8") == prefect_file(), "run `make docs`"


def test_every_entry_of_the_timetable_has_one_deployment_with_its_flow_and_its_times():
    by_name = {one["name"]: one for one in WRITTEN["deployments"]}
    assert len(by_name) == len(WRITTEN["deployments"]) == len(TIMETABLE) + 1
    assert set(FLOWS) == set(DUTIES) == set(flows())
    for start in starts():
        one = by_name[start.name]
        module, _, function = one["entrypoint"].rpartition(".")
        flow = STARTED[start.flow]
        assert (module, function) == (flow.fn.__module__, flow.fn.__name__)
        (schedule,) = one["schedules"]
        assert schedule["timezone"] == ZONE
        assert set(one["parameters"]) == set(flow.parameters.properties)
        assert one["work_pool"]["name"] in (PROMPT_POOL, PATIENT_POOL)
    crons = [one["schedules"][0]["cron"] for one in WRITTEN["deployments"]]
    assert crons == [*(entry.rhythm.cron(entry.begins) for entry in TIMETABLE), LATE_CRON]


def prefect(environment, *words):
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def deployed(tmp_path):
    """A server to which everything was deployed as the page says: what its clients need, and a workspace."""
    ws = open_episode(tmp_path, system_clock())
    with prefect_server(tmp_path) as environment:
        environment |= {"PYTHONPATH": str(ROOT), "SAMEAIR_DATA_DIR": str(ws.settings.data_dir)}
        for pool in (PROMPT_POOL, PATIENT_POOL):
            prefect(environment, "work-pool", "create", pool, "--type", "process")
        prefect(environment, "deploy", "--all")
        yield environment, ws
    ws.ledger.close()


def working(environment, log):
    command = ["prefect", "worker", "start", "--pool", PROMPT_POOL, "--type", "process", "--limit", "4"]
    return started([sys.executable, "-m", *command], environment, log)


def deployment(url, name):
    (found,) = answer("POST", f"{url}/deployments/filter", json={"deployments": {"name": {"any_": [name]}}})
    return found


@pytest.mark.flows
@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_worker_runs_one_cycle_of_two_starts_and_another_takes_over_when_it_is_killed(deployed, tmp_path):
    environment, ws = deployed
    url, log = environment["PREFECT_API_URL"], tmp_path / "worker.log"
    cycle = deployment(url, "cycle")
    assert cycle["schedules"][0]["schedule"] == {
        "cron": "20 5,11,23 * * *",
        "timezone": "Asia/Seoul",
        "day_or": True,
    }
    assert (cycle["work_pool_name"], cycle["concurrency_limit"]) == (PROMPT_POOL, None)
    wait_until_due(ws, "cycle")
    # Who runs the cycle waits for its lock, so that it is still at it when the other starts come.
    with cycle_lock(ws, MEASURED), working(environment, log) as worker:
        post = deployment(url, "post")["id"]
        assert end_of(url, asked_run(url, post)) == "COMPLETED"
        assert {job.state for job in jobs_of(ws, "post")} == {"done"}
        runs = [asked_run(url, cycle["id"]) for _ in range(2)]
        (job,) = wait_for(lambda: [j for j in jobs_of(ws, "cycle") if j.state == "running"], 300, 0.1)
        wait_for(lambda: [r for r in runs if state_of(url, r) == "COMPLETED"], 300)
        (held,) = jobs_of(ws, "cycle")
        assert (held.id, held.state) == (job.id, "running"), "the other start found the cycle taken"
        os.kill(int(held.worker.split(":")[1]), signal.SIGKILL)
        kill_session(worker)
    with working(environment, log):
        late = deployment(url, "late")["id"]

        def taken_over():
            asked_run(url, late)
            time.sleep(15)
            return [j for j in jobs_of(ws, "cycle") if j.attempt == 2]

        wait_for(taken_over, 600)
        again = [asked_run(url, cycle["id"]) for _ in range(2)]
        wait_for(lambda: [j for j in jobs_of(ws, "cycle") if j.state == "done"], 600)
        assert {end_of(url, run) for run in again} == {"COMPLETED"}
    dead, done = [j for j in jobs_of(ws, "cycle") if j.nominal == job.nominal]
    assert (dead.state, dead.why) == ("failed", "its process ended before it did")
    assert (done.attempt, done.state) == (2, "done")
    with ws.ledger.read() as conn:
        made = [run for run in list_runs(conn, MEASURED, limit=100) if run.status == "finished"]
    assert len({run.cycle for run in made}) == len(made), "one run of each cycle"
    assert "cycle" not in late_flows(ws)
