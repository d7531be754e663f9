"""Clocks and places: doubts arise where they must, name what they mean, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ingest.quality_fingerprint import REFERENCE_HOURS, WINDOW_HOURS, lag_gains, swap_gains
from ingest.quality_network import find_near
from ingest.quality_stations import CLOCK, PLACE, judge_stations
from pipeline.ledger.verdicts import CLEARED, SUSPECT
from tests.ingest.quality_network_case import START, air, rows, stations

NETWORK = stations(25, spacing_km=30)
DAYS = 220
FIRST = datetime(2019, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def true_air():
    return air(NETWORK, DAYS * 24, seed=3)


def reader(values: np.ndarray):
    table = rows(NETWORK, values)

    def read(names, start, end):
        low, high = (np.datetime64(t.replace(tzinfo=None), "ns") for t in (start, end))
        return table[table["station"].isin(names) & (table["time"] > low) & (table["time"] <= high)]

    return read


def judged(values, day, known=()):
    return judge_stations(reader(values), NETWORK, known, now=FIRST + timedelta(days=day))


def newest(*verdicts):
    return list({(v.station, v.kind): v for v in verdicts}.values())


def test_nobody_is_in_doubt_without_reason(true_air):
    assert judged(true_air, 100) == []


@pytest.mark.parametrize("shift", [3, -9, 24])
def test_a_clock_is_in_doubt_within_thirty_days_and_no_more_when_it_is_right_again(true_air, shift):
    values = true_air.copy()
    wrong = slice(90 * 24, 130 * 24)
    values[wrong, 12] = true_air[90 * 24 - shift : 130 * 24 - shift, 12]
    (found,) = judged(values, 119)
    assert (found.station, found.kind, found.state) == ("net:012", CLOCK, SUSPECT)
    assert f"{abs(shift)} h {'late' if shift > 0 else 'early'}" in found.detail
    assert judged(values, 121, [found]) == []
    (over,) = judged(values, 160, [found])
    assert (over.station, over.kind, over.state, over.since) == ("net:012", CLOCK, CLEARED, found.since)


def test_exchanged_stations_are_in_doubt_until_they_are_put_right(true_air):
    values = true_air.copy()
    wrong = slice(90 * 24, 180 * 24)
    values[wrong, 6], values[wrong, 18] = true_air[wrong, 18], true_air[wrong, 6]
    found = judged(values, 119)
    assert {(v.station, v.kind, v.state) for v in found} == {
        ("net:006", PLACE, SUSPECT),
        ("net:018", PLACE, SUSPECT),
    }
    assert {v.detail[-7:] for v in found} == {"net:006", "net:018"}
    assert judged(values, 175, found) == [], "the months of doubt are no reference"
    over = judged(values, 210, found)
    assert {(v.station, v.state) for v in over} == {("net:006", CLEARED), ("net:018", CLEARED)}
    assert judged(values, 215, newest(*found, *over)) == [], "what came before was doubted itself"


def test_a_silent_network_and_a_lone_station_are_not_judged(true_air):
    assert judge_stations(reader(true_air[:0]), NETWORK, [], now=FIRST) == []
    lone = stations(1)
    table = rows(lone, true_air[:, :1])
    found = judge_stations(lambda *_: table, lone, [], now=FIRST + timedelta(days=100))
    assert found == []


def test_gains_of_stations_that_cannot_be_judged_are_unknown(true_air):
    values = true_air[: REFERENCE_HOURS + WINDOW_HOURS].copy()
    values[:, 0] = np.nan
    values[:, 1] = 20.0
    near = find_near(NETWORK, NETWORK["station"].tolist(), 100)
    gain, _, best = lag_gains(values[REFERENCE_HOURS:], near)
    assert np.isnan(gain[:2]).all()
    assert np.isnan(best[:2]).all()
    assert np.isfinite(gain[2:]).all()
    gains = swap_gains(values[:REFERENCE_HOURS], values[REFERENCE_HOURS:], near)
    assert np.isnan(gains[0]).all()
    assert np.allclose(gains, gains.T, equal_nan=True)


def test_swapping_two_columns_turns_the_sign_of_their_gain(true_air):
    before, now = np.split(true_air[: REFERENCE_HOURS + WINDOW_HOURS], [REFERENCE_HOURS])
    near = find_near(NETWORK, NETWORK["station"].tolist(), 300)
    exchanged = now.copy()
    exchanged[:, [6, 18]] = now[:, [18, 6]]
    one, other = swap_gains(before, now, near)[6, 18], swap_gains(before, exchanged, near)[6, 18]
    assert other == pytest.approx(-one)
    assert other > 0 > one


def test_suspect_values_do_not_speak_for_a_station(true_air):
    table = rows(NETWORK, true_air)
    table.loc[table["station"] == "net:012", "qc"] = 1
    end = pd.Timestamp(START) + pd.Timedelta(days=100)
    table = table[table["time"] <= end]
    assert judge_stations(lambda *_: table, NETWORK, [], now=FIRST + timedelta(days=100)) == []
