"""Weather ahead as forecast: bias and doubt of what was known only, and rows whoever else is asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.situation.columns import Column
from forecasting.weather_table import (
    EVERY_DAYS,
    FEWEST,
    LEARNED_DAYS,
    PRIOR_ISSUES,
    PRIOR_SHARES,
    WeatherTable,
    doubted,
    known_sums,
    learned_from,
)
from pipeline.asof import AsOfPanel
from pipeline.cities import city

SEOUL = city("seoul")
ISSUES = np.arange("2025-01-01T08", "2025-06-01T08", 24, dtype="M8[h]").astype("M8[ns]")
COLUMNS = tuple(
    Column(f"weather ahead, D+{k}", "seoul.air_temperature.weather", "mean", 0, 0, k, 37.6, 127.0, "seoul")
    for k in (0, 3)
)
PANEL = AsOfPanel({}, "measured")


def table(forecast, measured):
    return WeatherTable(ISSUES, {"seoul": COLUMNS}, {"seoul": forecast}, {"seoul": measured})


def rows(*of_column):
    return np.repeat(np.array([of_column], np.float32), len(ISSUES), axis=0)


def test_a_steady_bias_is_taken_away_as_it_becomes_known():
    told = table(rows(283.0, 280.0), rows(280.0, 280.0))(PANEL, COLUMNS, SEOUL, ISSUES)
    assert told[0].tolist() == [283.0, 280.0]
    # D+0 of an issue counts as known two days after it: at the tenth issue those of the first eight
    seen = learned_from(ISSUES[:8]).sum()
    assert told[9, 0] == pytest.approx(283.0 - 3.0 * seen / (seen + FEWEST), abs=1e-4)
    most = LEARNED_DAYS // EVERY_DAYS
    assert told[-1, 0] == pytest.approx(283.0 - 3.0 * most / (most + FEWEST), abs=0.02)
    assert np.ptp(told[:, 1]) == 0


def test_what_is_not_in_the_table_is_unknown():
    known = table(rows(283.0, 280.0), rows(280.0, 280.0))
    other = Column("weather ahead, D+1", "seoul.cloud.weather", "mean", 0, 0, 1, 37.6, 127.0, "seoul")
    later = ISSUES[-1:] + np.timedelta64(24, "h")
    told = known(PANEL, (*COLUMNS, other), SEOUL, np.concatenate([ISSUES[-1:], later]))
    assert np.isfinite(told).tolist() == [[True, True, False], [False, False, False]]
    assert np.isnan(known(PANEL, COLUMNS, city("beijing"), ISSUES[:2])).all()


@settings(max_examples=30, deadline=None)
@given(at=st.integers(5, len(ISSUES) - 1), data=st.data())
def test_what_was_measured_after_an_issue_changes_nothing_in_its_row(at, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    forecast, measured = rng.normal(280, 5, (2, len(ISSUES), 2)).astype(np.float32)
    changed = measured.copy()
    for k, column in enumerate(COLUMNS):
        ended = ISSUES + (column.day + 1) * np.timedelta64(24, "h")
        changed[ended > ISSUES[at] - np.timedelta64(9, "h"), k] += 50.0
    before, after = (table(forecast, m)(PANEL, COLUMNS, SEOUL, ISSUES[: at + 1]) for m in (measured, changed))
    assert np.array_equal(before, after)
    alone = table(forecast, measured)(PANEL, COLUMNS, SEOUL, ISSUES[at : at + 1])
    assert np.array_equal(alone[0], before[at])


def test_doubt_is_assumed_at_first_and_measured_later():
    scale = np.full((len(ISSUES), 2), 0.5)
    days = np.array([1, 3])
    difference = np.tile([0.3, 0.0], (len(ISSUES), 1))
    wide = doubted(scale, difference, ISSUES, days, ISSUES)
    assert wide[0] == pytest.approx([0.5 * np.sqrt(1 + PRIOR_SHARES[1]), 0.5 * np.sqrt(1 + PRIOR_SHARES[3])])
    seen = len(ISSUES) - 3  # of D+1
    added = (PRIOR_ISSUES * PRIOR_SHARES[1] * 0.25 + seen * 0.09) / (PRIOR_ISSUES + seen)
    assert wide[-1, 0] == pytest.approx(np.sqrt(0.25 + added), rel=0.01)
    assert wide[-1, 1] < wide[0, 1]
    assert (wide >= scale).all()


def test_sums_forget_what_is_older():
    ones = np.ones((len(ISSUES), 1))
    count, total = known_sums(ones, ISSUES, 0, ISSUES, days=10)
    assert count[:, 0].max() == total[:, 0].max() == 9
