"""Episodes whose middle falls away, episodes that grow together, and the warnings that speak of them."""

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.episodes import Episode, heirs
from alerts.follow import follow_episodes
from pipeline.times import local_day_bounds, parse_instant
from tests.alerts.decision_cases import LINK, POLICY, assessed, facts
from tests.alerts.decision_desk import Desk, said

WHOLE = (0.9, 0.9, 0.9, 0.9)
PARTED = (0.9, 0.0, 0.0, 0.9)
NONE = (0.0, 0.0, 0.0, 0.0)


def carried(courses, city_id="seoul", days=False):
    """Carry a city through (past, coming) of successive cycles, or days; returns the episodes after each."""
    held, history = (), []
    for number, (past, coming) in enumerate(courses):
        run = facts(number * (4 if days else 1))
        held = follow_episodes(assessed(city_id, run, coming, past=past), held, POLICY, run)
        history.append(held)
        held = tuple(e for e in held if e.ledger_state == "open")
    return history


def test_when_the_middle_falls_away_the_id_stays_with_the_first_part():
    before, after = carried([((), WHOLE), ((), PARTED)])
    (whole,) = before
    first, later = after
    assert (first.id, first.now.turn) == (whole.id, "continued")
    assert first.now.end == "2026-01-14T15:00:00Z"
    assert (later.now.turn, later.now.status, later.now.split_from) == ("split", "open", whole.id)
    assert later.id != whole.id
    assert heirs(after)[whole.id].id == whole.id


def test_a_part_that_had_been_spoken_of_needs_no_second_cycle_and_only_to_be_kept():
    weak = (0.9, 0.0, 0.0, 0.4)  # 0.4 keeps and does not open
    first, later = carried([((), WHOLE), ((), weak)])[1]
    assert (later.now.status, later.now.split_from) == ("open", first.id)
    assert carried([((), (0.9, 0.0, 0.0, 0.0)), ((), weak)])[1][-1].now.turn == "continued"


def test_a_part_that_nobody_had_spoken_of_is_new():
    early = (0.9, 0.0, 0.0, 0.0)
    _, later = carried([((), early), ((), (0.9, 0.0, 0.0, 0.8))])[1]
    assert (later.now.turn, later.now.split_from) == ("new", "")


def test_when_the_first_part_is_over_it_ends_where_it_was_measured_to():
    """The days are 14 to 17 January, then, two days on, 13 to 19 with 15 and 16 clean."""
    held = carried([((), WHOLE)])[0]
    run = facts(8)
    seen = assessed("seoul", run, (0.0, 0.9, 0.9, 0.0), past=(0.0, 1.0, 0.0))
    later = follow_episodes(seen, held, POLICY, run)
    ended, part = later
    assert (ended.id, ended.now.turn, ended.now.status) == (held[0].id, "ended", "ended")
    assert ended.now.end == "2026-01-14T15:00:00Z"
    assert (part.now.split_from, part.now.status) == (ended.id, "open")
    assert part.now.onset == "2026-01-16T15:00:00Z"
    assert heirs(later)[ended.id].id == part.id


def test_a_gap_that_could_not_be_assessed_parts_nothing():
    held = carried([((), WHOLE)])[0]
    run = facts(12)
    seen = assessed("seoul", run, (0.9, 0.9, 0.0, 0.0), past=(1.0, 0.0, 0.0))
    blind = replace(
        seen,
        days=tuple(d for d in seen.days if d.lead_day not in (-2, -1)),
        missing_days=tuple(d.day for d in seen.days if d.lead_day in (-2, -1)),
    )
    assert [e.id for e in follow_episodes(blind, held, POLICY, run)] == [held[0].id]
    assert len(follow_episodes(seen, held, POLICY, run)) == 2


def test_a_repeat_gives_the_same_parts():
    run = facts(1)
    held = carried([((), WHOLE)])[0]
    once = follow_episodes(assessed("seoul", run, PARTED), held, POLICY, run)
    assert follow_episodes(assessed("seoul", run, PARTED), once, POLICY, run) == once
    joined = follow_episodes(assessed("seoul", run, WHOLE), once, POLICY, run)
    assert [e.now.turn for e in joined if e.id == held[0].id] == ["continued"]
    assert [e.now.status for e in joined if e.id != held[0].id] == ["withdrawn"]


def test_lineage_survives_the_ledger():
    for episode in carried([((), WHOLE), ((), PARTED), ((), WHOLE)])[2]:
        assert Episode.from_dict(json.loads(json.dumps(episode.to_dict()))) == episode


def test_parts_that_grow_together_again_are_one_and_each_says_so():
    _, (first, part), (again, gone) = carried([((), WHOLE), ((), PARTED), ((), WHOLE)])
    assert (again.id, again.now.merged_from) == (first.id, (part.id,))
    assert (gone.id, gone.now.status, gone.now.merged_into) == (part.id, "ended", first.id)


