"""Lessons are built from what was said blind, or from an honest hindcast, and from nothing else."""

import json
from datetime import date

import pandas as pd
import pytest

from flows.school import Wanted, build_lessons, day_between, offer_lessons
from flows.workspace import open_workspace
from forecasting.school.lesson import MODEL, PERSISTENCE
from forecasting.school.shelf import lessons_folder, read_lesson, shelved
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.times import iso, parse_instant


@pytest.fixture
def empty(tmp_path):
    ws = open_workspace(Settings(data_dir=tmp_path / "var"))
    yield ws
    ws.ledger.close()


def wanted(world="measured", replayed=None):
    return Wanted(world, date(2015, 1, 1), date(2026, 1, 1), 4, replayed)


def test_a_world_without_a_model_says_what_to_do(empty):
    with pytest.raises(UsageError, match="run a cycle first"):
        build_lessons(empty, wanted())
    assert offer_lessons(empty, "simulated-5", parse_instant("2024-12-16T08:00Z")) == 0
    assert offer_lessons(empty, "measured", parse_instant("2024-12-16T08:00Z")) == 0


@pytest.mark.parametrize("caveats", [["not honest: trained on values after the first issue"], None])
def test_a_hindcast_that_is_none_or_not_honest_is_refused(empty, tmp_path, caveats):
    folder = tmp_path / "hindcast"
    folder.mkdir()
    if caveats is not None:
        pd.DataFrame({"target": [], "lead_day": []}).to_parquet(folder / "predictions.parquet")
        facts = {"hindcast": {"models": [{"pm2p5": None}], "caveats": caveats}}
        (folder / "scores.json").write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="holds no hindcast" if caveats is None else "is no lesson"):
        build_lessons(empty, wanted(replayed=folder))


def test_days_are_dates_in_order():
    now = parse_instant("2026-01-14T08:00Z")
    assert day_between("2019-01-01", "2019-02-01", now) == (date(2019, 1, 1), date(2019, 2, 1))
    for first, last in (("2019-02-01", "2019-01-01"), ("soon", None)):
        with pytest.raises(UsageError):
            day_between(first, last, now)


@pytest.mark.slow
def test_a_simulated_world_gets_lessons_of_days_that_its_model_was_blind_to(past, plan):
    assert offer_lessons(past, plan.world, plan.cycle) == 4
    folder = lessons_folder(past.settings.data_dir)
    names = [one.id for one in shelved(folder)]
    assert offer_lessons(past, plan.world, plan.cycle) == 4
    assert [one.id for one in shelved(folder)] == names
    for name in names:
        found, _ = read_lesson(folder, name)
        assert found.world == plan.world
        assert found.made["how"] == "held-out"
        assert found.end < plan.cycle
        assert len(found.asks) >= 2
        for ask in found.asks:
            for one in found.targets:
                for source in (MODEL, PERSISTENCE):
                    shares = [found.probability(source, one.city, t, ask) for t in one.thresholds]
                    assert 0.0 <= shares[1] <= shares[0] <= 1.0, (name, iso(ask), source)
        assert {f"{c}.pm2p5" for c in all_cities()} <= set(found.readings)
        assert all(told["seoul"]["ko"] for told in found.reasons)
