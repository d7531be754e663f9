"""Forecasts beside those combined with others', and ranges of the index: counted by hand on a few days."""

import numpy as np
import pandas as pd
import pytest

from flows.verification_others import index_of_days, level_of_days, others_tables
from forecasting.verification.combined import verdict_on_use
from forecasting.verification.score_tables import Options
from tests.forecasting.verification_cases import row_of, rows_of, truth_of

FEW = Options(draws=50)
SEEN = [30.0, 80.0, 40.0, 20.0] * 5


def table_of(name, alone, both):
    rows = pd.concat([rows_of("alone", *alone), rows_of("combined", *both)], ignore_index=True)
    return others_tables(rows_of("sameair", *alone), rows, truth_of(SEEN), FEW)[name]


def test_the_two_are_scored_on_the_same_days_with_the_difference_and_its_interval():
    seen = np.array(SEEN)
    alone = (np.full(20, 0.5), seen + 6.0)
    both = (np.where(seen > 50, 0.9, 0.1), seen + np.where(seen > 50, 3.0, 6.0))
    found = table_of("combined", alone, both)
    rmse = row_of(found, measure="rmse")
    assert (rmse["n"], rmse["moved"]) == (20, 5)
    assert rmse["alone"] == pytest.approx(6.0)
    assert rmse["combined"] == pytest.approx(np.sqrt((5 * 9 + 15 * 36) / 20))
    assert rmse["difference_low"] <= rmse["difference"] <= rmse["difference_high"] <= 0
    brier = row_of(found, measure="brier_score", threshold=50)
    assert brier["alone"] == pytest.approx(0.25)
    assert brier["combined"] == pytest.approx(0.01)
    assert not len(found[found["threshold"] == 115])


def test_ranges_count_the_days_inside_and_the_right_levels_by_hand():
    # quantiles at 0.25 and 0.75 lie a third of the spread from the middle: 10/3
    found = table_of(
        "index_range", (np.full(20, 0.5), np.array([30.0, 70.0, 60.0, 20.0] * 5)), ([0.5] * 20, SEEN)
    )
    row = row_of(found, model="sameair", part="all")
    assert row["n"] == 20
    assert row["inside"] == pytest.approx(10 / 20)
    assert (row["above"], row["below"]) == (pytest.approx(5 / 20), pytest.approx(5 / 20))
    # 80 is lightly polluted, 66.7 to 73.3 stated good; 40 is good as 56.7 to 63.3 was stated
    assert row["level_right"] == pytest.approx(15 / 20)
    assert row["inside_low"] <= row["inside"] <= row["inside_high"]


def test_the_index_is_of_the_version_of_its_day_and_none_before_there_was_one():
    days = np.array([15000, 20512, 20513])
    assert index_of_days(np.full(3, 75.0), days).tolist()[1:] == [100.0, 114.0]
    assert np.isnan(index_of_days(np.full(3, 75.0), days)[0])
    assert level_of_days(np.array([np.nan, 100.0, 114.0]), days).tolist() == [-1, 1, 2]


def test_the_verdict_names_what_speaks_against_use():
    rng = np.random.default_rng(3)
    seen = np.tile(SEEN, 6)
    alone = (np.where(seen > 35, 0.6, 0.4), seen + rng.normal(0, 6, len(seen)))
    better = (np.where(seen > 35, 0.9, 0.1), seen + rng.normal(0, 1, len(seen)))

    def verdict(both, spread=3.0):
        rows = [rows_of(name, *one, spread=spread) for name, one in (("alone", alone), ("combined", both))]
        tables = others_tables(
            rows_of("sameair", *alone), pd.concat(rows), truth_of(seen), Options(draws=200)
        )
        return verdict_on_use(tables["combined"], {"seoul": 35, "beijing": 75})

    assert verdict(better, 1.9) == ["Nothing speaks against using it (docs/combining.md)."]
    worse = (1 - better[0], seen + rng.normal(0, 12, len(seen)))
    assert [line.partition(": ")[2][:21] for line in verdict(worse)[1:]] == [
        "CRPS is not lower bey",
        "the Brier score of th",
        "the central 80 % hold",
    ]
    assert verdict_on_use(None, {}) == []
