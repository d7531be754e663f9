"""Only what a rule lets out leaves, once; what comes is used when its marks allow it, and not before."""

from __future__ import annotations

import ast
import gzip
import json
import logging
import shutil
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from flows.credits import credits_of
from flows.exchange_data import say_observations, store_observations
from flows.exchange_parts import HANDLERS
from flows.node import node_of
from flows.workspace import open_workspace
from pipeline.cities import city
from pipeline.exchange.arrivals import Parcel, handle_next, take
from pipeline.exchange.keys import load_or_create_key
from pipeline.exchange.measurements import body_of
from pipeline.exchange.post import Message, post
from pipeline.ledger.envelopes import read_sent
from pipeline.ledger.exchange_tables import envelopes_handled
from pipeline.ledger.runs import begin_run, get_run
from pipeline.names import MEASURED
from pipeline.series import load_panel
from pipeline.settings import Settings
from pipeline.sharing import sharing_of

AT = datetime(2026, 1, 14, 2, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = """
[seoul]
networks = ["airkorea"]

[beijing]
networks = ["cnemc"]

[[beijing.rule]]
name = "open"
world = "measured"
stations = ["cnemc:1*"]
quantities = ["pm2p5"]
delay_hours = 0
embargo_hours = 0
look_back_hours = 48
licence = "as agreed in 2026"
attribution = "Beijing"
redistribution = "parties"

[[beijing.rule]]
name = "late"
world = "measured"
stations = ["cnemc:2*"]
quantities = ["pm2p5"]
delay_hours = 3
embargo_hours = 6
look_back_hours = 48
licence = "as agreed in 2026"
attribution = "Beijing"
redistribution = "parties"

[[beijing.rule]]
name = "held"
world = "measured"
stations = ["cnemc:3*"]
quantities = ["pm2p5"]
delay_hours = 0
embargo_hours = 0
look_back_hours = 48
licence = "for the record"
attribution = ""
redistribution = "none"
"""


MAKERS = (
    *("forecast", "bulletin", "letters", "reasons", "runview", "summary", "feed", "verification", "digests"),
    *("quality", "rules", "stations", "statements", "assess", "origins", "dust", "policy_explain", "issue"),
)
"""What writes forecasts, pages, messages and reports."""


class Pair:
    """Beijing's node, Seoul's node, and a hand that carries everything between them."""

    def __init__(self, folder):
        rules = folder / "sharing.toml"
        rules.write_text(RULES, "utf-8")
        self.folder, self.now = folder, AT
        self.ws = {}
        for party in ("beijing", "seoul"):
            load_or_create_key(folder / party / "keys", party)
        for party, peer in (("beijing", "seoul"), ("seoul", "beijing")):
            shutil.copy(folder / peer / "keys" / f"{peer}.pub", folder / party / "keys" / f"{peer}.pub")
            settings = Settings(data_dir=folder / party, party=party, sharing_file=rules)
            self.ws[party] = open_workspace(settings, lambda: self.now)

    def measure(self, values, *, hours_ago=1, quantity="pm2p5", source="cnemc", minutes=0):
        """Let Beijing's node take in values by station; ``None`` withdraws."""
        ws, end = self.ws["beijing"], AT.replace(minute=0) - hours_ago * HOUR
        stations = pd.DataFrame(
            {
                "station": list(values),
                "name": "名",
                "latitude": 39.9,
                "longitude": 116.4,
                "altitude": np.nan,
                "city": "beijing",
                "interval_hours": 1,
                "note": "",
            }
        )
        rows = pd.DataFrame(
            {
                "station": list(values),
                "quantity": quantity,
                "time": np.array([end.replace(tzinfo=None)] * len(values), "M8[ns]"),
                "value": np.array([np.nan if v is None else v for v in values.values()], float),
                "qc": np.zeros(len(values), np.int8),
            }
        )
        store = replace(ws.store, clock=lambda: AT - 2 * HOUR + timedelta(minutes=minutes))
        store.append_stations(stations, source=source, world=MEASURED)
        store.append(rows, source=source, world=MEASURED)

    def say(self, at=AT):
        self.now = at
        return say_observations(self.ws["beijing"], node_of(self.ws["beijing"]), at)

    def sent(self):
        with self.ws["beijing"].ledger.read() as conn:
            return read_sent(conn, "seoul")

    def bodies(self):
        return [(r.kind, json.loads(gzip.decompress(r.packed))["body"]) for r in self.sent()]

    def carry(self, at=AT):
        self.now = at
        ws = self.ws["seoul"]
        node = node_of(ws)
        with ws.ledger.write() as conn:
            for row in self.sent():
                take(conn, node.receiver, Parcel("test", "x", row.packed), at)
            while handle_next(conn, node.receiver, "beijing", HANDLERS, at):
                pass
        return store_observations(ws, node, at)

    def held(self):
        rows = self.ws["seoul"].store.versions(world=MEASURED)
        return [(r.station, r.value, r.source.rpartition(".")[0]) for r in rows.itertuples()]

    def outcomes(self):
        with self.ws["seoul"].ledger.read() as conn:
            return [tuple(row) for row in conn.execute(select(envelopes_handled.c["outcome", "note"]))]


@pytest.fixture
def pair(tmp_path):
    pair = Pair(tmp_path)
    yield pair
    for ws in pair.ws.values():
        ws.ledger.close()


def test_only_what_a_rule_names_leaves_once_and_with_its_mark(pair):
    pair.measure({"cnemc:101": 41.0, "cnemc:999": 777.125})
    pair.measure({"cnemc:101": 666.125}, quantity="pm10")
    pair.measure({"airkorea:jung": 555.125, "cnemc:102": 444.125}, source="party.seoul.x.00000000")
    pair.measure({"airkorea:mapo": 333.125})
    assert pair.say() == ["open: 1 values of measured said"]
    assert pair.say(AT + HOUR) == []
    ((kind, body),) = pair.bodies()
    assert kind == "observations"
    assert body["mark"]["licence"] == "as agreed in 2026"
    assert [(s["station"], s["value"]) for s in body["series"]] == [("cnemc:101", [41])]
    assert [s["station"] for s in body["stations"]] == ["cnemc:101"]
    everything = b"".join(gzip.decompress(r.packed) for r in pair.sent())
    for hidden in (b".125", b"cnemc:999", b"airkorea", b"cnemc:102"):
        assert hidden not in everything


def test_without_a_rule_nothing_leaves(pair):
    pair.measure({"cnemc:101": 41.0})
    ws = pair.ws["beijing"]
    silent = replace(ws, settings=ws.settings.model_copy(update={"sharing_file": None}))
    assert sharing_of("beijing").rules[0].world == "simulated"
    assert say_observations(silent, node_of(silent), AT) == []
    assert pair.sent() == []


def test_a_value_waits_for_its_delay(pair):
    pair.measure({"cnemc:201": 42.0}, hours_ago=1)
    assert pair.say() == []
    assert pair.say(AT.replace(minute=0) + 2 * HOUR - timedelta(seconds=1)) == []
    assert pair.say(AT.replace(minute=0) + 2 * HOUR) == ["late: 1 values of measured said"]


def test_a_revised_value_leaves_as_a_correction_and_a_withdrawn_one_as_nothing(pair):
    pair.measure({"cnemc:101": 41.0, "cnemc:102": 50.0})
    pair.say(AT)
    pair.measure({"cnemc:101": 43.0, "cnemc:102": None}, minutes=150)
    pair.say(AT + HOUR)
    assert [kind for kind, _ in pair.bodies()] == ["observations", "correction"]
    pair.carry(AT + HOUR)
    pair.carry(AT + HOUR)
    known = pair.ws["seoul"].store.read(world=MEASURED, as_of=AT + 2 * HOUR)
    assert known[["station", "value"]].values.tolist() == [["cnemc:101", 43.0]]


def test_what_came_is_known_from_when_it_was_received_here(pair):
    pair.measure({"cnemc:101": 41.0})
    pair.say(AT)
    late = AT + timedelta(hours=5)
    assert pair.carry(late) == ["1 values of beijing stored in measured"]
    assert pair.carry(late + HOUR) == []
    store = pair.ws["seoul"].store
    assert len(store.read(world=MEASURED, as_of=late - timedelta(seconds=1))) == 0
    assert store.read(world=MEASURED, as_of=late + timedelta(seconds=1))["value"].tolist() == [41.0]
    assert pair.held() == [("cnemc:101", 41.0, "party.beijing.open")]
    series = f"{city('beijing').id}.pm2p5.reference"
    for known, there in ((late - timedelta(seconds=1), False), (late + timedelta(seconds=1), True)):
        panel = load_panel(store, [city("beijing")], MEASURED, as_of=known, around=False)
        assert (series in panel) == there


def test_nothing_that_forecasts_or_shows_reads_envelopes():
    """An embargo is kept by where values stand: outside of the exchange nobody opens what came."""
    closed = {"pipeline.ledger.envelopes", "pipeline.ledger.settled", "pipeline.exchange.measurements"}
    makers = {f"flows/{name}.py" for name in MAKERS}
    root = Path(__file__).parents[2]
    files = [p for room in ("forecasting", "alerts", "ingest") for p in (root / room).rglob("*.py")]
    for path in [*files, *(root / name for name in sorted(makers))]:
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        named = {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
        assert not named & closed, f"{path.name} reads envelopes"


def test_embargoed_and_held_values_stand_nowhere_but_in_their_envelope(pair, caplog):
    caplog.set_level(logging.DEBUG)
    pair.measure({"cnemc:201": 987.625, "cnemc:301": 876.625}, hours_ago=4)
    pair.say(AT)
    end = AT.replace(minute=0) - 4 * HOUR
    told = pair.carry(AT)
    assert pair.held() == []
    assert [outcome for outcome, _ in pair.outcomes()] == ["done", "done"]
    spoken = repr((told, pair.outcomes(), caplog.text))
    files = [p for p in (pair.folder / "seoul").rglob("*") if p.is_file()]
    for value in (987.625, 876.625):
        assert str(value) not in spoken
        for signs in (str(value).encode(), struct.pack("<d", value), struct.pack(">d", value)):
            assert not [p for p in files if signs in p.read_bytes()]
    assert pair.carry(end + 6 * HOUR - timedelta(seconds=1)) == []
    assert pair.carry(end + 6 * HOUR) == ["1 values of beijing stored in measured"]
    assert pair.held() == [("cnemc:201", 987.625, "party.beijing.late")]
    assert pair.carry(end + timedelta(days=30)) == []


def test_a_party_is_believed_of_its_own_stations_and_cities_alone(pair):
    mark = sharing_of("beijing", pair.folder / "sharing.toml").rules[0].mark
    end = np.datetime64("2026-01-14T01", "ns")
    rows = pd.DataFrame(
        {
            "station": ["airkorea:jung", "cnemc:101"],
            "quantity": "pm2p5",
            "time": np.array([end, end]),
            "value": [400.0, 41.0],
            "qc": np.zeros(2, np.int8),
        }
    )
    stations = pd.DataFrame(
        {
            "station": ["airkorea:jung", "cnemc:101"],
            "name": "",
            "latitude": 37.5,
            "longitude": 127.0,
            "altitude": np.nan,
            "city": "seoul",
            "interval_hours": 1,
            "note": "",
        }
    )
    ws = pair.ws["beijing"]
    with ws.ledger.write() as conn:
        body = body_of(rows, stations, mark)
        post(conn, node_of(ws).sender, Message("seoul", "observations", MEASURED, "forced", body), AT)
    assert pair.carry() == [
        "1 values of beijing stored in measured",
        "beijing does not speak for airkorea:jung: left out",
    ]
    assert pair.held() == [("cnemc:101", 41.0, "party.beijing.open")]
    assert len(pair.ws["seoul"].store.stations(MEASURED)) == 0


def test_a_crash_between_storing_and_writing_down_repeats_nothing(pair, monkeypatch):
    pair.measure({"cnemc:101": 41.0})
    pair.say()

    def crash(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.exchange_data._write_down", crash)
        with pytest.raises(KeyboardInterrupt):
            pair.carry()
    assert len(pair.held()) == 1
    assert pair.carry(AT + HOUR) == []
    assert len(pair.held()) == 1


def test_marks_are_credited_from_when_values_under_them_are_known(pair):
    pair.measure({"cnemc:101": 41.0, "cnemc:301": 43.0})
    pair.say()
    pair.carry(AT + HOUR)
    ws = pair.ws["seoul"]
    with ws.ledger.write() as conn:
        made = [
            begin_run(conn, world=MEASURED, cycle=AT, as_of=as_of, code_version="1", at=as_of)
            for as_of in (AT, AT + 2 * HOUR)
        ]
        before, after = (get_run(conn, run) for run in made)
    assert credits_of(ws, before) == ()
    assert credits_of(ws, after) == (("Beijing (as agreed in 2026)", "parties"),)


def test_under_new_terms_of_a_rule_values_are_said_anew(pair, tmp_path):
    pair.measure({"cnemc:201": 41.0})
    assert pair.say() == []
    rules = pair.folder / "sharing.toml"
    rules.write_text(RULES.replace("delay_hours = 3", "delay_hours = 0"), "utf-8")
    assert pair.say() == ["late: 1 values of measured said"]
    assert pair.say() == []
