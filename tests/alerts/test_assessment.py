"""From paths to the plain numbers that decisions rest on, and to a proposal."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from alerts.assessment import Link, assess, assess_city, recent_share
from alerts.decide import propose
from alerts.policy import load_policy
from alerts.vocabulary import vocabulary
from pipeline.cities import city
from pipeline.times import HOUR, from_ns, hour_range, parse_instant
from tests.alerts.decision_cases import LINK, facts

ISSUE = parse_instant("2026-01-14T02:00Z")
CITIES = (city("beijing"), city("seoul"))
POLICY = load_policy()


def paths(members=4, received_until=ISSUE, high=140.0):
    """Three days of 40 ug m-3, then forecasts: from D+1 on three of four members are high."""
    grid = hour_range(parse_instant("2026-01-10T15:00Z"), parse_instant("2026-01-17T16:00Z"))
    values = np.full((members, 2, len(grid)), 40.0)
    late = grid > np.datetime64("2026-01-14T16:00")
    values[: 3 * members // 4, :, late] = high
    values[3 * members // 4 :, :, late] = 30.0
    observed = np.broadcast_to(grid <= np.datetime64(received_until.replace(tzinfo=None)), (2, len(grid)))
    return xr.Dataset(
        {"pm2p5": (("realization", "city", "time"), values), "is_observed": (("city", "time"), observed)},
        coords={"realization": np.arange(members), "city": ["beijing", "seoul"], "time": grid},
        attrs={"world": "simulated-7"},
    )


def test_days_carry_probabilities_quantiles_and_the_observed_share():
    found = assess_city(paths(), CITIES[0], POLICY, ISSUE)
    assert [d.lead_day for d in found.days] == [-3, -2, -1, 0, 1, 2, 3]
    today, tomorrow = found.days[3], found.days[4]
    assert (today.mean, today.observed_share) == (40.0, round(10 / 24, 3))  # 00 to 10 CST are in
    assert tomorrow.mean == round((3 * 140 + 30) / 4, 1)
    assert tomorrow.probability["75"] == 0.75
    assert tomorrow.probability["150"] == 0.0
    assert (found.not_assessable, found.missing_days) == ("", ())


def test_a_mean_is_rounded_once_where_it_is_written():
    """91.45 is 91 on every product; kept as 91.5 it would be written as 92."""
    tomorrow = assess_city(paths(high=(4 * 91.45 - 30) / 3), CITIES[0], POLICY, ISSUE).days[4]
    assert tomorrow.mean == 91.45
    assert vocabulary("en").number(tomorrow.mean) == "91"


def test_a_city_that_fell_silent_is_not_assessable_though_a_forecast_exists():
    silent = paths(received_until=ISSUE - 13 * HOUR)
    assert recent_share(silent, CITIES[0], ISSUE, 24) == pytest.approx(11 / 24)
    assert "46% of the last 24 h" in assess_city(silent, CITIES[0], POLICY, ISSUE).not_assessable
    enough = paths(received_until=ISSUE - 12 * HOUR)
    assert assess_city(enough, CITIES[0], POLICY, ISSUE).not_assessable == ""


def test_incomplete_days_are_named_and_never_counted():
    holes = paths()
    holes["pm2p5"][:, 0, 24:48] = np.nan
    found = assess_city(holes, CITIES[0], POLICY, ISSUE)
    assert len(found.missing_days) >= 1
    assert not set(found.missing_days) & {d.day for d in found.days}


def test_from_paths_to_a_joint_warning_with_findings_of_both_countries():
    run = facts(as_of=ISSUE)
    assessment = assess(paths(), CITIES, POLICY, run.issue_time, [LINK])
    (warning,) = propose(assessment, (), (), POLICY, run=run).warnings
    assert (warning.product, warning.level) == ("joint_warning", "J2")  # Beijing's 140 is not above 150
    levels = {(f.city, f.level) for f in warning.rules}
    assert ("seoul", "kr.grade.very_bad") in levels
    assert ("beijing", "cn.aqi.moderate") in levels
    assert all(f.evidence in ("found", "partly", "unverified") for f in warning.rules)
    assert assessment.to_dict()["cities"][0]["city"] == "beijing"


def test_more_members_above_never_lower_the_level():
    run = facts(as_of=ISSUE)
    levels = []
    for high in (45.0, 80.0, 120.0, 160.0, 300.0):
        assessment = assess(paths(high=high), CITIES, POLICY, run.issue_time, [LINK])
        levels.append(
            max((w.level for w in propose(assessment, (), (), POLICY, run=run).warnings), default="")
        )
    assert levels == ["", "J1", "J2", "J3", "J3"]


def test_a_link_is_read_from_plain_data():
    data = {**vars(LINK), "base_rate": 0.1, "season": "x"}
    assert Link.from_dict(data) == LINK
    assert replace(LINK, lift=2.0) != LINK


def test_seoul_days_end_an_hour_before_beijing_days():
    found = assess(paths(), CITIES, POLICY, ISSUE)
    assert found.city("seoul").days[-1].day == found.city("beijing").days[-1].day == "2026-01-17"
    assert from_ns(paths()["time"].values[-1]) == parse_instant("2026-01-17T16:00Z")
    assert found.city("nowhere") is None
