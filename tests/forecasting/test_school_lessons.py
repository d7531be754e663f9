"""Lessons hold nothing that was not known, are chosen by nobody, and are scored as the formulas say."""

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.school.build import APART, KINDS, Candidate, candidates, choose, cycles_of, make_lesson
from forecasting.school.lesson import MODEL, PERSISTENCE, Lesson
from forecasting.school.scores import FLOOR, brier, calibration, log_score, skill, tally
from forecasting.school.shelf import read_lesson, shelved, write_lesson
from pipeline.asof import AsOfPanel, AsOfSeries
from pipeline.cities import all_cities
from pipeline.errors import ContractError, StorageError
from pipeline.times import hour_range, local_day_bounds, parse_instant, to_ns
from tests.forecasting.lesson_cases import OUTCOMES, SAID, lesson

WHOLE = lesson(late=0.4)
CITIES = list(all_cities().values())
LOW = {"seoul": 35, "beijing": 75}


@given(st.integers(min_value=-80 * 60, max_value=120 * 60))
def test_nothing_later_than_the_hour_is_in_a_lesson_as_known(minutes):
    at = WHOLE.asks[0] + timedelta(minutes=minutes)
    known = WHOLE.as_known(at)
    assert all((s.received <= to_ns(at)).all() for s in known.readings.values())
    assert all(s.issued <= at for s in known.said)
    assert {t.outcome for t in known.targets} == {None}
    assert known.reasons == ()
    for key, series in WHOLE.readings.items():
        assert len(known.readings[key].times) == int((series.received <= to_ns(at)).sum())


def test_a_sealed_outcome_cannot_be_judged():
    with pytest.raises(ContractError):
        WHOLE.as_known(WHOLE.end).targets[0].happened(35)


def test_a_lesson_is_read_back_as_it_was_written(tmp_path):
    assert write_lesson(tmp_path, WHOLE)
    found, digest = read_lesson(tmp_path, WHOLE.id)
    assert found.to_dict() == WHOLE.to_dict()
    assert len(digest) == 64
    assert not write_lesson(tmp_path, lesson(late=9.0))
    assert read_lesson(tmp_path, WHOLE.id)[1] == digest
    assert [(one.id, one.day) for one in shelved(tmp_path)] == [(WHOLE.id, WHOLE.day)]


@pytest.mark.parametrize(
    "name", ["../x.2026-01-08", "measured", "a/b.2026-01-08", "measured.2026-01-08/..", ""]
)
def test_no_name_leads_out_of_the_shelf(tmp_path, name):
    assert read_lesson(tmp_path, name) is None


def test_damaged_and_foreign_files_are_no_lessons(tmp_path):
    with pytest.raises(StorageError):
        write_lesson(tmp_path, lesson(world="../measured"))
    folder = tmp_path / "measured"
    folder.mkdir()
    (folder / "measured.2026-01-08.json").write_text('{"version": 99}')
    (folder / "measured.2026-01-09.json").write_text("{")
    (folder / "measured.2026-02-30.json").write_text("{}")
    assert len(shelved(tmp_path)) == 2
    assert read_lesson(tmp_path, "measured.2026-01-08") is None
    assert read_lesson(tmp_path, "measured.2026-01-09") is None


def test_the_newest_cycle_speaks_for_a_source():
    assert WHOLE.probability(MODEL, "seoul", 35, WHOLE.asks[1]) == SAID[MODEL]
    assert {s.issued for s in WHOLE.newest_said(PERSISTENCE, "beijing", WHOLE.asks[1])} == {WHOLE.asks[1]}
    before = WHOLE.asks[0] - timedelta(hours=1)
    assert WHOLE.probability(MODEL, "seoul", 35, before) is None


def test_scores_are_those_of_the_formulas():
    assert brier(0.3, True) == pytest.approx(0.49)
    assert log_score(0.3, True) == pytest.approx(-math.log(0.3))
    assert log_score(0.0, True) == pytest.approx(-math.log(FLOOR))
    own, other = tally([(0.9, True), (0.2, False)]), tally([(0.5, True), (0.5, False)])
    assert own.brier == pytest.approx((0.01 + 0.04) / 2)
    assert (own.count, own.events) == (2, 1)
    assert skill(own, other) == pytest.approx(1 - 0.025 / 0.25)
    assert skill(own, tally([(1.0, True)])) is None
    assert tally([]).brier is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_a_calibration_counts_every_answer_once(pairs):
    bins = calibration(pairs)
    assert sum(one.count for one in bins) == len(pairs)
    assert sum(one.count * one.happened for one in bins) == pytest.approx(sum(h for _, h in pairs))
    assert all(one.low <= one.said <= one.high for one in bins)


