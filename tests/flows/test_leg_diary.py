"""What a process died or hung in is known to the next one, and the other city's people are warned."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flows.jobs import Worker, work_on
from flows.leg_diary import OFTEN, Beside, RunDiary, died_in, limited, longest_leg, overdue
from flows.legs import lacking_legs, spare_legs
from flows.run import run_cycle
from flows.workspace import open_workspace
from pipeline.cities import all_cities
from pipeline.errors import StorageError
from pipeline.ledger.jobs import jobs_between
from pipeline.ledger.runs import (
    begin_run,
    count_no_longer,
    current_run,
    fail_run,
    finish_run,
    get_run,
    list_runs,
    note_under_way,
)
from pipeline.ledger.warnings import list_versions
from pipeline.settings import Settings
from pipeline.times import parse_instant

pytestmark = pytest.mark.flows

ROOT = Path(__file__).parents[2]
CITIES = list(all_cities().values())
PARTIES = sorted({city.party for city in CITIES})
CYCLE = parse_instant("2026-01-14T08:00Z")
NOMINAL = parse_instant("2026-01-01T03:27Z")
STEP = "forecasting"

DEADLY = """
import json, os, signal, sys, time
from datetime import datetime, timedelta
from pathlib import Path
import flows.forecast, flows.jobs, flows.leg_diary, flows.run
from flows.plan import CyclePlan
from flows.workspace import open_workspace
from pipeline.settings import Settings

folder, plan, city, manner, now = sys.argv[1:]
plan, now = CyclePlan.from_dict(json.loads(plan)), datetime.fromisoformat(now)
real = flows.forecast.forecast_issue

def deadly(panel, models, cities, **kwargs):
    if city not in [one.id for one in cities]:
        return real(panel, models, cities, **kwargs)
    if manner == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        time.sleep(0.1)

flows.forecast.forecast_issue = deadly
if manner == "hangs":
    flows.leg_diary.LONGEST_LEG = timedelta(seconds=20)
