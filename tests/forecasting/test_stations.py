"""Stations follow their city, depart from it as they did, and know nothing of the hours to come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from forecasting.predictions import Futures
from forecasting.stations import PAST_HOURS, StationPast, departures, station_rows
from pipeline.cities import city

ISSUE = np.datetime64("2020-01-10T08", "ns")
PERIODS = np.arange(-24, 81)


def futures_of(level=30.0, members=200, seed=1):
    rng = np.random.default_rng(seed)
    values = level * np.exp(0.3 * rng.standard_normal((1, members, 1))) * np.ones((1, members, len(PERIODS)))
    observed = (PERIODS <= 0)[None]
    nothing = np.empty((1, members, 0))
    return Futures(city("beijing"), 1, ISSUE[None], PERIODS, values, observed, np.empty(0, np.int64), nothing)


def past_of(stations=3, factor=1.5, noise=0.2, seed=2, fade=0.8):
    rng = np.random.default_rng(seed)
    town = 30.0 * np.exp(0.4 * np.sin(np.arange(PAST_HOURS) / 40.0))
    gap = np.zeros((stations, PAST_HOURS))
    for t in range(1, PAST_HOURS):
        gap[:, t] = fade * gap[:, t - 1] + noise * np.sqrt(1 - fade**2) * rng.standard_normal(stations)
    values = np.exp(np.log(town + 5.0) + np.log(factor) + gap) - 5.0
    return StationPast(tuple(f"x:{i}" for i in range(stations)), np.maximum(values, 0.0), town)


def test_a_station_that_is_always_higher_stays_so():
    rows = station_rows(past_of(noise=0.0), futures_of(), "m", "", 1)
    days = rows[(rows["target"] == "daily") & (rows["lead_day"] >= 1)]
    wanted = 1.5 * (futures_of().values[0, :, 50] + 5.0) - 5.0
    assert days["mean"].to_numpy() == pytest.approx(wanted.mean(), rel=0.01)
    assert set(rows["station"]) == {"x:0", "x:1", "x:2"}
    assert rows.columns[0] == "station"


def test_a_present_departure_fades():
    past = past_of(stations=1, noise=0.0, factor=1.0)
    past.values[0, -3:] = 2.0 * (past.city[-3:] + 5.0) - 5.0
    left = departures(past, 48, 200, np.random.default_rng(0))[0].mean(axis=0)
    assert left[0] == pytest.approx(0.85 * np.exp(-1 / 6) * np.log(2), rel=0.1)
    assert abs(left[40]) < 0.05
    assert left[0] > left[3] > left[12]


def test_intervals_cover_what_comes():
    inside = []
    for seed in range(12):
        long = past_of(stations=6, seed=seed, noise=0.3)
        drawn = departures(long, 24, 200, np.random.default_rng(seed))
        fresh = np.random.default_rng(100 + seed).standard_normal((6, 24))
        now = np.log(long.values[:, -1] + 5) - np.log(long.city[-1] + 5) - np.log(1.5)
        for t in range(24):
            now = 0.8 * now + 0.3 * np.sqrt(1 - 0.8**2) * fresh[:, t]
            low, high = np.quantile(drawn[:, :, t], [0.1, 0.9], axis=1)
            truth = now + np.log(1.5)
            inside.append((low <= truth) & (truth <= high))
    assert 0.72 < np.mean(inside) < 0.9


def test_silent_stations_are_left_out():
    past = past_of()
    past.values[1, -720:] = np.nan
    rows = station_rows(past, futures_of(), "m", "", 1)
    assert set(rows["station"]) == {"x:0", "x:2"}
    past.values[:] = np.nan
    assert station_rows(past, futures_of(), "m", "", 1).empty


def test_the_same_issue_gives_the_same_rows_and_measured_hours_count():
    past = past_of()
    one, two = (station_rows(past, futures_of(), "m", "", 7) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    today = one[(one["target"] == "daily") & (one["lead_day"] == 0)]
    # Beijing's local day began 16 h before this issue
    assert today["observed_share"].to_numpy() == pytest.approx(16 / 24)