def test_an_open_episode_is_never_merged_into_a_candidate():
    far = (0.0, 0.0, 0.0, 0.6)
    run = facts(1)
    (candidate,) = carried([((), far)])[0]
    assert candidate.now.status == "candidate"
    (opened,) = carried([((), (0.0, 0.9, 0.0, 0.0))])[0]
    earlier = replace(candidate, revisions=(replace(candidate.now, onset="2026-01-13T15:00:00Z"),))
    found = follow_episodes(assessed("seoul", run, WHOLE), (earlier, opened), POLICY, run)
    assert {e.id: e.now.status for e in found} == {opened.id: "open", earlier.id: "ended"}


def test_a_joint_warning_goes_on_without_a_gap_when_an_episode_splits_and_its_first_part_ends():
    desk = Desk()
    (joint,) = desk.run(WHOLE, WHOLE).warnings
    parted = desk.run(WHOLE, PARTED)
    update = next(w for w in parted.warnings if w.product == "joint_warning")
    assert (update.warning_id, update.kind) == (joint.warning_id, "update")
    (own,) = [w for w in parted.warnings if w.product == "single_city_warning"]
    desk.cycle = 4
    later = desk.run((0.9, 0.9, 0.9, 0.0), (0.0, 0.0, 0.9, 0.0))
    over = desk.run((0.9, 0.9, 0.9, 0.0), (0.0, 0.0, 0.9, 0.0))
    kinds = [(w.warning_id, w.kind) for p in (later, over) for w in p.warnings]
    assert "all_clear" not in {kind for _, kind in kinds}
    assert (joint.warning_id, "update") in kinds
    newest = desk.warnings[joint.warning_id][-1][1]
    assert {c.episode_id for c in newest.cities} == {update.cities[0].episode_id, own.cities[0].episode_id}
    assert own.warning_id in (*later.superseded, *over.superseded)


def test_a_joint_warning_about_an_episode_that_merges_goes_on():
    desk = Desk(policy=replace(POLICY, products=replace(POLICY.products, joint_needs_link=True)))
    alone = desk.run(NONE, (0.9, 0.0, 0.0, 0.0), links=())
    assert said(alone) == [("single_city_warning", "alert", "")]
    both = desk.run((0.0, 0.0, 0.0, 0.9), (0.9, 0.0, 0.0, 0.9))
    (joint,) = [w for w in both.warnings if w.product == "joint_warning"]
    merged = desk.run((0.0, 0.0, 0.0, 0.9), WHOLE)
    assert {e.now.turn for e in merged.episodes if e.city == "seoul"} == {"continued", "merged"}
    assert "all_clear" not in {w.kind for w in merged.warnings}
    newest = desk.warnings[joint.warning_id][-1][1]
    open_ids = {e.id for e in merged.episodes if e.ledger_state == "open"}
    assert {c.episode_id for c in newest.cities} <= open_ids
    single = alone.warnings[0].warning_id
    assert single in (*merged.superseded, *(i for i, _ in merged.continued))


four = st.lists(st.sampled_from([0.0, 0.3, 0.4, 0.6, 0.9]), min_size=4, max_size=4).map(tuple)


@settings(max_examples=150, deadline=None)
@given(st.lists(four, min_size=2, max_size=7))
def test_over_any_course_open_episodes_lie_apart_and_nothing_that_is_kept_vanishes(course):
    gap = timedelta(hours=POLICY.persistence.merge_gap_hours)
    held = ()
    for number, coming in enumerate(course):
        run = facts(number)
        city = assessed("seoul", run, coming)
        found = follow_episodes(city, held, POLICY, run)
        assert len({e.id for e in found}) == len(found)
        opened = sorted(
            (e for e in found if e.now.turn in ("new", "continued", "split")), key=lambda e: e.now.onset
        )
        for one, other in pairwise(opened):
            assert parse_instant(other.now.onset) - parse_instant(one.now.end) >= gap
        was = [e for e in held if e.now.status == "open"]
        for day in (d for d in city.coming if d.probability["50"] >= POLICY.keeping("seoul", 1, d.lead_day)):
            start, end = local_day_bounds(date.fromisoformat(day.day), "Asia/Seoul")
            if any(_covers(e, start, end) for e in was):
                assert any(_covers(e, start, end) for e in found if e.now.status == "open")
        for episode in found:
            assert not episode.now.merged_into or episode.id in heirs(found)
        held = tuple(e for e in found if e.ledger_state == "open")


def _covers(episode, start, end):
    return parse_instant(episode.now.onset) <= start and end <= parse_instant(episode.now.end)


link_sets = st.sampled_from([(), (LINK,), (replace(LINK, upwind="seoul", downwind="beijing"),)])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(four, link_sets), min_size=1, max_size=6), st.booleans(), st.floats(0, 0.34))
def test_a_purely_local_episode_is_never_joint_whatever_splits_and_links(course, in_seoul, low):
    """However strong one city's signal: without one of the other that opens a level, nothing is joint."""
    desk = Desk()
    clean = (low,) * 4
    for coming, links in course:
        proposal = desk.run(*((clean, coming) if in_seoul else (coming, clean)), links=links)
        assert "joint_warning" not in {w.product for w in proposal.warnings}
