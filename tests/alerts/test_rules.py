"""Rule tables: dated, never overlapping, and refused when wrong. What they hold: test_rules_complete.py."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alerts.rule_evaluators import EVALUATORS
from alerts.rules import all_rules, check_versions, parse_rules, rule, rules_in_force
from pipeline.errors import PolicyError


@pytest.mark.parametrize(
    ("rule_id", "last_day", "versions"),
    [
        ("kr.grade", date(2018, 3, 26), ("2015-01-01", "2018-03-27")),
        ("kr.advisory.pm2p5", date(2018, 6, 30), ("2015-01-01", "2018-07-01")),
        ("kr.emergency_measures", date(2019, 2, 14), ("2017-07-01", "2019-02-15")),
        ("cn.aqi", date(2026, 2, 28), ("HJ 633-2012", "HJ 633-2026")),
        ("cn.alert.beijing", date(2018, 10, 31), ("2016-12-15", "2018-11-01")),
        ("cn.standard.pm2p5", date(2030, 12, 31), ("GB 3095-2026 phase 1", "GB 3095-2026 phase 2")),
    ],
)
def test_the_version_switches_overnight(rule_id, last_day, versions):
    found = (rule(rule_id, last_day).version, rule(rule_id, last_day + timedelta(days=1)).version)
    assert found == versions


def test_rules_are_asked_by_country_and_city():
    beijing = {r.id for r in rules_in_force(date(2020, 1, 1), "CN", "beijing")}
    assert "cn.alert.beijing" in beijing
    assert "cn.alert.national" not in beijing
    assert "cn.alert.national" in {r.id for r in rules_in_force(date(2020, 1, 1), "CN", "dalian")}
    assert all(r.country == "KR" for r in rules_in_force(date(2020, 1, 1), "KR"))


def test_a_day_before_any_rule_has_none():
    assert rules_in_force(date(1990, 1, 1), "CN") == ()
    with pytest.raises(PolicyError, match=r"no version of rule cn\.aqi"):
        rule("cn.aqi", date(1990, 1, 1))


def test_every_kind_is_evaluated_and_every_evaluator_has_a_rule():
    assert {r.kind for r in all_rules()} == set(EVALUATORS)


NO_MEANS = ("timetable", "season")


def test_every_rule_names_unit_stations_averaging_and_coverage():
    for held in all_rules():
        assert all((held.spatial_unit, held.stations, held.averaging, held.source)), held.id
        assert (held.minimum_coverage > 0) == (held.mean_hours > 0) == (held.kind not in NO_MEANS), held.id
    assert "25 districts" in rule("kr.advisory.pm10", date(2020, 1, 1)).stations


def test_overlapping_versions_are_refused():
    old = rule("kr.grade", date(2018, 3, 26))
    with pytest.raises(PolicyError, match="overlap"):
        check_versions([rule("kr.grade", date(2018, 3, 27)), replace(old, valid_to=date(2018, 3, 27))])


ROW = """country = "KR"
[[rule]]
id = "kr.x"
version = "1"
title = "t"
valid_from = 2020-01-01
kind = "timetable"
stations = "none"
minimum_coverage = 0.0
mean_hours = 0
zone = "Asia/Seoul"
averaging = "1 h"
spatial_unit = "city"
evidence = "found"
source = "s"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('evidence = "found"', 'evidence = "sure"', "evidence is 'sure'"),
        ('source = "s"\n', "", "lacks source"),
        ('country = "KR"', "", "lacks country"),
        ('kind = "timetable"', 'kind = "day_grade"', "two levels"),
        ('stations = "none"\n', "", "lacks stations"),
        ('stations = "none"', 'stations = "all"', "minimum_coverage is 0.0"),
        ('zone = "Asia/Seoul"', 'zone = "Asia/Shanghai"', "zone is 'Asia/Shanghai'"),
        ("mean_hours = 0", "mean_hours = 24", "mean_hours is 24"),
        ('kind = "timetable"', 'kind = "timetable"\nvalid_to = 2019-12-31', "before valid_from"),
    ],
)
def test_a_wrong_row_is_refused_by_name(old, new, message):
    assert parse_rules(ROW, "x.toml")[0].in_force(date(2020, 1, 1))
    with pytest.raises(PolicyError, match=f"x.toml: rule kr.x.*{message}"):
        parse_rules(ROW.replace(old, new), "x.toml")
