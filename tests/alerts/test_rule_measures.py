"""When measures run and by when they are to be announced, in the local time of either city."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from alerts.content import RuleFinding
from alerts.rule_measures import announcement_of, measures_of, measures_under
from alerts.rules import all_rules, rule
from pipeline.cities import city
from pipeline.errors import PolicyError

DAY = date(2026, 1, 15)


def finding(rule_id, place, level, day=DAY):
    held = rule(rule_id, day)
    named = f"{rule_id}.{level}" if level else ""
    return RuleFinding(rule_id, held.version, place, day.isoformat(), named, 1.0, "forecast", "found")


def utc(day, hour, minute=0):
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("rule_id", ["kr.emergency_measures", "kr.preliminary_measures", "kr.pm2p5_crisis"])
def test_korean_measures_run_from_6_to_21_of_the_next_day_and_are_announced_by_17_10(rule_id):
    """06:00 KST of the 16th is 21:00 UTC of the 15th; 17:10 KST is 08:10 UTC."""
    one = finding(rule_id, "seoul", rule(rule_id, DAY).levels[1].rsplit(".", 1)[1])
    assert measures_of(one).hours(DAY) == (utc(15, 21), utc(16, 12))
    assert announcement_of(one) == utc(15, 8, 10)


def test_measures_of_2017_were_announced_at_17_30():
    day = date(2018, 1, 14)
    one = finding("kr.emergency_measures", "seoul", "met", day)
    assert announcement_of(one) == datetime(2018, 1, 14, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("level", ["yellow", "orange", "red"])
def test_beijing_measures_hold_for_the_day_of_the_level_in_chinese_time(level):
    """00:00 CST is 16:00 UTC of the day before; the order of a real day states its own hours."""
    one = finding("cn.alert.beijing", "beijing", level)
    found = measures_of(one)
    assert found.hours(DAY) == (utc(14, 16), utc(15, 16))
    assert found.evidence == "partly"
    assert announcement_of(one) == (utc(13, 16) if level == "red" else None)


def test_what_is_not_met_or_not_decidable_tells_when_measures_would_run_but_no_announcement():
    for level in ("none", ""):
        one = finding("kr.emergency_measures", "seoul", level)
        assert measures_of(one).hours(DAY) == (utc(15, 21), utc(16, 12))
        assert announcement_of(one) is None


def test_a_level_or_a_rule_without_measures_has_none():
    assert measures_of(finding("cn.alert.beijing", "beijing", "blue", date(2017, 1, 5))) is None
    assert measures_of(finding("kr.grade", "seoul", "bad")) is None


def test_every_row_with_measures_can_be_read():
    for held in all_rules():
        found = measures_under(held, city("seoul" if held.country == "KR" else "beijing").timezone)
        if found is not None:
            start, end = found.hours(held.valid_from)
            assert start < end
            for level in held.levels[1:]:
                told = found.announcement(held.valid_from, level)
                assert told is None or told < start


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"levels": ["met"], "starts": "tomorrow", "ends": "next day 21:00"}, "is no time of a rule"),
        ({"levels": ["purple"], "starts": "day 06:00", "ends": "day 21:00"}, "is no level"),
    ],
)
def test_a_wrong_row_is_refused(row, said):
    held = rule("kr.emergency_measures", DAY)
    wrong = replace(held, parameters={**held.parameters, "measures": row})
    with pytest.raises(PolicyError, match=said):
        measures_under(wrong, "Asia/Seoul").hours(DAY)
