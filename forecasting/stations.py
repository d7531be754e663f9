"""Forecasts of single stations: the city's joint futures, and how the station departs from its city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.predictions import Block, Futures, block_of, table_of
from forecasting.targets import Floats, to_level, to_log

MADE_UP: Final = "archive:"
"""How the ids of series begin that an archive made of several stations."""

PAST_HOURS: Final = 60 * 24
"""Past of a station that its forecast reads [h]."""

LEVEL_HOURS: Final = 30 * 24
NEWEST_HOURS: Final = 12
RECENT_VALUES: Final = 3
ENOUGH: Final = 0.5
"""A station is forecast if it sent so much of the last LEVEL_HOURS."""

PERSISTS, FADES_HOURS = 0.85, 6.0
"""Part of a present departure that lasts, and how fast it fades. Least squares on 35 stations of Beijing
(2015-2018) give 0.77, 0.50, 0.29, 0.14 after 1, 3, 6, 12 h, on 25 of Seoul (2017) 0.58, 0.35, 0.21, 0.12."""

CLOCK_SHARE: Final = 0.5
"""Weight of the departure usual at the hour of the day against that of the whole month."""

FEWEST_TRAJECTORIES: Final = 10
SPREAD: Final = 0.35
"""Spread of departures, ln(c + 5), where a station's own past is too short to tell."""

TOGETHER: Final = 50
"""Stations that are reckoned at once: enough that the steps cost more than their calls."""

Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class StationPast:
    """What was known of the stations of one city at an issue.

    Parameters
    ----------
    stations : ids
    values : (station, hour) the last PAST_HOURS up to the issue, [ug m-3], NaN where unknown
    city : (hour,) the city itself
    """

    stations: tuple[str, ...]
    values: Floats
    city: Floats

    def usable(self) -> StationPast:
        """Return the stations that sent enough to be forecast."""
        known = np.isfinite(self.values[:, -LEVEL_HOURS:]).mean(axis=1) >= ENOUGH
        names = tuple(s for s, good in zip(self.stations, known, strict=True) if good)
        return StationPast(names, self.values[known], self.city)


