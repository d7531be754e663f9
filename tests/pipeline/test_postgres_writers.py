"""Processes that write to one PostgreSQL ledger at once take turns, also when one of them is killed."""

import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from alerts.examples import example_content
from alerts.warnings import propose_version
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import OutboxRow, insert_outbox, read_outbox
from pipeline.ledger.exchange_tables import envelopes_sent
from pipeline.ledger.migrate import current_revision, head_revision
from pipeline.ledger.source_tables import operator_notices
from pipeline.ledger.tables import audit, runs
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:00Z")
ROUNDS = 25
WRITERS = ("anna", "bae", "chen")


def begin(url, name, rounds=ROUNDS):
    command = [sys.executable, Path(__file__).with_name("postgres_writer.py"), url, name, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def fill(url, count):
    ledger, content = open_ledger(url), example_content()
    with ledger.write() as conn:
        propose_version(conn, content, NOW)
        for n in range(count):
            key = (f"m{n}", content.warning_id, 1, f"r{n}", "a@b.example", f"<m{n}>", "0" * 64)
            insert_outbox(conn, [OutboxRow(*key, NOW, NOW, NOW)])
    return ledger


def check(ledger):
    """What must hold after any writing; returns the rows of the trail and of our chain."""
    with ledger.read() as conn:
        assert verify_audit(conn).ok
        trail = conn.execute(sa.select(audit).order_by(audit.c.seq)).all()
        chain = conn.execute(sa.select(envelopes_sent).order_by(envelopes_sent.c.sequence)).all()
        told = list(conn.execute(sa.select(operator_notices.c.subject)).scalars())
        counted = sa.select(sa.func.count()).where(runs.c.is_current.is_(True)).group_by(runs.c.cycle)
        assert set(conn.execute(counted).scalars()) <= {1}
    written = [row for row in trail if row.action == "x"]
    receipts = [row.subject for row in written]
    assert receipts == sorted(set(receipts)), "receipts go on, and no two are the same"
    assert [row.sequence for row in chain] == list(range(1, len(chain) + 1))
    for before, row in pairwise(chain):
        assert row.digest == f"{before.digest}|{row.occasion}"[-64:], "each follows the one before it"
    assert len(told) == len(set(told)), "each thing was told once"
    return written, chain


@pytest.mark.slow
def test_writers_at_once_lose_nothing_and_do_nothing_twice(database):
    ledger = fill(database, ROUNDS)
    writers = [begin(database, name) for name in WRITERS]
    said = Counter(" ".join(w.communicate(timeout=280)[0] for w in writers).split())
    assert [w.returncode for w in writers] == [0] * len(WRITERS)
    written, chain = check(ledger)
    assert len(written) == len(chain) == ROUNDS * len(WRITERS)
    assert said["told"] == said["claimed"] == ROUNDS <= said["current"]
    with ledger.read() as conn:
        assert {row.state for row in read_outbox(conn)} == {"sending"}
        current = conn.execute(sa.select(runs.c.cycle).where(runs.c.is_current.is_(True))).all()
    assert len(current) == ROUNDS
    ledger.close()


@pytest.mark.slow
def test_a_killed_writer_leaves_no_half_and_holds_nobody_up(database):
    ledger = fill(database, 1)
    victim, other = begin(database, "victim", 10_000), begin(database, "other")
    time.sleep(3)
    victim.kill()
    victim.communicate(timeout=280)
    other.communicate(timeout=280)
    assert other.returncode == 0
    written, _ = check(ledger)
    assert sum(row.actor == "other" for row in written) == ROUNDS
    ledger.close()


@pytest.mark.slow
def test_nodes_that_start_at_once_on_an_empty_database_migrate_it_once(postgres):
    postgres.execute("CREATE DATABASE empty")
    url = postgres.url("empty")
    starting = [begin(url, name, 1) for name in WRITERS]
    for one in starting:
        one.communicate(timeout=280)
    assert [one.returncode for one in starting] == [0] * len(WRITERS)
    ledger = open_ledger(url)
    with ledger.read() as conn:
        assert current_revision(conn) == head_revision()
    assert len(check(ledger)[0]) == len(WRITERS)
    ledger.close()
