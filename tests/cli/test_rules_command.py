"""``sameair rules``: what it lists, computes and refuses."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from alerts.content import RuleFinding
from cli.commands.rules import _day, _hours, _row
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pm2p5=43", "pm10=80", "--date", "2022-01-04"), "index 65, level cn.aqi.good, primary pm10"),
        (("pm2p5=75", "--date", "2026-03-01"), "index 114, level cn.aqi.light, primary pm2p5"),
        (("pm2p5=60", "--date", "2026-02-28"), "index 82, level cn.aqi.good, primary pm2p5"),
        (
            ("pm2p5=50", "--date", "2026-03-01"),
            "index 80, level cn.aqi.good, primary pm2p5, reported no: a pollutant is missing",
        ),
        (("o3=0.035", "--country", "KR", "--date", "2025-02-04"), "index 54"),
    ],
)
def test_an_index_is_computed_by_the_standard_of_the_day(tmp_path, arguments, said):
    assert called(tmp_path, "index", *arguments).stdout.strip() == said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("index", "foo=3"), "'foo' is no pollutant"),
        (("index", "pm2p5=x"), "write a pollutant and its concentration"),
        (("index", "pm2p5=-1"), "write a pollutant and its concentration"),
        (("index", "pm2p5=1", "--country", "JP"), "there are CN and KR"),
        (("index", "pm2p5=1", "pm2p5=2"), "pm2p5 is given twice"),
        (("list", "--date", "March"), "this is no day"),
        (("list", "--country", "JP"), "there are CN and KR"),
        (("check", "--date", "9999-12-31"), "between 1950 and 2100"),
        (("check", "--date", "0001-01-01"), "between 1950 and 2100"),
        (("show", "kr.x"), "there is no rule kr.x"),
        (("check", "--date", "2020-01-01"), "nothing is stored of the world measured"),
        (("check", "--date", "2020-01-01", "--city", "paris"), "paris"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, arguments, said):
    assert said in str(called(tmp_path, *arguments).exception)


def test_a_country_may_be_written_small(tmp_path):
    small, capital = (called(tmp_path, "list", "--country", c, "--json").stdout for c in ("cn", "CN"))
    assert json.loads(small) == json.loads(capital) != []


@pytest.mark.parametrize(("zone", "day"), [("Asia/Seoul", 4), ("Asia/Shanghai", 3)])
def test_today_is_that_of_the_city(tmp_path, monkeypatch, zone, day):
    """At 15:30 UTC it is past midnight in Seoul, not yet in Beijing."""
    late = SimpleNamespace(clock=lambda: datetime(2026, 3, 3, 15, 30, tzinfo=UTC))
    monkeypatch.setattr("flows.workspace.open_workspace", lambda _: late)
    assert _day(None, tmp_path, zone) == date(2026, 3, day)


def test_a_check_tells_when_measures_run_and_by_when_they_are_announced():
    """Decided on 5 March 2019: announced by 17:10 KST, in force on 6 March from 06 to 21."""
    met = RuleFinding(
        "kr.emergency_measures",
        "2019-02-15",
        "seoul",
        "2019-03-05",
        "kr.emergency_measures.met",
        1.0,
        "mixed",
        "found",
    )
    told = _hours(met)
    assert told["announce_by"] == "2019-03-05T17:10:00+09:00"
    assert told["measures"]["starts"] == "2019-03-06T06:00:00+09:00"
    assert "03-06 06:00 to 03-06 21:00" in _row(met)
    missed = replace(met, level="kr.emergency_measures.none")
    assert _hours(missed)["announce_by"] is None
    assert "would: 03-06 06:00 to 03-06 21:00" in _row(missed)
    grade = replace(met, rule="kr.grade", level="kr.grade.bad")
    assert _hours(grade) == {"measures": None, "announce_by": None}
