"""Chinese rules on paths: levels of a day, warnings over days, and their dates."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule_engine import evaluate
from alerts.rules import rule
from tests.alerts.rule_cases import BEIJING, paths_of


@pytest.mark.parametrize(
    ("day", "mean", "level"),
    [
        (date(2026, 2, 28), 75.5, "light"),  # half to even: 76
        (date(2026, 2, 28), 75.0, "good"),
        (date(2026, 3, 1), 60.5, "good"),  # half to even: 60
        (date(2026, 3, 1), 61.0, "light"),
        (date(2026, 3, 1), 75.0, "light"),
        (date(2020, 1, 1), 115.5, "moderate"),
        (date(2020, 1, 1), 115.4, "light"),
        (date(2020, 1, 1), 150.4, "moderate"),
        (date(2020, 1, 1), 150.6, "heavy"),
        (date(2020, 1, 1), 250.4, "heavy"),
        (date(2020, 1, 1), 250.6, "severe"),
        (date(2020, 1, 1), 35.5, "good"),
        (date(2020, 1, 1), 35.4, "excellent"),
    ],
)
def test_chinese_level_of_a_day(day, mean, level):
    found = evaluate(rule("cn.aqi", day), paths_of(BEIJING, day, 1, pm2p5=[mean]), BEIJING, day)
    assert found.level == f"cn.aqi.{level}"
    assert "at least" in found.note


def alert(means, day_index, first=date(2019, 3, 1), **more):
    paths = paths_of(BEIJING, first, len(means), pm2p5=means, **more)
    day = first + timedelta(days=day_index)
    return evaluate(rule("cn.alert.beijing", day), paths, BEIJING, day).level.rsplit(".", 1)[1]


@pytest.mark.parametrize(
    ("first", "means", "level"),
    [
        (date(2019, 3, 1), [20, 151, 151, 20, 20], "yellow"),
        (date(2019, 3, 1), [20, 150, 150, 150, 20], "none"),  # AQI 200 is not above 200
        (date(2019, 3, 1), [151, 151, 151, 20, 20], "orange"),
        (date(2019, 3, 1), [151, 251, 251, 151, 20], "red"),
        (date(2019, 3, 1), [151, 251, 250, 151, 20], "orange"),  # only one day above 300
        (date(2024, 11, 1), [20, 151, 20, 20, 20], "yellow"),
        (date(2024, 11, 1), [116, 116, 20, 20, 20], "yellow"),
        (date(2024, 11, 1), [116, 116, 116, 20, 20], "orange"),
        (date(2024, 11, 1), [151, 251, 151, 20, 20], "red"),
        (date(2024, 11, 1), [151, 250, 151, 20, 20], "orange"),
        (date(2017, 1, 5), [151, 151, 251, 20, 20], "orange"),
        (date(2017, 1, 5), [151, 151, 151, 20, 20], "yellow"),
        (date(2017, 1, 5), [20, 151, 20, 20, 20], "blue"),
        (date(2017, 1, 5), [20, 500, 20, 20, 20], "red"),
    ],
)
def test_beijing_levels_over_days(first, means, level):
    assert alert(means, 1, first) == level


def test_beijing_counts_running_blocks_that_cross_midnight():
    values = np.full(96, 20.0)
    values[12:60] = 160.0  # 48 h from noon to noon: two consecutive blocks, but only one whole calendar day
    assert alert_hours(values, 1) == "yellow"
    values[56:60] = (
        20.0  # 44 h: one of two blocks has two low hours or more, (22 * 160 + 2 * 20) / 24 = 148.3
    )
    assert alert_hours(values, 1) == "none"


def alert_hours(values, day_index):
    first = date(2019, 3, 1)
    day = first + timedelta(days=day_index)
    paths = paths_of(BEIJING, first, len(values) // 24, hourly=values)
    return evaluate(rule("cn.alert.beijing", day), paths, BEIJING, day).level.rsplit(".", 1)[1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 400), min_size=5, max_size=5), st.floats(0, 100))
def test_more_dust_never_lowers_a_level(means, more):
    order = ["none", "yellow", "orange", "red"]
    raised = [m + more for m in means]
    assert order.index(alert(raised, 2)) >= order.index(alert(means, 2))
