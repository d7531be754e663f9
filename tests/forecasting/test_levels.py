"""Whether a forecast says on which years its level rests: until enough of the last months was measured."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.levels import NEEDED_DAYS, WITHIN_DAYS, calibrated_on, measured_days
from forecasting.targets import Target
from pipeline.asof import AsOfPanel, AsOfSeries

AS_OF = datetime(2026, 3, 1, 8, 20, tzinfo=UTC)
SEOUL = Target("seoul", "pm2p5", "reference", 3, "Asia/Seoul")
BEIJING = Target("beijing", "pm2p5", "reference", 1, "Asia/Shanghai")


@dataclass
class Past:
    issues: np.ndarray


@dataclass
class Hour:
    past: Past


@dataclass
class Model:
    targets: tuple
    hours: dict


MODEL = Model((SEOUL, BEIJING), {8: Hour(Past(np.array(["2015-02-01", "2020-12-27"], "M8[ns]")))})


def measured(days, step, late=timedelta(0)):
    end = np.datetime64("2026-03-01T06", "ns")
    times = np.sort(end - np.arange(0, days * 24, step) * np.timedelta64(1, "h"))
    received = times + np.timedelta64(int(late.total_seconds()), "s")
    return AsOfSeries(times, received, np.full(len(times), 20.0), step)


def panel(seoul, beijing, world="measured"):
    return AsOfPanel({SEOUL.key: seoul, BEIJING.key: beijing}, world)


@pytest.mark.parametrize("days", [0, 1, NEEDED_DAYS - 2, NEEDED_DAYS + 1, WITHIN_DAYS])
def test_days_are_counted_back_from_the_snapshot(days):
    there = panel(measured(days, 3), measured(days, 1))
    assert abs(measured_days(there, SEOUL, AS_OF) - days) <= 1
    assert abs(measured_days(there, BEIJING, AS_OF) - days) <= 1
    said = calibrated_on(MODEL, there, AS_OF)
    assert said == ("" if days > NEEDED_DAYS else "calibrated on 2015-2020, not yet on live observations")


def test_every_city_must_have_been_measured_and_received():
    assert calibrated_on(MODEL, panel(measured(120, 3), measured(30, 1)), AS_OF)
    assert calibrated_on(MODEL, panel(measured(120, 3), measured(120, 1, timedelta(days=60))), AS_OF)
    assert calibrated_on(MODEL, AsOfPanel({}, "measured"), AS_OF)


def test_an_invented_world_says_nothing_of_years():
    assert calibrated_on(MODEL, AsOfPanel({}, "simulated-5"), AS_OF) == ""
