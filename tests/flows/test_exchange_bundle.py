"""A bundle given out by one node, checked and made again by another; what may not leave does not."""

from __future__ import annotations

import shutil
import zipfile
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import cli.main  # noqa: F401 - registers every command
from cli.commands.exchange import app
from flows.bundle_check import check_bundle
from flows.bundle_content import Content, content_of, written
from flows.bundle_read import FORECAST_COLUMNS, NUMBERS, read_bundle
from flows.bundle_rerun import rerun
from flows.exchange_bundle import make_bundle
from flows.hindcast import plan_hindcast, run_hindcast, whole_panel
from flows.node import own_key
from flows.workspace import open_workspace
from forecasting.rerun_scores import paired_scores
from pipeline.data_digests import COLUMNS as DATA_COLUMNS
from pipeline.errors import BundleRefused, ReviewError, UsageError
from pipeline.exchange.bundle import Bundle, pack_bundle
from pipeline.exchange.keyring import PartyKey, write_file
from pipeline.exchange.keys import public_key_text
from pipeline.ledger.models import get_model, list_models, register_model
from pipeline.schema import OBSERVATION_COLUMNS
from pipeline.settings import Settings
from tests.flows.archive_world import NOW, open_imported

UNTIL = datetime(2019, 3, 1, tzinfo=UTC)
SCORES = {"continuous": [{"city": "seoul", "lead": "D+1", "model": "sameair", "n": 40, "rmse": 9.0}]}


SPAN = ("name", "start", "end", "as_of")


def definition(**changes):
    made = {
        "schema": "sameair-hindcast/1",
        "world": "measured",
        "quantity": "pm2p5",
        "cities": ["seoul"],
        "issues": ["2019-03-01T02:00:00Z"],
        "leads": [1],
        "thresholds": [35],
        "training": {"received_by": "2019-03-01T00:00:00Z", "effort": "quick", "leave_out_year": None},
        "weather": "observed",
        "inputs": ["seoul.pm2p5.reference"],
        "seeds": {"resamples": 0},
        "blocks": {"days": 5, "draws": 100, "level": 0.9},
        "known": [],
        "scores": {},
        "data": [],
        "made_by": "sameair",
    }
    return made | changes


def forecasts(**changes):
    times = {
        "issue_time": "2019-03-01T02:00Z",
        "valid_start": "2019-03-01T15:00Z",
        "valid_end": "2019-03-02T15:00Z",
    }
    row = {name: pd.Timestamp(value) for name, value in times.items()}
    row |= {"city": "seoul", "lead_day": 1, **dict.fromkeys(NUMBERS, 0.5), **changes}
    return pd.DataFrame([row])[list(FORECAST_COLUMNS)]


def files_of(scores=None, *, of=None, rows=None):
    data = pd.DataFrame([["seoul.pm2p5.reference", "2019", 5, "", 1.0]], columns=list(DATA_COLUMNS))
    scores = scores or {**SCORES, "exceedance": []}
    content = Content(of or definition(), forecasts() if rows is None else rows, scores, data)
    return {"model_card.md": b"# card", **written(content)}


@pytest.fixture
def nodes(tmp_path):
    made = {}
    for party in ("seoul", "beijing"):
        made[party] = open_workspace(Settings(data_dir=tmp_path / party, party=party), lambda: NOW)
        own_key(made[party], party)
    for party, peer in (("seoul", "beijing"), ("beijing", "seoul")):
        shutil.copy(made[party].settings.keys_dir / f"{party}.pub", made[peer].settings.keys_dir)
    yield made
    for ws in made.values():
        ws.ledger.close()


def handed_over(nodes, tmp_path, files, at="2025-12-31T00:00:00Z", world="measured"):
    path = tmp_path / "b.zip"
    path.write_bytes(pack_bundle(Bundle("seoul", at, world, "m1", files), own_key(nodes["seoul"], "seoul")))
    return path


def test_a_bundle_of_the_other_party_is_read(nodes, tmp_path):
    found = check_bundle(nodes["beijing"], handed_over(nodes, tmp_path, files_of()))
    assert found.received.forecasts.to_dict("records") == forecasts().to_dict("records")
    assert found.received.scores["value"].tolist() == [9.0]
    assert found.card == "no card of this model came by envelope"
    assert found.to_dict()["issues"] == 1


