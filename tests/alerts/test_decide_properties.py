"""What holds over any course of forecasts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.decide import propose
from tests.alerts.decision_cases import LINK, POLICY, WEAK, both, facts
from tests.alerts.decision_desk import Desk

four = st.lists(st.floats(0, 1), min_size=4, max_size=4).map(tuple)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(four, four, st.booleans()), min_size=1, max_size=6))
def test_over_any_course_of_forecasts_the_rules_hold(course):
    desk = Desk()  # every step also checks times, contents and that a repeat gives the same proposal
    for beijing, seoul, linked in course:
        proposal = desk.run(beijing, seoul, links=(LINK,) if linked else (WEAK,))
        for warning in proposal.warnings:
            if warning.product == "joint_warning" and warning.kind != "all_clear":
                status = {e.id: e.now.status for e in proposal.episodes}
                assert {c.city for c in warning.cities} == {"beijing", "seoul"}
                said = [status[c.episode_id] for c in warning.cities]
                assert said in (["open", "open"], ["open", "candidate"], ["candidate", "open"])
                assert said == ["open", "open"] or warning.links
        ids = [w.warning_id for w in proposal.warnings]
        assert len(ids) == len(set(ids))


@settings(max_examples=80, deadline=None)
@given(four, st.floats(0, 0.49))
def test_a_clean_neighbour_never_makes_a_joint_warning(probabilities, low):
    for beijing, seoul in (((low,) * 4, probabilities), (probabilities, (low,) * 4)):
        run = facts()
        proposal = propose(both(run, beijing, seoul), (), (), POLICY, run=run)
        assert "joint_warning" not in {w.product for w in proposal.warnings}


@settings(max_examples=80, deadline=None)
@given(four, four, st.floats(0, 0.5))
def test_higher_probability_never_lowers_the_joint_level(beijing, seoul, more):
    def level(given_seoul):
        run = facts()
        warnings = propose(both(run, beijing, given_seoul), (), (), POLICY, run=run).warnings
        return max((w.level for w in warnings), default="")

    assert level(tuple(min(1.0, p + more) for p in seoul)) >= level(seoul)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.451, 0.499), min_size=2, max_size=2))
def test_a_forecast_that_wavers_near_the_edge_brings_no_second_message(wavering):
    desk = Desk()  # three cycles of one local day, so that the horizon does not move
    assert len(desk.run((0.6,) * 4, (0.6,) * 4).warnings) == 1
    for p in wavering:
        assert desk.run((p,) * 4, (p,) * 4).warnings == ()