def station_rows(
    past: StationPast, futures: Futures, model_id: str, degraded: str, seed: int
) -> pd.DataFrame:
    """Forecast the stations of a city at one issue.

    A member of a station is the city's member with the same number, times how the station departs from the
    city: its usual departure of the last month, what is left of the present one, and one of its own past
    errors of just that forecast, as a whole trajectory. What the station measured today counts in day D.

    Parameters
    ----------
    past : see ``StationPast``; its last hour is the issue
    futures : joint futures of the city at that issue alone
    seed : of the order in which past errors meet the city's members

    Returns
    -------
    the columns of ``forecasting.predictions`` with ``station`` first; empty if no station is usable
    """
    known = past.usable()
    if not known.stations:
        return pd.DataFrame()
    ahead = futures.periods > 0
    hours = futures.periods[ahead]
    left = departures(known, int(hours[-1]), futures.values.shape[1], np.random.default_rng(seed))
    city = to_log(futures.values[0][:, ahead])
    measured = _on_interval(known.values, futures.periods[~ahead], futures.interval_hours)
    parts = []
    for low in range(0, len(left), TOGETHER):
        few = slice(low, low + TOGETHER)
        drawn = to_level(city + _over(left[few], hours, futures.interval_hours))
        parts.append(_block(futures, measured[few], drawn, model_id, degraded))
    table = table_of([{name: np.concatenate([p[name] for p in parts]) for name in parts[0]}])
    table.insert(0, "station", np.repeat(known.stations, len(table) // len(left)))
    return table


def _block(futures: Futures, measured: Floats, drawn: Floats, model_id: str, degraded: str) -> Block:
    """Return the rows of some stations, which stand where issues stand: (station, row).

    Parameters
    ----------
    measured : (station, period) at the periods before the issue [ug m-3], NaN where unknown
    drawn : (station, member, period) at those after it
    """
    count, members, after = drawn.shape
    before = np.broadcast_to(measured[:, None], (count, members, measured.shape[1]))
    own = replace(
        futures,
        issues=np.repeat(futures.issues, count),
        values=np.concatenate([before, drawn], axis=2),
        observed=np.concatenate([np.isfinite(measured), np.zeros((count, after), bool)], axis=1),
        outlook_days=np.empty(0, np.int64),
    )
    return block_of(own, "sameair", [model_id] * count, [degraded] * count)


def departures(past: StationPast, last: int, members: int, rng: np.random.Generator) -> Floats:
    """Draw how stations will depart from their city, ln(c + 5), (station, member, hour after the issue).

    Parameters
    ----------
    last : greatest lead [h]

    Examples
    --------
    >>> city = np.full(PAST_HOURS, 20.0)
    >>> past = StationPast(("a",), np.full((1, PAST_HOURS), 45.0), city)
    >>> found = departures(past, 48, 4, np.random.default_rng(0))
    >>> bool(np.allclose(found, np.log((45 + 5) / (20 + 5))))
    True
    """
    gap = to_log(past.values) - to_log(past.city)
    starts = np.arange(PAST_HOURS - 1 - last, LEVEL_HOURS, -24)[::-1]
    said = _expected(gap, np.array([PAST_HOURS - 1]), last)[:, 0]
    errors = np.full((len(gap), len(starts), last), np.nan)
    if len(starts):
        truth = np.stack([gap[:, s + 1 : s + 1 + last] for s in starts], axis=1)
        errors = truth - _expected(gap, starts, last)
    order = rng.permutation(members)
    return np.stack(
        [s[None] + _trajectories(e, members, rng)[order] for s, e in zip(said, errors, strict=True)]
    )


def _expected(gap: Floats, at: npt.NDArray[np.int64], last: int) -> Floats:
    """Return the departure expected after some hours of the past, from before, (station, start, hour)."""
    found = np.empty((len(gap), len(at), last))
    fade = PERSISTS * np.exp(-np.arange(1, last + 1) / FADES_HOURS)
    for k, now in enumerate(at):
        month = gap[:, now + 1 - LEVEL_HOURS : now + 1]
        level = _mean(month)
        by_hour = np.stack([_mean(month[:, h::24]) for h in range(24)], axis=1)
        by_hour = np.where(np.isfinite(by_hour), by_hour, level[:, None])
        clock = level[:, None] + CLOCK_SHARE * (by_hour - level[:, None])
        usual = np.tile(clock, (1, last // 24 + 1))[:, :last]
        recent = _newest(gap[:, now + 1 - NEWEST_HOURS : now + 1] - clock[:, -NEWEST_HOURS:])
        found[:, k] = usual + recent[:, None] * fade
    return np.nan_to_num(found)


def _over(left: Floats, hours: npt.NDArray[np.int64], step: int) -> Floats:
    """Return the mean departure over the intervals that end at some hours after the issue."""
    parts = [left[..., np.maximum(hours - 1 - back, 0)] for back in range(step)]
    return np.asarray(np.mean(parts, axis=0))


def _newest(gap: Floats) -> Floats:
    """Return the mean of the last RECENT_VALUES known, 0 where there are none, (station,)."""
    known = np.isfinite(gap)
    rank = np.cumsum(known[:, ::-1], axis=1)[:, ::-1]
    return np.nan_to_num(_mean(np.where(known & (rank <= RECENT_VALUES), gap, np.nan)))


def _mean(rows: Floats) -> Floats:
    known = np.isfinite(rows)
    total = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _trajectories(errors: Floats, members: int, rng: np.random.Generator) -> Floats:
    """Return past errors as often as there are members, (member, hour); gaps are filled from other days."""
    good = errors[np.isfinite(errors).mean(axis=1) >= ENOUGH]
    if len(good) < FEWEST_TRAJECTORIES:
        return np.broadcast_to(SPREAD * rng.standard_normal((members, 1)), (members, errors.shape[1]))
    good = np.where(np.isfinite(good), good, np.nan_to_num(good[::-1]))
    return np.resize(good, (members, errors.shape[1]))


def _on_interval(values: Floats, periods: npt.NDArray[np.int64], step: int) -> Floats:
    """Return the means over (period − step, period] before the issue, NaN where an hour is unknown."""
    last = values.shape[1] - 1
    means = [values[:, last + p - step + 1 : last + p + 1].mean(axis=1) for p in periods.tolist()]
    return np.stack(means, axis=1) if means else np.empty((len(values), 0))


def city_past(times: Times, values: Floats, interval_hours: int, issue: np.datetime64) -> Floats:
    """Return a city's last PAST_HOURS hour by hour; an interval stands for all its hours.

    Parameters
    ----------
    times, values : known interval ends and means

    Examples
    --------
    >>> end = np.array(["2020-01-01T06"], "M8[ns]")
    >>> city_past(end, np.array([9.0]), 3, np.datetime64("2020-01-01T07", "ns"))[-5:].tolist()
    [nan, 9.0, 9.0, 9.0, nan]
    """
    out = np.full(PAST_HOURS, np.nan)
    at = PAST_HOURS - 1 - ((issue - times) // np.timedelta64(1, "h")).astype(np.int64)
    for back in range(interval_hours):
        inside = (at - back >= 0) & (at - back < PAST_HOURS)
        out[at[inside] - back] = values[inside]
    return out


def names_of(listed: pd.DataFrame, city: str, stations: Sequence[str] = ()) -> list[str]:
    """Return the stations that lie in a city, without series that stand for the city as a whole.

    >>> names = ["a:1", "a:city", "archive:city_mean"]
    >>> names_of(pd.DataFrame({"station": names, "city": "seoul"}), "seoul", ["a:city"])
    ['a:1']
    """
    here = listed.loc[listed["city"] == city, "station"].astype(str)
    return sorted(s for s in set(here) - set(stations) if not s.startswith(MADE_UP))