def test_a_bundle_under_a_revoked_key_or_dated_ahead_is_refused(nodes, tmp_path):
    ws = nodes["beijing"]
    ahead = (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(BundleRefused, match="ahead of our clock"):
        check_bundle(ws, handed_over(nodes, tmp_path, files_of(), at=ahead))
    public = public_key_text(own_key(nodes["seoul"], "seoul"))
    write_file(
        ws.settings.keys_dir / "keyring.toml", [PartyKey("seoul", public, revoked_at=NOW, reason="lost")]
    )
    with pytest.raises(BundleRefused, match="was revoked"):
        check_bundle(ws, handed_over(nodes, tmp_path, files_of()))


@pytest.mark.parametrize(
    "change",
    [
        {"cities": ["atlantis"]},
        {"thresholds": [36]},
        {"quantity": "ozone"},
        {"issues": []},
        {"issues": ["2019-13-01T02:00:00Z"]},
        {"blocks": {"days": 5, "draws": 10**9, "level": 0.9}},
        {"training": {"received_by": "2019-03-01T00:00:00Z", "effort": "endless", "leave_out_year": None}},
        {"run": "rm -rf"},
        {"inputs": [f"a{n}" for n in range(4000)], "data": [dict.fromkeys(SPAN, "2019-03-01T00:00Z")] * 1000},
        {"world": "simulated-5"},
    ],
)
def test_a_definition_of_another_form_is_refused(change):
    bundle = Bundle("seoul", "", "measured", "m1", files_of(of=definition(**change)))
    with pytest.raises(BundleRefused, match="malformed"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"p_gt_35": 1.5},
        {"mean": np.inf},
        {"mean": -1.0},
        {"q50": 10**6},
        {"city": "beijing"},
        {"issue_time": pd.Timestamp("2019-03-02T02:00Z")},
        {"lead_day": 400},
    ],
)
def test_forecasts_that_are_none_are_refused(change):
    with pytest.raises(BundleRefused, match="malformed"):
        read_bundle(Bundle("seoul", "", "measured", "m1", files_of(rows=forecasts(**change))))


@pytest.mark.parametrize("name", ["definition.json", "scores.csv", "data.csv", "forecasts.csv"])
@pytest.mark.parametrize("content", [b"", b"[" * 50_000, b"a,b\n1", b'"' * 10])
def test_files_that_are_no_tables_are_refused(name, content):
    files = {**files_of(), name: content}
    with pytest.raises(BundleRefused, match="malformed"):
        read_bundle(Bundle("seoul", "", "measured", "m1", files))


def test_a_world_whose_card_or_scores_may_not_leave_gives_no_bundle(nodes, tmp_path):
    ws = nodes["seoul"]
    with ws.ledger.write() as conn:
        register_model(
            conn, model_id="m1", world="measured", quantity="pm2p5", data_until=UNTIL, trained_at=NOW,
            purpose="operational", path="m1.model", digest="0" * 64, details={},
        )  # fmt: skip
    rules = tmp_path / "sharing.toml"
    rules.write_text('[seoul]\nnetworks = []\n[seoul.statements]\nmodel_card = ["simulated"]\n')
    kept = open_workspace(ws.settings.model_copy(update={"sharing_file": rules}), lambda: NOW)
    out = tmp_path / "out.zip"
    with pytest.raises(ReviewError, match="no model_card and no verification"):
        make_bundle(kept, "m1", out)
    with pytest.raises(UsageError, match="there is no model"):
        make_bundle(ws, "m2", out)
    with pytest.raises(ReviewError, match="signs for seoul alone"):
        make_bundle(ws, "m1", out, "beijing")
    assert not out.exists()


def day_table(error, seed):
    rng = np.random.default_rng(seed)
    ends = pd.date_range("2019-01-02T15:00Z", periods=60, freq="D")
    seen = 30 + 20 * np.sin(np.arange(60) / 5)
    told = seen + error * rng.standard_normal(60)
    rows = pd.DataFrame({"city": "seoul", "issue_time": ends - pd.Timedelta(hours=37), "lead_day": 1})
    rows = rows.assign(valid_end=ends, mean=told, observed=seen, p_gt_35=np.clip((told - 15) / 40, 0, 1))
    return rows.assign(**{name: told for name in NUMBERS if name.startswith("q")})


