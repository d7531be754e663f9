"""`sameair serve` really runs rounds of the exchange, and one that fails spoils nothing."""

import json
import re
import subprocess
import sys
from datetime import datetime
from itertools import pairwise

import pytest

from pipeline.times import system_clock
from tests.flows.exchange_pair import Pair
from tests.flows.test_deployments import ROOT, SERVE, clean, run_now, scheduled, wait_for

pytestmark = [pytest.mark.flows, pytest.mark.slow]


@pytest.fixture
def served(tmp_path):
    """Two nodes with a folder between them, Seoul's under `sameair serve`, and the URL of its server."""
    pair = Pair(tmp_path)
    pair.clock.now = system_clock()
    pair.nodes["seoul"].ledger.close()
    log = tmp_path / "serve.log"
    environment = {
        **clean(),
        "PYTHONPATH": str(ROOT),
        "SAMEAIR_PARTY": "seoul",
        "SAMEAIR_EXCHANGE_LINKS": json.dumps({"beijing": str(pair.mount)}),
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "serve", "--data-dir", str(tmp_path / "seoul")],
            cwd=tmp_path,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        url = wait_for(lambda: re.search(r"http://[\d.:]+/api", log.read_text("utf-8")), 150)
        yield pair, url[0]
    finally:
        process.kill()
        process.wait(30)
        pair.nodes["beijing"].ledger.close()


def test_scheduled_rounds_carry_envelopes_both_ways(served):
    pair, url = served
    runs = wait_for(lambda: scheduled(url, "exchange"), 90)
    starts = sorted(datetime.fromisoformat(r["expected_start_time"]) for r in runs)
    assert {(b - a).total_seconds() for a, b in pairwise(starts)} == {600.0}
    assert {start.minute % 10 for start in starts} == {3}
    exchange = runs[0]["deployment_id"]
    assert run_now(url, exchange) == "COMPLETED"
    assert list((pair.mount / "seoul-beijing").iterdir())
    pair.clock.now = system_clock()
    assert pair.round("beijing").peers[0].handled >= 1
    away = pair.mount.rename(pair.root / "away")
    assert run_now(url, exchange) == "COMPLETED", "a way that is not there stops no schedule"
    away.rename(pair.mount)
    assert run_now(url, exchange) == "COMPLETED"
    pair.open("seoul")
    assert pair.handled("seoul", "beijing") >= 1
    pair.nodes["seoul"].ledger.close()
