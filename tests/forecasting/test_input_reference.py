"""The watch on inputs: a shift and a gap are found, the course of the year and what came later are not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.input_reference import BINS, input_findings, input_reference, psi
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.times import to_ns

START = datetime(2015, 1, 1, tzinfo=UTC)
UNTIL = datetime(2020, 1, 1, tzinfo=UTC)
KEY = "seoul.air_temperature.weather"
HOUR = np.timedelta64(3_600_000_000_000, "ns")


def panel_of(change=lambda times, values: values, key=KEY, seed=1):
    """Three-hourly values with a course of the year and slow noise, until half a year after UNTIL."""
    rng = np.random.default_rng(seed)
    times = to_ns(START) + np.arange(1, int(5.5 * 365 * 8)) * 3 * HOUR
    noise = np.zeros(len(times))
    for i in range(1, len(noise)):
        noise[i] = 0.97 * noise[i - 1] + rng.standard_normal()
    year = (times - to_ns(START)) / np.timedelta64(365 * 24, "h")
    values = change(times, 285 - 12 * np.cos(2 * np.pi * year) + noise)
    kept = np.isfinite(values)
    return AsOfPanel({key: AsOfSeries(times[kept], times[kept] + HOUR, values[kept], 3)}, "measured")


def findings(panel, now=UNTIL + timedelta(days=100)):
    return input_findings(panel, input_reference(panel, [KEY], UNTIL), now)


def after(times):
    return times > to_ns(UNTIL)


def test_the_course_of_the_year_is_no_drift():
    assert findings(panel_of()) == []


def test_a_shift_beyond_everything_seen_is_found_and_its_direction_named():
    (found,) = findings(panel_of(lambda t, v: np.where(after(t), v + 12, v)))
    assert found["subject"] == f"input {KEY}"
    assert found["psi"] > 1
    assert "mostly higher" in found["text"]


def test_a_station_that_falls_silent_is_found_by_its_share():
    (found,) = findings(panel_of(lambda t, v: np.where(after(t), np.nan, v)))
    assert found["known"] == pytest.approx(0.0, abs=0.02)
    assert "0% of the values of 90 days are there, usually 100%" in found["text"]


def test_a_series_that_is_gone_from_the_store_is_found_too():
    panel = panel_of()
    reference = input_reference(panel, [KEY], UNTIL)
    (found,) = input_findings(AsOfPanel({}, "measured"), reference, UNTIL + timedelta(days=100))
    assert found["known"] == 0.0


def test_the_reference_reads_nothing_received_later():
    changed = panel_of(lambda t, v: np.where(after(t), v + 40, v))
    assert input_reference(panel_of(), [KEY], UNTIL).equals(input_reference(changed, [KEY], UNTIL))


def test_a_short_past_judges_nothing():
    panel = panel_of(lambda t, v: np.where(after(t), v + 12, v))
    early = START + timedelta(days=500)
    assert input_findings(panel, input_reference(panel, [KEY], early), UNTIL + timedelta(days=100)) == []


def test_wind_components_are_watched_as_they_are_stored():
    panel = panel_of(key="seoul.wind_speed.weather")
    reference = input_reference(panel, ["seoul.eastward_wind.weather"], UNTIL)
    assert set(reference["key"]) == {"seoul.wind_speed.weather"}
    assert len(reference) == 12


@given(
    counts=st.lists(st.integers(0, 500), min_size=BINS, max_size=BINS),
    shares=st.lists(st.floats(0.01, 1), min_size=BINS, max_size=BINS),
)
def test_the_index_is_never_negative_and_zero_just_where_expected(counts, shares):
    expected = np.array(shares) / np.sum(shares)
    assert psi(np.array(counts, float), expected) >= -1e-12
    assert psi(expected * 1000, expected) == pytest.approx(0.0, abs=1e-12)
