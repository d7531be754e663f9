"""Cycles that are killed, run twice at once, or get nonsense from a source: nothing lost, nothing doubled."""

import dataclasses
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import ingest.simulated.loading
from flows.run import cycle_lock, run_cycle
from flows.summary import summary_lines, summary_of
from ingest.simulated.loading import simulated_feeds
from pipeline.errors import SourceUnavailable
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.runs import begin_run, list_runs
from pipeline.ledger.warnings import list_versions

pytestmark = pytest.mark.flows

ROOT = Path(__file__).parents[2]
SOURCE_RUN = """
import json, sys
from pathlib import Path
from flows.plan import CyclePlan
from flows.run import run_cycle
from flows.workspace import open_workspace
from pipeline.settings import Settings
ws = open_workspace(Settings(data_dir=Path(sys.argv[1])))
print(run_cycle(ws, CyclePlan.from_dict(json.loads(sys.argv[2]))))
"""

KILLS = [
    ("ingest.asking:store_content", 2, "in the middle of a source"),
    ("ingest.asking:mark_answered", 1, "between storing and marking as answered"),
    ("ingest.collect:record_attempt", 2, "after the first feed"),
    ("flows.cycle:forecast_cycle", 1, "after everything was taken in"),
    ("flows.forecast:forecast_issue", 1, "in the midst of the forecast"),
    ("flows.forecast:write_table", 2, "between two products"),
    ("flows.forecast:make_current", 1, "before the run is current"),
    ("flows.assess:propose_version", 1, "in the transaction of the drafts"),
    ("flows.cycle:approve_drill", 1, "before the drill is signed"),
    ("flows.signing:approve", 2, "between two signatures"),
    ("flows.issue:issue", 1, "before the warning is issued"),
    ("alerts.outbox:insert_outbox", 1, "in the transaction of the outbox"),
    ("flows.issue:write_atomic", 1, "before the CAP file is written"),
    ("flows.cycle:write_bulletin", 1, "before the page is written"),
    ("flows.cycle:deliver", 1, "before anything is sent"),
    ("alerts.channels:FolderChannel._note", 2, "after the second file is in place"),
]
BY_DAY = {
    "in the middle of a source",
    "in the midst of the forecast",
    "before the run is current",
    "between two signatures",
    "in the transaction of the outbox",
    "after the second file is in place",
}
"""One place of each part of a cycle; the others wait for `make nightly`."""
PLACES = [
    pytest.param(*kill, id=kill[2], marks=() if kill[2] in BY_DAY else pytest.mark.night) for kill in KILLS
]


def same_in_essence(ws, plan, reference):
    """Compare with an undisturbed run, but for ids of runs and the number of audit rows."""
    found = summary_of(ws, plan)
    assert found["forecast"] == reference["forecast"]
    keys = ("id", "version", "state", "product", "level", "signed", "sent", "not_sent")
    assert [{k: w[k] for k in keys} for w in found["warnings"]] == [
        {k: w[k] for k in keys} for w in reference["warnings"]
    ]
    assert [Path(w["cap"]).is_file() for w in found["warnings"]] == [True]
    assert Path(found["products"]["bulletin"]).is_file()
    assert found["audit"]["ok"]
    assert len(list(ws.settings.outbox_dir.glob("*.eml"))) == len(found["warnings"][0]["sent"])
    index = (ws.settings.outbox_dir / "index.jsonl").read_text("utf-8").splitlines()
    assert len(index) == len(set(index)) == len(found["warnings"][0]["sent"])


@pytest.fixture
def reference(done, plan):
    return summary_of(done, plan)


def complete(ws, plan, reference):
    run_cycle(ws, plan)
    same_in_essence(ws, plan, reference)
    with ws.ledger.read() as conn:
        assert [r.status for r in list_runs(conn, plan.world) if r.is_current] == ["finished"]
        assert {r.status for r in list_runs(conn, plan.world)} <= {"finished", "failed"}
        assert verify_audit(conn).ok
    assert run_cycle(ws, plan) is True
    same_in_essence(ws, plan, reference)


@pytest.mark.slow
def test_a_run_killed_before_it_proposed_is_completed_by_the_next_call(past, plan, reference, kill_at):
    kill_at(past, plan, "flows.cycle:propose_warnings")
    assert not past.settings.outbox_dir.exists()
    complete(past, plan, reference)


