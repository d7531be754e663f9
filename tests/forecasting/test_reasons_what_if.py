"""What would change a forecast, and what was alike: on futures and pasts whose truth is known."""

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.reasons.analogs import SAME_EPISODE, analogs_of
from forecasting.reasons.upwind import possible_upwind
from forecasting.reasons.what_if import FEWEST, LEAST, Possible, what_if, wilson
from forecasting.situation.columns import Column
from forecasting.targets import to_level, to_log
from pipeline.times import hour_range, parse_instant, to_ns

ISSUE = parse_instant("2020-01-09T08:00Z")
END = parse_instant("2020-01-12T16:00Z")
MEMBERS = 200


def futures(make, members=MEMBERS, seed=0):
    """Joint paths of both cities from the issue on; ``make`` gives (member, hour) of each city."""
    grid = hour_range(ISSUE - timedelta(hours=24), END)
    rng = np.random.default_rng(seed)
    seoul, beijing = make(rng, members, len(grid))
    return xr.Dataset(
        {"pm2p5": (("realization", "city", "time"), np.stack([seoul, beijing], axis=1))},
        coords={
            "realization": np.arange(members),
            "city": ["seoul", "beijing"],
            "time": grid,
            "issue_time": to_ns(ISSUE),
            "as_of": to_ns(ISSUE),
        },
        attrs={"world": "simulated-1"},
    ).assign(is_observed=(("city", "time"), np.zeros((2, len(grid)), bool)))


def tied(rng, members, hours):
    """Seoul follows what Beijing reads in the first hours; Beijing's level is drawn once."""
    level = rng.uniform(20, 120, members)[:, None]
    return 0.5 * level + rng.normal(0, 1, (members, hours)), level + rng.normal(0, 1, (members, hours))


def loose(rng, members, hours):
    """A day nobody can foresee from the next readings."""
    seoul = rng.uniform(20, 50, (members, hours))
    seoul[:, 40:] += rng.normal(0, 15, members)[:, None]
    return seoul, rng.uniform(20, 120, (members, hours))


def test_the_reading_upwind_that_decides_is_found_with_its_probability(cities):
    seoul, _ = what_if(futures(tied), cities, {"seoul": (35,), "beijing": (75,)})
    assert (seoul.city, seoul.threshold, seoul.refused) == ("seoul", 35, "")
    # Seoul exceeds 35 when Beijing's level is above 70: half of the futures
    assert seoul.probability == pytest.approx(0.5, abs=0.12)
    assert {c.side for c in seoul.changes} == {"below", "above"}
    for change in seoul.changes:
        assert change.probability in (pytest.approx(0.0, abs=0.03), pytest.approx(1.0, abs=0.03))
        assert change.low <= change.probability <= change.high
        assert FEWEST <= change.futures <= MEMBERS
        lead = parse_instant(change.valid_end) - ISSUE
        assert timedelta(hours=3) <= lead <= timedelta(hours=12)


def test_the_probability_is_counted_on_the_futures_that_agree(cities):
    paths = futures(tied)
    seoul, _ = what_if(paths, cities, {"seoul": (35,), "beijing": (75,)})
    change = seoul.changes[0]
    reading = paths["pm2p5"].sel(city=change.place, time=np.datetime64(change.valid_end[:-1])).values
    agree = reading < change.level if change.side == "below" else reading > change.level
    day = paths["pm2p5"].sel(city="seoul")
    bounds = {1: ("2020-01-09T15", "2020-01-10T15"), 2: ("2020-01-10T15", "2020-01-11T15")}
    bounds[3] = ("2020-01-11T15", "2020-01-12T15")
    first, last = (np.datetime64(b) for b in bounds[seoul.lead_day])
    mean = day.isel(time=(day["time"].values > first) & (day["time"].values <= last)).mean("time").values
    assert change.probability == pytest.approx((mean[agree] > 35).mean(), abs=1e-3)
    assert change.futures == agree.sum()
    assert change.reading_probability == pytest.approx(agree.mean(), abs=1e-3)


def test_nothing_is_told_of_readings_that_tell_nothing(cities):
    refused = 0
    for seed in range(10):
        seoul, _ = what_if(futures(loose, seed=seed), cities, {"seoul": (35,), "beijing": (75,)})
        refused += seoul.refused == "noise"
    assert refused >= 9


