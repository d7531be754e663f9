"""Held-out scores of a model: of years it was blind to, by the formulas of every other score."""

import numpy as np
import pytest

from forecasting.held_out import held_out_days, held_out_scores
from forecasting.predictions import PROBABILITY_COLUMNS, QUANTILE_COLUMNS
from pipeline.times import to_ns

LIMITS = {"seoul": (35,), "beijing": (50,)}


@pytest.fixture(scope="module")
def days(model):
    return held_out_days(model)


def test_there_is_a_row_for_every_measured_day_of_every_issue_learned_from(model, days):
    assert set(days["city"]) == {"seoul", "beijing"}
    assert set(days["lead_day"]) == {1, 2, 3}
    assert not days.duplicated(["city", "issue_time", "lead_day"]).any()
    assert days["valid_end"].max() <= model.data_until
    assert set(days["issue_time"].dt.hour) == set(model.hours)
    assert days["observed"].notna().all()


def test_what_is_said_to_have_been_measured_was(days, panel):
    row = days[(days["city"] == "beijing") & (days["lead_day"] == 2)].iloc[40]
    series = panel["beijing.pm2p5.reference"]
    end = to_ns(row["valid_end"].to_pydatetime())
    inside = (series.times > end - np.timedelta64(24, "h")) & (series.times <= end)
    assert inside.sum() == 24
    assert row["observed"] == pytest.approx(series.values[inside].mean(), rel=1e-4)


def test_quantiles_rise_probabilities_fall_and_the_mean_lies_between(days):
    assert (np.diff(days[list(QUANTILE_COLUMNS)].to_numpy(), axis=1) >= 0).all()
    assert (np.diff(days[list(PROBABILITY_COLUMNS)].to_numpy(), axis=1) <= 0).all()
    assert ((days["mean"] > days["q05"]) & (days["mean"] < days["q95"])).all()


def test_scores_are_those_of_the_rows_and_intervals_hold_about_as_often_as_they_say(model, days):
    scores = {(e["city"], e["lead_day"]): e for e in held_out_scores(model, LIMITS)}
    for city in LIMITS:
        own = days[days["city"] == city]
        entry = scores[city, "all"]
        assert entry["n"] == len(own)
        assert entry["rmse"] == pytest.approx(
            np.sqrt(((own["mean"] - own["observed"]) ** 2).mean()), abs=1e-3
        )
        assert 0.7 < entry["coverage_80"] < 0.9
        assert entry["skill_persistence"] is None
