"""What goes by age is only what the table names, and what is due does not change by it."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from flows.duties import do_upkeep
from flows.retention import prune, retention_rules
from flows.timetable import POST, UPKEEP, due
from flows.workspace import open_workspace
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.job_tables import jobs
from pipeline.ledger.jobs import jobs_since_last
from pipeline.settings import Settings

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
JOBS = [rule for rule in retention_rules() if rule.kind == "jobs"]


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    ws = open_workspace(Settings(data_dir=tmp_path_factory.mktemp("data")), lambda: NOW)
    yield ws
    ws.ledger.close()


def row(number, flow, age, state):
    at = NOW - age
    ended = None if state == "running" else at
    texts = {"id": f"{number:026d}", "flow": flow, "part": "", "worker": "w", "why": ""}
    return {
        **texts,
        "nominal": at,
        "attempt": 1,
        "state": state,
        "begun_at": at,
        "beat_at": at,
        "ended_at": ended,
    }


def fill(conn, given_rows):
    conn.execute(sa.delete(jobs))
    for number, one in enumerate(given_rows):
        conn.execute(sa.insert(jobs).values(row(number, *one)))


def left(conn):
    return {(j.flow, (NOW - j.nominal).days, j.state) for j in conn.execute(sa.select(jobs))}


def test_old_rows_of_frequent_jobs_go_and_the_trail_says_how_many(ws):
    with ws.ledger.write() as conn:
        fill(
            conn,
            [
                *[("post", n * DAY, "done") for n in (1, 89, 91, 200)],
                ("post", 300 * DAY, "failed"),
                ("post", 301 * DAY, "running"),
                *[("cycle", n * DAY, "done") for n in (1, 900)],
                *[("ingest", n * DAY, "done") for n in (2, 399, 401)],
            ],
        )
        before = left(conn)
    shown = prune(ws, JOBS, dry_run=True)
    with ws.ledger.read() as conn:
        assert left(conn) == before
    done = prune(ws, JOBS, dry_run=False)
    assert [one["removed"] for one in shown] == [one["removed"] for one in done] == [2, 0, 1]
    with ws.ledger.read() as conn:
        assert before - left(conn) == {("post", 91, "done"), ("post", 200, "done"), ("ingest", 401, "done")}
        told = [one["payload"]["removed"] for one in newest_rows(conn, 2)]
        assert sorted(told) == [1, 2]
        assert verify_audit(conn).ok
    assert [one["removed"] for one in prune(ws, JOBS, dry_run=False)] == [0, 0, 0]


@pytest.mark.slow
@settings(max_examples=15, phases=[Phase.generate])
@given(
    ages=st.dictionaries(
        st.integers(0, 200 * 288), st.sampled_from(["done", "failed", "skipped"]), max_size=12
    )
)
def test_what_is_due_is_the_same_after_it(ws, ages):
    def decided():
        with ws.ledger.read() as conn:
            return due([POST], jobs_since_last(conn, "post", NOW), NOW)

    with ws.ledger.write() as conn:
        fill(conn, [("post", n * timedelta(minutes=5), state) for n, state in ages.items()])
    before = decided()
    prune(ws, retention_rules(), dry_run=False)
    assert decided() == before


def test_the_nightly_upkeep_does_it(ws):
    with ws.ledger.write() as conn:
        fill(conn, [("post", n * DAY, "done") for n in (1, 95, 96)])
    assert do_upkeep(ws, UPKEEP, NOW)["aged"] == 2
