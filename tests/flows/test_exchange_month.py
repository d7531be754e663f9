"""The monthly report tells what two nodes' ledgers hold, in three languages, and always in the same words."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli.main  # noqa: F401 - registers every command
import flows.exchange_month as module
from alerts.vocabulary import LANGUAGES
from cli.commands.exchange import app
from flows.consult import answer, ask, seal_number
from flows.exchange_month import month_bounds, month_report, write_month
from flows.exchange_month_page import page_of, text_of
from flows.exchange_month_people import decisions_of
from flows.exchange_month_sections import sections_of
from flows.exchange_month_way import _served
from flows.exchange_month_words import words_of
from flows.exchange_skill import PairedSkill
from flows.node import node_of
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.exchange.envelope import KINDS
from pipeline.exchange.post import Message, post
from pipeline.ledger.agreement import insert_statement
from pipeline.ledger.envelopes import RefusedRow, insert_refused
from pipeline.ledger.exchange_month import said_between
from pipeline.programme import programme_of
from pipeline.settings import Settings
from tests.flows.exchange_pair import BEGIN, Pair
from tests.flows.two_nodes import AS_OF, CONTENT, TwoNodes

MONTH = "2026-01"
WORDS = tomllib.loads((Path(module.__file__).parent / "exchange_month_words.toml").read_text("utf-8"))
EVIL = "<script>alert(1)</script> & more"


def measured(day, value=40.0):
    mark = {"rule": "air", "licence": "as agreed", "attribution": "", "redistribution": "parties"}
    series = {
        "station": "airkorea:1",
        "quantity": "pm2p5",
        "unit": "ug m-3",
        "interval_end": [f"2026-01-{day:02d}T01:00:00Z"],
        "value": [value],
        "quality": [0],
    }
    return {"mark": {**mark, "embargo_hours": 0}, "stations": [], "series": [series]}


def say(pair, party, kind, occasion, body, world="measured"):
    ws = pair.nodes[party]
    node = node_of(ws)
    with ws.ledger.write() as conn:
        post(conn, node.sender, Message(node.peers[0], kind, world, occasion, body), pair.clock.now)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two nodes with measurements, a correction, an exercise, a silent afternoon and a refused file."""
    made = Pair(tmp_path_factory.mktemp("pair"))
    made.rounds(2)
    say(made, "beijing", "observations", "o1", measured(14))
    say(made, "beijing", "observations", "o2", measured(14), world="simulated-5")
    say(made, "seoul", "observations", "o1", measured(14))
    made.clock.now += timedelta(minutes=20)
    made.rounds(2)
    made.clock.now += timedelta(hours=5)
    correction = {**measured(14, 41.0), "what": "observations", "reason": "revised"}
    say(made, "beijing", "correction", "c1", correction)
    made.rounds(2)
    name = f"beijing-seoul-{99:010d}-{'ab' * 8}.json.gz"
    with made.nodes["seoul"].ledger.write() as conn:
        insert_refused(conn, RefusedRow(made.clock.now, "folder", name, "forged", "x", "0" * 64, 9))
        insert_refused(conn, RefusedRow(made.clock.now, "folder", "odd", "damaged", "x", "1" * 64, 9))
    made.clock.now += timedelta(minutes=1)
    yield made
    made.close()


def test_the_way_is_counted_by_our_own_ledger(pair):
    found = month_report(pair.nodes["seoul"], MONTH)["peers"][0]
    assert found["since"] < BEGIN.strftime("%Y-%m-%dT%H:%M:%SZ").replace("02:00", "02:30")
    assert (found["hours"], found["hours_heard"]) == (6, 2)
    assert [round(s["hours"]) for s in found["silences"]] == [5]
    kinds = {row["kind"]: (row["theirs"], row["ours"]) for row in found["kinds"]}
    assert (kinds["observations"], kinds["correction"]) == ((1, 1), (1, 0))
    assert found["exercises"] == {"theirs": 1, "ours": 0}
    assert found["values"]["theirs"] == {"values": 1, "corrected": 1, "withdrawn": 0, "measures": 0}
    assert found["refused"] == {"theirs": {"forged": 1}, "unnamed": {"damaged": 1}}
    assert found["clock_ahead"] <= 0
    ahead = {**found, "clock_ahead": 1.5}
    (way, *_) = sections_of({**month_report(pair.nodes["seoul"], MONTH), "peers": [ahead]}, words_of("en"))
    assert "ahead of ours by at least 1.5 minutes" in " ".join(way.lines)
    air = found["under_way"][0]
    assert (air["what"], air["n"], air["within_hour"]) == ("air", 3, 3)
    assert air["longest"] >= 20
    assert (found["confirmed"]["sent"], found["confirmed"]["n"], found["confirmed"]["open"]) == (1, 1, 0)
    assert 20 <= found["confirmed"]["longest"] <= 25


