"""Calibration on errors with a known distribution: it covers what it says, follows it, never looks ahead."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr, ndtri

from forecasting.calibration.adaptive import DAY, SHIFT_PRIOR, SLOW_PRIOR, Adjustment, Past, adapt, unadjusted
from forecasting.calibration.calibrator import fit_calibration
from forecasting.calibration.groups import groups_of
from forecasting.calibration.quantiles import NODES, Distribution, fit_shape
from forecasting.calibration.spread import fit_spread

YEARS = 8
LEVELS = np.array([0.1, 0.5, 0.9])
LEADS = groups_of(["seoul"] * 3, [1, 2, 3])


def autocorrelated(rng, shape, share=0.5):
    noise = rng.normal(size=shape)
    for i in range(1, len(noise)):
        noise[i] = share * noise[i - 1] + np.sqrt(1 - share**2) * noise[i]
    return noise


def errors_of(kind, rng, n):
    """Return errors (issue, lead) of three leads that share their weather, and the forecasts' covariate."""
    day, lead = np.arange(n)[:, None], np.array([0.3, 0.35, 0.4])
    own = np.sqrt(0.5) * (rng.normal(size=(n, 1)) + rng.normal(size=(n, 3)))
    season = np.cos(2 * np.pi * day / 365.25)
    made = {
        "stationary": lambda: own * lead,
        "drifting level": lambda: own * lead - 0.25 * np.cos(np.pi * day / n),
        "level that jumps": lambda: own * lead + 0.3 * (day > 0.8 * n),
        "width that grows": lambda: own * lead * np.exp(-0.3 + 0.6 * day / n),
        "width that jumps": lambda: own * lead * np.where(day > 0.75 * n, 1.4, 1.0),
        "seasonal width": lambda: own * lead * np.exp(0.4 * season),
        "autocorrelated": lambda: (
            np.sqrt(0.5) * lead * (autocorrelated(rng, (n, 1)) + rng.normal(size=(n, 3)))
        ),
        "heavy tails": lambda: rng.standard_t(3, size=(n, 3)) * lead / np.sqrt(3),
        "skewed": lambda: (rng.gamma(2, 1, size=(n, 3)) - 2) / np.sqrt(2) * lead,
    }
    return made[kind](), np.column_stack([season[:, 0], np.sin(2 * np.pi * day[:, 0] / 365.25)])


KINDS = ["stationary", "drifting level", "level that jumps", "width that grows", "width that jumps",
         "seasonal width", "autocorrelated", "heavy tails", "skewed"]  # fmt: skip


def forecasts(kind, seed, adaptive=True, train_years=5):
    """Train on some years, forecast the rest; return truth, distribution and the year of every issue."""
    rng = np.random.default_rng(seed)
    n = int(YEARS * 365.25)
    issues = np.datetime64("2013-01-01", "ns") + np.arange(n) * DAY
    errors, covariates = errors_of(kind, rng, n)
    known = issues[:, None] + np.array([2, 3, 4]) * DAY
    train = np.arange(n) < train_years * 365.25
    centre = np.zeros(errors.shape)
    before = Past(issues[train], errors[train], known[train])
    spread, shape = fit_calibration(before, centre[train], covariates[train], LEADS)
    scale = spread.scale(centre, covariates)
    at = issues[~train]
    taught = unadjusted(len(at), 3)
    if adaptive:
        taught = adapt(Past(issues, errors / scale, known), LEADS, shape.half_width, at)
    year = (np.arange(n) / 365.25).astype(int)
    return errors[~train], Distribution(shape, centre[~train], scale[~train], taught), year[~train]


