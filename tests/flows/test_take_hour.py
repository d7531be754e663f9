"""The hour of the measured world against services on loopback, and what people see of it."""

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

import flows.hour
from cli.main import main
from flows.gaps import gap_rows
from flows.hour import take_hour
from flows.ingest import ingest, ingest_live
from flows.live import feeds_of, source_configs
from flows.plan import plan_measured
from flows.quarantine import quarantine_entry, quarantine_rows, retry_quarantined
from flows.statements import bulletin_rows
from flows.workspace import open_workspace
from ingest.sources import MODULES
from pipeline.bulletins import Bulletin, append_bulletins
from pipeline.errors import UsageError
from pipeline.ledger.locks import ledger_lock
from pipeline.settings import Settings
from pipeline.times import HOUR, parse_instant
from tests.fakes.airkorea import KEY, AirKoreaFake
from tests.fakes.cnemc import CnemcFake
from tests.fakes.server import serving_fake
from tests.ingest.source_rounds import hourly, published
from tests.ingest.toy_source import Clock

START = parse_instant("2025-02-10T03:00Z")
MINUTE = timedelta(minutes=1)
SEOUL, BEIJING = ("airkorea:중구", "airkorea:종로구"), ("cnemc:1001A", "cnemc:1003A")


@pytest.fixture
def clock():
    return Clock(START + 27 * MINUTE)


@pytest.fixture
def served(clock):
    """Addresses of AirKorea and CNEMC on loopback, with two stations each."""

    def value(station, quantity, n):
        return (7 * n + 3 * len(quantity) + sum(map(ord, station))) % 60 + 5

    korea = published(hourly(SEOUL, START + 60 * HOUR, 24 * 8, value))
    china = published(hourly(BEIJING, START + 60 * HOUR, 24 * 8, value), city="beijing")
    with ExitStack() as stack:
        fakes = {"airkorea": AirKoreaFake(korea, clock), "cnemc": CnemcFake(china, clock)}
        yield {name: stack.enter_context(serving_fake(fake)) for name, fake in fakes.items()}


@pytest.fixture
def ws(tmp_path, served, clock):
    settings = Settings(
        data_dir=tmp_path / "var",
        live_sources=True,
        airkorea_key=SecretStr(KEY),
        source_urls={name: one.url for name, one in served.items()},
        sources_off=tuple(set(MODULES) - set(served)),
    )
    made = open_workspace(settings, clock)
    yield made
    made.ledger.close()


