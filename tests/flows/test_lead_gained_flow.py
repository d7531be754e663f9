"""Two hindcasts compared by command, what makes them comparable, and a hindcast without one side's air."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

import flows.lead_gained
from cli.commands.policy import _show_lead
from flows.hindcast import plan_hindcast
from flows.lead_gained import Compared, lead_gained
from flows.party_air import side_of_place, without_air_of
from flows.workspace import open_workspace
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.surroundings import all_places
from tests.flows.test_policy_explain import FIRST, HIGH, asked  # noqa: F401 - a fixture

FACTS = {"train_until": "2025-12-31", "leave_out_years": False, "weather": "observed", "caveats": []}


def folder(path, table, **facts):
    path.mkdir()
    (path / "predictions.parquet").write_bytes(table.read_bytes())
    (path / "scores.json").write_text(json.dumps({"hindcast": FACTS | facts}), "utf-8")
    return path


@pytest.fixture
def compared(asked, tmp_path, monkeypatch):  # noqa: F811
    table = tmp_path / "predictions.parquet"
    days = [date.fromordinal(FIRST.toordinal() + n) for n in range(10)]
    means = {"seoul": {d: 80.0 if d == HIGH else 20.0 for d in days}, "beijing": dict.fromkeys(days, 20.0)}
    monkeypatch.setattr(flows.lead_gained, "measured_means", lambda *_: means)
    full = folder(tmp_path / "full", table)
    less = folder(tmp_path / "less", table, without_air_of="beijing")
    return Compared("measured", asked.first, asked.last, full, (less,)), tmp_path


def test_the_same_predictions_gain_nothing(compared, capsys):
    asked_for, tmp_path = compared
    found = lead_gained(open_workspace(Settings(data_dir=tmp_path)), asked_for)
    (seoul,) = found["cities"]
    assert (seoul["city"], seoul["without_air_of"]) == ("seoul", "beijing")
    assert seoul["gained"]["hours"] == 0.0
    assert seoul["poorer_at_equal_rate"]["factor"] == 1.0
    assert seoul["full"]["alarms"] == seoul["poorer_at_equal_rate"]["alarms"] == 1
    _show_lead(found)
    assert "+0.0 h [+0.0, +0.0] over 1 episodes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({}, "lacks no party's air"),
        ({"without_air_of": "beijing", "weather": "perfect"}, "differ in weather"),
        ({"without_air_of": "beijing", "train_until": "2024-12-31"}, "differ in train_until"),
    ],
)
def test_hindcasts_that_differ_in_more_are_refused(compared, facts, complaint):
    asked_for, tmp_path = compared
    other = folder(tmp_path / "other", tmp_path / "predictions.parquet", **facts)
    wrong = Compared(asked_for.world, asked_for.first, asked_for.last, asked_for.hindcast, (other,))
    with pytest.raises(UsageError, match=complaint):
        lead_gained(open_workspace(Settings(data_dir=tmp_path)), wrong)


def test_a_hindcast_of_fewer_issues_is_refused_and_not_taken_for_missed_episodes(compared):
    asked_for, tmp_path = compared
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    short = tmp_path / "short.parquet"
    table[table["issue_time"] < table["issue_time"].max()].to_parquet(short, index=False)
    other = folder(tmp_path / "other", short, without_air_of="beijing")
    wrong = Compared(asked_for.world, asked_for.first, asked_for.last, asked_for.hindcast, (other,))
    with pytest.raises(UsageError, match=r"differ in their issues .* 1 are lacking"):
        lead_gained(open_workspace(Settings(data_dir=tmp_path)), wrong)


def test_every_place_of_air_belongs_to_one_side_or_to_none():
    places = [n for n, p in all_places().items() if p.group in ("air", "second_truth")]
    sides = {name: side_of_place(name) for name in places}
    assert [name for name, side in sides.items() if not side] == ["ulaanbaatar_embassy"]
    assert {sides[n] for n in ("seoul_districts", "baengnyeong_air", "gangneung_air")} == {"seoul"}
    assert {sides[n] for n in ("beijing_national", "shanghai_embassy", "dandong_air")} == {"beijing"}


def test_weather_stays_and_air_on_its_way_goes():
    t = np.array(["2018-06-01"], "M8[ns]")
    one = AsOfSeries(t, t, np.array([1.0]))
    names = [
        "seoul.pm2p5.reference", "seoul.pm2p5.hourly", "seoul.pm10.reference", "around.pm2p5.busan_air",
        "around.pm2p5.arriving_beijing_d1", "around.wind_speed.jinan", "seoul.air_temperature.weather",
        "beijing.pm2p5.reference", "around.pm10.jinan_air",
    ]  # fmt: skip
    kept = without_air_of(AsOfPanel(dict.fromkeys(names, one), "measured"), "seoul")
    assert sorted(kept) == sorted(names[5:])


def test_a_hindcast_without_a_city_writes_only_the_others():
    plan = plan_hindcast("2018-01-01", "2018-12-31", "seoul,beijing", "2017-12-31", without_air_of="beijing")
    assert plan.cities == ("seoul",)
    assert any("side of beijing" in caveat for caveat in plan.caveats())
    with pytest.raises(UsageError, match="whose air is left out"):
        plan_hindcast("2018-01-01", "2018-12-31", "beijing", "2017-12-31", without_air_of="beijing")
