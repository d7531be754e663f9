"""A nominal time is done once, whoever asks; what a dead worker left is taken over; skips stay."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from pipeline.errors import StorageError
from pipeline.ledger import open_ledger
from pipeline.ledger.job_tables import jobs
from pipeline.ledger.jobs import (
    beat,
    claim,
    end_job,
    fail_job,
    get_job,
    jobs_between,
    newest_attempt,
    newest_jobs,
    running_jobs,
    skip_job,
)

CYCLE = datetime(2026, 1, 1, 2, tzinfo=UTC)
NOW = CYCLE + timedelta(minutes=20)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def ledger(tmp_path):
    found = open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield found
    found.close()


def take(ledger, at=NOW, worker="a:1", nominal=CYCLE):
    with ledger.write() as conn:
        return claim(conn, "cycle", nominal, worker=worker, at=at, silent_after=5 * MINUTE)


def test_a_job_that_runs_or_is_done_is_not_begun_again(ledger):
    job = take(ledger)
    assert take(ledger, worker="b:2") is None
    with ledger.write() as conn:
        end_job(conn, job.id, NOW + MINUTE, {"run": "r"})
    assert take(ledger, worker="b:2", at=NOW + timedelta(days=1)) is None
    with ledger.read() as conn:
        done = newest_attempt(conn, "cycle", CYCLE)
    assert (done.state, done.result, done.ended_at) == ("done", {"run": "r"}, NOW + MINUTE)


def test_the_database_itself_refuses_a_second_one(ledger):
    job = take(ledger)
    with ledger.read() as conn:
        row = dict(conn.execute(jobs.select().where(jobs.c.id == job.id)).one()._mapping)
    with pytest.raises(IntegrityError), ledger.write() as conn:
        conn.execute(insert(jobs).values(**{**row, "id": "0" * 26, "attempt": 2}))


def test_what_a_silent_worker_left_is_taken_over_and_it_cannot_end_it_any_more(ledger):
    first = take(ledger)
    with ledger.write() as conn:
        assert beat(conn, first.id, NOW + 4 * MINUTE)
    assert take(ledger, worker="b:2", at=NOW + 9 * MINUTE) is None
    second = take(ledger, worker="b:2", at=NOW + 9 * MINUTE + timedelta(seconds=1))
    assert second.attempt == 2
    with ledger.write() as conn:
        assert not beat(conn, first.id, NOW + 10 * MINUTE)
    with pytest.raises(StorageError, match="another has taken it over"), ledger.write() as conn:
        end_job(conn, first.id, NOW + 10 * MINUTE, {})
    with ledger.read() as conn:
        lost = get_job(conn, first.id)
        assert [job.id for job in running_jobs(conn)] == [second.id]
    assert lost.state == "failed"
    assert "no sign of life of a:1" in lost.why


def test_a_clock_that_goes_back_makes_no_sign_of_life_older(ledger):
    job = take(ledger)
    with ledger.write() as conn:
        assert beat(conn, job.id, NOW + MINUTE)
        assert beat(conn, job.id, NOW - timedelta(hours=3))
    with ledger.read() as conn:
        assert get_job(conn, job.id).beat_at == NOW + MINUTE


def test_a_failed_attempt_is_followed_by_another_and_a_skipped_time_stays_skipped(ledger):
    job = take(ledger)
    with ledger.write() as conn:
        fail_job(conn, job.id, NOW, "no disk")
        assert skip_job(conn, "cycle", CYCLE, worker="a:1", at=NOW, why="stale")
        assert not skip_job(conn, "cycle", CYCLE, worker="a:1", at=NOW, why="again")
        rows = jobs_between(conn, CYCLE, CYCLE + MINUTE)
    assert [(r.attempt, r.state, r.why) for r in rows] == [(1, "failed", "no disk"), (2, "skipped", "stale")]


def test_what_runs_is_not_skipped(ledger):
    take(ledger)
    with ledger.write() as conn:
        assert not skip_job(conn, "cycle", CYCLE, worker="b:2", at=NOW, why="stale")


def test_the_newest_of_every_flow(ledger):
    for days in (0, 2, 1):
        job = take(ledger, nominal=CYCLE + timedelta(days=days))
        with ledger.write() as conn:
            (end_job(conn, job.id, NOW, {}) if days < 2 else fail_job(conn, job.id, NOW, "x"))
    with ledger.read() as conn:
        assert newest_jobs(conn)["cycle", ""].nominal == CYCLE + timedelta(days=2)
        assert newest_jobs(conn, state="done")["cycle", ""].nominal == CYCLE + timedelta(days=1)


@pytest.fixture(scope="module")
def one_ledger(tmp_path_factory):
    found = open_ledger(f"sqlite:///{tmp_path_factory.mktemp('jobs')}/ledger.sqlite")
    yield found, count()
    found.close()


@settings(max_examples=50)
@given(steps=st.lists(st.sampled_from(["take", "end", "fail", "skip", "silence"]), max_size=15))
def test_whatever_happens_at_most_one_attempt_runs_or_is_done(one_ledger, steps):
    ledger, numbers = one_ledger
    cycle = CYCLE + timedelta(days=next(numbers))
    at, own = NOW, None
    for step in steps:
        at += MINUTE
        if step == "silence":
            at += timedelta(hours=1)
        elif step == "take":
            own = take(ledger, at=at, nominal=cycle) or own
        else:
            with ledger.write() as conn:
                if step == "skip":
                    skip_job(conn, "cycle", cycle, worker="a:1", at=at, why="w")
                elif own is not None and get_job(conn, own.id).state == "running":
                    (end_job(conn, own.id, at, {}) if step == "end" else fail_job(conn, own.id, at, "w"))
        with ledger.read() as conn:
            rows = jobs_between(conn, cycle, cycle + MINUTE)
        assert sum(r.state in ("running", "done") for r in rows) <= 1
        assert [r.attempt for r in rows] == list(range(1, len(rows) + 1))


def claim_many(url, barrier, got, worker):
    ledger = open_ledger(url)
    barrier.wait()
    for hour in range(20):
        nominal = CYCLE + timedelta(hours=hour)
        with ledger.write() as conn:
            job = claim(conn, "ingest", nominal, worker=worker, at=NOW, silent_after=5 * MINUTE)
        if job is not None:
            got.put(nominal)
    ledger.close()
    got.put(None)


def test_two_processes_never_begin_the_same(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    open_ledger(url).close()
    spawn = multiprocessing.get_context("spawn")
    barrier, got = spawn.Barrier(2), spawn.Queue()
    workers = [spawn.Process(target=claim_many, args=(url, barrier, got, f"w:{n}")) for n in range(2)]
    for worker in workers:
        worker.start()
    taken, ended = [], 0
    while ended < 2:
        item = got.get(timeout=280)
        ended, taken = (ended + 1, taken) if item is None else (ended, [*taken, item])
    for worker in workers:
        worker.join()
    assert sorted(taken) == [CYCLE + timedelta(hours=hour) for hour in range(20)]
