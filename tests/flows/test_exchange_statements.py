"""Forecasts, measures and model cards between nodes: each of one's own, once, and known from its receipt."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from flows.exchange_statements import say_statements
from flows.measures import Measures, days_with_measures, declare, known_measures
from flows.node import node_of
from pipeline.bulletins import read_bulletins
from pipeline.cities import city
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.post import Message, post
from pipeline.ledger.model_reports import append_report
from pipeline.ledger.models import register_model
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.names import MEASURED
from pipeline.times import local_day_bounds
from tests.flows.test_exchange_data import AT, HOUR, RULES, Pair

CYCLE = datetime(2026, 1, 14, 2, tzinfo=UTC)
STATEMENTS = """
[beijing.statements]
bulletin = ["measured"]
measures = ["measured"]
model_card = ["measured"]
verification = ["measured"]
"""
QUANTILES = {"q10": 60.0, "q25": 76.0, "q50": 90.0, "q75": 100.0, "q90": 130.25}
ORANGE = Measures(
    "2026-1",
    "beijing",
    "orange",
    "whole city",
    "2026-01-14T16:00:00Z",
    "2026-01-16T16:00:00Z",
    "emergency plan of the city",
)


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    (tmp_path / "sharing.toml").write_text(RULES + STATEMENTS, "utf-8")
    yield pair
    for ws in pair.ws.values():
        ws.ledger.close()


def say(pair, at=AT):
    pair.now = at
    return say_statements(pair.ws["beijing"], node_of(pair.ws["beijing"]), at)


def received(pair, at, kind="forecast"):
    with pair.ws["seoul"].ledger.read() as conn:
        return read_bulletins(conn, MEASURED, as_of=at, kind=kind)


def make_run(ws):
    """Record a run whose table forecasts both cities for two days and an hour."""
    rows = []
    for name in ("beijing", "seoul"):
        for day, target in ((14, "daily"), (15, "daily"), (16, "daily"), (15, "hourly")):
            start, end = local_day_bounds(date(2026, 1, day), city(name).timezone)
            rows.append(
                {
                    "city": name,
                    "model": "sameair",
                    "target": target,
                    "valid_start": pd.Timestamp(start),
                    "valid_end": pd.Timestamp(end),
                    **dict(
                        zip(("q10", "q25", "q50", "q75", "q90"), (60.0, 76, 90, 100, 130.25), strict=True)
                    ),
                }
            )
    (ws.settings.data_dir / "models").mkdir()
    pd.DataFrame(rows).to_parquet(ws.settings.data_dir / "predictions.parquet")
    (ws.settings.data_dir / "models" / MEASURED).mkdir()
    (ws.settings.data_dir / "models" / MEASURED / "m1.md").write_text("# m1\n", "utf-8")
    with ws.ledger.write() as conn:
        register_model(
            conn,
            model_id="m1",
            world=MEASURED,
            quantity="pm2p5",
            data_until=CYCLE,
            trained_at=CYCLE,
            purpose="operational",
            path=f"models/{MEASURED}/m1.npz",
            digest="d1",
            details={},
        )
        entry = {"city": "beijing", "lead_day": 1, "n": 90, "rmse": 21.5, "bss": None}
        entry |= {"skill_persistence": 0.31, "rmse_persistence": 25.9}
        append_report(conn, "m1", "validation", {"scores": [entry]}, at=CYCLE)
        run = begin_run(conn, world=MEASURED, cycle=CYCLE, as_of=CYCLE, code_version="1", at=CYCLE)
        finish_run(
            conn,
            run,
            at=CYCLE,
            model_id="m1",
            inputs={},
            degraded="",
            products={"predictions": "predictions.parquet"},
        )
        make_current(conn, run, expected=None)


def test_a_run_states_its_own_citys_days_the_card_and_the_scores_once(pair):
    make_run(pair.ws["beijing"])
    assert len(say(pair)) == 3
    assert say(pair, AT + HOUR) == []
    bodies = dict(pair.bodies())
    assert sorted(bodies) == ["bulletin", "model_card", "verification"]
    assert len(pair.sent()) == 3
    said = bodies["bulletin"]["bulletins"]
    assert [(b["content"]["target_date"], b["content"]["pollutant"]) for b in said] == [
        (day, pollutant) for day in ("2026-01-15", "2026-01-16") for pollutant in ("pm2p5", "aqi")
    ]
    region = said[0]["content"]["regions"]
    assert region == {"Beijing": {"city": "beijing", "low": 60, "value": 90, "high": 130.2}}
    # Break-points of HJ 633-2012: 75 -> 100 and 115 -> 150, so 76 -> 101.25 and 100 -> 131.25, rounded up.
    assert said[1]["content"]["regions"]["Beijing"] == {
        "city": "beijing",
        "low": 102,
        "high": 132,
        "primary": "PM2.5",
    }
    assert bodies["model_card"]["card"] == "# m1\n"
    scores = [(s["name"], s["value"], s["reference"], s["cases"]) for s in bodies["verification"]["scores"]]
    assert scores == [("rmse", 21.5, 25.9, 90), ("skill_persistence", 0.31, 0.0, 90)]


def test_a_forecast_that_came_is_known_from_its_receipt(pair):
    make_run(pair.ws["beijing"])
    say(pair)
    late = AT + 5 * HOUR
    pair.carry(late)
    assert [outcome for outcome, _ in pair.outcomes()] == ["done"] * 3
    assert received(pair, late - timedelta(seconds=1)) == []
    found = received(pair, late + timedelta(seconds=1))
    assert {f.bulletin.source for f in found} == {"exchange"}
    assert {f.bulletin.content["sender"] for f in found} == {"beijing"}
    assert len(found) == 4


def test_statements_of_another_partys_city_are_kept_out(pair):
    ws = pair.ws["beijing"]
    content = {
        "sender": "beijing",
        "pollutant": "pm2p5",
        "unit": "ug m-3",
        "target_date": "2026-01-15",
        "regions": {"Seoul": {"city": "seoul", "value": 300}},
    }
    bulletin = {
        "key": "x",
        "issued_at": "2026-01-14T02:00:00Z",
        "valid_from": "2026-01-14T15:00:00Z",
        "valid_until": "2026-01-15T15:00:00Z",
        "content": content,
    }
    with ws.ledger.write() as conn:
        sender = node_of(ws).sender
        measures = {"measures": [{**vars(ORANGE), "city": "seoul"}]}
        for kind, body in (
            ("bulletin", {"bulletins": [bulletin]}),
            ("bulletin", {"bulletins": [{**bulletin, "content": {**content, "sender": "cnemc"}}]}),
            ("measures", measures),
        ):
            post(conn, sender, Message("seoul", kind, MEASURED, f"{kind} {len(str(body))}", body), AT)
    pair.carry()
    assert [outcome for outcome, _ in pair.outcomes()] == ["overreach"] * 3
    assert received(pair, AT + HOUR) == received(pair, AT + HOUR, "measures") == []


@pytest.mark.parametrize(
    "said",
    [{"low": 95, "high": 70}, {"value": -1}, {"value": 90000}, {"target_date": "2026-02-30", "value": 30}],
)
def test_a_forecast_that_cannot_be_is_refused_with_the_reason(pair, said):
    ws = pair.ws["beijing"]
    day = said.pop("target_date", "2026-01-15")
    content = {"sender": "beijing", "pollutant": "pm2p5", "unit": "ug m-3", "target_date": day}
    content["regions"] = {"Beijing": {"city": "beijing", **said}}
    times = {"valid_from": "2026-01-14T16:00:00Z", "valid_until": "2026-01-15T16:00:00Z"}
    one = {"key": "x", "issued_at": "2026-01-14T02:00:00Z", **times, "content": content}
    with ws.ledger.write() as conn:
        message = Message("seoul", "bulletin", MEASURED, "absurd", {"bulletins": [one]})
        post(conn, node_of(ws).sender, message, AT)
    pair.carry()
    assert [outcome for outcome, _ in pair.outcomes()] == ["malformed"]
    assert received(pair, AT + HOUR) == []


def test_measures_declared_here_count_there_as_days_with_measures(pair):
    ours, theirs = pair.ws["beijing"], pair.ws["seoul"]
    assert declare(ours, MEASURED, ORANGE, "wang")
    assert not declare(ours, MEASURED, ORANGE, "wang")
    assert len(say(pair, AT + HOUR)) == 1
    pair.carry(AT + HOUR)
    known = AT + 2 * HOUR
    days = {date(2026, 1, 15), date(2026, 1, 16)}
    assert days_with_measures(theirs, MEASURED, city("beijing"), known) >= days
    assert date(2026, 1, 17) not in days_with_measures(theirs, MEASURED, city("beijing"), known)
    assert not days & days_with_measures(theirs, MEASURED, city("beijing"), AT)
    assert not days & days_with_measures(theirs, MEASURED, city("seoul"), known)
    pair.now = known
    declare(ours, MEASURED, Measures(**{**vars(ORANGE), "state": "cancelled"}), "wang")
    say(pair, known + HOUR)
    pair.carry(known + HOUR)
    assert not days & days_with_measures(theirs, MEASURED, city("beijing"), known + 2 * HOUR)
    assert [m.bulletin.content["state"] for m in known_measures(theirs, MEASURED, known + 2 * HOUR)] == [
        "cancelled"
    ]


def test_measures_of_others_or_of_no_form_are_refused(pair):
    with pytest.raises(ReviewError, match="beijing declares its own"):
        declare(pair.ws["seoul"], MEASURED, ORANGE, "kim")
    for wrong in ({"state": "perhaps"}, {"stop": "2026-01-14T15:00:00Z"}, {"start": "2026-01-99T15:00:00Z"}):
        with pytest.raises(UsageError, match="cannot be declared"):
            declare(pair.ws["beijing"], MEASURED, Measures(**{**vars(ORANGE), **wrong}), "wang")


def test_statements_that_no_table_names_do_not_leave(pair, tmp_path):
    make_run(pair.ws["beijing"])
    declare(pair.ws["beijing"], MEASURED, ORANGE, "wang")
    (tmp_path / "sharing.toml").write_text(RULES, "utf-8")
    assert say(pair, AT + HOUR) == []
    assert pair.sent() == []
