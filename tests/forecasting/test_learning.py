"""Learning city by city, situations by blocks of series: the same numbers however they are cut."""

from datetime import timedelta

import numpy as np
import pytest

from forecasting import learning
from forecasting.situation import blocks
from forecasting.situation.blocks import situations_apart
from forecasting.situation.recipe import recipe_of
from forecasting.situation.rows import situations
from forecasting.situation_memory import Remembered
from forecasting.train import train
from pipeline.errors import HeavyWorkError
from pipeline.heavy import HERE, heavy_work
from pipeline.times import cycles_between, to_ns
from tests.forecasting.conftest import LEARNED, START

UNTIL = START + timedelta(days=262)
"""Little to learn from, so that it is quick."""


@pytest.fixture(scope="module")
def little(make_panel):
    return make_panel(days=264)


@pytest.fixture(scope="module")
def here(little, cities):
    return learned(little, cities)


def learned(panel, cities, **more):
    return train(panel, cities, "pm2p5", data_until=UNTIL, effort="full", **more)


class Backwards:
    """Does errands in another order than they are asked for."""

    def __init__(self):
        self.labels = []

    def ordered(self, call, errands, shared=()):
        errands = list(errands)
        self.labels += [errand.label for errand in errands]
        found = [next(HERE.ordered(call, [errand], shared)) for errand in reversed(errands)]
        yield from reversed(found)


def same(one, other):
    assert one.model_id == other.model_id
    for hour, mine in one.hours.items():
        theirs = other.hours[hour]
        assert set(mine.variants) == set(theirs.variants)
        pairs = [(mine.best, theirs.best), *((v, theirs.variants[k]) for k, v in mine.variants.items())]
        for a, b in pairs:
            assert np.array_equal(a.fitted.alpha, b.fitted.alpha)
            assert np.array_equal(a.fitted.errors, b.fitted.errors, equal_nan=True)
            assert list(a.fitted.grams) == list(b.fitted.grams)


def test_each_city_is_learned_in_an_errand_of_its_own_and_their_order_is_nothing(little, cities, here):
    place = Backwards()
    same(here, learned(little, cities, heavy=place))
    assert len([label for label in place.labels if label.endswith(" seoul")]) == 4
    assert "learning pm2p5 08 UTC beijing" in place.labels


@pytest.mark.slow
def test_a_model_learned_in_two_processes_is_that_learned_here(little, cities, here, tmp_path):
    with heavy_work("2", tmp_path) as heavy:
        same(here, learned(little, cities, heavy=heavy, read=Remembered(heavy)))


def test_situations_in_blocks_are_those_at_once(panel, cities, monkeypatch):
    monkeypatch.setattr(blocks, "SERIES", 3)
    recipe = recipe_of(panel, cities, LEARNED)
    issues = np.array([to_ns(i) for i in cycles_between(START, LEARNED)][-240:])
    place = Backwards()
    apart = situations_apart(panel, recipe, issues, heavy=place)
    assert np.array_equal(apart, situations(panel, recipe, issues), equal_nan=True)
    assert len(place.labels) > 2


def test_a_kernel_that_cannot_be_solved_is_named(little, cities, monkeypatch):
    def fail(*_):
        raise np.linalg.LinAlgError("not positive definite")

    monkeypatch.setattr(learning, "solution_of", fail)
    with pytest.raises(HeavyWorkError, match=r"^learning pm2p5 02 UTC \w+: LinAlgError: not positive"):
        learned(little, cities)
