"""An installation looked over: what a new operator is told of settings, sources and keys."""

from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from flows.doctor import local_checks
from flows.doctor_live import PATIENCE, live_checks
from flows.live import feeds_of
from flows.recipient_changes import import_list
from flows.recipient_removal import remove_recipient
from flows.status import status_of
from flows.workspace import open_workspace
from ingest.sources import abouts
from pipeline.http import Patience
from pipeline.settings import Settings
from pipeline.times import parse_instant
from tests.fakes.server import serving_fake
from tests.ingest.fault_cases import CASES, NOW, Moving, polite

SERVED = ("airkorea", "cnemc", "openaq")
AT_ONCE = Patience(connect_s=2, read_s=2, total_s=4, tries=1)


@pytest.fixture
def served():
    clock = Moving(NOW)
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving_fake(CASES[name].fake(clock))) for name in SERVED}


def installation(tmp_path, **more):
    return open_workspace(Settings(data_dir=tmp_path / "var", **more), clock=lambda: NOW)


def tried(ws):
    http = polite(ws.ledger, Moving(NOW), AT_ONCE)
    with http.session:
        found = list(live_checks(ws, http, feeds_of(ws, "measured"), abouts(), NOW))
    return {check.subject: check for check in found}


def test_every_source_is_tried_once_and_nothing_is_stored(tmp_path, served):
    keys = {f"{name}_key": SecretStr(CASES[name].key) for name in ("airkorea", "openaq")}
    urls = {name: one.url for name, one in served.items()}
    ws = installation(tmp_path, source_urls=urls, sources_off=("ecmwf", "open_meteo"), **keys)
    served["cnemc"].faults.tell("HTML with 200")
    found = tried(ws)
    assert found["airkorea.hourly"].verdict == "ok"
    assert found["airkorea.weekly"].found == "1 bulletin"
    assert found["openaq.locations"].found.endswith(" station")
    assert (found["openaq.hourly"].verdict, found["cnemc.hourly"].verdict) == ("note", "trouble")
    assert "SAMEAIR_KMA_KEY" in found["kma"].remedy
    assert "SAMEAIR_SOURCES_OFF" in found["ecmwf"].found
    assert str(ws.settings.inbox_dir) in found["exchange.inbox"].found
    assert ws.store.worlds() == []
    said = " ".join(check.found + check.remedy for check in found.values())
    assert not any(CASES[name].key in said for name in ("airkorea", "openaq"))


def test_a_source_that_cannot_be_reached_is_said_to_be_so(tmp_path):
    off = ("airkorea", "ecmwf", "exchange", "kma", "open_meteo", "openaq", "seoul")
    ws = installation(tmp_path, source_urls={"cnemc": "http://127.0.0.1:9"}, sources_off=off)
    found = tried(ws)["cnemc.hourly"]
    assert found.verdict == "trouble"
    assert found.found.startswith("cannot be reached")
    assert PATIENCE.tries < Patience().tries


@pytest.mark.parametrize(
    ("settings", "verdict", "text"),
    [
        ({"sources_off": ("ecmfw",)}, "warning", "ecmfw"),
        ({"source_urls": {"cnecm": "https://relay.example"}}, "warning", "cnecm"),
        ({"source_urls": {"open_meteo_previous_runs": "https://relay.example"}}, "note", "not ask them"),
        ({"live_sources": True}, "ok", "does ask them"),
    ],
)
def test_names_of_sources_in_settings_are_looked_at(tmp_path, settings, verdict, text):
    found = {check.subject: check for check in local_checks(installation(tmp_path, **settings))}
    assert found["sources"].verdict == verdict
    assert text in found["sources"].found


@pytest.mark.parametrize(("day", "verdict"), [("2027-10-31", "ok"), ("2027-11-01", "warning")])
def test_the_yearly_look_at_the_chosen_probabilities_is_asked_for(tmp_path, day, verdict):
    ws = open_workspace(Settings(data_dir=tmp_path / "var"), clock=lambda: parse_instant(f"{day}T08:00Z"))
    (found,) = [check for check in local_checks(ws) if check.subject == "choice"]
    assert found.verdict == verdict
    row = status_of(ws)["policy"][0]["to be looked at by"]
    assert row == "2027-10-31" + (" (overdue)" if verdict == "warning" else "")


def test_recipients_who_would_receive_nothing_in_earnest_are_told(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "id,party,email,languages,cities,minimum_level,name_ko,name_zh,name_en\n"
        "a,seoul,desk@air.seoul.kr,ko,seoul,J1,가,中,a\n"
        "b,seoul,desk@air.example,ko,seoul,J1,가,中,b\n",
        "utf-8",
    )

    def told(ws):
        return next(check for check in local_checks(ws) if check.subject == "recipients")

    assert told(installation(tmp_path)).found == "6 recipients of the packaged drill list"
    named = told(installation(tmp_path, recipients_file=path))
    assert (named.verdict, named.found) == ("warning", "2 recipients of a file, 1 not verified")
    assert "recipients import" in named.remedy
    ws = installation(tmp_path)
    import_list(ws, path, "operator")
    assert (told(ws).verdict, told(ws).found) == ("warning", "2 recipients, 1 not verified")
    remove_recipient(ws, "a", "operator")
    assert (told(ws).verdict, told(ws).found) == ("ok", "1 recipients")
    remove_recipient(ws, "b", "operator")
    assert told(ws).verdict == "warning"