@given(
    st.dictionaries(st.dates(date(2015, 1, 1), date(2016, 1, 1)), st.sampled_from(KINDS)), st.integers(1, 20)
)
def test_chosen_days_are_apart_and_the_same_again(kinds, count):
    found = {day: Candidate(kind, (1, 2, 3)) for day, kind in kinds.items()}
    chosen = choose(found, "measured", count)
    assert choose(dict(reversed(found.items())), "measured", count) == chosen
    assert len(chosen) <= count
    assert set(chosen) <= set(found)
    assert all(later - earlier >= APART for earlier, later in pairwise(sorted(chosen)))
    assert bool(chosen) == bool(found)


def rows(days, share, *, models=("sameair",), leads=(1, 2, 3)):
    """Return forecasts of local days that give every threshold of a city one probability."""
    found = []
    for day in days:
        for city in CITIES:
            end = pd.Timestamp(local_day_bounds(day, city.timezone)[1])
            for cycle in cycles_of(day):
                lead = (end - pd.Timedelta(hours=1)).tz_convert(city.timezone).date() - pd.Timestamp(
                    cycle
                ).tz_convert(city.timezone).date()
                if lead.days in leads:
                    found += [
                        {
                            "city": city.id,
                            "model": model,
                            "issue_time": pd.Timestamp(cycle),
                            "lead_day": lead.days,
                            "valid_end": end,
                            **{f"p_gt_{t}": share(day, city.id) for t in (35, 75, 150)},
                            **{q: 40.0 for q in ("q05", "q25", "q50", "q75", "q95")},
                        }
                        for model in models
                    ]
    return pd.DataFrame(found)


def truth(days, value):
    return pd.DataFrame(
        [
            {
                "city": c.id,
                "target": "daily",
                "valid_end": pd.Timestamp(local_day_bounds(day, c.timezone)[1]),
                "observed": value(day, c.id),
            }
            for day in days
            for c in CITIES
        ]
    )


def test_days_are_called_missed_false_or_quiet_by_any_city():
    days = [date(2019, 1, d) for d in (4, 8, 12, 16)]
    high, likely = {4: "seoul", 8: "seoul"}, {4: "seoul", 12: "beijing"}
    said = rows(days, lambda day, city: 0.7 if likely.get(day.day) == city else 0.1)
    seen = truth(days, lambda day, city: LOW[city] + (5 if high.get(day.day) == city else -5))
    found = candidates(said, seen)
    assert [found[day].kind for day in days] == ["called", "missed", "false alarm", "quiet"]
    assert {one.leads for one in found.values()} == {(1, 2, 3)}
    assert candidates(said[said["city"] == "seoul"], seen) == {}
    thin = said[said["lead_day"] != 2]
    assert {one.leads for one in candidates(thin, seen).values()} == {(1, 3)}
    assert candidates(thin[thin["lead_day"] != 3], seen) == {}


def test_a_lesson_keeps_every_version_of_its_readings_and_tells_reasons_of_each_question():
    day = date(2019, 1, 4)
    grid = hour_range(parse_instant("2018-12-20"), parse_instant("2019-01-10"))
    twice = np.repeat(grid, 2)
    received = twice + np.tile(np.array([1, 30], "m8[h]"), len(grid)).astype("m8[ns]")
    series = AsOfSeries(twice, received, np.arange(len(twice), dtype=float))
    panel = AsOfPanel({"seoul.pm2p5.reference": series, "around.pm2p5.dalian_air": series}, "measured")
    asked = []

    def told(at, medians):
        asked.append((at, medians))
        return {"seoul": {"en": ["because"]}}

    said = rows([day], lambda _day, _city: 0.4, models=("sameair", "persistence", "climatology"))
    seen = truth([day], lambda _day, city: OUTCOMES[city])
    made = make_lesson(
        panel, (day, (1, 2, 3)), said, seen, told, {"how": "replayed", "model": "m", "note": ""}
    )
    assert [one.target("seoul").outcome for one in (made, Lesson.from_dict(made.to_dict()))] == [41.4, 41.4]
    assert [at for at, _ in asked] == list(made.asks)
    assert asked[0][1] == {city.id: {3: 40.0} for city in CITIES}
    assert {s.source for s in made.said} == {MODEL, PERSISTENCE}
    known = made.as_known(made.asks[0]).readings["seoul.pm2p5"]
    last = int((to_ns(made.asks[0]) - grid[0]) / np.timedelta64(1, "h"))
    assert known.values[-1] == 2.0 * (last - 1)
    assert set(made.readings) == {"seoul.pm2p5", "around.pm2p5.dalian_air"}
