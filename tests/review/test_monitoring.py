"""What machines ask: figures that Prometheus' own parser takes, health that tells strangers no more."""

import os
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

import pipeline.readiness
from flows.metrics_catalogue import CATALOGUE
from flows.reviewing import Reviewing
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.deliveries import OutboxRow, insert_outbox
from pipeline.ledger.episodes import EpisodeRevision, open_episode, revise_episode
from pipeline.ledger.jobs import claim, end_job
from pipeline.times import iso
from review.access import COOKIE
from review.accounts.own import NewToken, add_token
from review.accounts.roles import Role
from review.accounts.sessions import visitor_of
from review.app import create_public_app
from review.monitoring import create_monitor_app
from review.serving import Listening, serve_monitor
from tests.ledger_files import damage_ledger
from tests.review.read_world import CYCLE, ReadWorld
from tests.review.running_app import NOW, RunningApp
from tests.review.signed_in import cookies

RULES = Path(__file__).parents[2] / "cli" / "units" / "sameair.rules.yml"
FUNCTIONS = {"time", "absent", "predict_linear", "delta", "rate", "increase", "or", "and", "up"}
WARNING = "01KISSVED00000000000000001"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    running = ReadWorld(tmp_path_factory.mktemp("monitoring"))
    live = running.settings.model_copy(update={"live_sources": True, "party": "seoul"})
    running.app.state.settings = live
    running.app.state.doing = Reviewing(open_workspace(live, lambda: running.now))
    running.run_id = running.run()
    folder = running.app.state.doing.ws.run_folder("measured", iso(CYCLE), running.run_id)
    folder.mkdir(parents=True)
    (folder / "cost.json").write_text('{"cpu_seconds": 12.5, "memory_bytes": 1024}')
    running.warn(WARNING)
    running.send(WARNING, "a")
    row = OutboxRow("m2", WARNING, 1, "b", "b@x.example", "<2@x>", "d", NOW, NOW - timedelta(hours=1), NOW)
    with running.ledger.write() as conn:
        insert_outbox(conn, [row])
        given = {"worker": "a:1", "at": NOW - timedelta(minutes=50), "silent_after": timedelta(hours=1)}
        job = claim(conn, "ingest", NOW - timedelta(hours=1), **given)
        end_job(conn, job.id, NOW - timedelta(minutes=48), {})
        claim(conn, "cycle", CYCLE, **given)
    yield running
    running.app.state.doing.ws.ledger.close()
    running.close()


NOTHING_TO_SAY = {
    "sameair_backup_timestamp_seconds",
    "sameair_city_coverage_ratio",
    "sameair_feed_last_success_timestamp_seconds",
    "sameair_feed_newest_timestamp_seconds",
    "sameair_model_data_age_seconds",
    "sameair_model_drift_findings",
    "sameair_model_score",
    "sameair_warning_lead_seconds",
}
"""What needs a backup, answers of sources, a model or an episode; the world read here has none."""


@pytest.fixture(autouse=True)
def _clock(room):
    room.now = NOW


def token_of(room, role):
    visitor = visitor_of(room.ledger, cookies(room.ledger, NOW, role=role)[COOKIE], NOW)
    with room.ledger.write() as conn:
        return add_token(conn, visitor, NewToken("prometheus", 9), NOW)


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(found, name, **labels):
    samples = [s for f in found.values() for s in f.samples if s.name == name and s.labels == labels]
    assert len(samples) == 1, (name, labels)
    return samples[0].value


