"""Jobs are begun once and taken over from the dead; the operator hears of trouble once."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows import job_data
from flows.ingest import SourceReport
from flows.job_data import lacking_data, silent_data, wait_for_data
from flows.job_workers import is_alive, worker_name
from flows.jobs import Worker, late_flows, work_on
from flows.timetable import CYCLE, INGEST, MINUTE
from flows.workspace import open_workspace
from pipeline.errors import StorageError
from pipeline.ledger.jobs import claim, jobs_between, newest_attempt
from pipeline.names import MEASURED
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.times import to_ns

NOMINAL = datetime(2026, 1, 1, 3, 27, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)


class Hand:
    """A clock that a test sets."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def ws(tmp_path):
    found = open_workspace(
        Settings(data_dir=tmp_path, operator_address="duty@node.example"), Hand(NOMINAL + MINUTE)
    )
    yield found
    found.ledger.close()


def rows(ws, flow="ingest"):
    with ws.ledger.read() as conn:
        return jobs_between(conn, NOMINAL - timedelta(days=9), NOMINAL + timedelta(days=9), flow=flow)


def mails(ws):
    found = sorted((ws.settings.data_dir / "outbox").glob("operator*.eml"))
    return [message_from_bytes(path.read_bytes()) for path in found]


def newest_of(ws, flow):
    return rows(ws, flow)[-1]


def fails(_ws, _entry, _nominal):
    raise StorageError("no answer of airkorea; look at the network")


def well(_ws, _entry, nominal):
    return {"of": nominal.isoformat()}


def test_a_job_is_done_once_however_often_one_looks(ws):
    (done,) = work_on(ws, "ingest", well)
    assert (done.state, done.result) == ("done", {"of": NOMINAL.isoformat()})
    assert work_on(ws, "ingest", fails) == []
    assert [row.state for row in rows(ws)] == ["done"]


def test_the_operator_is_told_once_when_no_attempt_follows_and_once_when_it_is_over(ws):
    for pause in (0, 1, 5, 15):
        ws.clock.now += pause * MINUTE
        assert mails(ws) == []
        with pytest.raises(StorageError):
            work_on(ws, "ingest", fails)
    (told,) = mails(ws)
    assert "no answer of airkorea; look at the network" in told.get_payload(decode=True).decode()
    ws.clock.now += MINUTE
    assert work_on(ws, "ingest", fails) == []
    assert len(mails(ws)) == 1
    ws.clock.now = NOMINAL + HOUR
    work_on(ws, "ingest", well)
    assert len(mails(ws)) == 2
    assert "well again" in mails(ws)[1]["Subject"]
    assert [row.state for row in rows(ws)] == ["failed"] * 4 + ["done"]


def test_a_missed_cycle_is_told_although_the_next_one_ran(ws):
    work_on(ws, "cycle", well)
    assert mails(ws) == []
    ws.clock.now += timedelta(hours=12)
    work_on(ws, "cycle", well)
    (told,) = mails(ws)
    assert "left out: 2026-01-01T08:00:00Z" in told.get_payload(decode=True).decode()


def test_what_nothing_began_is_late_and_what_waits_for_its_turn_is_not(ws):
    work_on(ws, "ingest", well)
    assert "ingest" not in late_flows(ws)
    ws.clock.now = NOMINAL + HOUR + MINUTE
    assert "ingest" not in late_flows(ws)
    ws.clock.now += 2 * MINUTE
    assert "ingest" in late_flows(ws)


def test_two_at_once_do_it_once(ws):
    together, done = threading.Barrier(2), []

    def begin():
        own = open_workspace(ws.settings, ws.clock)
        together.wait()
        done.extend(work_on(own, "ingest", well))
        own.ledger.close()

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(rows(ws)) == 1


def test_the_job_of_another_machine_that_is_long_silent_does_not_run_for_ever(ws):
    with ws.ledger.write() as conn:
        claim(conn, "ingest", NOMINAL, worker="other:1:1", at=ws.clock(), silent_after=MINUTE)
    ws.clock.now += 3 * HOUR
    work_on(ws, "ingest", well)
    left, done = (next(r for r in rows(ws) if r.nominal == t) for t in (NOMINAL, NOMINAL + 3 * HOUR))
    assert (left.state, left.why) == ("failed", "no sign of life of other:1:1 since 2026-01-01T03:28:00Z")
    assert done.state == "done"


