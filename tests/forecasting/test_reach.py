"""Of many cities a kernel reads a bounded choice, whatever else is there; of few it reads all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.calibration.groups import groups_of
from forecasting.calibration.spread import fit_spread
from forecasting.kernel.gram import gram_of
from forecasting.kernel.hour import Beside, Rows, fit_hour, without
from forecasting.kernel.narrow import narrowed
from forecasting.kernel.reach import FAR, NEAR, NEAR_KM, WHOLE, Positions, reaches
from forecasting.kernel.weights import kilometres
from forecasting.outputs import outputs_of
from forecasting.situation.columns import Column
from forecasting.targets import Target
from pipeline.cities import city

SEOUL = city("seoul")


def placed(places):
    return [
        replace(SEOUL, id=f"c{n:03d}", latitude=latitude, longitude=longitude, upwind=("c000",))
        for n, (latitude, longitude) in enumerate(places)
    ]


def test_few_cities_read_all_of_each_other():
    few = placed([(20.0 + n, 100.0 + 4 * n) for n in range(WHOLE)])
    assert all(sorted(reach.whole) == [c.id for c in few] for reach in reaches(few).values())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(20, 52), st.floats(98, 142)), min_size=WHOLE + 1, max_size=40, unique=True),
    st.randoms(use_true_random=False),
)
def test_many_cities_read_a_bounded_choice_whatever_their_order(places, order):
    many = placed(places)
    found = reaches(many)
    shuffled = list(many)
    order.shuffle(shuffled)
    assert reaches(shuffled) == found
    by_id = {c.id: c for c in many}
    for name, reach in found.items():
        assert reach.whole[0] == name
        assert len(reach.whole) <= NEAR + 1
        assert len(reach.air) <= FAR
        assert len({*reach.whole, *reach.air}) == len(reach.whole) + len(reach.air)
        assert name == "c000" or "c000" in reach.whole
        at = (by_id[name].latitude, by_id[name].longitude)
        for other in set(reach.whole) - {name, "c000"}:
            assert kilometres(at, (by_id[other].latitude, by_id[other].longitude)) <= NEAR_KM + 1


def column(key, owner):
    return Column("air", key, "mean", 0, 24, None, 30.0, 110.0, owner)


def test_a_far_city_tells_its_mean_air_alone():
    many = placed([(20.0 + n % 5 * 7, 98.0 + 2 * n) for n in range(22)])
    reach = reaches(many)["c010"]
    columns = [column(f"{c.id}.{what}", c.id) for c in many for what in ("pm2p5.reference", "wind.weather")]
    columns.append(column("around.wind.x", None))
    read = [columns[i] for i in Positions(columns).read(reach)]
    for one in many:
        mine = sorted(c.key.split(".")[1] for c in read if c.city == one.id)
        expected = ["pm2p5", "wind"] if one.id in reach.whole else ["pm2p5"] if one.id in reach.air else []
        assert mine == expected
    assert read[-1].city is None


CITIES = ("beijing", "seoul")
NAMES = ("calendar | calendar.annual_cosine.issue | at the issue", *(f"air | a{i}" for i in range(11)))


@pytest.fixture(scope="module")
def fitted():
    """A fit of two kernels, each of which reads the season and two columns of twelve."""
    rng = np.random.default_rng(3)
    targets = [Target(name, "pm2p5", "reference", 3, "Asia/Seoul") for name in CITIES]
    outputs = outputs_of(targets, 8)
    issues = np.datetime64("2019-01-01T08", "ns") + np.arange(240) * np.timedelta64(86_400_000_000_000, "ns")
    values = rng.normal(size=(len(issues), len(NAMES))).astype(np.float32)
    truth = (3 + values[:, [1]] + rng.normal(0, 0.2, (len(issues), len(outputs.end)))).astype(np.float32)
    weights = {name: np.zeros(len(NAMES), np.float32) for name in CITIES}
    weights["beijing"][[0, 1, 2]] = 0.7
    weights["seoul"][[0, 3, 4]] = 0.4
    keys = [targets[t].city for t in outputs.target]
    beside = Beside(np.array([5]), np.full(len(keys), 6))
    rows = Rows(8, issues, values, truth, outputs)
    return fit_hour(rows, keys, list(enumerate(NAMES)), weights, beside)


def test_what_a_kernel_does_not_read_changes_nothing_of_it(fitted):
    left = np.array([n != 3 for n in range(len(NAMES))])
    fewer = without(fitted, left)
    mine, other = fewer.columns("beijing"), fewer.columns("seoul")
    np.testing.assert_array_equal(fewer.alpha[:, mine], fitted.alpha[:, mine])
    np.testing.assert_array_equal(fewer.errors[:, mine], fitted.errors[:, mine])
    assert (fewer.alpha[:, other] != fitted.alpha[:, other]).any()


def test_a_fit_cut_down_to_one_city_says_the_same_to_the_last_bit(fitted):
    new = np.random.default_rng(9).normal(size=(7, len(NAMES))).astype(np.float32)
    slim, read = narrowed(fitted, ["seoul"], len(NAMES))
    assert read.tolist() == [0, 3, 4, 5, 6]
    mine = fitted.columns("seoul")
    slim = replace(slim, grams={"seoul": slim.grams["seoul"]})
    np.testing.assert_array_equal(slim.predict(new[:, read])[:, mine], fitted.predict(new)[:, mine])
    assert narrowed(fitted, CITIES, len(NAMES))[0].kept.tolist() == [0, 1, 2, 3, 4][: len(NAMES)]


def test_half_precision_is_read_as_the_same_numbers():
    z = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float16)
    weights = np.array([1, 0, 0.5, 0, 0.2], np.float32)
    one, other = (gram_of(x, weights, 0) for x in (z, z.astype(np.float32)))
    assert (one.length, one.distance) == (other.length, other.distance)
    single = z.astype(np.float32)
    np.testing.assert_array_equal(one.between(z, z), other.between(single, single))


def test_a_spread_is_told_by_the_covariates_of_its_city_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    e = rng.normal(size=(2000, 2)) * 0.3 * np.exp(0.5 * x)
    zero, groups = np.zeros(e.shape), groups_of(["a", "b"], [1, 1])
    told = fit_spread(e, zero, x, groups, np.array([[0, -1], [1, -1]]))
    whole = told.scale(zero, x)
    np.testing.assert_array_equal(told.of(np.array([1])).scale(zero[:, :1], x)[:, 0], whole[:, 1])
    moved = x.copy()
    moved[:, 1] += 1.0
    np.testing.assert_array_equal(told.scale(zero, moved)[:, 0], whole[:, 0])
    ratio = told.scale(zero, moved)[np.abs(x[:, 1]) < 1, 1] / whole[np.abs(x[:, 1]) < 1, 1]
    assert np.median(ratio) == pytest.approx(np.exp(0.5), rel=0.15)