def test_a_difference_is_that_of_both_scores_on_the_same_days_and_its_interval_tells_noise():
    good, poor = day_table(2.0, 1), day_table(12.0, 2)
    rows = paired_scores(poor, good.iloc[5:], (35, 250))
    assert [r["measure"] for r in rows] == ["rmse", "crps", "brier"]
    first = rows[0]
    errors = [(t["mean"] - t["observed"]).to_numpy()[5:] for t in (poor, good)]
    theirs, ours = (float(np.sqrt(np.mean(e**2))) for e in errors)
    assert (first["n"], first["days"]) == (55, 55)
    assert np.isclose(first["theirs"], theirs)
    assert np.isclose(first["difference"], ours - theirs)
    assert all(r["high"] < 0 for r in rows)
    same = paired_scores(good, good, (35,))
    assert [(r["difference"], r["low"], r["high"]) for r in same] == [(0.0, 0.0, 0.0)] * 3


@pytest.mark.slow
def test_a_hindcast_is_made_again_from_the_bundle_alone(nodes, tmp_path):
    for party in ("seoul", "beijing"):
        source = open_imported(tmp_path / f"{party}-import")
        source.ledger.close()
        keys = nodes[party].settings.keys_dir
        nodes[party].ledger.close()
        shutil.copytree(keys, source.settings.data_dir / "keys", dirs_exist_ok=True)
        settings = Settings(data_dir=source.settings.data_dir, party=party)
        nodes[party] = open_workspace(settings, lambda: NOW + timedelta(hours=1))
    ws = nodes["seoul"]
    plan = plan_hindcast("2019-03-01", "2019-04-02", "seoul,beijing", "2019-02-28")
    run_hindcast(ws, plan, tmp_path / "hindcast")
    with ws.ledger.read() as conn:
        (model,) = [m.id for m in list_models(conn) if m.quantity == "pm2p5"]
    out = tmp_path / "b.zip"
    made = make_bundle(ws, model, out)
    assert made.days >= 30
    with zipfile.ZipFile(out) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"csv", "json", "md", "txt"}
    there = nodes["beijing"]
    found = rerun(there, check_bundle(there, out).received)
    assert (found.issues, found.of) == (33 * 4, 33 * 4)
    assert found.data.empty
    assert {(r["difference"], r["low"], r["high"]) for r in found.rows} == {(0.0, 0.0, 0.0)}
    assert all(np.isclose(r["stated"], r["theirs"]) for r in found.rows)
    _correct_march(there)
    other = rerun(there, check_bundle(there, out).received)
    told = set(zip(other.data["series"], other.data["span"], other.data["what"], strict=True))
    assert ("seoul.pm2p5.reference", "2019-03 forecast", "other values") in told
    assert {series for series, *_ in told if series.startswith("beijing")} == set()
    changed = [r for r in other.rows if r["city"] == "seoul" and r["measure"] == "rmse"]
    assert all(abs(r["stated"] - r["theirs"]) > 0.1 for r in changed)
    assert any("data differ" in note for note in other.notes)
    rules = tmp_path / "sharing.toml"
    kinds = "".join(f'{kind} = ["measured"]\n' for kind in ("model_card", "verification"))
    rules.write_text(f"[seoul]\nnetworks = []\n[seoul.statements]\n{kinds}")
    shy = open_workspace(ws.settings.model_copy(update={"sharing_file": rules}), ws.clock)
    assert make_bundle(shy, model, tmp_path / "shy.zip").left_out == ("forecasts.csv",)
    without = rerun(there, check_bundle(there, tmp_path / "shy.zip").received)
    assert {(r["theirs"], r["difference"]) for r in without.rows} == {(None, None)}
    assert all(r["stated"] is not None and r["ours"] is not None for r in without.rows)
    shy.ledger.close()
    printed = CliRunner().invoke(
        app,
        ["verify-bundle", str(out), "--data-dir", str(there.settings.data_dir)],
        env={"SAMEAIR_PARTY": "beijing"},
    )
    assert "as signed" in printed.output, printed.output
    with ws.ledger.read() as conn:
        row = get_model(conn, model)
    few = pd.read_parquet(tmp_path / "hindcast" / "predictions.parquet").query("lead_day == 1").head(20)
    with pytest.raises(UsageError, match="at least 30"):
        content_of(row, few, whole_panel(ws, "measured"), NOW)


def _correct_march(ws):
    """Let a node have received other values of Seoul's March, long after they were forecast."""
    rows = ws.store.read(
        world="measured", as_of=ws.clock(), stations=["archive:seoul_city_3h_trailing"],
        start=datetime(2019, 3, 10, tzinfo=UTC), end=datetime(2019, 3, 20, tzinfo=UTC),
    )  # fmt: skip
    changed = rows.assign(value=rows["value"] * 1.5)[list(OBSERVATION_COLUMNS)]
    ws.store.append(changed, source="archive", world="measured")
