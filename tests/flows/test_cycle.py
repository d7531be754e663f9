"""One whole cycle of a simulated world: what it makes is what it claims; a second call changes nothing."""

import json
import os
import re
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from lxml import etree, html
from prefect.settings import get_current_settings

from alerts.cap_check import cap_problems
from flows.forecast import forecast_cycle
from flows.reasons import explained_run
from flows.run import run_cycle
from flows.summary import summary_lines, summary_of
from forecasting.reasons.stored import reason_lines
from forecasting.reasons.words import LANGUAGES
from pipeline.errors import UsageError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.runs import current_run, list_runs
from pipeline.ledger.warnings import read_signatures
from pipeline.observations import ObservationStore
from pipeline.times import iso

pytestmark = pytest.mark.flows

CAP = {"cap": "urn:oasis:names:tc:emergency:cap:1.2"}
CONTRACT = [
    *("city", "model", "issue_time", "target", "valid_start", "valid_end", "lead_hours", "lead_day", "mean"),
    *("q05", "q10", "q25", "q50", "q75", "q90", "q95"),
    *(f"p_gt_{number}" for number in (15, 35, 50, 60, 75, 115, 150, 200, 250)),
]
"""The columns that the issue and docs/predictions.md promise; more may stand beside them."""


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and not p.name.endswith((".lock", "-wal", "-shm")) and p.suffix != ".sqlite"
    }


def mails(ws):
    return {p.name: message_from_bytes(p.read_bytes(), policy=policy.default) for p in outbox(ws)}


def outbox(ws):
    return sorted(ws.settings.outbox_dir.glob("*.eml"))


@pytest.fixture
def found(done, plan):
    return summary_of(done, plan)


def test_the_world_leads_to_a_joint_warning_that_was_signed_and_sent(found):
    (warning,) = found["warnings"]
    assert warning["product"] == "joint_warning"
    assert warning["state"] == "issued"
    assert warning["cap_status"] == "Exercise"
    assert sorted(warning["cities"]) == ["beijing", "seoul"]
    assert warning["signed"] == ["beijing: approve by drill", "seoul: approve by drill"]
    assert warning["not_sent"] == []
    assert len(warning["sent"]) >= 4
    assert found["degraded"] == ""
    assert found["missing"] == []
    assert found["audit"]["ok"]


def test_the_summary_is_two_dozen_lines_at_most_that_say_simulated_first(found):
    lines = summary_lines(found)
    assert lines[0].startswith("SIMULATED world simulated-5")
    assert 12 <= len(lines) <= 24
    assert any(line.startswith("sent to") and "seoul-air-policy" in line for line in lines)
    for line in lines:
        if line.startswith("look at"):
            assert Path(line.split(maxsplit=2)[2]).exists()


def test_the_reasons_are_those_of_both_cities_and_add_up_to_what_was_published(done, found):
    reasons = found["reasons"]
    assert [city["city"] for city in reasons["cities"]] == ["beijing", "seoul"]
    assert (reasons["version"], reasons["model_id"]) == (2, found["model"])
    with xr.open_dataset(found["products"]["forecast"], engine="h5netcdf", decode_timedelta=False) as data:
        median = data["pm2p5_day_mean"].sel(quantile=0.5)
        for city in reasons["cities"]:
            for day in city["days"]:
                effects = [m["effect"] for m in day["moved"]]
                assert [abs(e) for e in effects] == sorted((abs(e) for e in effects), reverse=True)
                total = day["usual"] + sum(effects) + day["rest"] + day["recent_errors"]
                assert total == pytest.approx(day["median"], abs=0.01)
                published = float(median.sel(city=city["city"], lead_day=day["lead_day"]))
                assert day["median"] == pytest.approx(published, abs=0.01)
    because = [line for line in summary_lines(found) if line.startswith("because")]
    assert [line.split()[1:3] for line in because] == [["Beijing", "D+1"], ["Seoul", "D+1"]]


def test_the_reasons_can_be_read_by_cycle_and_in_three_languages(done, plan, found):
    run, document = explained_run(done, None, None)
    assert (run.id, document) == (found["run"], found["reasons"])
    assert explained_run(done, plan.world, plan.cycle)[0].id == run.id
    for city in document["cities"]:
        said = {language: reason_lines(city, language) for language in LANGUAGES}
        assert len({len(lines) for lines in said.values()}) == 1
        assert not any(re.search(r"[가-힣一-鿿{}]", line) for line in said["en"])
        assert all(re.search(r"[가-힣]", line) for line in said["ko"])
        assert all(re.search(r"[一-鿿]", line) for line in said["zh"])
    with pytest.raises(UsageError, match="has not run"):
        explained_run(done, plan.world, plan.cycle + timedelta(hours=6))


