"""`sameair serve` really runs rounds of the exchange, and one that fails spoils nothing."""

import json
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from pipeline.ledger.job_tables import jobs
from pipeline.times import system_clock
from tests.flows.exchange_pair import Pair
from tests.flows.prefect_processes import run_now, scheduled, serving, wait_for

pytestmark = [pytest.mark.flows, pytest.mark.slow]


@pytest.fixture
def served(tmp_path):
    """Two nodes with a folder between them, Seoul's under `sameair serve`, and the URL of its server."""
    pair = Pair(tmp_path)
    pair.clock.now = system_clock()
    pair.nodes["seoul"].ledger.close()
    settings = {
        "SAMEAIR_PARTY": "seoul",
        "SAMEAIR_EXCHANGE_LINKS": json.dumps({"beijing": str(pair.mount)}),
    }
    with serving(tmp_path / "seoul", tmp_path / "serve.log", **settings) as (_, url):
        yield pair, url
    pair.nodes["beijing"].ledger.close()


def next_round(pair, url, deployment):
    """Let ten minutes pass in the ledger of jobs, ask for a run and return how it ended.

    A second start within the ten minutes of a round does nothing, as it must.
    """
    ledger = pair.open("seoul").ledger
    with ledger.write() as conn:
        own = conn.execute(
            select(jobs.c.id, jobs.c.nominal).where(jobs.c.flow == "exchange").order_by(jobs.c.nominal)
        )
        for id, nominal in own.all():
            earlier = nominal - timedelta(minutes=10)
            conn.execute(update(jobs).where(jobs.c.id == id).values(nominal=earlier))
    ledger.close()
    return run_now(url, deployment)


def test_scheduled_rounds_carry_envelopes_both_ways(served):
    pair, url = served
    runs = wait_for(lambda: scheduled(url, "exchange"), 240)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in runs)
    assert {(b - a).total_seconds() for a, b in pairwise(starts)} == {600.0}
    assert {start.minute % 10 for start in starts} == {3}
    exchange = runs[0]["deployment_id"]
    assert run_now(url, exchange) == "COMPLETED"
    assert list((pair.mount / "seoul-beijing").iterdir())
    pair.clock.now = system_clock()
    assert pair.round("beijing").peers[0].handled >= 1
    away = pair.mount.rename(pair.root / "away")
    assert next_round(pair, url, exchange) == "COMPLETED", "a way that is not there stops no schedule"
    away.rename(pair.mount)
    assert next_round(pair, url, exchange) == "COMPLETED"
    pair.open("seoul")
    assert pair.handled("seoul", "beijing") >= 1
    pair.nodes["seoul"].ledger.close()