def test_a_month_before_the_first_envelope_is_empty_and_one_that_has_not_begun_is_refused(pair):
    ws = pair.nodes["seoul"]
    found = month_report(ws, "2025-12")
    assert (found["peers"][0]["hours"], found["over"]) == (0, True)
    assert WORDS["en"]["never"] in text_of(found, "en")
    assert month_report(ws, MONTH)["over"] is False
    for odd in ("2026-02", "2026-13", "2026", "26-01", "2026-1"):
        with pytest.raises(UsageError):
            month_report(ws, odd)
    alone = open_workspace(Settings(data_dir=ws.settings.data_dir), ws.clock)
    with pytest.raises(UsageError, match="SAMEAIR_PARTY"):
        month_report(alone, MONTH)
    alone.ledger.close()


def at(text):
    return datetime.fromisoformat(f"2026-01-{text}:00+00:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("issued", "here", "said"),
    [
        ("14T08:00", "14T08:10", "in_time"),
        ("14T08:00", "14T10:29", "in_time"),
        ("14T08:00", "14T10:31", "late"),
        ("14T02:00", "14T02:10", "in_time"),
        ("13T20:00", "14T09:00", "none"),
        ("14T14:00", "14T14:10", "late"),
        ("15T02:00", "15T02:10", "none"),
    ],
)
def test_a_bulletin_serves_the_hour_for_which_it_is_new_enough(issued, here, said):
    assert _served([(at(issued), at(here))], at("14T10:00"), programme_of()) == said


@pytest.mark.slow
def test_questions_and_sealed_numbers_are_told_without_names(tmp_path):
    pair = Pair(tmp_path)
    ours, theirs = pair.nodes["seoul"], pair.nodes["beijing"]
    asked = ask(ours, "tomorrow", EVIL, "kim", timedelta(hours=1))["question"]
    for ws, number in ((ours, 0.8), (theirs, 0.35)):
        seal_number(ws, "beijing 2026-01-15 > 75", number, "someone", pair.clock.now + timedelta(hours=1))
    pair.rounds(2)
    answer(theirs, asked, "yes", "wang")
    pair.rounds(3)
    report = month_report(ours, MONTH)
    found = report["consultation"]
    assert [(q["asker"], q["went"], q["calls"]) for q in found["questions"]] == [
        ("seoul", "in_time", 0),
        ("seoul", "none", 0),
    ]
    assert found["sealed"] == 1
    assert [pair["apart"] for pair in found["numbers"]] == [0.45]
    for language in LANGUAGES:
        page, text = page_of(report, language), text_of(report, language)
        assert "&lt;script&gt;" in page
        assert not re.search("kim|wang|someone|<script|\x1b", page)
        assert not re.search("kim|wang|someone|\x1b", text)
    pair.close()


@pytest.mark.ledger
@pytest.mark.slow
def test_joint_warnings_tell_how_long_it_took_to_agree(tmp_path):
    nodes = TwoNodes(tmp_path)
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    nodes.approve("seoul", AS_OF + timedelta(minutes=20))
    nodes.approve("beijing", AS_OF + timedelta(minutes=45))
    nodes.exchange()
    month = f"{AS_OF:%Y-%m}"
    for ws in nodes.ws.values():
        report = month_report(ws, month, CONTENT.world)
        assert report["decisions"]["agreed"] == 1
        (warning,) = report["warnings"]
        assert (warning["product"], warning["cities"]) == ("joint_warning", ["beijing", "seoul"])
        assert 0 < warning["minutes"] <= 45
        assert warning["warning"] in text_of(report, "ko")
    nodes.close()


def test_a_vote_after_the_deadline_makes_no_agreement_in_the_report_either(tmp_path):
    nodes = TwoNodes(tmp_path)
    nodes.propose("seoul")
    nodes.exchange()
    nodes.approve("seoul", AS_OF + timedelta(minutes=20))
    start, end = month_bounds(f"{AS_OF:%Y-%m}")
    with nodes.ws["seoul"].ledger.write() as conn:
        (vote,) = [r for r in said_between(conn, CONTENT.world, start, end) if r.kind == "vote"]
        insert_statement(conn, replace(vote, party="beijing", own=False, at=AS_OF + timedelta(days=1)))
        found = decisions_of(conn, CONTENT.world, start, end)
    assert (found["slots"], found["agreed"], found["open"]) == (1, 0, 1)
    nodes.close()