def test_a_job_whose_end_could_not_be_written_is_repeated_although_its_process_lives(ws, monkeypatch):
    def refuses(*_args, **_more):
        raise StorageError("the disk is full")

    monkeypatch.setattr("flows.jobs.fail_job", refuses)
    with pytest.raises(StorageError, match="no answer of airkorea"):
        work_on(ws, "cycle", fails)
    monkeypatch.undo()
    held = newest_of(ws, "cycle")
    assert (held.state, is_alive(held.worker)) == ("running", True)
    ws.clock.now += 30 * MINUTE
    assert work_on(ws, "cycle", well) == []
    ws.clock.now += 32 * MINUTE
    (done,) = work_on(ws, "cycle", well)
    assert (done.nominal, done.attempt) == (held.nominal, 2)


def test_a_failure_that_could_not_be_told_is_told_before_a_later_success_hides_it(ws, monkeypatch):
    last = NOMINAL.replace(hour=2, minute=0)
    monkeypatch.setattr("flows.jobs.tell_of", lambda *_: None)
    ws.clock.now = last + 21 * MINUTE
    for pause in (1, 5, 15, 0):
        with pytest.raises(StorageError):
            work_on(ws, "cycle", fails)
        ws.clock.now += pause * MINUTE
    monkeypatch.undo()
    ws.clock.now = last + 6 * HOUR + 5 * MINUTE
    work_on(ws, "cycle", well)
    assert [m["Subject"].partition("] ")[2] for m in mails(ws)] == ["1 in trouble", "1 well again"]


HANGS = """
import sys, time
from datetime import datetime
from pathlib import Path
from flows.jobs import work_on
from flows.workspace import open_workspace
from pipeline.settings import Settings
now = datetime.fromisoformat(sys.argv[2])
def hang(*_):
    print("at it", flush=True)
    time.sleep(600)
work_on(open_workspace(Settings(data_dir=Path(sys.argv[1])), lambda: now), "ingest", hang)
"""


@pytest.mark.ledger
@pytest.mark.slow
def test_the_job_of_a_killed_process_is_taken_over_and_that_of_a_living_one_is_not(ws):
    folder, now = str(ws.settings.data_dir), ws.clock.now.isoformat()
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, folder, now], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "at it\n"
        ws.clock.now += 30 * MINUTE
        assert work_on(ws, "ingest", fails) == [], "its process lives"
        (held,) = rows(ws)
        assert is_alive(held.worker)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert is_alive(held.worker) is False
    (done,) = work_on(ws, "ingest", well)
    assert rows(ws)[0].ended_at == NOMINAL + MINUTE, "when it was last heard of: the pause counts from there"
    assert [row.state for row in rows(ws)] == ["failed", "done"]
    assert (done.attempt, rows(ws)[0].why) == (2, "its process ended before it did")


def test_a_job_that_takes_too_long_is_written_off_and_its_process_ended(ws, monkeypatch):
    stopped = threading.Event()
    hasty = replace(INGEST, longest=timedelta(0))
    monkeypatch.setattr("flows.jobs.entries_of", lambda _flow: (hasty,))
    worker = Worker(worker_name(), timedelta(seconds=0.01), lambda _why: stopped.set())
    with pytest.raises(StorageError, match="no longer this worker's"):
        work_on(ws, "ingest", lambda *_: {"stopped": stopped.wait(30)}, worker)
    assert stopped.is_set()
    assert [row.state for row in rows(ws)] == ["failed"]
    assert "took longer" in rows(ws)[0].why


def test_one_whose_job_was_taken_over_stops(ws):
    stopped = threading.Event()
    worker = Worker("elsewhere:1:1", timedelta(seconds=0.01), lambda _why: stopped.set())

    def overtaken(own, _entry, nominal):
        with own.ledger.write() as conn:
            later = own.clock() + HOUR
            assert claim(conn, "ingest", nominal, worker="x:1:1", at=later, silent_after=MINUTE)
        return {"stopped": stopped.wait(30)}

    with pytest.raises(StorageError, match="no longer this worker's"):
        work_on(ws, "ingest", overtaken, worker)
    assert stopped.is_set()
    with ws.ledger.read() as conn:
        assert newest_attempt(conn, "ingest", NOMINAL).worker == "x:1:1"


def test_without_live_sources_nothing_is_waited_for(ws):
    assert wait_for_data(ws, CYCLE, NOMINAL, time.sleep) == []


