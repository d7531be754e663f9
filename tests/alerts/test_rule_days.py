"""Which hours make a day, and which days make a year: midnights of KST and CST, coverage of each rule."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import xarray as xr

from alerts.rule_engine import evaluate
from alerts.rules import all_rules, rule
from pipeline.times import hour_range, parse_instant
from tests.alerts.rule_cases import BEIJING, BITS, SEOUL, named, of_kind, paths_of

DAY = date(2020, 1, 10)


def single_hour(place, utc, value=2400.0):
    """Three days of zero but for one hour, named by its end [UTC]."""
    grid = hour_range(parse_instant("2020-01-08T00:00Z"), parse_instant("2020-01-13T00:00Z"))
    values = np.where(grid == np.datetime64(utc), value, 0.0)
    data = {
        "pm2p5": (("realization", "city", "time"), values[None, None]),
        "is_observed": (("city", "time"), np.ones((1, len(grid)), bool)),
    }
    coords = {"realization": [0], "city": [place.id], "time": grid}
    return xr.Dataset(data, coords=coords, attrs={"world": "simulated-7"})


@pytest.mark.parametrize(
    ("place", "rule_id", "utc", "days"),
    [
        (SEOUL, "kr.standard.pm2p5", "2020-01-09T15:00", [9]),  # ends at 24:00 KST of the 9th
        (SEOUL, "kr.standard.pm2p5", "2020-01-09T16:00", [10]),  # ends at 01:00 KST of the 10th
        (SEOUL, "kr.standard.pm2p5", "2020-01-10T15:00", [10]),  # ends at 24:00 KST of the 10th
        (BEIJING, "cn.standard.pm2p5", "2020-01-09T16:00", [9]),  # ends at 24:00 CST of the 9th
        (BEIJING, "cn.standard.pm2p5", "2020-01-09T17:00", [10]),  # ends at 01:00 CST of the 10th
        (BEIJING, "cn.standard.pm2p5", "2020-01-10T16:00", [10]),  # ends at 24:00 CST of the 10th
    ],
)
def test_an_hour_belongs_to_the_local_day_in_which_it_ends(place, rule_id, utc, days):
    """One hour of 2400 makes a day mean of 100, above either standard."""
    paths = single_hour(place, utc)
    asked = [date(2020, 1, d) for d in (9, 10, 11)]
    above = [d.day for d in asked if evaluate(rule(rule_id, d), paths, place, d).level.endswith("above")]
    assert above == days


def test_the_part_day_of_measures_ends_at_16_kst():
    """16:00 KST is 07:00 UTC: that hour counts, the next does not; a day of zero and one hour of 2400."""
    held = rule("kr.emergency_measures", DAY)
    held = replace(
        held, parameters={**held.parameters, "alternatives": [{"part_day_gt": 50, "tomorrow_gt": -1}]}
    )
    for utc, met in (("2020-01-10T07:00", True), ("2020-01-10T08:00", False), ("2020-01-09T15:00", False)):
        assert evaluate(held, single_hour(SEOUL, utc), SEOUL, DAY).level.endswith("met") is met, utc


def test_every_rule_counts_its_days_from_the_midnight_of_its_country():
    assert {(r.country, r.zone) for r in all_rules()} == {("KR", "Asia/Seoul"), ("CN", "Asia/Shanghai")}
    moved = replace(rule("kr.grade", DAY), zone="Asia/Shanghai")
    found = evaluate(moved, paths_of(SEOUL, DAY, 1, pm2p5=[20]), SEOUL, DAY)
    assert (found.level, found.probability) == ("", None)
    assert "Asia/Shanghai" in found.note


COVERED = ("day_grade", "aqi", "standard", "hourly_alert", "crisis", "emergency", "aqi_days")


@pytest.mark.parametrize("kind", COVERED)
def test_a_rule_asks_for_the_coverage_that_its_row_names(kind):
    """Of 24 h, 20 are there: enough for 75 %, too few for 90 %, whatever kind of rule it is."""
    held = next(r for r in reversed(of_kind(kind)) if "area" not in r.parameters and r.in_force(DAY))
    place = SEOUL if held.country == "KR" else BEIJING
    values = np.tile(np.where(np.arange(24) % 6 == 5, np.nan, 60.0), 7)
    paths = paths_of(place, DAY - timedelta(days=3), 7, hourly=values)
    quantity = held.parameters.get("quantity", "pm2p5")
    paths = paths.assign({quantity: paths["pm2p5"]})
    assert evaluate(held, paths, place, DAY).probability is not None
    strict = replace(held, minimum_coverage=0.9)
    assert evaluate(strict, paths, place, DAY).probability is None


def year(values, quantity="pm2p5", place=BEIJING, start=date(2019, 1, 1)):
    return paths_of(place, start, len(values), **{"pm2p5": values, quantity: values})


@pytest.mark.parametrize("held", of_kind("standard_year"), ids=named)
def test_a_year_is_above_just_above_its_value(held):
    place = SEOUL if held.country == "KR" else BEIJING
    start = date((held.valid_to or date(2035, 12, 31)).year - 1, 1, 1)
    if not held.in_force(start):
        start = date(2007 if held.valid_from.year < 2015 else held.valid_from.year + 1, 1, 1)
    value, days = float(held.parameters["value"]), (date(start.year + 1, 1, 1) - start).days
    for mean, level in ((value - BITS, "none"), (value, "none"), (value + BITS, "above")):
        paths = year([mean] * days, held.parameters["quantity"], place, start)
        found = evaluate(held, paths, place, start + timedelta(days=200))
        assert (found.level.rsplit(".", 1)[1], found.basis) == (level, "observed")


def test_a_year_is_not_judged_before_enough_of_its_days_are_measured():
    """75 % of 365 d are 273.75."""
    held = rule("cn.standard_year.pm2p5", date(2019, 6, 1))
    for days, decided in ((273, False), (274, True)):
        found = evaluate(held, year([80.0] * days), BEIJING, date(2019, 6, 1))
        assert (found.probability is not None) is decided
    forecast = paths_of(BEIJING, date(2019, 1, 1), 365, members=2, pm2p5=[[30.0, 90.0]] * 365)
    assert evaluate(held, forecast, BEIJING, date(2019, 6, 1)).probability is None


def test_the_99th_percentile_of_days_leaves_out_three_of_a_year():
    """Linear between ranks: of 365 d rank 0.99 * 364 = 360.36 counts, so only three may be high."""
    held = rule("kr.standard_year.pm2p5_days", date(2019, 6, 1))
    for high, level in ((3, "none"), (4, "above")):
        paths = year([20.0] * (365 - high) + [200.0] * high, place=SEOUL)
        assert evaluate(held, paths, SEOUL, date(2019, 6, 1)).level == f"kr.standard_year.{level}", high