@pytest.fixture
def sameair(ws, monkeypatch, capfd):
    """Run a command on the folder of the workspace and return its exit code and output."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["sameair", *words, "--data-dir", str(ws.settings.data_dir)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capfd.readouterr().out

    return call


@pytest.mark.ledger
@pytest.mark.slow
def test_an_hour_is_taken_in_once_and_an_outage_is_made_good(ws, clock, served):
    found = {r.source: r for r in take_hour(ws)}
    assert set(found) == {"airkorea", "cnemc"}
    assert {r.errors for r in found.values()} == {()}
    rows = ws.store.read(world="measured", as_of=clock() + MINUTE, quantities=["pm2p5"])
    assert set(rows["station"]) == {*SEOUL, *BEIJING}
    assert str(rows["time"].max())[:13] == "2025-02-10 03"
    assert (ws.settings.data_dir / "metrics" / "sameair.prom").is_file()
    for one in served.values():
        one.asked.clear()
    assert {r.stored for r in take_hour(ws)} == {0}
    assert [a.path for a in served["cnemc"].asked if "GetCity" not in a.path] == []
    clock.now += 7 * HOUR
    take_hour(ws)
    rows = ws.store.read(
        world="measured", as_of=clock() + MINUTE, quantities=["pm2p5"], start=START - 8 * HOUR
    )
    assert rows.groupby("station")["time"].nunique().to_dict() == dict.fromkeys((*SEOUL, *BEIJING), 15)
    versions = ws.store.versions(world="measured")
    assert not versions.duplicated(["station", "quantity", "time", "value"]).any()


@pytest.mark.ledger
@pytest.mark.slow
def test_what_is_gone_for_good_is_told_and_costs_no_exit_code(ws, clock, sameair):
    take_hour(ws)
    clock.now += 30 * HOUR
    (china,) = [r for r in ingest_live(ws, only=["cnemc"]) if r.source == "cnemc"]
    assert china.errors == ()
    assert any("gone for good" in note for note in china.notes)
    (row,) = [r for r in gap_rows(ws, "measured", START) if r["feed"] == "cnemc.hourly"]
    assert (row["gone"], row["first"], row["station"]) == (6, "2025-02-10T04:00:00Z", "")
    code, out = sameair("gaps", "--days", "20000", "--json")
    assert code == 0
    assert row in json.loads(out)


def test_a_live_cycle_asks_as_well_and_a_replay_does_not(ws, clock):
    live = plan_measured(None, clock(), drill=False)
    assert {r.source for r in ingest(ws, live)} == {"airkorea", "cnemc"}
    assert ingest(ws, replace(live, mode="replay")) == []


def test_without_the_setting_only_the_folder_of_files_is_looked_into(tmp_path, clock):
    ws = open_workspace(Settings(data_dir=tmp_path / "var"), clock)
    assert [r.source for r in take_hour(ws)] == ["exchange"]
    assert not (ws.settings.data_dir / "metrics").exists()
    ws.ledger.close()


def test_sources_can_be_switched_off_and_have_the_keys_of_the_settings(ws):
    assert {feed.source for feed in feeds_of(ws, "measured")} == {"airkorea", "cnemc"}
    configs = source_configs(ws.settings)
    assert configs["airkorea"].key.get_secret_value() == KEY
    assert configs["seoul"].key.get_secret_value() == ""


def test_another_process_that_asks_does_not_stop_a_cycle(ws, monkeypatch):
    monkeypatch.setattr("flows.ingest.LONGEST_WAIT", 0.05)
    with ledger_lock(ws.ledger, "ingest", wait_s=0):
        (report,) = ingest_live(ws)
    assert "another process" in report.errors[0]


def test_what_lies_in_quarantine_is_listed_shown_and_read_again(ws, clock, served, monkeypatch, sameair):
    honest = CnemcFake.answer

    def spoiled(self, *asked):
        answer = honest(self, *asked)
        return replace(answer, body=answer.body.replace(b'"PM2_5": "', b'"PM2_5": "x'))

    with monkeypatch.context() as patch:
        patch.setattr(CnemcFake, "answer", spoiled)
        reports = ingest_live(ws, only=["cnemc"])
    assert reports[0].stored or reports[0].errors
    rows = quarantine_rows(ws, source="cnemc")
    assert rows
    assert quarantine_rows(ws, source="seoul") == []
    one = quarantine_entry(ws, rows[0]["id"][-10:])
    assert one["field"] == "PM2_5"
    assert '"PM2_5": "x' in one["begins"]
    code, out = sameair("quarantine", "list", "--json")
    assert code == 0
    assert [r["id"] for r in json.loads(out)] == [r["id"] for r in rows]
    code, out = sameair("quarantine", "retry", rows[0]["id"], "--json")
    assert code == 5
    assert "PM2_5" in json.loads(out)[0]["still wrong"]
    raw = ws.settings.quarantine_dir / f"{rows[0]['id']}.raw"
    raw.write_bytes(raw.read_bytes().replace(b'"x', b'"'))
    (done,) = retry_quarantined(ws, [rows[0]["id"]])
    assert done.trouble == ""
    assert done.rows == 2 * len(BEIJING), "PM2.5 and PM10 of an item that does not read"
    code, out = sameair("quarantine", "show", rows[0]["id"])
    assert code == 0
    assert "resolved: 20" in out
    with pytest.raises(UsageError, match="quarantine list"):
        quarantine_entry(ws, "nothing-like-that")


def test_bulletins_are_listed_as_they_were_known(ws, clock, sameair):
    said = Bulletin("airkorea", "over50", "k", START, START, START + 24 * HOUR, {"target_date": "2025-02-10"})
    with ws.ledger.write() as conn:
        append_bulletins(conn, [said], world="measured", now=clock())
    assert [row["key"] for row in bulletin_rows(ws, "measured", clock() + MINUTE, in_force=True)] == ["k"]
    assert bulletin_rows(ws, "measured", clock() - HOUR) == []
    assert bulletin_rows(ws, "measured", clock() + MINUTE, kind="dust") == []
    with pytest.raises(UsageError, match="outlook"):
        bulletin_rows(ws, "measured", clock(), kind="rumour")
    code, out = sameair("bulletins", "--kind", "over50", "--at", "2025-02-10T04:00Z")
    assert code == 0
    assert "over50" in out
    assert sameair("bulletins", "--at", "yesterday")[0] == 2


def test_the_command_asks_live_and_says_what_came(ws, served, monkeypatch, sameair):
    for name, value in {
        "LIVE_SOURCES": "false",
        "AIRKOREA_KEY": KEY,
        "SOURCE_URLS": json.dumps({name: one.url for name, one in served.items()}),
        "SOURCES_OFF": json.dumps(sorted(set(MODULES) - set(served))),
    }.items():
        monkeypatch.setenv(f"SAMEAIR_{name}", value)
    asked = []
    monkeypatch.setattr(flows.hour, "review_if_due", lambda *where: asked.append(where[1]))
    code, out = sameair("ingest", "--live", "--source", "cnemc", "--json")
    (report,) = json.loads(out)
    assert (code, report["source"], asked) == (0, "cnemc", ["measured"])


def test_a_cycle_leaves_what_takes_minutes_to_the_hourly_round(ws, clock, served, monkeypatch):
    slow = [replace(f, slow=f.name == "cnemc.city") for f in feeds_of(ws, "measured")]
    monkeypatch.setattr("flows.ingest.feeds_of", lambda *_: slow)
    ingest(ws, plan_measured(None, clock(), drill=False))
    assert served["cnemc"].asked
    assert not any("GetCityRealTimeAqiHistory" in a.path for a in served["cnemc"].asked)
    take_hour(ws)
    assert any("GetCityRealTimeAqiHistory" in a.path for a in served["cnemc"].asked)


@pytest.mark.slow
def test_a_person_closes_an_answer_with_name_and_reason(ws, clock, served, sameair):
    served["cnemc"].faults.tell("malformed")
    take_hour(ws)
    (entry,) = [row["id"] for row in quarantine_rows(ws)][:1]
    assert sameair("quarantine", "close", entry)[0] == 2
    code, said = sameair("quarantine", "close", entry, "--person", "Kim", "--reason", "maintenance page")
    assert (code, entry in said) == (0, True)
    assert entry not in [row["id"] for row in quarantine_rows(ws)]
    assert entry in [row["id"] for row in quarantine_rows(ws, resolved=True)]
    assert "quarantine.close" in sameair("audit", "list")[1]


def test_a_watch_that_fails_takes_nothing_back_of_what_came(ws, monkeypatch, caplog):
    def broken(*_args):
        raise OSError("no space left on device")

    monkeypatch.setattr(flows.hour, "watch_if_due", broken)
    assert sum(r.stored for r in take_hour(ws)) > 0
    assert "could not be watched" in caplog.text
