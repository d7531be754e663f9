"""``sameair origin`` on stored panels: text, JSON, languages, parties, and a run without winds."""

import json

import pytest
from typer.testing import CliRunner

from alerts.origin_example import example_panel
from cli.main import app
from flows.origins import write_origins
from flows.workspace import open_workspace
from forecasting.transport.origin import Question, panel_without_winds
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.runs import begin_run, finish_run, make_current
from pipeline.settings import Settings
from pipeline.times import parse_instant

CYCLE = "2026-01-14T08:00Z"
AT = parse_instant(CYCLE)


@pytest.fixture
def folder(tmp_path):
    bare = panel_without_winds(
        "measured", Question(AT, AT, list(all_cities().values())), "no winds are stored"
    )
    ws = open_workspace(Settings(data_dir=tmp_path))
    for panel in (bare, example_panel()):
        with ws.ledger.write() as conn:
            run = begin_run(conn, world=panel.world, cycle=AT, as_of=AT, code_version="0", at=AT)
            products = write_origins(panel, None, tmp_path / "runs" / run)
            stored = {name: str(path.relative_to(tmp_path)) for name, path in products.items()}
            finish_run(conn, run, at=AT, model_id="m", inputs={}, degraded="", products=stored)
            make_current(conn, run, expected=None)
    ws.ledger.close()
    return tmp_path


def said(folder, *words):
    result = CliRunner().invoke(app, ["origin", *words, "--data-dir", str(folder)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_table_tells_regions_local_air_windows_and_readings(folder):
    text = said(folder, CYCLE, "--world", "simulated-7")
    for words in (
        "SIMULATED DATA",
        "Yellow Sea",
        "local air: moderate",
        "Beijing",
        "Baengnyeong",
        "no share",
    ):
        assert words in text


def test_regions_are_named_as_a_party_does(folder):
    options = ("--world", "simulated-7", "--city", "seoul", "--language", "ko")
    assert "황해" in said(folder, *options)
    text = said(folder, *options, "--party", "seoul")
    assert "서해" in text
    assert "황해" not in text
    assert "베이징:" not in text


def test_json_holds_the_panel(folder):
    document = json.loads(said(folder, "--world", "simulated-7", "--city", "seoul", "--json"))
    assert [c["city"] for c in document["cities"]] == ["seoul"]
    wanted = example_panel().city("seoul")
    assert document["cities"][0]["regions"][0]["hours"] == wanted.regions[0].hours


def test_a_run_without_winds_says_so(folder):
    text = said(folder)
    assert text.count("no winds are stored") == 2
    assert "Hours over regions" not in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--language", "fr"), "there are en, ko, zh"),
        (("--party", "tokyo"), "there are beijing, seoul"),
        (("--city", "busan"), "no city 'busan'"),
        (("soon",), "write it like"),
    ],
)
def test_what_is_not_there_is_said(folder, words, says):
    with pytest.raises(UsageError, match=says):
        said(folder, *words)