def test_data_are_waited_for_until_the_deadline_and_no_longer(ws, monkeypatch):
    live = replace(ws, settings=ws.settings.model_copy(update={"live_sources": True}))
    nominal = datetime(2026, 1, 1, 2, tzinfo=UTC)
    asked = []

    def pause(seconds):
        live.clock.now += timedelta(seconds=seconds)

    monkeypatch.setattr(job_data, "take_hour", lambda _ws: asked.append(live.clock.now) or [])
    for comes_after, lacking in ((3, []), (99, ["seoul airkorea"])):
        asked.clear()
        live.clock.now = nominal + CYCLE.begins
        comes = live.clock.now + comes_after * MINUTE
        monkeypatch.setattr(
            job_data,
            "lacking_data",
            lambda _ws, _until, comes=comes: ["seoul airkorea"] * (live.clock.now < comes),
        )
        assert wait_for_data(live, CYCLE, nominal, pause) == lacking
        assert len(asked) == min(comes_after, 15)
        assert live.clock.now <= nominal + CYCLE.waits


def test_the_hour_is_there_when_as_many_stations_report_as_the_series_asks_for(ws):
    assert lacking_data(ws, NOMINAL) == [], "a network of which no station is known is not waited for"


def put_network(ws, network, city, hours):
    """Store a network of two stations of a city, which reported PM2.5 of the hours that end then."""
    store = ObservationStore(ws.settings.observations_dir, ws.ledger, lambda: ws.clock() - MINUTE)
    names = [f"{network}:{n}" for n in ("a", "b")]
    place = {"latitude": 37.0, "longitude": 127.0, "altitude": math.nan, "interval_hours": 1, "note": ""}
    listed = pd.DataFrame([{"station": n, "name": n, "city": city, **place} for n in names])
    store.append_stations(listed, source=network, world=MEASURED)
    read = [
        {"station": n, "quantity": "pm2p5", "time": to_ns(hour), "value": 20.0}
        for n in names
        for hour in hours
    ]
    if read:
        rows = pd.DataFrame(read).assign(qc=np.int8(0))
        store.append(rows, source=network, world=MEASURED)


@pytest.mark.parametrize(
    ("answers", "minutes"),
    [
        ("xxxxxxxxxxxxxxxxxxxx", 2),
        ("xx.xxxxxxxxxxxxxxxxx", 5),
        ("....................", 15),
        ("xx.xx.xx.xx.xx.xx.xx", 15),
        ("oooooooooooooooooooo", 15),
        ("x--x--x-------------", 6),
    ],
)
def test_a_source_that_gives_no_answer_holds_up_no_cycle(ws, monkeypatch, answers, minutes):
    """``x``: no answer, ``.``: one without the hour, ``o``: one that was read in part, ``-``: not asked."""
    live = replace(ws, settings=ws.settings.model_copy(update={"live_sources": True}))
    nominal = datetime(2026, 1, 1, 2, tzinfo=UTC)
    until, comes = nominal - CYCLE.data_before, iter(answers)
    live.clock.now = nominal + CYCLE.begins
    paused = []

    def pause(seconds):
        paused.append(seconds)
        live.clock.now += timedelta(seconds=seconds)

    def take(_ws):
        kind = next(comes)
        report = SourceReport("cnemc", 0, int(kind in ".o"), () if kind in ".-" else ("cnemc: HTTP 503",))
        return [SourceReport("airkorea", 9, 1, ()), report]

    monkeypatch.setattr(job_data, "take_hour", take)
    put_network(live, "airkorea", "seoul", [until])
    put_network(live, "cnemc", "beijing", [until - HOUR])
    assert wait_for_data(live, CYCLE, nominal, pause) == ["beijing cnemc"]
    assert sum(paused) == 60 * minutes


def test_a_network_that_is_long_silent_holds_up_no_cycle(ws, monkeypatch):
    live = replace(ws, settings=ws.settings.model_copy(update={"live_sources": True}))
    nominal = datetime(2026, 1, 1, 2, tzinfo=UTC)
    until = nominal - CYCLE.data_before
    live.clock.now = nominal + CYCLE.begins
    paused = []

    def pause(seconds):
        paused.append(seconds)
        live.clock.now += timedelta(seconds=seconds)

    monkeypatch.setattr(job_data, "take_hour", lambda _ws: [])
    put_network(live, "airkorea", "seoul", [until])
    put_network(live, "cnemc", "beijing", [until - 6 * HOUR])
    assert lacking_data(live, until) == silent_data(live, until) == ["beijing cnemc"]
    assert wait_for_data(live, CYCLE, nominal, pause) == ["beijing cnemc"]
    assert paused == []
    put_network(live, "cnemc", "beijing", [until - 5 * HOUR])
    assert silent_data(live, until) == []
    assert wait_for_data(live, CYCLE, nominal, pause) == ["beijing cnemc"]
    assert sum(paused) == 15 * 60, "one that was heard five hours ago is waited for to the deadline"
