"""An episode from its forecast to the forum: signed by people of both sides, measured, argued about, closed.

The same cycle is run again under a calendar in which the season never is: what it decides is the same.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from importlib import resources

import pandas as pd
import pytest
import xarray as xr

from alerts.content import WarningContent
from alerts.versions import required_parties
from flows.desk import Decision, approve_version
from flows.dossier import build_dossier, listed_dossiers, status_of
from flows.dossier_paper import dossier_paper
from flows.dossier_subjects import measured_days, present_in, subjects_of
from flows.findings import answer_finding, close_dossier, findings_of, propose_finding
from flows.forum_pack import forum_pack
from flows.papers import text_of
from flows.run import run_cycle
from flows.runview import find_run
from flows.said import Speaker
from flows.signing import open_drafts
from flows.workspace import open_workspace
from ingest.simulated.loading import ingest_history
from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.episodes import list_episodes
from pipeline.ledger.warnings import list_versions, read_events
from pipeline.observations import ObservationStore
from pipeline.regions import region_name
from pipeline.season import calendar_of
from pipeline.settings import Settings
from pipeline.times import HOUR, parse_instant

pytestmark = [pytest.mark.flows, pytest.mark.slow, pytest.mark.timeout(900)]

DAY = timedelta(days=1)
PEOPLE = {"seoul": "Kim", "beijing": "Li"}
AFTER = 12 * DAY
"""So long after the cycle the world goes on in these tests."""


@pytest.fixture(scope="module")
def drafted(_past, tmp_path_factory, plan, prefect_server):
    """A folder in which the cycle was run in earnest: its drafts wait for people."""
    return run_in(_past, tmp_path_factory.mktemp("drafted") / "var", plan)


@pytest.fixture(scope="module")
def out_of_season(_past, tmp_path_factory, plan, prefect_server):
    """The same, under a calendar whose season is one day of July."""
    folder = tmp_path_factory.mktemp("summer")
    calendar = folder / "season.toml"
    text = (resources.files("pipeline") / "season.toml").read_text("utf-8")
    calendar.write_text(
        text.replace('first = "12-01"', 'first = "07-01"', 1).replace('last = "03-31"', 'last = "07-01"', 1),
        "utf-8",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAMEAIR_SEASON_FILE", str(calendar))
        assert calendar_of(Settings(data_dir=folder).season_file).active(plan.cycle.date()) is False
        return run_in(_past, folder / "var", plan)


def run_in(past, folder, plan):
    shutil.copytree(past, folder)
    ws = open_workspace(Settings(data_dir=folder))
    assert run_cycle(ws, replace(plan, drill=False)) is False
    ws.ledger.close()
    return folder


def test_the_season_changes_nothing_that_is_forecast_or_decided(drafted, out_of_season, plan):
    assert calendar_of().active(plan.cycle.date())
    assert "SAMEAIR_SEASON_FILE" not in os.environ
    inside, outside = (decided(folder, plan.world) for folder in (drafted, out_of_season))
    assert len(inside["warnings"]) > 0
    assert len(inside["episodes"]) > 0
    for name in ("warnings", "episodes", "tables"):
        assert inside[name] == outside[name], name


def decided(folder, world):
    """Return what a cycle forecast and decided as bytes, without what names the run."""
    ws = open_workspace(Settings(data_dir=folder))
    run = find_run(ws, world, None)
    with ws.ledger.read() as conn:
        texts = [row.content for row in list_versions(conn, world)]
        steps = [e.state for row in list_versions(conn, world) for e in read_events(conn, row.warning_id)]
        episodes = [vars(row) for row in list_episodes(conn, world)]
    ws.ledger.close()
    table = pd.read_parquet(folder / run.products["predictions"])
    with xr.open_dataset(folder / run.products["samples"], engine="h5netcdf") as samples:
        values = {name: samples[name].to_numpy().tobytes() for name in samples.variables}
    return {
        "warnings": [without(canonical_json(text).decode(), run.id) for text in texts] + steps,
        "episodes": without(json.dumps(episodes, default=str, sort_keys=True), run.id),
        "tables": (without(table.to_csv(index=False), run.id), values),
    }


def without(text, run_id):
    return text.replace(run_id, "RUN")


@pytest.fixture(scope="module")
def signed(drafted, tmp_path_factory, world, plan):
    """The cycle's drafts signed by a person of each party, and the days after it measured."""
    folder = tmp_path_factory.mktemp("signed") / "var"
    shutil.copytree(drafted, folder)
    ws = open_workspace(Settings(data_dir=folder))
    for row in open_drafts(ws, plan.world):
        for party in required_parties(WarningContent.from_dict(row.content)):
            approve_version(ws, row.warning_id, row.version, Decision(party, PEOPLE[party]))
    later = plan.cycle + AFTER
    store = ObservationStore(ws.store.root, ws.ledger, clock=lambda: later)
    ingest_history(replace(world, start=plan.cycle, end=later + DAY), store)
    yield ws
    ws.ledger.close()