@pytest.mark.slow
def test_objections_are_told_with_their_reasons(tmp_path):
    nodes = TwoNodes(tmp_path)
    for party in ("seoul", "beijing"):
        nodes.propose(party)
    nodes.exchange()
    nodes.object("beijing", AS_OF + timedelta(minutes=20), EVIL)
    nodes.approve("seoul", AS_OF + timedelta(minutes=20))
    nodes.exchange()
    found = month_report(nodes.ws["seoul"], f"{AS_OF:%Y-%m}", CONTENT.world)
    assert (found["decisions"]["agreed"], found["decisions"]["differed"]) == (0, 1)
    (objection,) = found["decisions"]["objections"]
    assert (objection["party"], objection["reason"]) == ("beijing", EVIL)
    assert "<script" not in page_of(found, "zh")
    objection["reason"] = f"{EVIL}\x1b[31m"
    assert "\x1b" not in page_of(found, "zh") + text_of(found, "zh")
    nodes.close()


SKILL = {
    "sender": "beijing",
    "city": "beijing",
    "lead": "D+1",
    "days": 20,
    "threshold": 75,
    "decided": 18,
    "left_open": 2,
    "above": 6,
    **{side: {"hits": 4, "misses": 2, "false_alarms": 1} for side in ("theirs", "ours", "persistence")},
    "numbers": 15,
    "skill_theirs": {"value": 0.31, "low": 0.1, "high": 0.5},
    "skill_ours": {"value": None, "low": None, "high": None},
    "inside_theirs": 12,
    "inside_ours": 14,
}


def test_forecasts_of_both_sides_stand_beside_persistence_and_rank_nobody(pair, monkeypatch):
    found = PairedSkill("a", "b", "c", (SKILL,), {"too late": 1, "not measured": 0})
    monkeypatch.setattr(module, "paired_skill", lambda *_: found)
    report = month_report(pair.nodes["seoul"], MONTH)
    text = text_of(report, "en")
    row = next(line for line in text.splitlines() if line.startswith("  D+1"))
    assert " ".join(row.split()) == "D+1 20 6/18 15 0.31 (0.10 … 0.50) – 12/20 14/20 4/2/1 4/2/1 4/2/1"
    assert "stated after the day began 1" in text
    assert not re.search(r"\b(best|better|worse|winner|ranking)\b", text)


def test_the_same_ledger_and_clock_give_the_same_files(pair, tmp_path):
    ws = pair.nodes["seoul"]
    report = month_report(ws, MONTH)
    first = write_month(report, tmp_path / "a")
    assert len(first) == 1 + 2 * len(LANGUAGES)
    again = write_month(month_report(ws, MONTH), tmp_path / "b")
    assert {n: p.read_bytes() for n, p in first.items()} == {n: p.read_bytes() for n, p in again.items()}
    page = first[f"exchange-seoul-{MONTH}.en.html"].read_text("utf-8")
    assert not re.search(r"https?://|<script|src=", page)


def test_the_languages_have_the_same_words_and_fields():
    def fields(table):
        return {
            k: sorted(re.findall(r"{(\w+)}", str(v))) for k, v in table.items() if not isinstance(v, dict)
        }

    english = fields(WORDS["en"])
    for language in LANGUAGES:
        assert fields(WORDS[language]) == english
        assert set(WORDS[language]["kinds"]) == set(KINDS)


def test_the_command_prints_the_report_and_names_its_files(pair, tmp_path):
    data = str(pair.nodes["seoul"].settings.data_dir)
    arguments = ["report", "--month", MONTH, "--out", str(tmp_path / "out"), "--data-dir", data]
    env = {"SAMEAIR_PARTY": "seoul"}
    printed = CliRunner().invoke(app, arguments, env=env)
    assert printed.exit_code == 0, printed.output
    assert "Exchange report, 2026-01" in printed.output
    told = json.loads(CliRunner().invoke(app, [*arguments, "--json"], env=env).output)
    assert set(told["files"]) == {p.name for p in (tmp_path / "out").iterdir()}
