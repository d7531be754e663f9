"""Reasons to doubt: each is named when it is there, none is invented, and the largest comes first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.desk.doubt import LEAST, Evidence, doubts

SURE = Evidence("seoul", chance=0.99, opening=0.4, threshold=75)
ONE_EACH = {
    "silent_city": {"missing": ("seoul.pm2p5.reference",)},
    "coverage": {"coverage": 0.4},
    "missing": {"missing": ("beijing.pm10.reference",)},
    "stale": {"cycles_behind": 1},
    "no_model": {"has_model": False},
    "unstable": {"spread": 0.3},
    "like_none": {"like_none": True},
    "few_cases": {"alike": 3},
    "uncalibrated": {"uncalibrated": "2015-2018"},
    "close": {"chance": 0.5},
    "dust": {"dust": True},
    "against": {"against": ("airkorea",)},
    "combined": {"combined": 0.6},
}
CHANCES = st.floats(0, 1)
EVIDENCE = st.builds(
    Evidence,
    city=st.just("seoul"),
    chance=CHANCES,
    opening=st.floats(0.05, 0.95),
    threshold=st.just(75.0),
    has_model=st.booleans(),
    missing=st.sets(st.sampled_from(["seoul.pm2p5.reference", "a.b.c", "d.e.f"])).map(tuple),
    coverage=st.none() | CHANCES,
    spread=CHANCES,
    flips=st.integers(0, 3),
    like_none=st.booleans(),
    alike=st.none() | st.integers(0, 60),
    against=st.sampled_from([(), ("airkorea",)]),
    combined=st.none() | CHANCES,
    cycles_behind=st.integers(0, 9),
    dust=st.booleans(),
)


@pytest.mark.parametrize("kind", ONE_EACH)
def test_each_reason_alone_is_the_largest(kind):
    assert doubts(SURE) == ()
    assert [doubt.kind for doubt in doubts(replace(SURE, **ONE_EACH[kind]))] == [kind]


@given(EVIDENCE)
def test_doubts_are_ranked_weighed_and_named_once(evidence):
    found = doubts(evidence)
    weights = [doubt.weight for doubt in found]
    assert weights == sorted(weights, reverse=True)
    assert all(LEAST <= weight <= 1 for weight in weights)
    kinds = [doubt.kind for doubt in found]
    assert len(set(kinds)) == len(kinds)


@given(EVIDENCE, st.floats(0, 1), st.integers(0, 5))
def test_worse_evidence_never_weighs_less(evidence, further, cycles):
    def weight(of, kind):
        return next((doubt.weight for doubt in doubts(of) if doubt.kind == kind), 0.0)

    worse = replace(
        evidence, spread=max(evidence.spread, further), cycles_behind=evidence.cycles_behind + cycles
    )
    assert weight(worse, "unstable") >= weight(evidence, "unstable")
    assert weight(worse, "stale") >= weight(evidence, "stale")
    assert weight(worse, "like_none") == weight(evidence, "like_none")


def test_an_opinion_that_crosses_the_opening_probability_weighs_more():
    same = doubts(replace(SURE, chance=0.95, combined=0.75))
    crossed = doubts(replace(SURE, chance=0.5, combined=0.3))
    # 1.5 times 0.2 each, and 0.2 for crossing 0.4
    assert next(d.weight for d in same if d.kind == "combined") == pytest.approx(0.3)
    assert next(d.weight for d in crossed if d.kind == "combined") == pytest.approx(0.5)