def test_too_few_distinct_futures_are_refused(cities):
    def repeated(rng, members, hours):
        seoul, beijing = tied(rng, 20, hours)
        return np.tile(seoul, (members // 20, 1)), np.tile(beijing, (members // 20, 1))

    seoul, _ = what_if(futures(repeated), cities, {"seoul": (35,), "beijing": (75,)})
    assert (seoul.changes, seoul.refused) == ((), "noise")


def test_a_decided_probability_is_left_alone(cities):
    seoul, beijing = what_if(futures(tied), cities, {"seoul": (250,), "beijing": ()})[:1] * 2
    assert (seoul.probability, seoul.refused) == (0.0, "decided")
    assert beijing.city == "seoul"


def test_readings_of_other_places_are_weighed_beside_those_of_the_cities(cities):
    rng = np.random.default_rng(1)
    event = rng.random(300) < 0.5
    values = np.where(event, 90.0, 30.0) + rng.normal(0, 2, 300)
    place = Possible("jinan_air", "pm2p5", "2020-01-09T14:00:00Z", 6, values, event, np.arange(300))
    seoul, _ = what_if(futures(loose), cities, {"seoul": (35,), "beijing": (75,)}, lambda *_: [place])
    assert {c.place for c in seoul.changes} == {"jinan_air"}
    assert all(abs(c.probability - seoul.probability) >= LEAST for c in seoul.changes)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.floats(0, 1))
def test_the_interval_of_a_share_holds_the_share_and_lies_in_0_to_1(count, share):
    low, high = wilson(share, count)
    assert 0.0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1.0


@pytest.fixture(scope="module")
def hour(model):
    return model.hours[8]


def test_the_most_similar_past_is_nearest_in_the_kernel_and_of_other_episodes(model, hour):
    fitted = hour.best.fitted
    row = 200
    now, issue = fitted.z[row : row + 1].astype(np.float32), fitted.issues[row]
    days = {
        int(fitted.outputs.day[i]): int(i)
        for i in np.flatnonzero((fitted.outputs.target == 0) & (fitted.outputs.day >= 1))
        if fitted.outputs.day[i] <= 3
    }
    found = analogs_of(fitted, now, issue, days, (20, 30))
    gram = fitted.grams[fitted.keys[days[1]]].without_own()
    z = fitted.z.astype(np.float32)
    distance = np.diag(gram.between(z, z)) - 2 * gram.between(now, z)[0]
    far = np.abs(fitted.issues - issue) > SAME_EPISODE
    best = np.flatnonzero(far)[np.argmin(distance[far])]
    assert np.datetime64(found.shown[0].issue_time[:-1]) == fitted.issues[best]
    times = [np.datetime64(a.issue_time[:-1]) for a in found.shown]
    assert all(abs(t - issue) > SAME_EPISODE for t in times)
    assert all(abs(a - b) > SAME_EPISODE for i, a in enumerate(times) for b in times[:i])
    truth = float(to_level(fitted.truth[best, [days[1]]].astype(float))[0])
    assert found.shown[0].followed["1"] == pytest.approx(truth, abs=0.06)
    assert found.shown[0].likeness >= found.shown[-1].likeness - 0.2
    for lead, counts in found.exceeded.items():
        assert 0 <= counts["30"] <= counts["20"] <= found.counted[lead] <= 20


def test_a_situation_like_none_is_called_so(hour):
    fitted = hour.best.fitted
    days = {1: int(np.flatnonzero(fitted.outputs.day == 1)[0])}
    row = fitted.z[100:101].astype(np.float32)
    assert not analogs_of(fitted, row, fitted.issues[100], days, ()).like_none
    wild = np.where(np.arange(row.shape[1]) % 2 == 0, 4.0, -4.0)[None, :].astype(np.float32)
    assert analogs_of(fitted, wild, fitted.issues[100], days, ()).like_none


def upwind_world(link, rows=900):
    """Two cycles of one place upwind: what it reads next is what it read, plus a surprise, which may show in
    the error of the city's day."""
    rng = np.random.default_rng(3)
    step = np.timedelta64(24, "h").astype("m8[ns]")
    issues = np.datetime64("2016-12-01T08", "ns") + np.arange(rows) * step
    column = Column("air upwind", "around.pm2p5.jinan_air", "mean", 0, 6, None, 36.7, 117.0)
    now, surprise = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    scaling = SimpleNamespace(mean=np.array([4.0]), spread=np.array([0.5]))
    here = SimpleNamespace(
        hour=8, issues=issues, z=now[:, None].astype(np.float16), kept=np.array([0]), scaling=scaling
    )
    after = SimpleNamespace(
        hour=14,
        issues=issues + np.timedelta64(6, "h"),
        z=(0.8 * now + 0.6 * surprise)[:, None].astype(np.float16),
        kept=np.array([0]),
        scaling=scaling,
    )
    error = link * surprise + np.sqrt(1 - link**2) * rng.normal(0, 1, rows)
    hours = {
        8: SimpleNamespace(best=SimpleNamespace(fitted=here), past=SimpleNamespace(z=error[:, None])),
        14: SimpleNamespace(best=SimpleNamespace(fitted=after)),
    }
    return SimpleNamespace(hours=hours, recipe=SimpleNamespace(columns=(column,))), here


def test_a_reading_upwind_is_expected_from_the_present_one_and_tied_to_past_errors():
    model, here = upwind_world(link=0.9)
    issue = np.datetime64("2018-01-05T08", "ns")
    (told,) = possible_upwind(model, here, np.array([1.0]), issue, (0, 0.4))
    assert (told.place, told.quantity, told.interval_hours) == ("jinan_air", "pm2p5", 6)
    assert told.valid_end == "2018-01-05T14:00:00Z"
    # 0.8 of one standard deviation above the mean is expected: ln(c + 5) = 4 + 0.5 * 0.8
    assert float(np.median(to_log(told.values))) == pytest.approx(4.4, abs=0.06)
    assert told.event.mean() == pytest.approx(0.4, abs=0.01)
    high = told.values > np.quantile(told.values, 0.8)
    assert told.event[high].mean() > 0.9 > 0.2 > told.event[told.values < np.median(told.values)].mean()


def test_an_upwind_place_that_is_silent_now_or_was_seldom_known_is_not_asked():
    model, here = upwind_world(link=0.9)
    issue = np.datetime64("2018-01-05T08", "ns")
    assert not list(possible_upwind(model, here, np.array([0.0]), issue, (0, 0.4)))
    here.z[50:] = 0
    assert not list(possible_upwind(model, here, np.array([1.0]), issue, (0, 0.4)))
