"""Features of one issue: what was known at the as-of instant, told for every city and valid time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from forecasting.inputs import read_row
from forecasting.targets import HOUR_NS, Floats, Target, Times, day_of_year, hour_of_day, to_log
from forecasting.windows import mean_of_known, newest_known, window_means
from pipeline.asof import AsOfPanel
from pipeline.times import from_ns, to_ns

STATE_HOURS = 744
"""Hours before the issue whose course is looked at."""

LEVEL_DAYS, LEVEL_STEP, LEVEL_PRIOR_DAYS = 365, 3, 60
"""Days over which the present level is taken, every so many hours, and days counted as average beside."""

RECENT_DAYS = LEVEL_DAYS + 2
"""A forecast reads nothing older than this many days before its snapshot, its model apart."""

STALE_HOURS = 72
"""A series whose newest known value is older than this [h] tells nothing about the present."""

WINDOWS = ((0, 1), (0, 3), (0, 6), (0, 12), (0, 24), (24, 48), (48, 72), (0, 168), (0, 720))
"""Means of anomalies over (newest − end, newest − start] hours."""

WEATHER = (
    "air_temperature",
    "relative_humidity",
    "eastward_wind",
    "northward_wind",
    "air_pressure_at_mean_sea_level",
    "surface_air_pressure",
    "precipitation_amount",
    "atmosphere_boundary_layer_thickness",
)
"""Quantities of the role ``weather``; winds may also be stored as speed and direction."""

WEATHER_WINDOWS = ((0, 6), (0, 24), (24, 48))

OWN = (*(f"mean of {a}-{b} h before" for a, b in WINDOWS), "highest of 24 h", "lowest of 24 h", "rise")
ROW = (
    "city",
    "hourly series",
    "interval",
    "lead",
    "hour",
    "season sine",
    "season cosine",
    "weekend",
    "heating season",
    "seasonal level",
    "same hour, latest day",
    "same hour, five days",
    "age of newest value",
)


@dataclass(frozen=True)
class Layout:
    """Which columns a feature table has and what they are computed from; part of a model.

    Parameters
    ----------
    targets : forecast series, in the order of ``season``
    season : (target, 366, 24) mean course on the modelling scale, see ``season_table``
    inputs : panel keys of every series that is read
    upwind : keys of further series of interest, such as stations upwind; winds as components
    """

    targets: tuple[Target, ...]
    season: npt.NDArray[np.float32]
    inputs: tuple[str, ...] = ()
    upwind: tuple[str, ...] = ()

    @property
    def cities(self) -> tuple[str, ...]:
        """Return the city ids in order of their targets."""
        return tuple(dict.fromkeys(t.city for t in self.targets))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns, ``group: what``."""
        weather = [f"{q}, mean of {a}-{b} h" for q in WEATHER for a, b in WEATHER_WINDOWS]
        return (
            *(f"time: {n}" if i < 10 else f"own: {n}" for i, n in enumerate(ROW)),
            *(f"own: {n}" for n in OWN),
            *(f"own newest: {n}" for n in OWN),
            "own newest: newer by",
            *(f"other city: {n}" for n in OWN),
            "other city: newer by",
            *(f"own weather: {n}" for n in weather),
            *(f"other weather: {n}" for n in weather),
            *(f"upwind: {k}, mean of {a}-{b} h" for k in self.upwind for a, b in WEATHER_WINDOWS),
        )


@dataclass(frozen=True)
class FeatureTable:
    """Rows to forecast: (target, valid time) with their features.

    Parameters
    ----------
    target : (row,) position in ``Layout.targets``
    period : (row,) whole hours from the issue to the interval end
    values : (row, column) features, NaN where unknown
    has_state : (target,) whether the target has a value within the last STALE_HOURS
    """

    target: npt.NDArray[np.int64]
    period: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    has_state: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _State:
    """Anomalies of every target from season and level on the hours before an issue, and their means."""

    grid: Times
    anomalies: Floats
    newest: npt.NDArray[np.int64]
    level: Floats
    own: Floats


def _state(panel: AsOfPanel, layout: Layout, as_of: datetime) -> _State:
    end = to_ns(as_of).astype("datetime64[h]").astype("datetime64[ns]")
    grid = end + np.arange(1 - STATE_HOURS, 1) * HOUR_NS
    values = np.stack([panel.on_grid(t.key, grid, as_of) for t in layout.targets])
    level = _level(panel, layout, end, as_of)
    anomalies = to_log(values) - layout.season[:, day_of_year(grid), hour_of_day(grid)] - level[:, None]
    newest = newest_known(anomalies, STATE_HOURS - STALE_HOURS)
    means = window_means(anomalies, newest, [*WINDOWS, (6, 12)])
    extremes = []
    for row, last in zip(anomalies, newest, strict=True):
        day = row[max(0, last - 23) : last + 1]
        day = day[np.isfinite(day)]
        extremes.append((day.max(), day.min()) if len(day) else (np.nan, np.nan))
    rise = means[:, 2] - means[:, -1]
    return _State(grid, anomalies, newest, level, np.column_stack([means[:, :-1], np.array(extremes), rise]))


