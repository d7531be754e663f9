"""Jobs whose worker was told to end are done again at once, count for no attempt and trouble nobody."""

import os
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest

from flows.job_workers import worker_name
from flows.jobs import STOPPED, work_on, write_off
from flows.parents import RUN, children, end_with_parent
from flows.timetable import MINUTE
from flows.workspace import open_workspace
from pipeline.ledger.jobs import claim, jobs_between
from pipeline.settings import Settings

NOMINAL = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
NOW = NOMINAL + MINUTE


@pytest.fixture
def ws(tmp_path):
    found = open_workspace(Settings(data_dir=tmp_path, operator_address="duty@node.example"), lambda: NOW)
    yield found
    found.ledger.close()


@pytest.fixture
def other():
    """A process of this machine, standing for a run."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def rows(ws):
    with ws.ledger.read() as conn:
        return jobs_between(conn, NOMINAL - timedelta(days=1), NOMINAL + timedelta(days=1), flow="post")


def well(_ws, _entry, nominal):
    return {"of": nominal.isoformat()}


def told_to_end(*_):
    raise KeyboardInterrupt


def test_a_job_that_was_stopped_is_done_again_at_once_and_nobody_is_told(ws):
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            work_on(ws, "post", told_to_end)
    (done,) = work_on(ws, "post", well)
    assert (done.nominal, done.attempt) == (NOMINAL, 6)
    assert {row.why for row in rows(ws) if row.was_stopped} == {STOPPED}
    assert not (ws.settings.data_dir / "outbox").exists()


def test_what_a_stopped_run_could_not_write_down_is_written_for_it_and_for_no_other(ws, other):
    name = worker_name(other.pid)
    with ws.ledger.write() as conn:
        claim(conn, "post", NOMINAL, worker=name, at=NOW, silent_after=MINUTE)
    assert other.pid in children(os.getpid())
    assert write_off(ws, {name}) == 0, "it lives"
    other.kill()
    other.wait()
    assert write_off(ws, {worker_name()}) == 0
    assert write_off(ws, {name}) == 1
    (row,) = rows(ws)
    assert (row.state, row.was_stopped, row.ended_at) == ("failed", True, NOW)


def test_only_what_prefect_began_ends_with_its_parent(monkeypatch):
    began = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: began.append(thread.name))
    monkeypatch.delenv(RUN, raising=False)
    end_with_parent()
    assert began == []
    monkeypatch.setenv(RUN, "a run")
    end_with_parent()
    assert len(began) == 1
