"""`sameair verify`, end to end: from tables, hindcasts and stored runs to tables, figures and one page."""

import json
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cli.commands import verify as command
from flows.verification import Request, run_verification, truth_panel, whole_truth
from flows.verification_beside import ceiling_rows, warning_rows
from flows.verification_kept import keep_runs_if_due
from flows.verification_sources import read_file, read_runs
from flows.workspace import Workspace, open_workspace
from forecasting.predictions import PROBABILITY_COLUMNS
from forecasting.verification.kept import kept_verifications, table_of
from forecasting.verification.reviewed import REVIEWED
from forecasting.verification.score_tables import Options
from forecasting.verify import as_of_everything
from forecasting.weather_ahead import NOT_ATTAINABLE
from pipeline.bulletins import Bulletin, append_bulletins
from pipeline.errors import UsageError
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.ledger.warnings import insert_event, insert_revision, insert_warning
from pipeline.names import PM_THRESHOLDS
from pipeline.settings import Settings
from pipeline.times import local_day_bounds
from tests.flows.archive_world import NOW, open_imported
from tests.forecasting.verification_cases import rows_of

pytestmark = pytest.mark.slow
FEW = Options(draws=50)
DAYS = 40
FIRST = {"seoul": pd.Timestamp("2019-02-10T15Z"), "beijing": pd.Timestamp("2019-02-10T16Z")}


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    return open_imported(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def truth(ws):
    panel = truth_panel(ws, "measured")
    return whole_truth(panel, "pm2p5", pd.Timestamp("2019-05-01T00Z"))


@pytest.fixture(scope="module")
def predictions(truth):
    """Three models of both cities and leads 1 and 2: one that knows much, two that know little."""
    rng = np.random.default_rng(1)
    parts = []
    for city, first in FIRST.items():
        days = truth[(truth["city"] == city) & (truth["target"] == "daily")].set_index("valid_end")[
            "observed"
        ]
        seen = days[first:].to_numpy()[:DAYS]
        event = seen[:, None] > np.array(PM_THRESHOLDS)
        for lead in (1, 2):
            for model, share in (("sameair", 0.7), ("persistence", 0.3), ("climatology", 0.0)):
                chance = share * event + (1 - share) * event.mean(axis=0)
                mean = share * seen + (1 - share) * seen.mean() + rng.normal(0, 2, len(seen))
                parts.append(rows_of(model, chance, mean, city=city, lead=lead, first=first))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def hindcast(predictions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hindcast")
    predictions.to_parquet(folder / "predictions.parquet")
    said = {"from": "2019-02-10", "caveats": ["not honest: <b>trained</b> later"], "models": []}
    (folder / "scores.json").write_text(json.dumps({"hindcast": said}), "utf-8")
    return folder


@pytest.fixture
def app():
    made = typer.Typer()
    command.register(made)
    made.command("other")(lambda: None)
    return made


def invoke(app, ws, *arguments):
    arguments = ["verify", *map(str, arguments), "--data-dir", str(ws.settings.data_dir)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_hindcast_becomes_tables_figures_and_one_page(app, ws, hindcast, tmp_path):
    result = invoke(app, ws, "--hindcast", hindcast, "--out", tmp_path)
    assert result.exit_code == 0
    assert "seoul > 35 µg/m³, PM2.5 day means" in result.stdout
    assert "not honest" in result.stdout
    assert "No bulletin of another agency" in result.stdout
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "not honest: &lt;b&gt;trained&lt;/b&gt; later" in page
    assert "No issued warning lies in the ledger" in page
    assert page.count("data:image/png;base64,") == 6
    assert not re.search(
        r"https?://|//[a-z]+\.|<script|<link|url\(", page.replace("data:image/png;base64,", "")
    )
    facts = json.loads((tmp_path / "verification.json").read_text("utf-8"))
    assert facts["models"] == ["sameair", "climatology", "persistence"]
    assert facts["caveats"] == ["not honest: <b>trained</b> later"]
    for name in facts["rows"]["pm2p5"]:
        csv = pd.read_csv(tmp_path / "tables" / f"pm2p5_{name}.csv")
        text = (tmp_path / "tables" / f"pm2p5_{name}.json").read_text("utf-8")
        assert len(csv) == len(json.loads(text)) == facts["rows"]["pm2p5"][name]
        assert "Infinity" not in text
        assert "NaN" not in text
    skill = pd.read_csv(tmp_path / "tables" / "pm2p5_exceedance.csv")
    ours = skill[(skill["model"] == "sameair") & (skill["part"] == "all") & (skill["threshold"] == 35)]
    # a mixture of truth and frequency with share s leaves (1 − s)² of the frequency's Brier score
    assert ours["bss_climatology"].to_numpy() == pytest.approx(np.full(4, 1 - 0.3**2))


def test_one_table_between_two_days_as_json(app, ws, hindcast, tmp_path):
    period = ["--from", "2019-02-20", "--to", "2019-02-25"]
    result = invoke(
        app, ws, "--predictions", hindcast / "predictions.parquet", *period, "--out", tmp_path, "--json"
    )
    found = json.loads(result.stdout)
    assert (found["first_issue"], found["last_issue"]) == ("2019-02-20T08:00:00Z", "2019-02-25T08:00:00Z")
    assert found["caveats"] == []
    again = invoke(
        app, ws, "--predictions", hindcast / "predictions.parquet", *period, "--out", tmp_path, "--json"
    )
    assert json.loads(again.stdout) == found


def test_a_table_told_the_weather_ahead_says_so_without_its_folder(predictions, tmp_path):
    path = tmp_path / "predictions.parquet"
    predictions.assign(weather=NOT_ATTAINABLE).to_parquet(path)
    assert read_file(path).caveats == [NOT_ATTAINABLE]
    predictions.assign(weather="observed weather known at the issue").to_parquet(path)
    assert read_file(path).caveats == []


def test_the_same_seed_writes_the_same_bytes(ws, hindcast, tmp_path):
    for name in ("one", "other"):
        run_verification(ws, Request(hindcast=hindcast, options=FEW), tmp_path / name)
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) >= 30
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_stored_runs_are_scored_beside_bulletins_and_warnings(predictions, truth, tmp_path):
    with open_workspace(Settings(data_dir=tmp_path / "var"), lambda: NOW).ledger.write() as conn:
        state_and_warn(conn, first_high(truth))
    ws = open_imported(tmp_path)
    store_runs(ws, predictions)
    made = run_verification(ws, Request(options=FEW), tmp_path / "out")
    assert made.facts["runs"] == predictions["issue_time"].nunique()
    assert made.facts["live"] == 0
    assert made.facts["caveats"] == [
        f"{made.facts['runs']} of {made.facts['runs']} runs were made after the time"
    ]
    assert made.facts["absent"] == [
        "In no stored run had others stated anything of these days.",
        "The predictions hold no joint probabilities of several days.",
    ]
    assert len(made.tables["pm2p5"]["index_range"]) == 12
    said = made.tables["pm2p5"]["statements"].iloc[0]
    assert (said["source"], said["n"], said["accuracy_theirs"]) == ("airkorea", 1, 1.0)
    (warned,) = made.tables["pm2p5"]["warnings"].to_dict("records")
    assert (warned["status"], warned["warned_days"], warned["right"], warned["ahead"]) == (
        "Exercise",
        2,
        1,
        1,
    )
    assert warned["pod"] == 1 / warned["days_above"]
    page = made.files["report.html"].read_text("utf-8")
    assert "issued warnings" in page
    reviewed = made.tables["pm2p5"]["reviewed"]
    mine = reviewed[(reviewed["model"] == REVIEWED) & (reviewed["city"] == "seoul")]
    assert set(mine["status"]) == {"Exercise"}
    assert mine["said"].sum() > 0
    first = keep_runs_if_due(ws, "measured", NOW)
    assert first is not None
    assert len(table_of(first.folder, "pm2p5", "reviewed"))
    assert keep_runs_if_due(ws, "measured", NOW + timedelta(hours=23)) is None
    assert keep_runs_if_due(ws, "simulated-1", NOW) is None


def store_runs(ws: Workspace, predictions):
    for issue, rows in predictions.groupby("issue_time"):
        cycle = issue.to_pydatetime()
        path = ws.settings.data_dir / "runs" / f"{cycle:%Y%m%dT%H}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path)
        with ws.ledger.write() as conn:
            run = begin_run(conn, world="measured", cycle=cycle, as_of=cycle, code_version="1", at=NOW)
            products = {"predictions": str(path.relative_to(ws.settings.data_dir))}
            finish_run(conn, run, at=NOW, model_id="m", inputs={}, degraded="", products=products)
            assert make_current(conn, run, expected=None)


def first_high(truth):
    """First day of Seoul between 20 February and 10 March that is above 50, with the next at most 50."""
    days = truth[(truth["city"] == "seoul") & (truth["target"] == "daily")].set_index("valid_end")["observed"]
    days = days["2019-02-20":"2019-03-10"]
    (ends,) = np.nonzero((days.to_numpy()[:-1] > 50) & (days.to_numpy()[1:] <= 50))
    return (days.index[ends[0]] - timedelta(hours=1)).tz_convert("Asia/Seoul").date()


def state_and_warn(conn, day):
    start, end = local_day_bounds(day, "Asia/Seoul")
    grade = {"서울": {"city": "seoul", "grade": None, "value": 60.0}}
    content = {"pollutant": "pm2p5", "target_date": day.isoformat(), "regions": grade}
    before = start - timedelta(hours=6)
    said = Bulletin("airkorea", "forecast", "one", before, start, end, content)
    append_bulletins(conn, [said], world="measured", now=before)
    insert_warning(conn, "w1", world="measured", product="single_city_warning", episode_ids=["e"], at=before)
    outlook = {"city": "seoul", "onset": start.isoformat(), "end": (end + timedelta(days=1)).isoformat()}
    body = {"warning_id": "w1", "version": 1, "kind": "alert", "cap_status": "Exercise", "cities": [outlook]}
    insert_revision(conn, body, review_deadline=start, expires=end, written_by="t", at=before)
    for state in ("draft", "in_review", "issued"):
        insert_event(conn, "w1", 1, state=state, actor="t", reason="", at=before)


def test_no_issued_warning_gives_no_rows_and_one_that_nothing_is_known_of_no_scores(ws, tmp_path):
    assert warning_rows(ws, "measured", {}, {"seoul": 50, "beijing": 75}) == []
    other = open_imported(tmp_path, 30)
    with other.ledger.write() as conn:
        state_and_warn(conn, datetime(2019, 6, 1, tzinfo=UTC).date())
    (row,) = warning_rows(other, "measured", {"seoul": pd.Series(dtype=float)}, {"seoul": 50})
    assert (row["warned_days"], row["pod"], row["far"]) == (0, None, None)


def test_a_day_that_is_not_over_is_no_truth(ws, truth):
    panel = truth_panel(ws, "measured")
    whole = whole_truth(panel, "pm2p5", pd.Timestamp("2030-01-01T00Z"))
    assert whole["valid_end"].max() <= pd.Timestamp(as_of_everything(panel))
    assert len(whole) > len(truth)


def test_two_truths_are_compared_where_both_are_stored(ws):
    assert ceiling_rows(ws, "measured", NOW) == []
    assert ceiling_rows(ws, "simulated-5", NOW) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--predictions", "none.parquet"), "there is no file none.parquet"),
        (("--hindcast", "."), "holds no predictions.parquet"),
        (("--hindcast", "x", "--predictions", "y"), "not both"),
        (("--hindcast", "x", "--runs"), "give one of"),
        (("--runs",), "no run of the world 'measured' is stored"),
        (("--runs", "--from", "yesterday"), "--from yesterday is no date"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(app, ws, tmp_path, arguments, words):
    with pytest.raises(UsageError, match=words):
        invoke(app, ws, *arguments, "--out", tmp_path)


def test_what_cannot_be_scored_is_said(ws, hindcast, predictions, tmp_path):
    with pytest.raises(UsageError, match="lies between --from and --to"):
        run_verification(ws, Request(hindcast=hindcast, first=NOW.date()), tmp_path)
    with pytest.raises(UsageError, match="no series of the world 'simulated-9'"):
        run_verification(ws, Request(hindcast=hindcast, world="simulated-9"), tmp_path)
    later = predictions.copy()
    for name in ("issue_time", "valid_start", "valid_end"):
        later[name] += pd.Timedelta(days=3000)
    later.to_parquet(tmp_path / "later.parquet")
    with pytest.raises(UsageError, match="nothing to score"):
        run_verification(ws, Request(predictions=tmp_path / "later.parquet"), tmp_path)
    predictions.drop(columns=list(PROBABILITY_COLUMNS)).to_parquet(tmp_path / "short.parquet")
    with pytest.raises(UsageError, match="no table of predictions: p_gt_15"):
        run_verification(ws, Request(predictions=tmp_path / "short.parquet"), tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(UsageError, match="no Parquet table"):
        run_verification(ws, Request(predictions=tmp_path / "bad.parquet"), tmp_path)
    with pytest.raises(UsageError, match="no run of the world"):
        read_runs(ws, "measured")


def test_scores_are_kept_for_the_page_without_any_report(app, ws, hindcast, tmp_path):
    result = invoke(app, ws, "--hindcast", hindcast, "--keep", "--json")
    assert result.exit_code == 0
    (kept,) = kept_verifications(ws.settings.verification_dir / "measured", "hindcast")
    assert json.loads(result.stdout)["files"] == {"kept": str(kept.folder)}
    assert str(hindcast) not in (kept.folder / "facts.json").read_text("utf-8")
    shown = table_of(kept.folder, "pm2p5", "exceedance")
    ours = shown[(shown["model"] == "sameair") & (shown["part"] == "all") & (shown["threshold"] == 35)]
    assert ours["bss_climatology"].to_numpy() == pytest.approx(np.full(4, 1 - 0.3**2))
    with pytest.raises(UsageError, match="--keep"):
        invoke(app, ws, "--hindcast", hindcast)