def coverage(truth, distribution, low=0.1, high=0.9):
    ends = distribution.quantiles(np.array([low, high]))
    return (truth > ends[..., 0]) & (truth <= ends[..., 1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_central_intervals_cover_what_they_say_in_all_years_and_in_every_one(kind):
    pooled = []
    for seed in range(4):
        truth, distribution, year = forecasts(kind, seed)
        inside = coverage(truth, distribution)
        pooled.append(inside.mean())
        assert all(0.72 <= inside[year == y].mean() <= 0.88 for y in np.unique(year))
    assert 0.77 <= np.mean(pooled) <= 0.83


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_reliable_within_the_band_of_chance(kind):
    thresholds = np.array([-0.2, 0.0, 0.3, 0.6])
    error, chance = [], []
    for seed in range(4):
        truth, distribution, _ = forecasts(kind, seed)
        p = distribution.probability(thresholds)
        error.append(calibration_error(p, truth[..., None] > thresholds))
        rng = np.random.default_rng(seed)
        drawn = [distribution.at_scores(rng.normal(size=truth.shape)) for _ in range(20)]
        chance.append(np.quantile([calibration_error(p, d[..., None] > thresholds) for d in drawn], 0.95))
    assert np.mean(error) <= max(0.03, np.mean(chance))


def calibration_error(p, event):
    bins = np.clip((p.ravel() * 10).astype(int), 0, 9)
    said, came = np.bincount(bins, p.ravel(), 10), np.bincount(bins, event.ravel(), 10)
    return np.abs(said - came).sum() / p.size


@pytest.mark.parametrize("kind", ["level that jumps", "width that jumps", "drifting level"])
def test_the_adaptation_is_what_keeps_the_promise(kind):
    frozen, adapted = (
        np.mean([coverage_error(*forecasts(kind, seed, adaptive=on)) for seed in range(4)])
        for on in (False, True)
    )
    assert adapted < frozen / 2


def coverage_error(truth, distribution, year):
    """Mean distance from ndtr-exact frequencies of the three levels over years."""
    below = truth[..., None] <= distribution.quantiles(LEVELS)
    return np.mean([np.abs(below[year == y].mean(axis=(0, 1)) - LEVELS).mean() for y in np.unique(year)])


finite = st.floats(-6, 6, width=32)


@given(
    arrays(np.float64, (12, 3), elements=st.one_of(finite, st.just(np.nan))),
    st.floats(-1, 1),
    st.floats(0.6, 1.8),
)
def test_quantiles_rise_and_agree_with_probabilities(z, shift, stretch):
    shape = fit_shape(z, LEADS)
    assert (np.diff(shape.table, axis=1) > 0).all()
    centre = np.full((2, 3), 3.0)
    taught = Adjustment(np.full((2, 3), shift), np.full((2, 3), stretch))
    distribution = Distribution(shape, centre, np.full((2, 3), 0.4), taught)
    levels = np.array([0.0005, 0.01, 0.05, 0.3, 0.5, 0.7, 0.95, 0.99, 0.9995])
    values = distribution.quantiles(levels)
    assert (np.diff(values, axis=-1) > 0).all()
    for k, level in enumerate(levels):
        exceeded = ndtr(-distribution.scores_of(values[..., k]))
        np.testing.assert_allclose(exceeded, 1 - level, atol=1e-9)
    p = distribution.probability(np.linspace(0, 8, 30))
    assert (np.diff(p, axis=-1) <= 0).all()
    assert ((p >= 0) & (p <= 1)).all()


@st.composite
def pasts(draw):
    """Errors of some issues of three leads, known after odd delays, some never, in any order."""
    n = draw(st.integers(1, 30))
    start = np.datetime64("2019-01-01T08", "ns")
    gaps = np.array(draw(st.lists(st.integers(0, 90), min_size=n, max_size=n)))
    issues = start + np.cumsum(gaps * 24) * np.timedelta64(1, "h")
    z = draw(arrays(np.float64, (n, 3), elements=st.one_of(finite, st.just(np.nan))))
    hours = draw(arrays(np.int64, (n, 3), elements=st.integers(0, 2000)))
    known = issues[:, None] + hours * np.timedelta64(1, "h")
    known[draw(arrays(np.bool_, (n, 3), elements=st.booleans())) & (hours > 1500)] = np.datetime64("NaT")
    return Past(issues, z, known)


HALF = np.array([[1.28, 1.2], [1.3, 1.4], [1.2, 1.3]])


@pytest.mark.slow
@given(pasts(), st.randoms())
def test_many_forecasts_at_once_are_the_same_as_one_by_one(past, random):
    at = past.issues + np.timedelta64(random.randint(0, 50), "h")
    shuffled = at[random.sample(range(len(at)), len(at))]
    together = adapt(past, LEADS, HALF, shuffled)
    for i, when in enumerate(shuffled):
        alone = adapt(past, LEADS, HALF, np.array([when]))
        np.testing.assert_allclose(alone.shift[0], together.shift[i], atol=1e-9)
        np.testing.assert_allclose(alone.stretch[0], together.stretch[i], atol=1e-6)


@given(pasts(), st.integers(0, 1500), st.floats(-6, 6))
def test_what_is_known_later_changes_nothing_earlier(past, days, other):
    now = past.issues[:1] + days * DAY
    later = ~(past.known <= now[0]) | (past.issues >= now[0])[:, None]
    changed = Past(past.issues, np.where(later, other, past.z), past.known)
    cut = Past(past.issues, np.where(later, np.nan, past.z), past.known)
    for one in (changed, cut):
        for name in ("shift", "stretch"):
            mine, whole = (
                getattr(adapt(one, LEADS, HALF, now), name),
                getattr(adapt(past, LEADS, HALF, now), name),
            )
            np.testing.assert_allclose(mine, whole, atol=1e-9)


def test_one_known_error_moves_the_level_by_its_share():
    issues = np.array(["2020-01-01T08"], "M8[ns]")
    one = groups_of(["seoul"], [1])
    past = Past(issues, np.array([[2.0]]), issues[:, None] + 2 * DAY)
    moved = adapt(past, one, HALF[:1], issues + 3 * DAY).shift[0, 0]
    slow, fast = np.exp(-3 / 365), np.exp(-3 / 60)
    level = 2.0 * slow / (slow + SLOW_PRIOR)
    for _ in ("family", "group"):
        level = (2.0 * fast + SHIFT_PRIOR * level) / (fast + SHIFT_PRIOR)
    assert moved == pytest.approx(level)


def test_without_errors_nothing_is_adjusted():
    past = Past(np.array([], "M8[ns]"), np.empty((0, 3)), np.empty((0, 3), "M8[ns]"))
    at = np.array(["2020-01-01T08"], "M8[ns]")
    taught = adapt(past, LEADS, np.full((3, 2), float(ndtri(0.9))), at)
    assert taught.shift.tolist() == [[0.0, 0.0, 0.0]]
    np.testing.assert_allclose(taught.stretch, 1.0, atol=5e-3)
    assert adapt(past, LEADS, HALF, at[:0]).shift.shape == (0, 3)


def test_a_lead_with_few_errors_borrows_from_the_others_of_its_city():
    groups = groups_of(["seoul", "seoul", "beijing"], [1, 2, 1])
    issues = np.datetime64("2020-01-01T08", "ns") + np.arange(300) * DAY
    z = np.full((300, 3), np.nan)
    z[:, 0] = 0.5
    past = Past(issues, z, np.broadcast_to((issues + DAY)[:, None], z.shape).copy())
    moved = adapt(past, groups, HALF, issues[-1:]).shift[0]
    assert moved[0] > moved[1] > 0.1
    assert moved[2] == 0.0


def test_the_spread_falls_back_to_a_constant_where_errors_are_few():
    rng = np.random.default_rng(1)
    errors, x = rng.normal(size=(60, 1)), rng.normal(size=(60, 2))
    spread = fit_spread(errors, np.zeros((60, 1)), x, groups_of(["seoul"], [1]))
    assert np.ptp(spread.scale(np.zeros((5, 1)), rng.normal(size=(5, 2)))) == 0.0


def test_an_output_without_errors_takes_the_spread_of_its_group_and_any_shape_is_normal():
    rng = np.random.default_rng(2)
    errors = np.column_stack([rng.normal(0, 0.5, 2000), np.full(2000, np.nan)])
    groups = groups_of(["seoul"] * 2, [1, 1])
    zero = np.zeros(errors.shape)
    scale = fit_spread(errors, zero, np.zeros((2000, 0)), groups).scale(zero[:1], np.zeros((1, 0)))
    np.testing.assert_allclose(scale, 0.5, rtol=0.05)
    assert fit_shape(np.full((9, 2), np.nan), groups).table.tolist() == [NODES.tolist()]


def test_unknown_covariates_count_as_average():
    rng = np.random.default_rng(3)
    x = rng.normal(1.0, 1.0, size=(3000, 1))
    errors = rng.normal(size=(3000, 1)) * np.exp(0.5 * x)
    spread = fit_spread(errors, np.zeros((3000, 1)), x, groups_of(["seoul"], [1]))
    known, unknown = (spread.scale(np.zeros((1, 1)), np.array([[v]])) for v in (x.mean(), np.nan))
    np.testing.assert_allclose(known, unknown)
