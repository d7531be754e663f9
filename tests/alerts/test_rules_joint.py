"""Probabilities of every rule are shares of whole paths: what each path gives alone, counted."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rule_engine import level_probabilities
from alerts.rule_evaluators import DUST
from alerts.rules import rule, rules_in_force
from tests.alerts.rule_cases import BEIJING, SEOUL, paths_of

DAYS, AT, MEMBERS = 7, 3, 3
WHEN = (date(2016, 6, 1), date(2018, 4, 2), date(2019, 3, 4), date(2020, 1, 10), date(2026, 3, 2))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(WHEN), st.sampled_from([SEOUL, BEIJING]), st.integers(0, 2**32 - 1), st.floats(10, 250)
)
def test_a_probability_is_the_share_of_paths_that_reach_the_level_alone(day, place, seed, scale):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.15, (MEMBERS, DAYS * 24)), axis=1)
    values = scale * np.exp(walk - walk.mean(axis=1, keepdims=True))
    values[:, : AT * 24 + 12] = values[:1, : AT * 24 + 12]  # measured up to noon of the day
    paths = paths_of(
        place, day - timedelta(days=AT), DAYS, members=MEMBERS, pm2p5=[0] * DAYS, pm10=[0] * DAYS
    )
    paths["pm2p5"][:, 0], paths["pm10"][:, 0] = values, 1.6 * values
    paths["is_observed"][:, AT * 24 + 12 :] = False
    for held in rules_in_force(day, place.country, place.id):
        if held.kind in DUST:
            continue
        joint = level_probabilities(held, paths, place, day).at_least
        if joint is None:
            continue
        alone = [
            level_probabilities(held, paths.isel(realization=[n]), place, day).at_least
            for n in range(MEMBERS)
        ]
        assert joint == pytest.approx(np.mean(alone, axis=0)), held.id
        assert all(a >= b for a, b in pairwise(joint)), held.id
        assert joint[0] == 1.0


@settings(max_examples=25, deadline=None)
@given(st.floats(100, 220), st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_two_heavy_days_on_dependent_paths_are_as_likely_as_each_of_them(mean, members, seed):
    """Above 200 on two days running (plan of 2018), on paths with both days alike: P, not P squared."""
    first = date(2019, 3, 1)
    heavy = np.maximum(mean + np.random.default_rng(seed).normal(0, 25, members), 0)
    paths = paths_of(BEIJING, first, 6, members=members, pm2p5=[20, 20, heavy, heavy, 20, 20])
    day = first + timedelta(days=2)
    held = level_probabilities(rule("cn.alert.beijing", day), paths, BEIJING, day)
    alone = float(np.mean(np.rint(np.round(heavy, 6)) > 150))  # ug m-3, an index of 200
    assert held.at_least[1] == pytest.approx(alone)
