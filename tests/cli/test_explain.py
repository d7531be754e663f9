"""``sameair explain`` on stored reasons: which run it takes, which city, which language."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from flows.workspace import open_workspace
from forecasting.reasons.stored import write_reasons
from pipeline.errors import UsageError
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.settings import Settings
from pipeline.times import parse_instant

EARLY, LATE = "2026-01-14T02:00Z", "2026-01-14T08:00Z"


def document(name):
    return {
        "version": 2,
        "model_id": name,
        "cities": [
            {"city": city, "days": [], "analogs": None, "what_if": None} for city in ("beijing", "seoul")
        ],
    }


@pytest.fixture
def folder(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path))
    for world, cycle in (("simulated-7", EARLY), ("simulated-7", LATE), ("measured", EARLY)):
        at = parse_instant(cycle)
        with ws.ledger.write() as conn:
            run = begin_run(conn, world=world, cycle=at, as_of=at, code_version="0", at=at)
            path = write_reasons(
                document(f"{world} {cycle[11:13]}"), tmp_path / "runs" / run / "reasons.json"
            )
            stored = {"reasons": str(path.relative_to(tmp_path))}
            finish_run(conn, run, at=at, model_id="m", inputs={}, degraded="", products=stored)
            make_current(conn, run, expected=None)
    ws.ledger.close()
    return tmp_path


def explained(folder, *words):
    result = CliRunner().invoke(app, ["explain", *words, "--data-dir", str(folder), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.output)


def test_the_newest_measured_cycle_is_meant_unless_a_world_or_cycle_is_named(folder):
    assert explained(folder)["model_id"] == "measured 02"
    assert explained(folder, "--world", "simulated-7")["model_id"] == "simulated-7 08"
    assert explained(folder, EARLY, "--world", "simulated-7")["model_id"] == "simulated-7 02"


def test_one_city_and_a_language_can_be_asked_for(folder):
    assert [c["city"] for c in explained(folder, "--city", "seoul")["cities"]] == ["seoul"]
    result = CliRunner().invoke(app, ["explain", "--language", "ko", "--data-dir", str(folder)])
    assert "서울: 이 도시는 모델 예측이 아니어서" in result.output
    assert "베이징" in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--language", "fr"), "there are en, ko, zh"),
        (("--city", "busan"), "no city 'busan'"),
        ((LATE,), "has not run"),
        (("soon",), "write it like"),
    ],
)
def test_what_is_not_there_is_said(folder, words, says):
    with pytest.raises(UsageError, match=says):
        explained(folder, *words)


def test_a_run_without_reasons_says_how_to_get_them(folder):
    for path in folder.rglob("reasons.json"):
        path.write_text("[]")
    with pytest.raises(UsageError, match="sameair run --at 2026-01-14T02:00:00Z --again"):
        explained(folder)
