"""Rules on dust: the Korean chain, the Chinese notice, and heavy pollution judged without dust."""

from datetime import date, timedelta

import numpy as np
import pytest
import xarray as xr

from alerts.dust_rules import without_dust
from alerts.rule_engine import evaluate, findings
from alerts.rules import rule
from pipeline.times import hour_range, local_day_bounds
from tests.alerts.rule_cases import BEIJING, SEOUL, paths_of

DAY = date(2021, 3, 29)


def dust_of(place, members, *, dusty=None, verdict="dust", day=DAY, days=1, world="simulated-7"):
    """Dust paths: hourly PM10 of each member, and whether its day is one of coarse particles."""
    start = local_day_bounds(day, place.timezone)[0]
    end = local_day_bounds(day + timedelta(days=days - 1), place.timezone)[1]
    grid = hour_range(start, end)
    values = np.stack([np.broadcast_to(np.asarray(m, float), (len(grid),)) for m in members])
    marks = np.ones(len(members)) if dusty is None else np.asarray(dusty)
    dates = np.array([day + timedelta(days=n) for n in range(days)], "M8[D]").astype("M8[ns]")
    return xr.Dataset(
        {
            "pm10": (("realization", "city", "time"), values[:, None]),
            "is_observed": (("city", "time"), np.zeros((1, len(grid)), bool)),
            "coarse": (("city", "time"), np.full((1, len(grid)), float(marks.mean()))),
            "dusty": (("realization", "city", "day"), np.repeat(marks[:, None, None], days, axis=2)),
            "verdict": (("city", "day"), np.full((1, days), verdict, dtype=object)),
        },
        {"realization": np.arange(len(members)), "city": [place.id], "time": grid, "day": dates},
        {"world": world},
    )


def spell(value, hours, rest=60.0):
    found = np.full(24, rest)
    found[6 : 6 + hours] = value
    return found


def level(rule_id, place, members, **more):
    day = more.get("day", DAY)
    found = evaluate(rule(rule_id, day), dust_of(place, members, **more), place, day)
    return found.level.removeprefix(f"{rule_id}.") if found.probability is not None else found.note


@pytest.mark.parametrize(
    ("day", "value", "hours", "expected"),
    [
        (date(2021, 3, 29), 800, 2, "warning"),
        (date(2021, 3, 29), 800, 1, "none"),
        (date(2021, 3, 29), 799.9, 5, "none"),
        (date(2016, 4, 23), 400, 2, "advisory"),
        (date(2016, 4, 23), 800, 2, "warning"),
        (date(2017, 5, 6), 400, 2, "none"),  # the advisory was dropped
        (date(2006, 4, 8), 500, 2, "advisory"),
        (date(2006, 4, 8), 1000, 2, "warning"),
    ],
)
def test_the_dust_warning_by_its_dates(day, value, hours, expected):
    assert level("kr.dust_warning", SEOUL, [spell(value, hours)], day=day) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (spell(60, 0), "none"),
        (np.full(24, 150.4), "none"),  # rounds to 150, which is not above 150
        (np.full(24, 150.5), "attention"),
        (spell(300, 2), "caution"),
        (spell(300, 1), "none"),
        (spell(800, 2), "alert"),
        (np.full(24, 2400.0), "alert"),
    ],
)
def test_the_steps_of_the_dust_crisis(hours, expected):
    assert level("kr.dust_crisis", SEOUL, [hours]) == expected


@pytest.mark.parametrize(
    ("value", "days", "expected"), [(2400, 2, "serious"), (1600, 2, "alert"), (1600, 3, "serious")]
)
def test_the_gravest_step_needs_two_or_three_days(value, days, expected):
    assert level("kr.dust_crisis", SEOUL, [float(value)], days=days) == expected


def test_paths_without_coarse_particles_reach_no_level_of_dust():
    members, dusty = [spell(900, 4)] * 4, [1, 1, 1, 0]
    found = evaluate(rule("kr.dust_warning", DAY), dust_of(SEOUL, members, dusty=dusty), SEOUL, DAY)
    assert (found.level, found.probability) == ("kr.dust_warning.warning", 0.75)
    assert level("kr.dust_warning", SEOUL, members, dusty=[0, 0, 0, 0]) == "none"