def test_an_episode_both_sides_signed_ends_in_the_forums_pack(signed, plan):
    ws, later = signed, plan.cycle + AFTER
    assert present_in(ws, plan.world) < later
    about = [s for s in subjects_of(ws, plan.world, plan.cycle - DAY, later, later) if s.episodes]
    subject = next(s for s in about if s.observed)
    when = subject.end + 2 * DAY
    row = build_dossier(ws, plan.world, subject.id, when)
    assert when <= parse_instant(row.content["due"]) == subject.end + 7 * DAY

    said = row.content
    means = measured_days(ws, plan.world, subject.onset, subject.end, when)[subject.city]
    days = {date.fromisoformat(d["day"]): d["mean"] for d in said["outcome"]["days"]}
    assert days == {day: round(means[day], 1) for day in subject.days}
    assert all(days[day] > subject.threshold for day in (subject.first, subject.last))

    issued = [v for v in said["decisions"] if any(e["state"] == "issued" for e in v["life"])]
    assert issued
    assert {(s["party"], s["person"], s["decision"]) for v in issued for s in v["signatures"]} == {
        (party, person, "approve") for party, person in PEOPLE.items()
    }
    assert sum(v["deliveries"]["messages"] for v in issued) > 0
    left = min(parse_instant(e["at"]) for v in issued for e in v["life"] if e["state"] == "issued")
    judged = said["outcome"]["issued"]
    assert judged["outcome"] in ("hit", "late")
    assert judged["lead_hours"] == pytest.approx((subject.onset - left) / HOUR, abs=0.06)
    assert said["simulated"]
    assert not said["replay"]

    agree(ws, plan.world, row)
    status = status_of(ws, row, when)
    assert (status["status"], status["overdue"]) == ("closed", False)
    (listed,) = [
        one
        for one in listed_dossiers(ws, plan.world, subject.onset, later, later)
        if one["dossier"] == subject.id
    ]
    assert (listed["status"], listed["overdue"]) == ("closed", False)
    paper = text_of(dossier_paper(row, findings_of(ws, plan.world, subject.id), status, "en"))
    assert "SIMULATED WORLD" in paper
    regions = [one["region"] for one in said["origin"]["regions"]]
    assert regions
    assert all(region_name(one, "en") in paper for one in regions)

    content, left_out = forum_pack(ws, plan.world, subject.onset, subject.end)
    assert not left_out
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        summary = pack.read("en/summary.txt").decode()
        assert f"en/{subject.id}.pdf" in pack.namelist()
        assert "<svg" in pack.read("ko/summary.html").decode()
    (line,) = [one for one in summary.splitlines() if one.strip().startswith(subject.id)]
    assert f"{max(means[day] for day in subject.days):.0f}" in line.split()
    assert line.rstrip().endswith("closed")
    assert "Kim" not in summary
    assert "The paths turned a day early" in paper


def agree(ws, world, row):
    """Let each side propose a finding, the other agree with it, and both sign off."""
    kim, li = (Speaker(party, person) for party, person in PEOPLE.items())
    for who, other, text in (
        (kim, li, "The paths turned a day early."),
        (li, kim, "Two stations were silent."),
    ):
        made = propose_finding(ws, world, row.subject, who, text)
        answer_finding(ws, world, made["finding"], other, "agree")
    for who in (kim, li):
        close_dossier(ws, world, row.subject, who, row.digest)
