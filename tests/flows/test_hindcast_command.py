"""`sameair hindcast` and `sameair replay`, end to end: archive, import, models, rows, scores, files."""

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cli.commands import hindcast as command
from flows.hindcast import plan_hindcast, run_hindcast, whole_panel
from flows.models import day_start, fingerprint, in_use, models_for, train_until
from flows.workspace import open_workspace
from pipeline.errors import UsageError
from pipeline.ledger.models import newest_model
from pipeline.settings import Settings
from tests.flows.archive_world import LEARNED, NOW, open_imported

pytestmark = pytest.mark.slow
PERIOD = ("2019-05-07", "2019-05-09")
UNTIL = datetime(2019, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def ws(tmp_path_factory):
    return open_imported(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def app():
    made = typer.Typer()
    command.register(made)
    return made


def invoke(app, ws, *arguments):
    data_dir = ["--data-dir", str(ws.settings.data_dir), "--workers", "1"]
    return CliRunner().invoke(app, [*arguments, *data_dir], catch_exceptions=False)


@pytest.fixture(scope="module")
def made(app, ws, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    period = ["--from", PERIOD[0], "--to", PERIOD[1], "--train-until", LEARNED]
    result = invoke(app, ws, "hindcast", *period, "--cities", "seoul,beijing", "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_the_command_writes_every_row_of_every_cycle_and_its_scores(made):
    out, printed = made
    rows = pd.read_parquet(out / "predictions.parquet")
    assert sorted(p.name for p in out.iterdir()) == [
        "events.parquet",
        "predictions.parquet",
        "predictions_pm10.parquet",
        "scores.json",
    ]
    issues = rows["issue_time"].drop_duplicates()
    assert len(issues) == 3 * 4
    assert (issues.min(), issues.max()) == (pd.Timestamp("2019-05-07T02Z"), pd.Timestamp("2019-05-09T20Z"))
    daily = rows[rows["target"] == "daily"].groupby(["issue_time", "city", "model"])["lead_day"]
    assert daily.apply(list).map(lambda days: days == [0, 1, 2, 3]).all()
    assert len(daily) == 12 * 2 * 3
    ours = rows[rows["model"] == "sameair"]
    assert (ours["degraded"] == "").all()
    assert ours["model_id"].str.contains("pm2p5-20190506").all()
    pm10 = pd.read_parquet(out / "predictions_pm10.parquet")
    # nothing was learned of PM10: its rows are there all the same, but no outlook beyond D+3
    assert len(pm10[pm10["target"] != "outlook"]) == len(rows[rows["target"] != "outlook"])
    assert set(ours.loc[ours["target"] == "outlook", "lead_day"]) == {4, 5}
    assert (pm10[pm10["model"] == "sameair"]["degraded"] != "").all()
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    assert scores == {k: v for k, v in printed.items() if k != "files"}
    assert scores["hindcast"]["caveats"] == []
    assert scores["hindcast"]["issues"] == 12
    assert {e["quantity"] for e in scores["exceedance"]} == {"pm2p5"}
    skill = [e for e in scores["exceedance"] if e["model"] == "sameair" and e["events"] == 0]
    assert skill
    assert all(e["pod"] is None for e in skill)


def test_scores_are_of_the_rows_that_were_written(made, ws):
    out, scores = made
    rows = pd.read_parquet(out / "predictions.parquet").query(
        "city == 'beijing' and model == 'sameair' and target == 'daily' and lead_day == 1"
    )
    series = whole_panel(ws, "measured")["beijing.pm2p5.reference"]
    times = pd.DatetimeIndex(series.times).tz_localize("UTC")
    seen = [
        series.values[(times > a) & (times <= b)].mean()
        for a, b in zip(rows["valid_start"], rows["valid_end"], strict=True)
    ]
    (entry,) = [
        e for e in scores["continuous"] if (e["city"], e["model"], e["lead"]) == ("beijing", "sameair", "D+1")
    ]
    assert entry["n"] == len(rows)
    assert entry["rmse"] == pytest.approx(math.sqrt(np.mean((rows["mean"] - seen) ** 2)))


def test_asking_for_one_city_only_filters_the_rows(made, ws, tmp_path):
    whole = pd.read_parquet(made[0] / "predictions.parquet")
    plan = plan_hindcast(*PERIOD, "seoul", LEARNED)
    found = run_hindcast(ws, plan, tmp_path)
    seoul = whole[whole["city"] == "seoul"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.tables["pm2p5"], seoul, check_exact=True)
    assert found.document["hindcast"]["models"] == made[1]["hindcast"]["models"]


def test_training_after_the_first_issue_is_marked_on_screen_and_in_the_scores(app, ws, tmp_path):
    period = ["--from", "2019-05-07", "--to", "2019-05-07", "--train-until", "2019-05-07"]
    result = invoke(app, ws, "hindcast", *period, "--out", str(tmp_path))
    assert "not honest: trained on values after the first issue" in result.stdout
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert scores["hindcast"]["caveats"] == ["not honest: trained on values after the first issue"]
    assert "seoul > 35" in result.stdout
    assert "[yellow]" not in result.stdout


def test_left_out_years_are_trained_once_each_and_never_used_operationally(ws, tmp_path):
    before = operational(ws)
    plan = plan_hindcast("2019-05-07", "2019-05-07", "seoul", LEARNED, leave_out_years=True)
    found = run_hindcast(ws, plan, tmp_path)
    assert operational(ws) == before
    # what is left of the other year is too short to learn from, so the baselines stand in
    assert found.document["hindcast"]["models"] == [{"pm2p5": None, "pm10": None}]
    assert any("left out" in caveat for caveat in found.document["hindcast"]["caveats"])
    ours = found.tables["pm2p5"].query("model == 'sameair'")
    assert ours["degraded"].str.contains("no usable model").all()


def operational(ws):
    with ws.ledger.read() as conn:
        return newest_model(conn, world="measured", quantity="pm2p5", known_at=NOW)


def test_a_model_is_trained_once_and_found_by_later_cycles_only(ws, made):
    panel = whole_panel(ws, "measured")
    first = train_until(ws, panel, UNTIL, quantities=["pm2p5"])["pm2p5"]
    again = train_until(ws, panel, UNTIL, quantities=["pm2p5"])["pm2p5"]
    assert first.model_id == again.model_id
    later = models_for(ws, "measured", datetime(2019, 5, 6, 2, tzinfo=UTC), quantities=["pm2p5"])
    assert later["pm2p5"].model_id == first.model_id
    earlier = models_for(ws, "measured", datetime(2019, 5, 5, 20, tzinfo=UTC), quantities=["pm2p5"])
    assert earlier["pm2p5"].data_until == datetime(2019, 5, 5, tzinfo=UTC)


def test_a_damaged_model_file_is_trained_again(ws, made):
    with ws.ledger.read() as conn:
        row = newest_model(conn, world="measured", quantity="pm2p5", known_at=UNTIL)
    path = ws.settings.data_dir / row.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    aside = []
    in_use(ws, "measured", "pm2p5", UNTIL, aside=aside)
    assert aside == [f"model {row.id} cannot be read, another forecasts pm2p5"]
    healed = train_until(ws, whole_panel(ws, "measured"), UNTIL, quantities=["pm2p5"])["pm2p5"]
    assert healed.model_id == row.id
    assert path.read_bytes() == whole


def test_the_fingerprint_sees_only_what_was_known(ws):
    panel = whole_panel(ws, "measured")
    early = open_workspace(ws.settings)
    part = whole_panel(early, "measured")
    assert fingerprint(panel, UNTIL) == fingerprint(part, UNTIL)
    assert fingerprint(panel, UNTIL) != fingerprint(panel, datetime(2019, 5, 6, 4, tzinfo=UTC))


TRAINER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from flows.models import models_for
from flows.workspace import open_workspace
from pipeline.settings import Settings
ws = open_workspace(Settings(data_dir=Path(sys.argv[1])))
found = models_for(ws, "measured", datetime(2019, 4, 20, 8, tzinfo=UTC), quantities=["pm2p5"])
print(found["pm2p5"].model_id)
"""


def test_two_processes_that_want_the_same_model_train_it_once(ws):
    folder = str(ws.settings.data_dir)

    def run(_):
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", TRAINER, folder], cwd=root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with ThreadPoolExecutor(2) as pool:
        names = list(pool.map(run, range(2)))
    assert names[0] == names[1]
    assert len(list((ws.settings.models_dir / "measured").glob(f"{names[0]}*.model"))) == 1
    known_at = datetime(2019, 4, 20, 8, tzinfo=UTC)
    assert models_for(ws, "measured", known_at, quantities=["pm2p5"])["pm2p5"].model_id == names[0]
    assert day_start(known_at) == datetime(2019, 4, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("2019-12-02", "2019-12-01", "seoul", "2019-11-30"), "lies before --from"),
        (("2019-12-02", "2019-12-32", "seoul", "2019-11-30"), "--to 2019-12-32 is no date"),
        (("2019-12-02", "2019-12-03", "seoul,atlantis", "2019-11-30"), "no city 'atlantis'"),
        (("2019-12-02", "2019-12-03", " , ", "2019-11-30"), "--cities names none"),
        (("2019-12-02", "2019-12-03", "seoul", "yesterday"), "--train-until yesterday is no date"),
        (("2019-12-02", "2019-12-03", "seoul", None), "--train-until DATE, or --leave-out-years"),
    ],
)
def test_wrong_use_is_one_line_that_says_what_to_do(arguments, words):
    with pytest.raises(UsageError, match=words):
        plan_hindcast(*arguments)


def test_without_measurements_the_import_is_named(tmp_path):
    empty = open_workspace(Settings(data_dir=tmp_path))
    with pytest.raises(UsageError, match="sameair import-archive"):
        run_hindcast(empty, plan_hindcast(*PERIOD, "seoul", LEARNED), tmp_path / "out")


def test_a_replay_reports_first_signals_and_what_was_missed(app, ws):
    result = invoke(app, ws, "replay", "--from", PERIOD[0], "--to", PERIOD[1], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["replay"]["train_until"] == "2019-05-06"
    assert found["replay"]["caveats"] == []
    assert all(s["day"] <= "2019-05-10" for s in found["signals"])
    top = max((d for d in found["days"] if d["city"] == "seoul"), key=lambda d: d["observed"] or 0)
    (line,) = [s for s in found["statements"] if s.startswith(f"Seoul, {top['day']}, the highest day")]
    assert f"measured {top['observed']:.0f} µg/m³" in line
    page = Path(found["files"]["report"]).read_text("utf-8")
    assert line in page
    assert "Nothing was tuned on this episode" in page
    shown = invoke(app, ws, "replay", "--from", PERIOD[0], "--to", PERIOD[1])
    assert "first cycle with a probability of at least 0.5" in shown.stdout