def _level(panel: AsOfPanel, layout: Layout, end: np.datetime64, as_of: datetime) -> Floats:
    """Return by how much the last year lay above the seasonal mean, drawn towards 0 while little is known.

    Emissions change over the years; with this level a forecast follows them without a new training.
    """
    last = end - (end - np.datetime64(0, "ns")) % (LEVEL_STEP * HOUR_NS)
    grid = last - np.arange(LEVEL_DAYS * 24 // LEVEL_STEP)[::-1] * (LEVEL_STEP * HOUR_NS)
    values = np.stack([panel.on_grid(t.key, grid, as_of) for t in layout.targets])
    anomalies = to_log(values) - layout.season[:, day_of_year(grid), hour_of_day(grid)]
    known = np.isfinite(anomalies)
    total = np.where(known, anomalies, 0.0).sum(axis=1)
    shrunk: Floats = total / (known.sum(axis=1) + LEVEL_PRIOR_DAYS * 24 / LEVEL_STEP)
    return shrunk


def _weather(panel: AsOfPanel, keys: Sequence[str], as_of: datetime) -> Floats:
    """Return (series, window) means of weather series whose newest value is at most a day old."""
    end = to_ns(as_of).astype("datetime64[h]").astype("datetime64[ns]")
    grid = end + np.arange(-71, 1) * HOUR_NS
    if not keys:
        return np.empty((0, len(WEATHER_WINDOWS)))
    rows = np.stack([read_row(panel, k, grid, as_of) for k in keys])
    return window_means(rows, newest_known(rows, len(grid) - 24), WEATHER_WINDOWS)


def _shared_blocks(panel: AsOfPanel, layout: Layout, state: _State, as_of: datetime) -> list[Floats]:
    """Return for every target the columns that do not depend on the valid time."""
    cities = layout.cities
    keys = [f"{c}.{q}.weather" for c in cities for q in WEATHER]
    weather = _weather(panel, keys, as_of).reshape(len(cities), -1)
    upwind = _weather(panel, layout.upwind, as_of).ravel()
    first = {c: next(i for i, t in enumerate(layout.targets) if t.city == c) for c in cities}
    blocks = []
    for i, target in enumerate(layout.targets):
        same = [j for j, t in enumerate(layout.targets) if t.city == target.city]
        newest = max(same, key=lambda j: (state.newest[j], j))
        others = [first[c] for c in cities if c != target.city]
        other = mean_of_known(state.own[others]) if others else np.full(len(OWN), np.nan)
        rest = [j for j, c in enumerate(cities) if c != target.city]
        lag = max((state.newest[j] for j in others), default=-1)
        blocks.append(
            np.concatenate([
                state.own[i],
                state.own[newest],
                [state.newest[newest] - state.newest[i] if state.newest[i] >= 0 else np.nan],
                other,
                [lag - state.newest[i] if min(lag, state.newest[i]) >= 0 else np.nan],
                weather[cities.index(target.city)],
                mean_of_known(weather[rest]) if rest else np.full(weather.shape[1], np.nan),
                upwind,
            ])
        )  # fmt: skip
    return blocks


def _row_block(layout: Layout, state: _State, i: int, valid: Times, zone: ZoneInfo) -> Floats:
    """Return the columns ROW of one target for its valid times."""
    target, newest = layout.targets[i], int(state.newest[i])
    offset = from_ns(state.grid[-1]).astimezone(zone).utcoffset()
    local = valid + np.timedelta64(int(offset.total_seconds()) if offset else 0, "s")
    inside = local - np.timedelta64(1, "s")
    weekday = (inside.astype("M8[D]").astype(np.int64) + 3) % 7
    month_day = day_of_year(inside)
    position = ((valid - state.grid[0]) // HOUR_NS).astype(np.int64)
    lead = position - newest if newest >= 0 else np.full(len(valid), np.nan)
    days_back = np.maximum(np.ceil(np.nan_to_num(lead, nan=24.0) / 24), 1).astype(np.int64)
    same = position[:, None] - 24 * (days_back[:, None] + np.arange(5)[None, :])
    there = (same >= 0) & (same < STATE_HOURS)
    past = np.where(there, state.anomalies[i][np.clip(same, 0, STATE_HOURS - 1)], np.nan)
    angle = 2 * np.pi * month_day / 365.25
    columns = [
        np.full(len(valid), layout.cities.index(target.city)),
        np.full(len(valid), float(target.role == "hourly")),
        np.full(len(valid), target.interval_hours),
        lead,
        hour_of_day(local),
        np.sin(angle),
        np.cos(angle),
        weekday >= 5,
        (month_day >= 318) | (month_day < 74),
        layout.season[i, day_of_year(valid), hour_of_day(valid)] + state.level[i],
        past[:, 0],
        mean_of_known(past.T),
        np.full(len(valid), STATE_HOURS - 1 - newest if newest >= 0 else np.nan),
    ]
    return np.column_stack(columns)


def feature_table(
    panel: AsOfPanel,
    layout: Layout,
    issue_time: datetime,
    as_of: datetime,
    periods: Sequence[npt.NDArray[np.int64]],
) -> FeatureTable:
    """Compute the features of one issue from what was received by ``as_of``.

    Parameters
    ----------
    panel : series with all their versions; only those received by ``as_of`` are read
    layout : columns, fixed when the model was trained
    issue_time : instant from which periods count
    as_of : instant of the snapshot
    periods : for every target, the hours after the issue at which its intervals end

    Returns
    -------
    FeatureTable with one row per target and period, in that order
    """
    state = _state(panel, layout, as_of)
    shared = _shared_blocks(panel, layout, state, as_of)
    issue = to_ns(issue_time)
    parts = []
    for i, target in enumerate(layout.targets):
        valid = issue + periods[i] * HOUR_NS
        rows = _row_block(layout, state, i, valid, ZoneInfo(target.timezone))
        parts.append(np.hstack([rows, np.broadcast_to(shared[i], (len(rows), len(shared[i])))]))
    return FeatureTable(
        target=np.repeat(np.arange(len(periods)), [len(p) for p in periods]),
        period=np.concatenate([np.asarray(p, np.int64) for p in periods]),
        values=np.vstack(parts).astype(np.float32),
        has_state=state.newest >= 0,
    )
