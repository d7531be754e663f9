"""Paths for rule tests: cities whose days or hours hold given values."""

from datetime import timedelta
from fractions import Fraction
from math import ceil

import numpy as np
import xarray as xr

from alerts.rule_engine import evaluate
from alerts.rules import all_rules, rule
from pipeline.cities import city
from pipeline.times import hour_range, local_day_bounds

SEOUL, BEIJING = city("seoul"), city("beijing")


def paths_of(place, first, days, *, hourly=None, members=1, observed=True, world="simulated-7", **by_day):
    """Paths whose day means are given: name = list over days of a value or of one value per member."""
    start = local_day_bounds(first, place.timezone)[0]
    end = local_day_bounds(first + timedelta(days=days - 1), place.timezone)[1]
    grid = hour_range(start, end)
    data = {}
    for name, values in by_day.items():
        table = np.stack([np.broadcast_to(np.asarray(v, float), (members,)) for v in values], axis=1)
        data[name] = (("realization", "city", "time"), np.repeat(table, 24, axis=1)[:, None])
    if hourly is not None:
        data["pm2p5"] = (("realization", "city", "time"), np.asarray(hourly, float)[None, None])
    data["is_observed"] = (("city", "time"), np.full((1, len(grid)), observed))
    coords = {"realization": np.arange(members), "city": [place.id], "time": grid}
    return xr.Dataset(data, coords=coords, attrs={"world": world})


def index_by_hand(mean, points, index):
    """The Chinese index in exact fractions: round half to even, interpolate, round up."""
    whole = min(round(Fraction(str(mean))), points[-1])
    upper = max(1, next(n for n, point in enumerate(points) if whole <= point))
    rise = Fraction(index[upper] - index[upper - 1], points[upper] - points[upper - 1])
    return ceil(index[upper - 1] + rise * (whole - points[upper - 1]))


def above(index, day):
    """The lowest whole concentration whose exact index is above a value."""
    table = rule("cn.aqi", day).parameters
    points = table["breakpoints"]["pm2p5"]
    return next(c for c in range(600) if index_by_hand(c, points, table["iaqi"]) > index)


HERE = {"KR": SEOUL, "CN": BEIJING}
BITS = 0.001


def of_kind(*kinds):
    return [r for r in all_rules() if r.kind in kinds and not r.undecidable]


def reached(held, paths, day):
    """Number of the level that a single path reaches."""
    found = evaluate(held, paths, HERE[held.country], day)
    assert found.probability == 1.0, found.note
    return held.levels.index(found.level)


def days_in_force(held, before=0, after=0):
    """First and last day of a version, or a day years later where it still holds, with room around them."""
    last = held.valid_to or held.valid_from + timedelta(days=3000)
    return held.valid_from + timedelta(days=before), last - timedelta(days=after)


def named(value):
    return f"{value.id} {value.version}" if hasattr(value, "version") else str(value)


def running(value, hours, base=10.0):
    """A day of hourly values with ``hours`` at a value in its middle."""
    values = np.full(24, base)
    values[8 : 8 + hours] = value
    return values
