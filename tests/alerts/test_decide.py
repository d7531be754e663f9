"""What a run proposes, cycle by cycle: products, updates, all-clears, and silence where nothing changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.content import RuleFinding, WarningContent
from alerts.decide import propose
from alerts.draft import check_times
from alerts.open_warnings import OpenWarning
from alerts.origin_example import example_panel
from alerts.origin_note import origin_notes
from alerts.wording import wording
from pipeline.errors import ContractError
from pipeline.times import iso, parse_instant
from tests.alerts.decision_cases import LINK, POLICY, WEAK, both, facts
from tests.alerts.decision_desk import Desk, said

ASKS_LINK = replace(POLICY, products=replace(POLICY.products, joint_needs_link=True))
HIGH, NONE = (0.1, 0.9, 0.9, 0.1), (0.0, 0.0, 0.0, 0.0)


def test_two_linked_episodes_make_one_joint_warning():
    proposal = Desk().run(HIGH, HIGH)
    assert said(proposal) == [("joint_warning", "alert", "J3")]
    (warning,) = proposal.warnings
    assert warning.parties == ("beijing", "seoul")
    assert [c.city for c in warning.cities] == ["beijing", "seoul"]
    assert warning.links[0].lift == LINK.lift
    assert (warning.cap_status, warning.simulated) == ("Exercise", True)
    assert warning.review_deadline == "2026-01-14T07:30:00Z"
    assert WarningContent.from_dict(warning.to_dict()) == warning


def test_the_joint_level_is_the_one_that_both_cities_reach():
    seoul = (0.0, (0.9, 0.6, 0.1), 0.0, 0.0)
    assert said(Desk().run(HIGH, seoul)) == [("joint_warning", "alert", "J2")]


@pytest.mark.parametrize(
    "link", [(), (WEAK,), (replace(LINK, joint_probability=0.1),), (replace(LINK, sample_size=9),)]
)
def test_where_the_policy_asks_for_a_link_each_city_without_one_warns_for_itself(link):
    proposal = Desk(policy=ASKS_LINK).run(HIGH, HIGH, links=link)
    assert said(proposal) == [("single_city_warning", "alert", ""), ("single_city_warning", "alert", "")]
    assert [w.parties for w in proposal.warnings] == [("beijing",), ("seoul",)]


@pytest.mark.parametrize("link", [(), (WEAK,)])
def test_two_episodes_at_the_same_time_are_joint_and_claim_no_link(link):
    (warning,) = Desk().run(HIGH, HIGH, links=link).warnings
    assert (warning.product, warning.level, warning.links) == ("joint_warning", "J3", ())
    assert "No transport link" in wording(warning, "en").description
    assert "이동 관련성은 확인되지 않음" in wording(warning, "ko").description
    assert "输送关联" in wording(warning, "zh").description


def test_episodes_one_after_the_other_are_joint_by_a_link_only():
    early, late = (0.9, 0.0, 0.0, 0.0), (0.0, 0.0, 0.9, 0.0)
    assert [p for p, _, _ in said(Desk().run(early, late))] == ["joint_warning"]
    assert [p for p, _, _ in said(Desk().run(early, late, links=()))] == ["single_city_warning"] * 2


def test_one_city_and_a_signal_of_the_other_are_joint_by_a_link_only():
    waits = (0.0, 0.0, 0.0, 0.6)
    assert said(Desk().run(HIGH, waits)) == [("joint_warning", "alert", "J3")]
    assert said(Desk().run(HIGH, waits, links=())) == [("single_city_warning", "alert", "")]
    assert Desk().run(waits, waits).warnings == ()
    desk = Desk()
    desk.run(HIGH, waits)
    gone = desk.run(HIGH, NONE)
    assert said(gone) == [("single_city_warning", "alert", ""), ("joint_warning", "all_clear", "J3")]
    assert gone.warnings[1].reason == "episode over: seoul; goes on: beijing"


def test_a_pair_named_without_a_link_keeps_its_warning_and_states_a_link_once_there_is_one():
    desk = Desk()
    first = desk.run(HIGH, HIGH, links=())
    later = desk.run(HIGH, (0.1, (0.9, 0.6, 0.1), 0.1, 0.1))
    assert said(later) == [("joint_warning", "update", "J2")]
    assert later.warnings[0].warning_id == first.warnings[0].warning_id
    assert [x.lift for x in later.warnings[0].links] == [LINK.lift]


def test_a_local_episode_is_never_joint():
    assert said(Desk().run(NONE, HIGH)) == [("single_city_warning", "alert", "")]
    assert said(Desk().run(HIGH, NONE)) == [("single_city_warning", "alert", "")]


def test_the_downwind_party_is_told_of_an_upwind_episode_when_it_may_arrive():
    proposal = Desk().run(HIGH, (0, 0, 0.2, 0))
    assert said(proposal) == [("single_city_warning", "alert", ""), ("notice", "alert", "")]
    assert proposal.warnings[1].parties == ("beijing",)
    assert [p for p, _, _ in said(Desk().run(HIGH, (0, 0, 0.19, 0)))] == ["single_city_warning"]


def test_nothing_changed_nothing_said():
    desk = Desk()
    desk.run(HIGH, HIGH)
    assert [said(desk.run(HIGH, HIGH)) for _ in range(2)] == [[], []]


def test_a_quiet_day_says_nothing_at_all():
    proposal = Desk().run(NONE, NONE)
    assert (proposal.warnings, proposal.episodes, proposal.withdrawn) == ((), (), ())


def test_a_higher_level_is_an_update():
    desk = Desk()
    desk.run(HIGH, (0, (0.9, 0.1, 0.0), 0, 0))
    proposal = desk.run(HIGH, (0, (0.9, 0.8, 0.0), 0, 0))
    assert said(proposal) == [("joint_warning", "update", "J2")]
    assert "level J1 to J2" in proposal.warnings[0].reason


def test_a_longer_episode_is_an_update_and_a_small_change_of_probability_is_not():
    desk = Desk()
    desk.run(HIGH, (0, 0.9, 0, 0))
    assert said(desk.run(HIGH, (0, 0.87, 0, 0))) == []  # within the margin of the class edge 0.9
    longer = desk.run(HIGH, (0, 0.9, 0.9, 0))
    assert said(longer) == [("joint_warning", "update", "J3")]
    assert "seoul: end +24 h" in longer.warnings[0].reason


def test_a_probability_class_is_an_update():
    desk = Desk()
    desk.run(HIGH, (0, 0.6, 0, 0))
    proposal = desk.run(HIGH, (0, 0.76, 0, 0))
    assert proposal.warnings[0].reason == "seoul: probability higher"


def test_an_unissued_draft_is_rewritten_as_an_alert_not_an_update():
    desk = Desk()
    desk.run(HIGH, (0, (0.9, 0.1, 0.0), 0, 0), state="draft")
    assert said(desk.run(HIGH, HIGH)) == [("joint_warning", "alert", "J3")]


def test_an_expired_draft_is_proposed_again():
    desk = Desk()
    first = desk.run(HIGH, HIGH, state="expired")
    second = desk.run(HIGH, HIGH)
    assert said(second) == [("joint_warning", "alert", "J3")]
    assert second.warnings[0].warning_id == first.warnings[0].warning_id


def test_the_end_of_both_episodes_is_an_all_clear():
    desk = Desk()
    desk.run(HIGH, HIGH)
    assert said(desk.run(NONE, NONE)) == [
        ("joint_warning", "update", "J1")
    ]  # missed once: still open, lowest level
    proposal = desk.run(NONE, NONE)
    assert said(proposal) == [("joint_warning", "all_clear", "J1")]
    assert proposal.warnings[0].reason == "episode over: beijing, seoul"
    assert said(desk.run(NONE, NONE)) == []


def test_a_draft_whose_episode_is_gone_is_withdrawn_without_an_all_clear():
    desk = Desk()
    first = desk.run(HIGH, HIGH, state="draft")
    desk.run(NONE, NONE, state="draft")
    proposal = desk.run(NONE, NONE)
    assert said(proposal) == []
    assert proposal.withdrawn == (first.warnings[0].warning_id,)


def test_when_one_city_is_over_the_other_goes_on_alone():
    desk = Desk()
    desk.run(HIGH, HIGH)
    desk.run(HIGH, NONE)
    proposal = desk.run(HIGH, NONE)
    assert said(proposal) == [("single_city_warning", "alert", ""), ("joint_warning", "all_clear", "J1")]
    assert "goes on: beijing" in proposal.warnings[1].reason


def test_two_episodes_that_merge_are_never_called_over():
    desk = Desk()
    apart, joined = (0.9, 0.0, 0.0, 0.9), (0.9, 0.9, 0.9, 0.9)
    first = desk.run(NONE, apart)
    assert [w.product for w in first.warnings] == ["single_city_warning"] * 2
    merged = desk.run(NONE, joined)
    assert said(merged) == [("single_city_warning", "update", "")]
    assert {e.now.turn for e in merged.episodes} == {"continued", "merged"}
    older, younger = sorted(merged.episodes, key=lambda e: e.now.turn)
    assert (younger.now.merged_into, older.now.merged_from) == (older.id, (younger.id,))
    ids = {w.cities[0].episode_id: w.warning_id for w in first.warnings}
    assert merged.continued == ((ids[younger.id], ids[older.id]),)
    assert said(desk.run(NONE, joined)) == []


def test_a_stand_in_for_a_joint_warning_goes_on_as_the_citys_own():
    desk = Desk(policy=ASKS_LINK)
    (joint,) = desk.run(HIGH, HIGH, state="expired").warnings
    own = replace(joint, product="single_city_warning", level="", cities=joint.cities[1:], links=())
    stand_in = replace(own, warning_id=f"{joint.warning_id}-seoul", parties=("seoul",))
    desk.warnings[stand_in.warning_id] = [("issued", stand_in)]
    proposal = desk.run(HIGH, HIGH, links=(WEAK,))
    assert [(w.product, w.parties) for w in proposal.warnings] == [("single_city_warning", ("beijing",))]
    longer = desk.run(HIGH, (0.1, 0.9, 0.9, 0.9), links=(WEAK,))
    assert [(w.warning_id, w.kind) for w in longer.warnings] == [(stand_in.warning_id, "update")]


def test_a_repeat_of_a_cycle_whose_warning_is_out_says_nothing_new():
    run = facts()
    (warning,) = propose(both(run, HIGH, HIGH), (), (), POLICY, run=run).warnings
    out = [OpenWarning(warning.warning_id, (("issued", warning),))]
    later = replace(run, run_id="again", as_of=run.as_of + timedelta(minutes=50))
    assert propose(both(later, HIGH, HIGH), (), out, POLICY, run=later).warnings == ()
    worse = (0.1, 0.9, 0.9, 0.9)
    assert said(propose(both(later, HIGH, worse), (), out, POLICY, run=later)) != []


def test_a_repeat_that_sees_another_onset_speaks_of_the_same_episode():
    run = facts()
    first = propose(both(run, HIGH, HIGH), (), (), POLICY, run=run)
    (warning,) = first.warnings
    out = [OpenWarning(warning.warning_id, (("in_review", warning),))]
    sooner = (0.9, 0.9, 0.9, 0.1)
    again = propose(both(run, HIGH, sooner), first.episodes, out, POLICY, run=replace(run, run_id="again"))
    assert {e.id for e in again.episodes} == {e.id for e in first.episodes}
    assert [w.warning_id for w in again.warnings] == [warning.warning_id]


def test_a_repeat_that_sees_no_episode_withdraws_it_and_its_untouched_draft():
    run = facts()
    first = propose(both(run, HIGH, HIGH), (), (), POLICY, run=run)
    (warning,) = first.warnings
    for state, withdrawn in (("draft", (warning.warning_id,)), ("in_review", ()), ("issued", ())):
        out = [OpenWarning(warning.warning_id, ((state, warning),))]
        again = propose(both(run, NONE, NONE), first.episodes, out, POLICY, run=run)
        assert {e.now.status for e in again.episodes} == {"withdrawn"}
        assert (again.warnings, again.withdrawn) == ((), withdrawn)


def test_a_single_city_warning_that_becomes_joint_is_superseded_not_cleared():
    desk = Desk()
    first = desk.run(HIGH, NONE)
    second = desk.run(HIGH, HIGH)
    assert said(second) == [("joint_warning", "alert", "J3")]
    assert second.superseded == (first.warnings[0].warning_id,)


def test_a_joint_warning_stays_joint_when_the_evidence_weakens_or_is_missing():
    desk = Desk()
    desk.run(HIGH, HIGH)
    assert said(desk.run(HIGH, HIGH, links=(WEAK,))) == []
    assert said(desk.run(HIGH, HIGH, links=())) == []


def test_a_city_without_data_is_never_clear():
    desk = Desk()
    desk.run(HIGH, HIGH)
    for _ in range(4):
        proposal = desk.run(NONE, NONE, blind=("seoul", "beijing"))
        assert (said(proposal), proposal.withdrawn) == ([], ())
    assert "seoul: not assessable, no data" in proposal.notes
    one = desk.run(HIGH, NONE, blind=("seoul",))
    assert said(one) == [("joint_warning", "update", "J3")]
    assert one.warnings[0].reason == "beijing: onset +24 h; beijing: end +24 h"


def test_a_city_without_data_does_not_silence_the_other():
    desk = Desk()
    first = desk.run((0, 0.9, 0, 0), (0, (0.9, 0.1, 0.0), 0, 0)).warnings[0]
    worse = desk.run((0, 0.9, 0, 0), (0, 0.95, 0.95, 0.95), blind=("beijing",))
    assert said(worse) == [("joint_warning", "update", "J3")]
    beijing, seoul = worse.warnings[0].cities
    assert beijing == first.cities[0], "as it was last spoken of"
    assert seoul.end > first.cities[1].end
    assert said(desk.run((0, 0.9, 0, 0), (0, 0.95, 0.95, 0.95), blind=("beijing",))) == []


def test_only_joint_warnings_tell_of_origins_and_an_all_clear_tells_none():
    desk = Desk()
    desk.origins = origin_notes(example_panel())
    (joint,) = desk.run(HIGH, HIGH).warnings
    assert joint.origins == desk.origins
    desk.run(NONE, NONE)
    (over,) = desk.run(NONE, NONE).warnings
    assert (over.kind, over.origins) == ("all_clear", ())
    for beijing, seoul in ((HIGH, NONE), (NONE, HIGH), (HIGH, (0, 0, 0.2, 0))):
        alone = Desk()
        alone.origins = desk.origins
        proposal = alone.run(beijing, seoul)
        assert proposal.warnings
        assert all(w.origins == () for w in proposal.warnings)


def test_other_origins_alone_are_no_update():
    desk = Desk()
    desk.origins = origin_notes(example_panel())
    desk.run(HIGH, HIGH)
    desk.origins = tuple(replace(o, hours=48.0) for o in desk.origins)
    assert said(desk.run(HIGH, HIGH)) == []
    (update,) = desk.run((0.9, 0.9, 0.1, 0.0), HIGH).warnings
    assert (update.kind, update.origins) == ("update", desk.origins)


def test_of_a_city_without_data_the_origin_stands_as_it_was_said():
    desk = Desk()
    desk.origins = before = origin_notes(example_panel())
    desk.run((0, 0.9, 0, 0), (0, (0.9, 0.1, 0.0), 0, 0))
    desk.origins = tuple(replace(o, hours=48.0) for o in before)
    (worse,) = desk.run((0, 0.9, 0, 0), (0, 0.95, 0.95, 0.95), blind=("beijing",)).warnings
    assert worse.origins == (before[0], desk.origins[1])


def test_a_city_without_data_opens_nothing():
    proposal = Desk().run(HIGH, HIGH, blind=("seoul",))
    assert said(proposal) == [("single_city_warning", "alert", "")]
    assert proposal.warnings[0].parties == ("beijing",)


def test_an_ended_warning_is_followed_by_one_of_another_id():
    desk = Desk()
    first = desk.run(HIGH, HIGH)
    joint = first.warnings[0].warning_id
    desk.warnings[joint] = [("ended", c) for _, c in desk.warnings[joint]]
    second = desk.run(HIGH, HIGH)
    assert said(second) == [("joint_warning", "alert", "J3")]
    assert second.warnings[0].warning_id != joint


@pytest.mark.parametrize(
    ("more", "agreed_by", "status"),
    [
        ({"world": "measured", "mode": "live"}, ("beijing", "seoul"), "Actual"),
        ({"world": "measured", "mode": "live"}, ("seoul",), "Test"),
        ({"world": "measured", "mode": "live"}, (), "Test"),
        ({"world": "measured", "mode": "live", "drill": True}, ("beijing", "seoul"), "Exercise"),
        ({"world": "measured", "mode": "replay"}, ("beijing", "seoul"), "Exercise"),
        ({"world": "simulated-7", "mode": "live"}, ("beijing", "seoul"), "Exercise"),
        ({"world": "simulated-7", "mode": "simulated"}, ("beijing", "seoul"), "Exercise"),
    ],
)
def test_only_live_measurements_under_an_agreed_policy_are_actual(more, agreed_by, status):
    run = facts(**more)
    policy = replace(POLICY, agreed_by=agreed_by)
    (warning,) = propose(both(run, HIGH, HIGH), (), (), policy, run=run).warnings
    assert warning.cap_status == status
    assert warning.simulated is (run.world != "measured")


def test_a_drill_never_takes_the_place_of_a_warning_in_earnest():
    agreed, live = replace(POLICY, agreed_by=("beijing", "seoul")), {"world": "measured", "mode": "live"}
    run, drill = facts(**live), facts(drill=True, **live)
    first = propose(both(drill, HIGH, HIGH), (), (), agreed, run=drill)
    (exercise,) = first.warnings
    out = [OpenWarning(exercise.warning_id, (("issued", exercise),))]
    for later in (run, facts(1, **live)):
        (warning,) = propose(both(later, HIGH, HIGH), first.episodes, out, agreed, run=later).warnings
        assert (warning.cap_status, warning.kind) == ("Actual", "alert")
        assert warning.warning_id != exercise.warning_id
    quiet = facts(2, **live)
    assert propose(both(quiet, NONE, NONE), (), out, agreed, run=quiet).warnings == ()


def test_a_late_run_gets_a_deadline_after_its_snapshot():
    run = facts(as_of=parse_instant("2026-01-14T09:00Z"))
    (warning,) = propose(both(run, HIGH, HIGH), (), (), POLICY, run=run).warnings
    assert warning.review_deadline == "2026-01-14T13:00:00Z"  # 09:00 + 4 h, the 07:30 deadline had passed


def test_validity_ends_with_the_episode_within_bounds():
    run = facts()
    (warning,) = propose(both(run, HIGH, (0, 0.9, 0.9, 0.9)), (), (), POLICY, run=run).warnings
    assert warning.expires == warning.cities[1].end == "2026-01-17T15:00:00Z"
    (short,) = propose(both(run, (0.9, 0, 0, 0), (0.9, 0, 0, 0)), (), (), POLICY, run=run).warnings
    assert short.expires == "2026-01-14T16:00:00Z"  # the end of Beijing's day, 14 h after the issue


def test_contradicting_times_are_refused():
    run = facts()
    (warning,) = propose(both(run, HIGH, HIGH), (), (), POLICY, run=run).warnings
    for change in (
        {"expires": warning.issue_time},
        {"review_deadline": warning.as_of},
        {"review_deadline": iso(parse_instant(warning.expires) + timedelta(hours=1))},
        {"onset": warning.expires},
    ):
        with pytest.raises(ContractError, match="before"):
            check_times(replace(warning, **change))


def test_findings_that_matter_are_carried_with_their_evidence():
    run = facts()

    def finding(level, probability, when="2026-01-15", evidence="unverified"):
        return RuleFinding("kr.grade", "2018-03-27", "seoul", when, level, probability, "forecast", evidence)

    rules = (
        finding("kr.grade.bad", 0.6),
        finding("kr.grade.bad", 0.29),
        finding("kr.grade.good", 0.9),
        finding("", None),
        finding("", None, "2026-01-16"),
        finding("kr.grade.bad", 0.9, "2026-01-01"),
    )
    (warning,) = propose(replace(both(run, HIGH, HIGH), rules=rules), (), (), POLICY, run=run).warnings
    assert warning.rules == (rules[0], rules[3])
    assert warning.rules[0].evidence == "unverified"