def test_an_unknown_origin_is_said_and_an_unknown_day_is_not_decided():
    found = evaluate(
        rule("kr.dust_crisis", DAY), dust_of(SEOUL, [spell(900, 4)], verdict="pm10_event"), SEOUL, DAY
    )
    assert "PM10 event, origin unknown" in found.note
    assert level("kr.dust_crisis", SEOUL, [spell(900, 4)], verdict="unknown").startswith("not decidable")
    beyond = evaluate(
        rule("cn.dust", DAY), dust_of(BEIJING, [spell(900, 4)]), BEIJING, DAY + timedelta(days=1)
    )
    assert beyond.probability is None


def test_means_over_three_hours_can_rule_a_warning_out_but_not_in():
    """Two hours at 800 hold a three-hour mean at 2 · 800 / 3 = 533.3, or two in a row at 800 / 3 = 266.7."""

    def thirds(*values):
        hours = np.full(24, np.nan)
        hours[2::3] = np.pad(np.array(values, float), (0, 8 - len(values)), constant_values=50.0)
        return hours

    assert level("kr.dust_warning", SEOUL, [thirds(533)], world="measured") == "none"
    assert level("kr.dust_warning", SEOUL, [thirds(266, 532)], world="measured") == "none"
    for open_case in (thirds(534), thirds(267, 267)):
        said = level("kr.dust_warning", SEOUL, [open_case], world="measured")
        assert said.startswith("not decidable: 3-h means cannot tell whether 800 ug m-3 lasts 2 h;")
    assert level("kr.dust_warning", SEOUL, [thirds(534)], dusty=[0], world="measured") == "none"


def test_dust_is_a_notice_in_beijing():
    assert level("cn.dust", BEIJING, [151.0]) == "notice"  # index 101
    assert level("cn.dust", BEIJING, [150.0]) == "none"  # index 100
    assert level("cn.dust", BEIJING, [900.0], dusty=[0]) == "none"


def test_dust_raises_no_level_of_heavy_pollution():
    """Beijing's plan of 2018: above index 200 on two days is yellow; PM2.5 of dust does not count."""
    first = date(2021, 3, 15)
    paths = paths_of(BEIJING, first, 4, pm2p5=[20, 160, 160, 20])
    day = first + timedelta(days=1)

    def alert(dust):
        found = {f.rule: f for f in findings(paths, [BEIJING], [day], dust=dust)}
        return found["cn.alert.beijing"]

    assert alert(None).level == "cn.alert.beijing.yellow"
    dust = dust_of(BEIJING, [900.0], day=first, days=4)
    assert alert(dust).level == "cn.alert.beijing.none"
    assert alert(dust).note.startswith("hours of dust left out")
    unknown_origin = dust_of(BEIJING, [900.0], day=first, days=4, verdict="pm10_event")
    assert alert(unknown_origin).level == "cn.alert.beijing.yellow"
    fine = dust_of(BEIJING, [900.0], day=first, days=4, dusty=[0])
    assert alert(fine).level == "cn.alert.beijing.yellow"


def test_only_the_city_and_hours_of_dust_are_left_out():
    paths = paths_of(BEIJING, DAY, 2, pm2p5=[100, 100])
    dust = dust_of(BEIJING, [900.0], day=DAY, days=1)
    dust["coarse"] = dust["coarse"].where(dust["time"] > dust["time"][11], 0.0)
    left, any_left_out = without_dust(paths, dust, BEIJING)
    assert any_left_out
    assert np.isnan(left["pm2p5"].values).sum() == 12
    assert without_dust(paths, dust, SEOUL) == (paths, False)


def test_without_dust_paths_nothing_is_said_of_dust():
    paths = paths_of(SEOUL, DAY, 1, pm2p5=[20])
    assert not [f for f in findings(paths, [SEOUL], [DAY]) if "dust" in f.rule]
    dust = dust_of(SEOUL, [spell(900, 4)])
    said = {f.rule: f.level for f in findings(paths, [SEOUL], [DAY], dust=dust) if "dust" in f.rule}
    assert said == {"kr.dust_warning": "kr.dust_warning.warning", "kr.dust_crisis": "kr.dust_crisis.alert"}
