"""``sameair sharing`` and ``sameair measures`` from the command line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from cli.main import app


def run(folder, *arguments):
    return CliRunner().invoke(app, [*arguments, "--data-dir", str(folder)])


def test_rules_are_shown_and_measures_kept(tmp_path):
    shown = json.loads(run(tmp_path, "sharing", "--party", "beijing", "--json").stdout)
    (held,) = shown["sharing"]
    assert (held["networks"], shown["received"]) == (["cnemc"], [])
    assert {rule["world"] for rule in held["rules"]} == {"simulated"}
    declared = [
        "measures",
        "declare",
        "2026-03",
        "--city",
        "beijing",
        "--level",
        "orange",
        "--area",
        "whole city",
    ]
    declared += ["--because", "emergency plan", "--person", "wang", "--start", "2026-01-15T00:00+08:00"]
    assert "kept" in run(tmp_path, *declared).stdout
    assert "known already" in run(tmp_path, *declared).stdout
    (row,) = json.loads(run(tmp_path, "measures", "list", "--json").stdout)["measures"]
    assert (row["start"], row["stop"], row["state"]) == ("2026-01-14T16:00:00Z", "", "in_force")
    assert "2026-03" in run(tmp_path, "measures", "list").stdout
    assert "exercise-air" in run(tmp_path, "sharing").stdout


def test_what_is_no_instant_or_party_is_told(tmp_path):
    wrong = run(tmp_path, "sharing", "--party", "atlantis")
    assert "beijing, seoul" in str(wrong.exception)


def test_of_a_station_it_says_why_values_stay_or_leave(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMEAIR_PARTY", "seoul")
    rows = json.loads(run(tmp_path, "sharing", "--station", "airkorea:1", "--json").stdout)["decisions"]
    assert {r["decision"] for r in rows} == {"stays: no rule for measured air names it"}
    (row, _) = json.loads(
        run(tmp_path, "sharing", "--station", "airkorea:1", "--world", "simulated-5", "--json").stdout
    )["decisions"]
    assert row["decision"].startswith("leaves 0 h after its interval by rule exercise-air: for agencies of")
    said = run(tmp_path, "sharing", "--station", "cnemc:1").stdout
    assert "seoul does not speak for it" in said
