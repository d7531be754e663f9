"""``sameair rules``: what it lists, computes and refuses."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app


def called(folder, *arguments):
    return CliRunner().invoke(app, ["rules", *arguments, "--data-dir", str(folder)])


def test_rules_of_a_day_are_listed_with_their_version(tmp_path):
    rows = json.loads(called(tmp_path, "list", "--date", "2026-03-01", "--country", "CN", "--json").stdout)
    assert {r["version"] for r in rows if r["id"] == "cn.aqi"} == {"HJ 633-2026"}
    assert all(r["stations"] and r["spatial_unit"] and r["source"] for r in rows)
    everything = json.loads(called(tmp_path, "list", "--all", "--json").stdout)
    assert len({(r["id"], r["version"]) for r in everything}) == len(everything) > len(rows)


def test_a_rule_is_shown_with_all_its_versions(tmp_path):
    shown = called(tmp_path, "show", "kr.advisory.pm2p5").stdout
    assert "2015-01-01" in shown
    assert "advisory_lift_lt" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pm2p5=43", "pm10=80", "--date", "2022-01-04"), "index 65, level cn.aqi.good, primary pm10"),
        (("pm2p5=75", "--date", "2026-03-01"), "index 114, level cn.aqi.light, primary pm2p5"),
        (("o3=0.035", "--country", "KR", "--date", "2025-02-04"), "index 54"),
    ],
)
def test_an_index_is_computed_by_the_standard_of_the_day(tmp_path, arguments, said):
    assert called(tmp_path, "index", *arguments).stdout.strip() == said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("index", "foo=3"), "'foo' is no pollutant"),
        (("index", "pm2p5=x"), "write a pollutant and its concentration"),
        (("index", "pm2p5=-1"), "write a pollutant and its concentration"),
        (("index", "pm2p5=1", "--country", "JP"), "there are CN and KR"),
        (("list", "--date", "March"), "this is no day"),
        (("show", "kr.x"), "there is no rule kr.x"),
        (("check", "--date", "2020-01-01"), "nothing is stored of the world measured"),
        (("check", "--date", "2020-01-01", "--city", "paris"), "paris"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, arguments, said):
    assert said in str(called(tmp_path, *arguments).exception)
