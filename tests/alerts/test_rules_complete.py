"""Every documented criterion is held: those written out by hand, and those of the reference."""

import re
from datetime import date

import pytest
import yaml

from alerts.rules import all_rules, rule
from tests.alerts.documented_rules import DOCUMENTED, OPEN

REFERENCE_NAMES = {
    "kr_standard_pm25_24h": "kr.standard.pm2p5",
    "kr_standard_pm10_24h": "kr.standard.pm10",
    "kr_grade_pm25": "kr.grade",
    "kr_grade_pm10": "kr.grade",
    "kr_advisory_pm25": "kr.advisory.pm2p5",
    "kr_advisory_pm10": "kr.advisory.pm10",
    "kr_dust_warning": "kr.dust_warning",
    "kr_dust_crisis": "kr.dust_crisis",
    "kr_emergency_measures": "kr.emergency_measures",
    "kr_preliminary_measures": "kr.preliminary_measures",
    "kr_pm25_crisis": "kr.pm2p5_crisis",
    "kr_forecast_schedule": "kr.forecast_schedule",
    "kr_seasonal_management": "kr.seasonal_management",
    "cn_standard_pm25_24h_class2": "cn.standard.pm2p5",
    "cn_standard_pm10_24h_class2": "cn.standard.pm10",
    "cn_iaqi": "cn.aqi",
    "cn_alert_beijing": "cn.alert.beijing",
    "cn_alert_national": "cn.alert.national",
    "cn_alert_lift": "cn.alert_lift",
    "exchange_bulletin": "exchange.bulletin",
}


@pytest.mark.parametrize(("rule_id", "start", "end", "values"), DOCUMENTED, ids=lambda v: str(v)[:24])
def test_a_documented_criterion_is_held_with_its_dates_and_numbers(rule_id, start, end, values):
    held = rule(rule_id, date.fromisoformat(start))
    assert held.valid_from.isoformat() == start
    assert (held.valid_to.isoformat() if held.valid_to else OPEN) == end
    assert {name: held.parameters[name] for name in values} == values


def test_no_criterion_is_held_that_is_not_documented_here():
    documented = {(rule_id, date.fromisoformat(start)) for rule_id, start, _, _ in DOCUMENTED}
    assert {(r.id, r.valid_from) for r in all_rules()} == documented


def test_korean_index_has_the_published_classes():
    classes = rule("kr.cai", date(2020, 1, 1)).parameters["classes"]
    upper = {name: [high for _, high in rows] for name, rows in classes.items()}
    assert upper == {
        "pm2p5": [15, 35, 75, 500],
        "pm10": [30, 80, 150, 600],
        "o3": [0.030, 0.090, 0.150, 0.600],
        "no2": [0.030, 0.060, 0.200, 2],
        "co": [2, 9, 15, 50],
        "so2": [0.020, 0.050, 0.150, 1],
    }


@pytest.mark.shared
def test_every_row_of_the_reference_is_held_with_its_dates_and_its_evidence(shared):
    for name, row in rows_of(shared):
        held = rule(REFERENCE_NAMES[name], row["from"])
        assert (held.valid_from, held.valid_to) == (row["from"], row["to"]), name
        quantity = "pm10" if "pm10" in name else "pm2p5"
        assert held.evidence_for([quantity]) == row["evidence"], (name, row["from"])


SAID_OTHERWISE = {
    "cn_alert_beijing": {"3": "more than 3 d: 4", "201": "gt 200", "500": "gt 499", "72": "3 d", "1": "1 d"},
    "cn_alert_national": {"24": "1 d", "48": "2 d", "72": "3 d", "96": "4 d", "500": "gt 499"},
    "kr_dust_crisis": {"24": "of 48 h and 72 h", "10": "PM10"},
    "kr_preliminary_measures": {"17": "17:10", "00": "17:10", "1": "D+1", "2": "D+2"},
    "exchange_bulletin": {"00": "18:00"},
}
"""Numbers that the reference writes in words or in another unit, and how they are held."""


@pytest.mark.shared
def test_every_number_of_the_reference_occurs_in_the_row_that_holds_it(shared):
    for name, row in rows_of(shared):
        rest = {
            k: v
            for k, v in row.items()
            if k not in ("from", "to", "evidence", "note", "effective", "announce")
        }
        rest = {k: v for k, v in rest.items() if k not in ("decide_by", "first_use", "name", "scope")}
        held = REFERENCE_NAMES[name]
        ours = numbers(
            [dict(r.parameters) for r in all_rules() if r.valid_from == row["from"] and related(r.id, held)]
        )
        missing = numbers(rest) - ours - set(SAID_OTHERWISE.get(name, ()))
        assert not missing, (name, row["from"], missing)


def related(rule_id, held):
    """Whether a row holds a part of a criterion: values of a year and durations have rows of their own."""
    return rule_id in (held, held.replace(".standard.", ".standard_year."), f"{held}_duration")


def rows_of(shared):
    table = yaml.safe_load((shared / "reference" / "rules_table.yaml").read_text("utf-8"))
    table.pop("meta")
    assert set(table) == set(REFERENCE_NAMES)
    return [(name, row) for name, rows in table.items() for row in rows]


def numbers(value):
    """All numbers in a row, also those within its texts."""
    if isinstance(value, dict):
        return set().union(*(numbers(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(numbers(v) for v in value)) if value else set()
    return set(re.findall(r"\d+", str(value))) if not isinstance(value, bool) else set()
