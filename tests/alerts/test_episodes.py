"""Episodes across runs: what opens, what continues, what ends, and that a wavering forecast does not flap."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.episodes import Episode, stable_ulid
from alerts.exceeding_runs import exceeding_runs, level_reached
from alerts.follow import follow_episodes
from pipeline.times import iso, parse_instant
from tests.alerts.decision_cases import FIRST, POLICY, assessed, facts


def follow(cycles, city_id="seoul", every=6, **more):
    """Carry a city through cycles of probabilities for D … D+3; returns the open episodes after each."""
    held, history = (), []
    for number, probabilities in enumerate(cycles):
        run = facts(number * every // 6)
        blind = "" if probabilities is not None else "no data"
        city = assessed(city_id, run, probabilities or (0, 0, 0, 0), blind=blind, **more)
        held = follow_episodes(city, held, POLICY, run)
        history.append(held)
        held = tuple(e for e in held if e.ledger_state == "open")
    return history


def test_one_clear_day_near_by_opens_an_episode_at_once():
    (episode,) = follow([(0, 0.5, 0, 0)])[0]
    assert (episode.now.turn, episode.now.status, episode.now.level) == ("new", "open", 3)
    assert episode.id.startswith("seoul-")
    assert (episode.now.onset, episode.now.end) == ("2026-01-14T15:00:00Z", "2026-01-15T15:00:00Z")


@pytest.mark.parametrize("probability", [0.49, 0.4999])
def test_just_below_the_opening_probability_nothing_opens(probability):
    assert follow([(0, probability, 0, 0)])[0] == ()


def test_a_distant_weak_signal_waits_for_a_second_cycle():
    first, second = follow([(0, 0, 0, 0.6), (0, 0, 0, 0.6)])
    assert [e.now.status for e in first] == ["candidate"]
    assert [e.now.status for e in second] == ["open"]
    assert second[0].id == first[0].id


def test_a_distant_strong_signal_does_not_wait():
    assert follow([(0, 0, 0, 0.7)])[0][0].now.status == "open"


def test_a_candidate_that_is_not_confirmed_is_withdrawn():
    _, second = follow([(0, 0, 0, 0.6), (0, 0, 0, 0.4)])
    assert [(e.now.status, e.ledger_state) for e in second] == [("withdrawn", "withdrawn")]


def test_an_open_episode_is_kept_between_keep_and_open_and_misses_below():
    kept, missed, ended = follow([(0, 0.6, 0, 0), (0, 0.35, 0, 0), (0, 0.34, 0, 0), (0, 0.34, 0, 0)])[1:]
    assert (kept[0].now.turn, kept[0].now.status) == ("continued", "open")
    assert (missed[0].now.turn, missed[0].now.status, missed[0].now.level) == ("missed", "open", 1)
    assert (ended[0].now.turn, ended[0].now.status) == ("ended", "ended")


def test_an_episode_ends_at_once_when_its_last_day_is_over():
    history = follow([(0.9, 0, 0, 0), (0, 0, 0, 0)], every=24)
    assert history[1][0].now.status == "ended"


def test_without_data_an_episode_neither_ends_nor_moves():
    history = follow([(0, 0.9, 0, 0), None, None, None, (0, 0.9, 0, 0)])
    assert [h[0].now.turn for h in history] == [
        "new",
        "not_assessed",
        "not_assessed",
        "not_assessed",
        "continued",
    ]
    assert len({h[0].id for h in history}) == 1
    assert history[3][0].now.level == 3


def test_one_clean_day_merges_and_two_separate():
    run = facts()
    one = exceeding_runs(assessed("seoul", run, (0.9, 0, 0.9, 0)), POLICY)
    two = exceeding_runs(assessed("seoul", run, (0.9, 0, 0, 0.9)), POLICY)
    assert [len(r.days) for r in one] == [2]  # a gap of 24 h < 36 h
    assert [len(r.days) for r in two] == [1, 1]  # a gap of 48 h


def test_the_onset_before_the_window_is_remembered():
    history = follow([(0.9, 0.9, 0.9, 0.9)] * 3, every=24)
    onsets = {h[0].now.onset for h in history}
    assert onsets == {"2026-01-13T15:00:00Z"}
    assert history[2][0].now.end == iso(parse_instant("2026-01-13T15:00Z") + timedelta(days=6))


def test_two_episodes_that_grow_together_become_the_older_one():
    first, second = follow([(0.9, 0, 0, 0.9), (0.9, 0.9, 0.9, 0.9)])
    assert len(first) == 2
    assert [(e.id, e.now.turn) for e in second] == [(first[0].id, "continued"), (first[1].id, "merged")]


def test_past_days_alone_open_nothing():
    assert follow([(0.1, 0, 0, 0)], past=(1.0,))[0] == ()


def test_observed_days_belong_to_the_episode_that_continues():
    (episode,) = follow([(0.9, 0, 0, 0)], past=(0.0, 1.0))[0]
    assert episode.now.onset == "2026-01-12T15:00:00Z"


def test_a_repeated_cycle_gives_the_same_episodes():
    run = facts()
    city = assessed("beijing", run, (0, 0.9, 0.9, 0))
    once = follow_episodes(city, (), POLICY, run)
    assert follow_episodes(city, (), POLICY, run) == once
    later = facts(1)
    city = assessed("beijing", later, (0, 0.9, 0.9, 0.9))
    twice = follow_episodes(city, once, POLICY, later)
    assert follow_episodes(city, twice, POLICY, later) == twice


def test_worlds_and_cities_have_ids_of_their_own():
    ids = set()
    for world in ("measured", "simulated-7", "simulated-8"):
        for city_id in ("seoul", "beijing"):
            run = facts(world=world)
            ids |= {e.id for e in follow_episodes(assessed(city_id, run, (0, 0.9, 0, 0)), (), POLICY, run)}
    assert len(ids) == 6
    assert stable_ulid(FIRST, "a") != stable_ulid(FIRST, "b")


def test_episodes_survive_json():
    (episode,) = follow([(0, 0.9, 0, 0), (0, 0.9, 0.9, 0)])[-1]
    assert Episode.from_dict(json.loads(json.dumps(episode.to_dict()))) == episode
    assert len(episode.revisions) == 2


probabilities = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(
    lambda p: tuple(sorted(p, reverse=True))
)
days = st.lists(probabilities, min_size=4, max_size=4).map(tuple)


def level_after(cycles):
    history = follow(cycles)
    return max((e.now.level for e in history[-1] if e.now.status == "open"), default=0)


@settings(max_examples=150, deadline=None)
@given(days, days, st.floats(0, 0.5))
def test_higher_probability_never_lowers_the_level(before, now, more):
    raised = tuple(tuple(min(1.0, p + more) for p in day) for day in now)
    assert level_after([before, raised]) >= level_after([before, now])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.35, 0.4999), min_size=1, max_size=12))
def test_a_forecast_that_wavers_between_keep_and_open_changes_nothing(wavering):
    assert all(h == () for h in follow([(0, p, 0, 0) for p in wavering[:3]]))
    opened = follow([(0.9, 0.9, 0.9, 0.9), *[(p, p, p, p) for p in wavering]])
    assert {h[0].id for h in opened} == {opened[0][0].id}
    assert all(h[0].now.status == "open" and h[0].now.level == 3 for h in opened)


@settings(max_examples=100, deadline=None)
@given(days, st.integers(0, 3))
def test_a_level_needs_every_level_below_it(given_days, held):
    run = facts()
    city = assessed("seoul", run, given_days)
    level = level_reached(city.days, "seoul", POLICY, held)
    for number, threshold in enumerate(POLICY.thresholds("seoul")[:level], start=1):
        needed = POLICY.keeping("seoul", number, 0) if number <= held else POLICY.opening("seoul", number, 0)
        assert max(d.probability[str(threshold)] for d in city.days) >= needed