ws = open_workspace(Settings(data_dir=Path(folder)), lambda: now)
worker = flows.jobs.Worker("elsewhere:1:1", timedelta(seconds=0.5))
flows.jobs.work_on(ws, "ingest", lambda *_: {"again": flows.run.run_cycle(ws, plan)}, worker)
"""
ATTEMPTS = [NOMINAL + timedelta(minutes=m) for m in (1, 15, 45)]
"""Each after the pause that follows the attempt before."""


@pytest.fixture
def ws(tmp_path):
    opened = open_workspace(Settings(data_dir=tmp_path / "var"), lambda: CYCLE)
    yield opened
    opened.ledger.close()


def begun(ws):
    with ws.ledger.write() as conn:
        return begin_run(conn, world="w", cycle=CYCLE, as_of=CYCLE, code_version="1", at=CYCLE)


def killed_in(ws, cities):
    """Leave a run as a process leaves it that is killed in a leg."""
    run = begun(ws)
    with ws.ledger.write() as conn:
        note_under_way(conn, run, {"step": STEP, "cities": [c.id for c in cities]})
        fail_run(conn, run, at=CYCLE, error="its process ended before it did")
    return run


def finished(ws):
    run = begun(ws)
    with ws.ledger.write() as conn:
        finish_run(conn, run, at=CYCLE, model_id=None, inputs={}, degraded="", products={})


def tried(ws, make=lambda chosen: [c.id for c in chosen]):
    """Return what comes of a leg in the next run, and of which cities it was begun."""
    seen = []

    def noted(chosen):
        seen.append([c.id for c in chosen])
        return make(chosen)

    diary = RunDiary(ws, begun(ws))
    return spare_legs(CITIES, noted, lambda parts: [n for part in parts for n in part], STEP, diary), seen


def own(party):
    return [c for c in CITIES if c.party == party]


def test_what_nobody_died_in_is_done_at_once(ws):
    found, seen = tried(ws)
    assert found.left_out == {}
    assert seen == [[c.id for c in CITIES]]


def test_after_a_death_each_party_is_computed_alone_and_nothing_is_degraded(ws):
    killed_in(ws, CITIES)
    found, seen = tried(ws)
    assert sorted(map(sorted, seen)) == sorted(sorted(c.id for c in own(p)) for p in PARTIES)
    assert sorted(found.made) == sorted(c.id for c in CITIES)
    assert (found.left_out, found.apart) == ({}, "")


def test_the_party_alone_with_which_a_process_died_is_left_out_until_the_others_are_served(ws):
    killed_in(ws, CITIES)
    killed_in(ws, own(PARTIES[0]))
    found, seen = tried(ws)
    assert seen == [[c.id for c in own(PARTIES[1])]]
    assert set(found.left_out) == {c.id for c in own(PARTIES[0])}
    assert all(why.startswith("LegFatal: an earlier process") for why in found.left_out.values())
    finished(ws)
    found, seen = tried(ws)
    assert seen == [[c.id for c in CITIES]], "once the others are served it is tried again"
    assert found.left_out == {}


def test_what_was_fatal_often_is_not_begun_again(ws):
    for _ in range(OFTEN):
        killed_in(ws, CITIES)
        killed_in(ws, own(PARTIES[0]))
    finished(ws)
    found, seen = tried(ws)
    assert seen == [[c.id for c in own(PARTIES[1])]]
    assert set(found.left_out) == {c.id for c in own(PARTIES[0])}


def test_where_every_leg_was_fatal_all_is_tried_at_once(ws):
    for cities in (CITIES, *(own(p) for p in PARTIES)) * OFTEN:
        killed_in(ws, cities)
    found, seen = tried(ws)
    assert seen == [[c.id for c in CITIES]], "there is nothing to lose"
    assert (found.left_out, found.apart) == ({}, "")


def test_where_a_person_asks_for_the_cycle_again_deaths_count_no_longer(ws):
    for _ in range(OFTEN):
        killed_in(ws, CITIES)
        run = killed_in(ws, own(PARTIES[0]))
    with ws.ledger.write() as conn:
        count_no_longer(conn, "w", CYCLE)
        held = get_run(conn, run)
    assert died_in(held) == f"forecasting {own(PARTIES[0])[0].id}", "it stays known"
    assert tried(ws)[1] == [[c.id for c in CITIES]]


def test_what_no_warning_needs_is_left_out_once_it_was_fatal_often(ws, caplog):
    leg = {"step": "making reasons for", "cities": [c.id for c in CITIES]}
    made = []
    for _ in range(OFTEN + 1):
        run = begun(ws)
        beside = Beside(RunDiary(ws, run), CITIES)
        made.append(beside.products("reasons", lambda: {"reasons": Path("reasons.json")}))
        with ws.ledger.write() as conn:
            note_under_way(conn, run, leg)
            fail_run(conn, run, at=CYCLE, error="its process ended before it did")
    assert made == [{"reasons": Path("reasons.json")}] * OFTEN + [{}], "one death may have been a power cut"
    assert "the run goes on without reasons" in caplog.text


def test_within_a_leg_another_is_noted_and_then_the_first_again(ws):
    run = begun(ws)
    diary, held = RunDiary(ws, run), []

    def where():
        with ws.ledger.read() as conn:
            held.append(died_in(list_runs(conn, "w")[0]))

    with diary.under_way("forecasting", CITIES[:1]):
        Beside(diary, CITIES[:1]).make("reasons", where, None)
        where()
    where()
    assert held == [f"making reasons for {CITIES[0].id}", f"forecasting {CITIES[0].id}", ""]


@pytest.mark.parametrize("end", [ValueError, KeyboardInterrupt])
def test_a_leg_that_ends_by_itself_is_noted_no_longer(ws, end):
    run = begun(ws)
    with suppress(end), RunDiary(ws, run).under_way(STEP, CITIES):
        with ws.ledger.read() as conn:
            [held] = list_runs(conn, "w")
        assert died_in(held) == f"forecasting {', '.join(c.id for c in CITIES)}"
        raise end
    with ws.ledger.read() as conn:
        [held] = list_runs(conn, "w")
    assert died_in(held) == ""


def test_a_ledger_out_of_reach_is_not_the_legs_fault(ws, monkeypatch):
    run = begun(ws)
    diary = RunDiary(ws, run)

    def fails(*_):
        raise StorageError("no database")

    monkeypatch.setattr("flows.leg_diary.note_under_way", fails)
    with diary.under_way(STEP, CITIES):
        pass


def test_a_leg_within_another_has_its_own_limit():
    with limited("outer", timedelta(hours=1)):
        with limited("inner", timedelta(seconds=-1)):
            assert overdue().startswith("inner took longer")
        assert overdue() == ""
    assert longest_leg(2) > timedelta(minutes=5)


def test_a_leg_that_hangs_ends_its_process_long_before_the_job(ws, monkeypatch):
    from flows.timetable import entries_of

    [entry] = entries_of("ingest")
    monkeypatch.setattr("flows.jobs.entries_of", lambda _flow: (replace(entry, longest=timedelta(hours=1)),))
    stopped, told = threading.Event(), []
    worker = Worker("elsewhere:1:1", timedelta(seconds=0.01), lambda why: (told.append(why), stopped.set()))

    def hangs(*_):
        with limited("forecasting seoul", timedelta(seconds=0.05)):
            return {"stopped": stopped.wait(30)}

    with pytest.raises(StorageError, match="no longer this worker's"):
        work_on(ws, "ingest", hangs, worker)
    assert "forecasting seoul took longer than" in told[0]
    with ws.ledger.read() as conn:
        [job] = jobs_between(conn, CYCLE - timedelta(days=1), CYCLE + timedelta(days=1), flow="ingest")
    assert "forecasting seoul took longer than" in job.why


@pytest.mark.slow
@pytest.mark.parametrize(("manner", "code"), [("dies", -signal.SIGKILL), ("hangs", 75)])
def test_where_one_citys_forecast_ends_its_process_the_others_people_are_warned(past, plan, manner, code):
    city, other = (c.id for c in CITIES)
    ends = []
    for at in ATTEMPTS:
        arguments = [str(past.settings.data_dir), json.dumps(plan.to_dict()), city, manner, at.isoformat()]
        done = subprocess.run(
            [sys.executable, "-c", DEADLY, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=400
        )
        ends.append(done.returncode)
    assert ends == [code, code, 0], done.stderr
    with past.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
        errors = [one.error for one in list_runs(conn, plan.world) if one.status == "failed"]
        warned = [c["city"] for r in list_versions(conn, plan.world) for c in r.content["cities"]]
    assert sorted(errors) == sorted(
        f"its process ended before it did while forecasting {names}" for names in (f"{city}, {other}", city)
    )
    assert warned == [other]
    assert lacking_legs(past, run).startswith(f"{city}: LegFatal: an earlier process of this cycle ended")
    run_cycle(past, plan)
    with past.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
        warned = {c["city"] for r in list_versions(conn, plan.world) for c in r.content["cities"]}
    assert lacking_legs(past, run) == "", "what was left out is made up for"
    assert warned == {city, other}