def test_a_program_of_an_operator_reads_figures_that_the_ledger_bears_out(room):
    answer = requests.get(
        f"{room.base}/metrics", headers={"Authorization": f"Bearer {token_of(room, Role.operator)}"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = families(answer.text)
    assert value(found, "sameair_runs_total", status="finished") == 1
    assert value(found, "sameair_run_duration_seconds") == 9
    assert value(found, "sameair_run_delay_seconds") == 9
    assert value(found, "sameair_run_cpu_seconds") == 12.5
    assert value(found, "sameair_cycles_behind") == 0
    assert value(found, "sameair_warnings_issued_total", product="joint_warning") == 1
    assert value(found, "sameair_outbox_messages", state="pending", purpose="warning") == 1
    assert value(found, "sameair_outbox_oldest_age_seconds", state="pending") == 3600
    assert value(found, "sameair_outbox_oldest_age_seconds", state="unknown") == 0
    assert value(found, "sameair_deliveries_total", channel="email") == 1
    assert value(found, "sameair_exchange_silence_seconds", peer="beijing") == 0
    assert value(found, "sameair_jobs", flow="ingest", state="done") == 1
    assert value(found, "sameair_job_duration_seconds", flow="ingest", part="") == 120
    assert value(found, "sameair_job_silence_seconds", flow="cycle", part="") == 50 * 60
    assert value(found, "sameair_ready", part="ledger") == 1
    assert value(found, "sameair_disk_free_bytes") == pytest.approx(shutil.disk_usage("/").free, rel=0.5)


def test_names_follow_prometheus_conventions(room):
    text = room.get("/metrics", Role.operator).text
    found = families(text)
    assert len(found) > 25
    for name, family in found.items():
        assert re.fullmatch(r"sameair_[a-z0-9]+(_[a-z0-9]+)*", name), name
        assert family.documentation, name
        assert not re.search(r"_(days|hours|minutes|ms|kb|mb|percent)$", name), name
        assert family.type in ("gauge", "counter"), name
        if family.type == "counter":
            assert all(s.name == f"{name}_total" for s in family.samples), name
    assert "secret@" not in text
    assert WARNING not in text


def test_what_is_answered_is_what_the_reference_lists(room):
    listed = {one.shown: one for one in CATALOGUE}
    assert len(listed) == len(CATALOGUE)
    found = families(room.get("/metrics", Role.operator).text)
    assert {s.name for f in found.values() for s in f.samples} <= set(listed)
    for sample in (s for f in found.values() for s in f.samples):
        assert set(sample.labels) == set(listed[sample.name].labels), sample.name
    silent = set(listed) - {s.name for f in found.values() for s in f.samples}
    on_a_disk = {"sameair_ledger_size_bytes"} if room.ledger.engine.dialect.name == "sqlite" else set()
    assert silent - {"sameair_ledger_size_bytes"} == NOTHING_TO_SAY
    assert silent.isdisjoint(on_a_disk)


def test_every_figure_of_the_example_rules_is_one_that_there_is(room):
    names = {s.name for f in families(room.get("/metrics", Role.operator).text).values() for s in f.samples}
    sources = {"sameair_feed_severity", "sameair_city_coverage_ratio", "sameair_model_drift_findings"}
    sources |= {"sameair_backup_timestamp_seconds"}
    assert sources <= {one.shown for one in CATALOGUE}
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        assert {"alert", "expr", "labels", "annotations"} <= set(rule)
        used = set(re.findall(r"sameair_\w+", rule["expr"]))
        assert used <= names | sources, rule["alert"]
        assert used or "up{" in rule["expr"]


@pytest.mark.parametrize(("role", "status"), [(Role.lead, 200), (Role.forecaster, 403), (Role.agency, 403)])
def test_figures_are_for_those_who_see_operations(room, role, status):
    assert room.get("/metrics", role).status_code == status


def test_a_program_without_a_token_is_told_so_and_not_led_to_a_page(room):
    assert requests.get(f"{room.base}/metrics", allow_redirects=False).status_code == 401


def test_strangers_hear_yes_or_no_and_operators_why(room):
    assert requests.get(f"{room.base}/healthz").json() == {"alive": True}
    assert requests.get(f"{room.base}/readyz").json() == {"ready": True}
    assert room.get("/readyz", Role.agency).json() == {"ready": True}
    room.now = NOW + timedelta(days=2)
    strange = requests.get(f"{room.base}/readyz")
    assert (strange.status_code, strange.json()) == (503, {"ready": False})
    told = room.get("/readyz", Role.operator, jar=cookies(room.ledger, room.now, role=Role.operator))
    assert told.status_code == 503
    assert "sameair serve" in told.json()["parts"]["cycle"]["reason"]
    assert told.json()["parts"]["ledger"]["ready"] is True
    without = requests.get(f"{room.base}/readyz?exclude=cycle")
    assert (without.status_code, without.json()) == (200, {"ready": True})
    assert requests.get(f"{room.base}/readyz?exclude=moon").status_code == 422
    assert requests.head(f"{room.base}/readyz").status_code == 503


@pytest.mark.parametrize("limit", ["LEAST_BYTES", "LEAST_FILES"])
def test_a_full_disk_is_not_ready(room, monkeypatch, limit):
    if limit == "LEAST_FILES":
        real = os.statvfs("/")
        held = os.statvfs_result((*real[:5], 10**6, 5, 5, *real[8:10]))
        monkeypatch.setattr(pipeline.readiness.os, "statvfs", lambda path: held)
    else:
        monkeypatch.setattr(pipeline.readiness, limit, 2**70)
    assert requests.get(f"{room.base}/readyz").status_code == 503
    assert requests.get(f"{room.base}/healthz").status_code == 200


def test_a_ledger_that_is_gone_is_not_ready_while_the_process_lives(tmp_path):
    served = RunningApp(tmp_path, create_public_app)
    try:
        served.ledger.close()
        damage_ledger(tmp_path / "ledger.sqlite")
        ready = requests.get(f"{served.base}/readyz")
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        assert requests.get(f"{served.base}/healthz").status_code == 200
        assert requests.get(f"{served.base}/metrics").status_code == 404
    finally:
        served.close()


def test_the_monitor_tells_this_machine_everything_and_no_other(room):
    held, doing = room.app.state.settings, room.app.state.doing
    served = RunningApp(held.data_dir, lambda _, clock: create_monitor_app(held, doing, clock=clock))
    try:
        assert requests.get(f"{served.base}/healthz").json() == {"alive": True}
        assert set(requests.get(f"{served.base}/readyz").json()["parts"]) == {"ledger", "disk", "cycle"}
        assert "sameair_build_info" in requests.get(f"{served.base}/metrics").text
        assert requests.get(f"{served.base}/metrics", headers={"Host": "evil.example"}).status_code == 400
    finally:
        served.close()
    with pytest.raises(UsageError, match="other machines"):
        serve_monitor(held, Listening("0.0.0.0"), doing)


def test_open_episodes_are_counted_by_city(room):
    said = EpisodeRevision(room.run_id, "open", NOW + timedelta(hours=12), NOW + timedelta(hours=36), {})
    at = NOW - timedelta(hours=1)
    with room.ledger.write() as conn:
        open_episode(conn, "seoul-01", world="measured", city="seoul", quantity="pm2p5", at=at)
        revise_episode(conn, "seoul-01", said, at)
    found = families(room.get("/metrics", Role.operator).text)
    assert value(found, "sameair_episodes_open", city="seoul") == 1
    assert value(found, "sameair_episodes_open", city="beijing") == 0
