"""The policy played over stored predictions and scored by what was measured."""

import json
from datetime import date, timedelta

import pandas as pd
import pytest

import flows.policy_explain
from cli.commands.policy import _show
from flows.policy_explain import explain_policy
from flows.policy_source import Asked
from flows.workspace import open_workspace
from forecasting.predictions import COLUMNS
from pipeline.cities import city
from pipeline.errors import UsageError
from pipeline.names import PM_THRESHOLDS
from pipeline.settings import Settings
from pipeline.times import local_date, local_day_bounds, parse_instant

FIRST = date(2026, 1, 10)
HIGH = date(2026, 1, 13)
"""The one day of which the predictions warn, from two days ahead on; it was measured so in Seoul alone."""


@pytest.fixture
def asked(tmp_path):
    rows = [row for number in range(24) for row in issue(parse_instant("2026-01-10T02:00Z"), number)]
    pd.DataFrame(rows).to_parquet(tmp_path / "predictions.parquet")
    return Asked("measured", FIRST, FIRST + timedelta(days=6), tmp_path)


def issue(start, number):
    at = start + timedelta(hours=6 * number)
    for name in ("seoul", "beijing"):
        today = local_date(at, city(name).timezone)
        for lead in range(4):
            day = today + timedelta(days=lead)
            begin, end = local_day_bounds(day, city(name).timezone)
            high = day == HIGH and lead <= 2
            yield dict.fromkeys(COLUMNS, 0.0) | {
                "city": name,
                "model": "sameair",
                "issue_time": pd.Timestamp(at),
                "target": "daily",
                "valid_start": pd.Timestamp(begin),
                "valid_end": pd.Timestamp(end),
                "lead_day": lead,
                "mean": 120.0 if high else 20.0,
                **{f"p_gt_{t}": 0.9 if high else 0.0 for t in PM_THRESHOLDS},
                "model_id": "m",
                "degraded": "",
            }


def test_a_season_is_played_and_scored(asked, tmp_path, monkeypatch, capsys):
    days = [FIRST + timedelta(days=n) for n in range(10)]
    means = {"seoul": {d: 80.0 if d == HIGH else 20.0 for d in days}, "beijing": dict.fromkeys(days, 20.0)}
    monkeypatch.setattr(flows.policy_explain, "measured_means", lambda *_: means)
    found = explain_policy(open_workspace(Settings(data_dir=tmp_path)), asked)
    assert found["cycles"] == 24
    by = {(s["city"], s["rule"]): s for s in found["scores"]}
    seoul = by["seoul", "policy"]
    # the first cycle of 11 January, local, is that of 10 January 20 UTC; the day begins on 12 January 15 UTC
    assert (seoul["hits"], seoul["false_alarms"], seoul["lead_hours"]) == (1, 0, 43.0)
    assert (seoul["warned"], seoul["over_warned"]) == (24.0, 0.0)
    beijing = by["beijing", "policy"]
    assert (beijing["hits"], beijing["false_alarms"], beijing["over_warned"]) == (0, 1, 24.0)
    assert found["joint_alarms"]["policy"] == 1
    flips = {(f["city"], f["rule"], f["season"]): f for f in found["flip_flop"]}
    assert flips["seoul", "policy", "all"]["opened"] == 1
    assert flips["seoul", "undamped", "winter 2025/26"]["taken_back"] == 0
    assert json.loads(json.dumps(found)) == found
    _show(found)
    assert "joint alarms: 1" in capsys.readouterr().out


def test_what_cannot_be_asked_is_refused(asked, tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path))
    with pytest.raises(UsageError, match="lies before"):
        explain_policy(ws, Asked("measured", FIRST, FIRST - timedelta(days=1)))
    with pytest.raises(UsageError, match="no issue of these predictions"):
        explain_policy(ws, Asked("measured", date(2020, 1, 1), date(2020, 1, 2), asked.hindcast))
