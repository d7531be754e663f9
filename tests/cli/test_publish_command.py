"""What a party publishes, from the command line: nothing until it says so, and who said it."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import newest_rows
from pipeline.settings import Settings


def run(folder, *words):
    found = CliRunner().invoke(app, ["publish", *words, "--data-dir", str(folder), "--json"])
    return found.exit_code, json.loads(found.stdout)["published"] if found.exit_code == 0 else found.exception


def test_a_party_publishes_and_publishes_no_more(tmp_path):
    who = ("--party", "seoul", "--person", "Kim")
    assert run(tmp_path) == (0, {})
    assert run(tmp_path, "forecasts", *who) == (0, {"seoul": ["forecasts"]})
    assert run(tmp_path, "forecasts", *who) == (0, {"seoul": ["forecasts"]})
    assert run(tmp_path, "forecasts", *who, "--stop") == (0, {})
    ledger = open_ledger(Settings(data_dir=tmp_path).ledger)
    with ledger.read() as conn:
        rows = [(r["actor"], r["subject"], r["payload"]["public"]) for r in newest_rows(conn)]
    ledger.close()
    assert rows == [("Kim", "seoul/forecasts", False), ("Kim", "seoul/forecasts", True)]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("forecasts", "--party", "seoul"), "who says so"),
        (("forecasts", "--party", "tokyo", "--person", "Kim"), "there is no party tokyo"),
        (("diary", "--party", "seoul", "--person", "Kim"), "cannot be published"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, words, why):
    code, error = run(tmp_path, *words)
    assert code != 0
    assert why in str(error)