def test_the_forecast_is_cf_netcdf_that_says_simulated(done, plan, found):
    with xr.open_dataset(found["products"]["forecast"], engine="h5netcdf", decode_timedelta=False) as data:
        assert data.attrs["Conventions"].startswith("CF-1.")
        assert "SIMULATED" in data.attrs["title"]
        assert plan.world in data.attrs["source"]
        assert data["forecast_reference_time"].attrs["standard_name"] == "forecast_reference_time"
        assert data["latitude"].attrs["units"] == "degree_north"
        assert pd.Timestamp(data["as_of"].item(), tz="UTC") == plan.as_of
        quantiles = data["pm2p5_quantile"] if "pm2p5_quantile" in data else data["pm2p5"]
        assert quantiles.attrs["units"] == "ug m-3"
        assert (
            quantiles.attrs["standard_name"] == "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air"
        )
        assert set(data["city"].values) == {"beijing", "seoul"}
        steps = np.diff(quantiles.transpose("quantile", ...).values, axis=0)
        assert np.nanmin(steps) >= 0


def test_events_and_stations_stand_beside_the_predictions(done, found):
    with done.ledger.read() as conn:
        (run,) = [r for r in list_runs(conn, found["world"], limit=50) if r.id == found["run"]]
    events, stations = (
        pd.read_parquet(done.settings.data_dir / run.products[name]) for name in ("events", "stations")
    )
    asked = events[(events["event"] == "mean > 50 on 2 days running") & (events["city"] == "seoul")]
    ours = asked[(asked["model"] == "sameair") & (asked["quantity"] == "pm2p5")]
    assert ours["lead_day"].tolist() == [1, 2, 3]
    asking = ("emergency_measures", "emergency_measures_seoul", "pm2p5_crisis", "preliminary_measures")
    assert set(ours["rules"]) == {", ".join(f"kr.{rule}" for rule in asking)}
    assert events["probability"].between(0, 1).all()
    assert set(stations["city"]) == {"beijing", "seoul"}
    assert set(stations["quantity"]) == {"pm2p5", "pm10"}
    levels = stations[["q05", "q10", "q25", "q50", "q75", "q90", "q95"]].dropna().to_numpy()
    assert (np.diff(levels, axis=1) >= 0).all()


def test_the_bulletins_of_both_cities_and_of_each_lie_where_the_summary_says(found):
    files = [Path(name) for name in found["products"]["bulletins"]]
    # the page and a PDF in three languages, of both cities and of each
    assert len(files) == 3 * (1 + 3)
    assert {f.read_bytes()[:5] for f in files if f.suffix == ".pdf"} == {b"%PDF-"}


def test_the_outlook_reaches_the_forecast_and_the_summary(found):
    with xr.open_dataset(found["products"]["forecast"], engine="h5netcdf", decode_timedelta=False) as data:
        assert data["outlook_day"].values.tolist() == [4, 5]
        assert np.isfinite(data["pm2p5_outlook_day_mean"].values).all()
    assert sum("outlook D+4" in line and "outlook D+5" in line for line in summary_lines(found)) == 2


def test_predictions_have_the_columns_of_the_contract(found, plan):
    rows = pd.read_parquet(found["products"]["predictions"])
    assert [c for c in CONTRACT if c not in rows.columns] == []
    assert set(rows["model"]) == {"sameair", "persistence", "climatology"}
    assert (rows["issue_time"] == pd.Timestamp(plan.cycle)).all()
    daily = rows[(rows["target"] == "daily") & (rows["model"] == "sameair")]
    assert daily.groupby("city")["lead_day"].apply(list).to_dict() == {
        "beijing": [0, 1, 2, 3],
        "seoul": [0, 1, 2, 3],
    }
    exceed = rows[[c for c in CONTRACT if c.startswith("p_gt_")]].to_numpy()
    assert (np.diff(exceed, axis=1) <= 0).all()
    pm10 = Path(found["products"]["predictions"]).with_name("predictions_pm10.parquet")
    assert list(pd.read_parquet(pm10).columns) == list(rows.columns)


def test_the_cap_message_validates_and_is_an_exercise(found):
    (warning,) = found["warnings"]
    message = Path(warning["cap"]).read_bytes()
    assert cap_problems(message) == []
    root = etree.fromstring(message)
    assert root.findtext("cap:status", namespaces=CAP) == "Exercise"
    languages = [node.text for node in root.findall("cap:info/cap:language", CAP)]
    assert {text.split("-")[0] for text in languages} == {"ko", "zh", "en"}
    assert "imulated" in etree.tostring(root, encoding="unicode")


