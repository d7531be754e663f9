"""Whatever number a rule of either country asks for has a probability."""

from __future__ import annotations

import pandas as pd
import pytest

from alerts.rules import all_rules
from flows.event_rules import conditions_of, events_of
from forecasting.events import CONDITIONS

QUANTITIES = ("pm2p5", "pm10")


@pytest.mark.parametrize("one", all_rules(), ids=lambda r: f"{r.id} {r.version}")
def test_every_condition_of_every_evaluated_rule_is_forecast(one):
    asked = {c for quantity in QUANTITIES for c in conditions_of(one, quantity)}
    assert asked <= CONDITIONS, sorted(asked - CONDITIONS)


def test_preliminary_measures_and_the_crisis_alert_ask_for_what_they_count():
    asked = {
        one.id: conditions_of(one, "pm2p5") for one in all_rules() if one.kind in ("preliminary", "crisis")
    }
    assert asked["kr.preliminary_measures"] == {("days", 2, 50)}
    steps = {("days", 2, 50), ("days", 1, 50), ("days", 1, 75), ("days", 1, 150), ("days", 1, 200)}
    assert asked["kr.pm2p5_crisis"] == steps | {("hours", 2, 150), ("hours", 2, 200), ("hours", 2, 400)}


def test_what_no_data_decide_asks_for_no_event():
    assert not any(conditions_of(one, "pm2p5") for one in all_rules() if one.undecidable)


def test_an_event_names_the_rules_that_ask_for_it():
    end = pd.Timestamp("2020-01-11T15Z")
    days = {"lead_day": [0, 1], "valid_end": [end, end + pd.Timedelta("1D")], "p_gt_50": [0.5, 0.4]}
    rows = pd.DataFrame({"city": "seoul", "model": "sameair", "issue_time": end, "target": "daily", **days})
    rows["p_2_days_gt_50"] = [float("nan"), 0.35]
    table = events_of({"pm2p5": rows})
    stretch = table[table["length"] == 2].iloc[0]
    assert stretch["quantity"] == "pm2p5"
    asking = {"emergency_measures", "emergency_measures_seoul", "pm2p5_crisis", "preliminary_measures"}
    assert set(stretch["rules"].split(", ")) == {f"kr.{name}" for name in asking}
    assert (stretch["probability"], stretch["if_independent"]) == (0.35, 0.5 * 0.4)
