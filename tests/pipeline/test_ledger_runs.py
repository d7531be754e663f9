"""Runs are never overwritten and one of a cycle is current; models are chosen by what they had seen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.errors import StorageError
from pipeline.ledger.models import get_model, newest_model, register_model
from pipeline.ledger.runs import (
    begin_run,
    current_run,
    fail_run,
    finish_run,
    get_run,
    list_runs,
    make_current,
    newest_current_run,
    predicted_between,
)
from pipeline.ledger.tables import runs
from pipeline.times import parse_instant

CYCLE = parse_instant("2019-03-03T08:00Z")
DAY = timedelta(days=1)


@pytest.fixture
def conn(ledger):
    with ledger.write() as conn:
        yield conn


def begin(conn, cycle=CYCLE, at=CYCLE, world="measured"):
    return begin_run(conn, world=world, cycle=cycle, as_of=cycle, code_version="abc", at=at)


def finished(conn, **given):
    run_id = begin(conn, **given)
    finish_run(
        conn,
        run_id,
        at=CYCLE,
        model_id=None,
        inputs={"b": ["x"]},
        degraded="no weather",
        products={"nc": "a.nc"},
    )
    return run_id


def test_a_finished_run_says_what_it_made(conn):
    run = get_run(conn, finished(conn))
    assert (run.status, run.inputs, run.degraded, run.products) == (
        "finished",
        {"b": ["x"]},
        "no weather",
        {"nc": "a.nc"},
    )
    assert (run.model_id, run.cycle, run.is_current) == (None, CYCLE, False)


def test_a_run_ends_once(conn):
    run_id = finished(conn)
    with pytest.raises(StorageError, match="never overwritten"):
        finish_run(conn, run_id, at=CYCLE, model_id="m", inputs={}, degraded="", products={})
    with pytest.raises(StorageError, match="never overwritten"):
        fail_run(conn, run_id, at=CYCLE, error="late")
    assert get_run(conn, run_id).model_id is None


def test_a_failed_or_running_run_cannot_be_current(conn):
    running, failed = begin(conn), begin(conn)
    fail_run(conn, failed, at=CYCLE, error="no input")
    for run_id in (running, failed, "01NONE"):
        with pytest.raises(StorageError, match="only a finished one"):
            make_current(conn, run_id, expected=None)
    assert get_run(conn, failed).error == "no input"


def test_a_second_run_becomes_current_only_against_the_first(conn):
    first, second, third = finished(conn), finished(conn), finished(conn)
    assert make_current(conn, first, expected=None)
    assert not make_current(conn, second, expected=None)
    assert make_current(conn, second, expected=first)
    assert not make_current(conn, third, expected=first)
    assert not make_current(conn, second, expected=None)
    assert current_run(conn, "measured", CYCLE).id == second
    assert not get_run(conn, first).is_current


def test_worlds_and_cycles_have_a_current_run_each(conn):
    ids = [finished(conn), finished(conn, cycle=CYCLE + DAY), finished(conn, world="simulated-7")]
    assert all(make_current(conn, run_id, expected=None) for run_id in ids)
    assert newest_current_run(conn, "measured").id == ids[1]
    assert newest_current_run(conn, "simulated-7").id == ids[2]
    assert newest_current_run(conn, "simulated-8") is None
    assert current_run(conn, "simulated-7", CYCLE + DAY) is None


def test_the_database_itself_refuses_two_current_runs(ledger):
    with ledger.write() as conn:
        first, second = finished(conn), finished(conn)
        make_current(conn, first, expected=None)
    with pytest.raises(IntegrityError), ledger.write() as conn:
        conn.execute(update(runs).where(runs.c.id == second).values(is_current=True))
    with ledger.read() as conn:
        values = dict(conn.execute(select(runs).where(runs.c.id == first)).one()._mapping)
    with pytest.raises(IntegrityError), ledger.write() as conn:
        conn.execute(insert(runs).values(**{**values, "id": "other"}))


def test_of_many_at_once_exactly_one_wins(ledger):
    with ledger.write() as conn:
        ids = [finished(conn) for _ in range(8)]

    def attempt(run_id):
        with ledger.write() as conn:
            return make_current(conn, run_id, expected=None)

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(attempt, ids))
    assert sum(won) == 1
    with ledger.read() as conn:
        assert current_run(conn, "measured", CYCLE).id == ids[won.index(True)]


def test_the_newest_runs_come_first(conn):
    ids = [begin(conn, at=CYCLE + n * DAY) for n in range(4)]
    assert [run.id for run in list_runs(conn, limit=3)] == ids[:0:-1]
    assert list_runs(conn, "simulated-7") == []


def register(conn, model_id, **given):
    values = {
        "world": "measured",
        "quantity": "pm2p5",
        "data_until": CYCLE,
        "trained_at": CYCLE,
        "purpose": "operational",
        "path": "m",
        "digest": model_id.rjust(64, "0"),
        "details": {"trees": 3},
    }
    register_model(conn, model_id=model_id, **{**values, **given})


def test_pages_of_runs_follow_each_other_without_gap_or_double(conn):
    begun = [begin(conn, CYCLE + n * DAY, at=CYCLE + n // 2 * DAY) for n in range(7)]
    pages, last = [], None
    while page := list_runs(conn, "measured", 3, after=last):
        pages.append([row.id for row in page])
        last = page[-1]
    assert [len(page) for page in pages] == [3, 3, 1]
    paged = [one for page in pages for one in page]
    assert paged == [row.id for row in list_runs(conn, "measured", 99)]
    assert sorted(paged) == sorted(begun)
    assert {row.id for row in list_runs(conn, until=CYCLE + 2 * DAY)} == set(begun[:3])


def test_the_newest_model_that_had_seen_nothing_later_is_chosen(conn):
    register(conn, "a", data_until=CYCLE - DAY)
    register(conn, "b", data_until=CYCLE)
    register(conn, "c", data_until=CYCLE)
    register(conn, "later", data_until=CYCLE + timedelta(microseconds=1))
    register(conn, "left", purpose="leave_out")
    register(conn, "other", quantity="pm10")
    register(conn, "simulated", world="simulated-7")

    def newest(at):
        return newest_model(conn, world="measured", quantity="pm2p5", known_at=at)

    assert newest(CYCLE).id == "c"
    assert newest(CYCLE - timedelta(seconds=1)).id == "a"
    assert newest(CYCLE - 2 * DAY) is None
    assert newest(CYCLE).details == {"trees": 3}


def test_registering_again_changes_nothing_and_another_model_needs_another_id(conn):
    register(conn, "a")
    register(conn, "a", details={"trees": 9})
    assert get_model(conn, "a").details == {"trees": 3}
    with pytest.raises(StorageError, match="id of its own"):
        register(conn, "a", digest="f" * 64)


def test_predictions_of_cycles_are_those_of_current_runs_taken_by_an_instant(conn):
    for days, product in ((0, "predictions"), (1, "predictions"), (2, "nc"), (3, "predictions")):
        at = CYCLE + days * DAY
        made = begin_run(conn, world="measured", cycle=at, as_of=at, code_version="a", at=at)
        told = {"model_id": None, "inputs": {}, "degraded": "", "products": {product: f"{days}.parquet"}}
        finish_run(conn, made, at=at, **told)
        assert make_current(conn, made, expected=None)
    finished(conn, cycle=CYCLE + DAY)
    both = [(CYCLE, "0.parquet"), (CYCLE + DAY, "1.parquet")]
    assert predicted_between(conn, "measured", CYCLE, CYCLE + 3 * DAY, CYCLE + 9 * DAY) == both
    # a run of an earlier cycle that was made after the instant is not known yet
    assert predicted_between(conn, "measured", CYCLE, CYCLE + 3 * DAY, CYCLE) == both[:1]
    assert predicted_between(conn, "simulated-1", CYCLE, CYCLE + 3 * DAY, CYCLE + 9 * DAY) == []