def test_every_mail_speaks_three_languages_and_carries_the_cap_message(done, found):
    (warning,) = found["warnings"]
    sent = mails(done)
    assert len(sent) == len(warning["sent"])
    for message in sent.values():
        assert message["Subject"].startswith("[EXERCISE][SIMULATED][JOINT-PM25]")
        assert message["To"].addresses[0].domain.endswith(".example")
        text = message.get_body(("plain",)).get_content()
        assert all(word in text for word in ("Seoul", "서울", "首尔"))
        (attached,) = [p for p in message.iter_attachments() if p.get_content_type() == "application/cap+xml"]
        assert attached.get_content() == Path(warning["cap"]).read_bytes()
    first = {m["To"].addresses[0].domain.split(".")[-2]: m["Subject"] for m in sent.values()}
    assert re.search("[가-힣]", first["seoul"])
    assert re.search("[\u4e00-\u9fff]", first["beijing"])


def test_the_bulletin_is_one_file_that_loads_nothing(found):
    page = Path(found["products"]["bulletin"]).read_text("utf-8")
    tree = html.fromstring(page)
    loads = tree.xpath("//@src | //link/@href | //*[local-name()='use' or local-name()='image']/@*")
    assert [u for u in loads if not str(u).startswith(("data:", "#"))] == []
    assert re.findall(r"(?:url\(\s*['\"]?|@import\s+['\"]?)(?!data:|['\"]?data:)(?:https?:)?//", page) == []
    assert tree.xpath("//svg")
    assert "simulated" in page.lower()
    assert "모의" in page or "시뮬레이션" in page


def test_a_second_call_changes_nothing_and_sends_nothing(done, plan, found):
    before = files(done.settings.data_dir)
    assert run_cycle(done, plan) is True
    assert summary_of(done, plan) == found
    assert summary_lines(summary_of(done, plan)) == summary_lines(found)
    assert files(done.settings.data_dir) == before


@pytest.mark.slow
def test_another_run_of_the_same_cycle_says_the_same_and_sends_nothing(done, plan, found):
    before = {p.name: p.read_bytes() for p in outbox(done)}
    assert run_cycle(done, plan, again=True) is False
    after = summary_of(done, plan)
    assert after["run"] != found["run"]
    assert after["forecast"] == found["forecast"]
    assert after["warnings"] == found["warnings"], "what the first run said still stands"
    assert found["warnings"][0]["id"] in Path(after["products"]["bulletin"]).read_text("utf-8")
    assert {p.name: p.read_bytes() for p in outbox(done)} == before
    with done.ledger.read() as conn:
        runs = list_runs(conn, plan.world)
        assert [r.is_current for r in runs] == [True, False]
        assert {m.state for m in read_outbox(conn)} == {"sent"}


def test_a_drill_says_that_nobody_decided(done, found):
    with done.ledger.read() as conn:
        signatures = read_signatures(conn, found["warnings"][0]["id"], 1)
        assert verify_audit(conn).ok
    assert [
        (s.party, s.person, s.drill) for s in signatures if s.warning_id == found["warnings"][0]["id"]
    ] == [
        ("beijing", "drill", True),
        ("seoul", "drill", True),
    ]


def test_what_is_received_after_the_snapshot_changes_nothing(done, plan, found):
    """Every value of the last ten days is multiplied by nine, one second after the snapshot."""
    late = ObservationStore(
        done.settings.observations_dir, done.ledger, clock=lambda: plan.as_of + timedelta(seconds=1)
    )
    rows = late.read(world=plan.world, as_of=plan.as_of, start=plan.as_of - timedelta(days=10))
    assert len(rows) > 10_000
    columns = ["station", "quantity", "time", "value", "qc"]
    late.append(rows[columns].assign(value=rows["value"] * 9), source="airkorea", world=plan.world)
    seen = late.read(
        world=plan.world, as_of=plan.as_of + timedelta(hours=1), start=plan.as_of - timedelta(days=1)
    )
    assert seen["value"].median() > 5 * rows["value"].median()
    before = pd.read_parquet(found["products"]["predictions"])
    run_id = forecast_cycle(done, plan)
    with done.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    assert run.id == run_id
    after = pd.read_parquet(done.settings.data_dir / run.products["predictions"])
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_the_run_names_what_it_was_made_from(done, plan, found):
    with done.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
    assert iso(run.as_of) == found["as_of"]
    assert run.model_id in str(run.inputs["models"])
    assert run.inputs["plan"] == plan.to_dict()
    assert len(run.inputs["batches"]) == found["batches"] > 0
    assert json.dumps(found)


def test_prefect_works_on_the_server_that_was_started_for_it_though_it_was_imported_before(prefect_server):
    """It would else start one of its own, in the home of whoever runs the tests, and end it noisily."""
    found = get_current_settings()
    assert found.api.url == os.environ["PREFECT_API_URL"]
    assert str(found.home) == os.environ["PREFECT_HOME"]
    assert not found.server.ephemeral.enabled
