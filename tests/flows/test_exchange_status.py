"""What is told of the exchange, and that its operator is told once what is late, and once when it is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from cli.main import app
from flows import exchange_status as status_module
from flows.doctor_exchange import exchange_checks
from flows.exchange_late import late_at, standing_rows, watch_exchange
from flows.exchange_lines import forecast_notes, forecast_rows, status_lines
from flows.exchange_status import exchange_status
from flows.hour import take_hour
from flows.node import node_of
from flows.status import status_of
from pipeline.exchange.arrivals import Parcel, take
from pipeline.exchange.post import Message, post
from pipeline.ledger.consultation import QuestionRow, insert_question
from pipeline.times import iso, parse_instant
from tests.flows.exchange_pair import Pair
from tests.flows.two_nodes import AS_OF, CONTENT, DEADLINE, TwoNodes

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OPERATOR = {"operator_address": "duty@seoul.example"}


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    pair.nodes["seoul"].ledger.close()
    pair.open("seoul", **OPERATOR)
    yield pair
    pair.close()


def go(pair, until, *parties):
    """Let the rounds of some parties run just before an instant, what lay between skipped."""
    pair.clock.now = parse_instant(until) - 5 * MINUTE
    for party in parties:
        pair.round(party)


BOTH = ("beijing", "seoul", "beijing", "seoul")


def state(pair, issued):
    """Let Beijing state a forecast of its next day, as if a cycle had run."""
    ws = pair.nodes["beijing"]
    node = node_of(ws)
    region = {"Beijing": {"city": "beijing", "low": 60.0, "value": 80.0, "high": 110.0}}
    content = {"sender": "beijing", "pollutant": "pm2p5", "unit": "ug m-3", "regions": region}
    one = {
        "key": f"beijing pm2p5 issued {issued}",
        "issued_at": issued,
        "valid_from": f"{issued[:10]}T16:00:00Z",
        "valid_until": iso(parse_instant(f"{issued[:10]}T16:00:00Z") + 24 * HOUR),
        "content": content | {"target_date": (parse_instant(issued) + 24 * HOUR).date().isoformat()},
    }
    with ws.ledger.write() as conn:
        message = Message("seoul", "bulletin", "measured", f"bulletin|{issued}", {"bulletins": [one]})
        post(conn, node.sender, message, pair.clock.now)


def measure(pair, end, world="measured"):
    """Let Beijing send an hour of one station."""
    ws = pair.nodes["beijing"]
    mark = {"rule": "r", "licence": "l", "attribution": "", "redistribution": "none", "embargo_hours": 0}
    series = {
        "station": "cnemc:1",
        "quantity": "pm2p5",
        "unit": "ug m-3",
        "interval_end": [end],
        "value": [40],
    }
    body = {"mark": mark, "stations": [], "series": [series | {"quality": [0]}]}
    with ws.ledger.write() as conn:
        post(conn, node_of(ws).sender, Message("seoul", "observations", world, end, body), pair.clock.now)


def mails(pair):
    folder = pair.nodes["seoul"].settings.outbox_dir
    texts = [p.read_text("utf-8").replace("=\n", "") for p in sorted(folder.glob("operator*.eml"))]
    return [line for text in texts for line in text.splitlines() if "exchange beijing" in line]


def peer_of(pair, party="seoul", **more):
    (peer,) = exchange_status(pair.nodes[party], **more)["peers"]
    return peer


def test_silence_is_told_once_and_once_when_over(pair):
    go(pair, "2026-01-14T04:00Z", *BOTH)
    assert mails(pair) == []
    assert peer_of(pair)["late"] == []
    last = peer_of(pair)["heard"]
    go(pair, "2026-01-14T07:00Z", "seoul")
    (told,) = mails(pair)
    assert "nothing heard for" in told
    assert f"the last was a {last['kind']} at {last['received']}" in told
    assert len(peer_of(pair)["late"]) == 1
    go(pair, "2026-01-14T08:00Z", *BOTH)
    assert "over: exchange beijing silence: heard again" in mails(pair)[1]
    go(pair, "2026-01-14T09:00Z", *BOTH)
    assert len(mails(pair)) == 2


def test_a_bulletin_that_does_not_come_by_its_hour_is_told_once_and_when_it_comes(pair):
    go(pair, "2026-01-14T02:20Z", *BOTH)
    state(pair, "2026-01-14T02:00:00Z")
    go(pair, "2026-01-14T10:10Z", *BOTH)
    theirs = peer_of(pair)["bulletins"]["theirs"]
    assert theirs["for"] == "2026-01-14T10:00:00Z"
    assert theirs["said"] == "issued 2026-01-14T02:00:00Z; that of 2026-01-14T08:00:00Z has not come"
    go(pair, "2026-01-15T10:20Z", *BOTH)
    # An earlier cycle's served the first day; after the second hour there is half an hour of grace.
    assert mails(pair) == []
    go(pair, "2026-01-15T11:30Z", *BOTH)
    (told,) = mails(pair)
    assert "bulletin: none came for 2026-01-15T10:00:00Z" in told
    assert "too old" in peer_of(pair)["bulletins"]["theirs"]["said"]
    state(pair, "2026-01-15T08:00:00Z")
    go(pair, "2026-01-15T12:00Z", *BOTH)
    assert "over: exchange beijing bulletin" in mails(pair)[1]
    assert peer_of(pair)["bulletins"]["theirs"]["said"] == "issued 2026-01-15T08:00:00Z"


def test_a_node_without_a_bulletin_for_the_hour_tells_its_own_operator_before(pair):
    pair.nodes["beijing"].ledger.close()
    beijing = pair.open("beijing", **OPERATOR)
    go(pair, "2026-01-14T08:20Z", *BOTH)
    state(pair, "2026-01-14T08:00:00Z")
    go(pair, "2026-01-15T09:10Z", *BOTH)
    assert [c.text for c in late_at(beijing, pair.clock()) if c.severity] == []
    own = peer_of(pair, "beijing")["bulletins"]["ours"]
    assert (own["issued"], own["confirmed"]) == ("2026-01-14T08:00:00Z", True)
    go(pair, "2026-01-15T09:30Z", *BOTH)
    (late,) = [c.text for c in late_at(beijing, pair.clock()) if c.severity]
    assert "nothing is written for 2026-01-15T10:00:00Z" in late
    assert "run a cycle" in late
    (check,) = [c for c in exchange_checks(beijing) if c[0] == "exchange"]
    assert check[1] == "warning"
    assert late in check[2]


def test_measurements_that_stop_are_told_and_a_promise_is_missed_from_the_start(pair, tmp_path):
    go(pair, "2026-01-14T03:10Z", *BOTH)
    measure(pair, "2026-01-14T03:00:00Z")
    go(pair, "2026-01-14T06:50Z", *BOTH)
    assert peer_of(pair)["measured_until"] == {"theirs": "2026-01-14T03:00:00Z", "ours": None}
    assert mails(pair) == []
    go(pair, "2026-01-14T07:30Z", *BOTH)
    (told,) = mails(pair)
    assert "measurements: none after 2026-01-14T03:00:00Z came" in told
    assert peer_of(pair, world="simulated-5")["measured_until"]["theirs"] is None
    own = tmp_path / "programme.toml"
    text = status_module.programme_of.__globals__["PACKAGED"].read_text("utf-8")
    own.write_text(text.replace("seoul = []", 'seoul = ["observations"]'), "utf-8")
    pair.nodes["beijing"].ledger.close()
    beijing = pair.open("beijing", programme_file=own)
    late = [c.text for c in late_at(beijing, pair.clock()) if c.severity]
    assert ["measurements: none ever came" in text for text in late] == [True]


def test_an_exercise_in_its_own_time_is_no_delay_of_the_way(pair):
    go(pair, "2026-01-14T03:10Z", *BOTH)
    before = peer_of(pair)["under_way_s"]["longest"]
    pair.clock.now = parse_instant("2024-01-14T03:00Z")
    measure(pair, "2024-01-14T02:00:00Z", "simulated-5")
    go(pair, "2026-01-14T03:20Z", *BOTH)
    assert peer_of(pair)["under_way_s"]["longest"] <= before + 15 * 60


def test_a_joint_text_waits_for_those_who_have_not_voted(tmp_path):
    nodes = TwoNodes(tmp_path)
    nodes.propose("seoul")
    nodes.approve("seoul", AS_OF + HOUR)
    nodes.exchange(times=1, issue=False)
    for party in ("seoul", "beijing"):
        for at, expected in ((AS_OF + HOUR, ["beijing"]), (DEADLINE, [])):
            found = exchange_status(replace(nodes.ws[party], clock=lambda at=at: at))
            assert [row["of"] for row in found["waiting"]] == expected
            assert all(row["until"] == CONTENT.review_deadline for row in found["waiting"])
    nodes.close()


def test_without_rounds_the_hour_tells_of_the_silence(pair):
    go(pair, "2026-01-14T03:00Z", *BOTH)
    pair.clock.now += 3 * HOUR
    take_hour(pair.nodes["seoul"], services=False)
    assert len(mails(pair)) == 1
    assert watch_exchange(pair.nodes["seoul"], pair.clock()) == 0
    assert len(mails(pair)) == 1


def test_what_is_missing_refused_and_unconfirmed_is_shown(pair):
    go(pair, "2026-01-14T03:00Z", *BOTH)
    seoul = pair.nodes["seoul"]
    with seoul.ledger.write() as conn:
        take(
            conn, node_of(seoul).receiver, Parcel("folder", "beijing-seoul-x.json.gz", b"junk"), pair.clock()
        )
        row = QuestionRow(
            "seoul-1", "seoul", "beijing", "kim", "s", "Why?", pair.clock(), pair.clock() + HOUR, "{}"
        )
        insert_question(conn, row)
    state(pair, "2026-01-14T02:00:00Z")
    measure(pair, "2026-01-14T03:00:00Z")
    found = exchange_status(pair.nodes["beijing"])
    assert found["peers"][0]["waits"]["envelopes"] == 2
    pair.round("beijing")
    bulletin = found["peers"][0]["confirmed"]["own"] - 1
    pair.file("beijing", bulletin).unlink()
    pair.round("seoul")
    found = exchange_status(seoul)
    assert found["peers"][0]["missing"] == [[bulletin, bulletin]]
    assert [(r["name"], r["reason"]) for r in found["refused"]] == [("beijing-seoul-x.json.gz", "damaged")]
    (waits,) = found["waiting"]
    assert (waits["what"], waits["of"], waits["text"]) == ("question", "beijing", "Why?")
    text = "\n".join(status_lines(found))
    for part in (
        f"missing   {bulletin} of theirs",
        "refused 2026",
        "waits for beijing",
        "next at 2026-01-14T10:00:00Z",
    ):
        assert part in text
    assert json.loads(json.dumps(found)) == found
    assert "last heard" in standing_rows(seoul)[0]["stands"]
    assert status_of(seoul)["exchange"] == standing_rows(seoul)


def test_the_command_prints_it_and_says_by_its_code_that_something_is_late(pair, monkeypatch):
    go(pair, "2026-01-14T04:00Z", *BOTH)
    folder = str(pair.nodes["seoul"].settings.data_dir)
    monkeypatch.setenv("SAMEAIR_PARTY", "seoul")
    shown = CliRunner().invoke(app, ["exchange", "status", "--data-dir", folder])
    assert shown.exit_code == 3  # by the machine's clock the other side has been silent for long
    assert "LATE" in shown.output
    assert "no day yet that both have forecast and that was measured" in shown.output
    then = CliRunner().invoke(
        app,
        ["exchange", "status", "--data-dir", folder, "--at", "2026-01-14T04:00Z", "--world", "simulated-5"],
    )
    assert then.exit_code == 0
    assert "LATE" not in then.output
    as_json = CliRunner().invoke(app, ["exchange", "status", "--data-dir", folder, "--json", "--days", "7"])
    assert json.loads(as_json.output)["party"] == "seoul"


def test_forecasts_are_shown_side_by_side_and_not_ranked():
    counts = {"hits": 3, "misses": 1, "false_alarms": 2}
    skill = {"value": 0.25, "low": None, "high": None}
    row = {"sender": "beijing", "city": "beijing", "lead": "D+1", "days": 9, "threshold": 75, "decided": 8}
    row |= {"left_open": 1, "above": 4, "numbers": 7} | dict.fromkeys(
        ("theirs", "ours", "persistence"), counts
    )
    row |= {
        "mae_theirs": 12.0,
        "mae_ours": 13.0,
        "mae_persistence": 20.0,
        "skill_theirs": skill,
        "skill_ours": skill,
    }
    row |= {"inside_theirs": 5, "inside_ours": 6, "width_theirs": None, "width_ours": 40.0}
    found = {
        "rows": [row],
        "first": "2026-01-01",
        "last": "2026-02-01",
        "left_out": {"not measured": 2, "late": 0},
    }
    table = forecast_rows(found)
    assert [line[4] for line in table] == ["theirs", "ours", "yesterday"]
    assert table[0][:4] == ["beijing", "beijing", "D+1", 9]
    assert [line[9] for line in table] == ["0.25 (too few days)", "0.25 (too few days)", ""]
    assert [line[10] for line in table] == ["5 of 9", "6 of 9, 40 wide", ""]
    notes = forecast_notes(found)
    assert "beijing D+1: 4 of 8 days above 75; 1 more that theirs leaves open" in notes[3]
    assert notes[-1] == "Left out: 2 not measured."
    assert datetime.fromisoformat(found["first"])