@pytest.mark.slow
def test_a_run_killed_between_two_mails_sends_the_rest_and_none_twice(past, plan, reference, kill_at):
    kill_at(past, plan, "alerts.lanes:conclude", call=2)
    first = {p.name: p.stat().st_ino for p in past.settings.outbox_dir.glob("*.eml")}
    assert len(first) == 2
    complete(past, plan, reference)
    now = {p.name: p.stat().st_ino for p in past.settings.outbox_dir.glob("*.eml")}
    assert first.items() <= now.items()


@pytest.mark.slow
@pytest.mark.parametrize(("place", "call", "when"), PLACES)
def test_a_run_killed_anywhere_is_completed_by_the_next_call(
    past, plan, reference, kill_at, place, call, when
):
    kill_at(past, plan, place, call)
    complete(past, plan, reference)


def test_a_run_whose_process_is_gone_is_marked_as_failed(past, plan):
    with past.ledger.write() as conn:
        begin_run(
            conn,
            world=plan.world,
            cycle=plan.cycle,
            as_of=plan.as_of,
            code_version="0",
            at=past.clock() - timedelta(minutes=5),
        )
    with cycle_lock(past, plan.world), past.ledger.read() as conn:
        (run,) = list_runs(conn, plan.world)
    assert (run.status, run.error) == ("failed", "its process ended before it did")


@pytest.mark.slow
def test_two_processes_at_once_run_a_cycle_once(past, plan, reference):
    arguments = [sys.executable, "-c", SOURCE_RUN, str(past.settings.data_dir), json.dumps(plan.to_dict())]

    def run(_):
        done = subprocess.run(
            arguments, cwd=ROOT, capture_output=True, text=True, timeout=280, env={**os.environ}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == ["False", "True"]
    same_in_essence(past, plan, reference)
    with past.ledger.read() as conn:
        assert len(list_runs(conn, plan.world)) == 1


def crooked(source, spoil):
    """Return the feeds of a simulated world, of which those of one source are asked by another function."""
    return [
        dataclasses.replace(feed, fetch=spoil(feed)) if feed.source == source else feed
        for feed in simulated_feeds()
    ]


def silent(feed):
    def fetch(http, ask):
        raise SourceUnavailable(feed.source, "HTTP 503 after 3 attempts")

    return fetch


def nonsense(feed):
    asked = iter(range(1000))
    return lambda http, ask: b'[{"maintenance": ' if next(asked) else feed.fetch(http, ask)


@pytest.mark.slow
def test_a_source_that_fails_degrades_its_city_and_not_the_other(past, plan, monkeypatch):
    feeds = crooked("airkorea", silent)
    monkeypatch.setattr(ingest.simulated.loading, "simulated_feeds", lambda: feeds)
    run_cycle(past, plan)
    found = summary_of(past, plan)
    assert "airkorea: no answer" in found["degraded"]
    assert "seoul.pm2p5.reference" in found["missing"]
    (line,) = [text for text in summary_lines(found) if "DEGRADED" in text]
    assert "airkorea: no answer" in line
    assert [(w["product"], w["cities"], w["state"]) for w in found["warnings"]] == [
        ("single_city_warning", ["beijing"], "issued")
    ]
    assert found["warnings"][0]["sent"]
    with past.ledger.read() as conn:
        (row,) = list_versions(conn, plan.world)
    assert "airkorea: no answer" in row.content["degraded"]


@pytest.mark.slow
def test_nonsense_goes_to_quarantine_and_the_rest_of_the_answers_counts(past, plan, monkeypatch):
    feeds = crooked("cnemc", nonsense)
    monkeypatch.setattr(ingest.simulated.loading, "simulated_feeds", lambda: feeds)
    run_cycle(past, plan)
    found = summary_of(past, plan)
    assert "cnemc: " in found["degraded"]
    assert "answers could not be used" in found["degraded"]
    kept = [p for p in past.settings.quarantine_dir.rglob("*") if p.is_file()]
    assert any(b"maintenance" in p.read_bytes() for p in kept)
    assert [w["cities"] for w in found["warnings"] if "beijing" in w["cities"]] == []
    page = Path(found["products"]["bulletin"]).read_text("utf-8")
    assert "could not be used" in page
    assert "maintenance" not in page
