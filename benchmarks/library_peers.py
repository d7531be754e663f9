"""The other contestants: LightGBM through mlforecast and skforecast, with conformal intervals of theirs.

Both are told the lags, windows and calendar that ours is told, and learn from every hour, as they are meant
to, so the hour of the day is a feature of theirs. Intervals come from windows held out at the end of it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean
from mlforecast.utils import PredictionIntervals
from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster_multiseries
from skforecast.preprocessing import RollingFeatures
from skforecast.recursive import ForecasterRecursiveMultiSeries

from benchmarks.library_scene import (
    ISSUE_HOUR,
    LAGS,
    LEVELS,
    WINDOWS,
    Floats,
    Outcome,
    Stations,
    timed,
)

TREES = 200
HELD_OUT_WINDOWS = 30
"""Windows of all leads from whose errors intervals are made; of fewer the outer quantiles do not exist."""

CENTRAL = [round(200 * float(p) - 100) for p in LEVELS if p > 0.5]
"""Central intervals [%], narrow ones first, whose ends are all quantiles but the median."""

Says = Callable[[int], Floats]


def tree() -> LGBMRegressor:
    """Return the booster that both libraries use: its defaults, 200 trees, one thread."""
    return LGBMRegressor(n_estimators=TREES, n_jobs=1, verbose=-1, random_state=0)


def annual_cosine(times: pd.DatetimeIndex) -> Any:
    """Return the cosine of the day of the year."""
    return np.cos(2 * np.pi * times.dayofyear / 365.25)


def annual_sine(times: pd.DatetimeIndex) -> Any:
    """Return the sine of the day of the year."""
    return np.sin(2 * np.pi * times.dayofyear / 365.25)


def long_frame(stations: Stations, first: int, last: int) -> pd.DataFrame:
    """Return hours [first, last) in the shape of mlforecast."""
    names = np.repeat(stations.names, last - first)
    times = np.tile(stations.times[first:last], len(stations.names))
    return pd.DataFrame({"unique_id": names, "ds": times, "y": stations.logs[first:last].T.reshape(-1)})


def forecaster() -> MLForecast:
    """Return mlforecast with everything that it is told."""
    return MLForecast(
        models={"tree": tree()},
        freq="h",
        lags=list(LAGS),
        lag_transforms={1: [RollingMean(w) for w in WINDOWS]},
        date_features=["hour", "dayofweek", annual_cosine, annual_sine],
        num_threads=1,
    )


def asked(stations: Stations, says: Says) -> tuple[float, Floats]:
    """Return the median seconds of an issue on the processor, and the quantiles of all issues of the test."""
    times, said = [], []
    for at in stations.issues(test=True):
        found, _, cpu = timed(lambda at=at: says(int(at)))
        times.append(cpu)
        said.append(found)
    return float(np.median(times)), np.array(said)


def recursive(stations: Stations) -> Outcome:
    """Train one model of the next hour, which is fed its own forecasts."""
    made, leads = forecaster(), stations.leads
    learned = long_frame(stations, 0, stations.learn)
    intervals = PredictionIntervals(n_windows=HELD_OUT_WINDOWS, h=leads)
    _, wall, cpu = timed(lambda: made.fit(learned, static_features=[], prediction_intervals=intervals))
    columns = [f"tree-lo-{n}" for n in reversed(CENTRAL)] + ["tree"] + [f"tree-hi-{n}" for n in CENTRAL]
    known = [stations.learn]

    def says(at: int) -> Floats:
        made.update(long_frame(stations, known[0], at + 1))
        known[0] = at + 1
        said = made.predict(leads, level=CENTRAL).sort_values(["unique_id", "ds"], kind="stable")
        table = said[columns].to_numpy(float).reshape(len(stations.names), leads, -1)
        return np.asarray(table[_order(stations)].transpose(1, 0, 2))

    latency, quantiles = asked(stations, says)
    return Outcome("mlforecast, recursive", wall, cpu, latency, quantiles, f"{HELD_OUT_WINDOWS} windows")


def _order(stations: Stations) -> npt.NDArray[np.int64]:
    """Return where each station stands among their sorted names."""
    return np.argsort(np.argsort(stations.names))


def direct(stations: Stations, leads: npt.NDArray[np.int64], *, daily: bool) -> Outcome:
    """Train a model per lead, of some leads; all others would take as long.

    mlforecast makes the features of all leads and trains; the split conformal intervals are those of its
    ``conformal_distribution``, of just these leads.

    Parameters
    ----------
    leads : [h]
    daily : learn from the issues of 08 UTC alone, the rows that ours learns from
    """
    factor = stations.leads / len(leads)
    held_out = HELD_OUT_WINDOWS * stations.leads
    ends = (stations.learn - held_out, stations.learn)
    parts = [_direct_fit(stations, end, leads, daily=daily) for end in ends]
    (before, _, _), (after, _, _) = parts
    wall = sum(prepared[0] + fit[0] * factor for _, prepared, fit in parts)
    cpu = sum(prepared[1] + fit[1] * factor for _, prepared, fit in parts)
    _, features, _ = _features(stations, len(stations.times), stations.leads)
    windows = np.arange(ends[0] - 1, stations.learn - stations.leads, stations.leads)
    truth = stations.truth(windows)[:, leads - 1]
    errors = np.abs(truth - _direct_say(before, _at(stations, features, windows)))
    reach = np.quantile(np.concatenate([-errors, errors]), LEVELS, axis=0)

    def newest(at: int) -> pd.DataFrame:
        _, own, _ = _features(stations, at + 2, 1, at + 1 - max(LAGS) - 24)
        return own[own["ds"] == stations.times[at + 1]].drop(columns=["unique_id", "ds"])

    at = stations.issues(test=True)
    said = _direct_say(after, _at(stations, features, at))
    inputs, _, made = timed(lambda: newest(int(at[-1])))
    _, _, told = timed(lambda: [model.predict(inputs) for model in after])
    rows = "same daily rows" if daily else "all hours"
    note = f"trained for {len(leads)} of {stations.leads} leads, times multiplied by {factor:.0f}"
    quantiles = said[..., None] + np.moveaxis(reach, 0, -1)
    return Outcome(f"mlforecast, direct, {rows}", wall, cpu, made + told * factor, quantiles, note)


def _features(
    stations: Stations, end: int, leads: int, start: int = 0
) -> tuple[MLForecast, pd.DataFrame, npt.NDArray[np.floating]]:
    """Return features with station and hour, and the truth of all leads, and what made them."""
    made = forecaster()
    table = made.preprocess(long_frame(stations, start, end), static_features=[], max_horizon=leads)
    truth = [name for name in table.columns if re.fullmatch(r"y\d*", name)]
    return made, table.drop(columns=truth), table[truth].to_numpy(float)


def _direct_fit(
    stations: Stations, end: int, leads: npt.NDArray[np.int64], *, daily: bool
) -> tuple[list[LGBMRegressor], tuple[float, float], tuple[float, float]]:
    """Return models of some leads that learned from hours before ``end``, and the times of both steps."""
    (made, table, truth), *prepared = timed(lambda: _features(stations, end, stations.leads))
    if daily:
        mine = ((table["ds"].dt.hour - 1) % 24 == ISSUE_HOUR).to_numpy()
        table, truth = table[mine], truth[mine]
    inputs = table.drop(columns=["unique_id", "ds"])
    _, *fit = timed(lambda: made.fit_models(inputs, np.squeeze(truth[:, leads - 1])))
    found = made.models_["tree"]
    models = found if isinstance(found, list) else [found]
    return models, (prepared[0], prepared[1]), (fit[0], fit[1])


def _direct_say(models: list[LGBMRegressor], inputs: list[pd.DataFrame]) -> Floats:
    """Return forecasts (issue, lead, station) from the features of each station."""
    found = [[model.predict(rows) for model in models] for rows in inputs]
    return np.asarray(found, float).transpose(2, 1, 0)


def _at(stations: Stations, table: pd.DataFrame, at: npt.NDArray[np.int64]) -> list[pd.DataFrame]:
    """Return each station's features of the issues whose last known hour stands at some positions."""
    chosen = table[table["ds"].isin(stations.times[at + 1])]
    by_name = dict(iter(chosen.groupby("unique_id", sort=False)))
    return [by_name[name].drop(columns=["unique_id", "ds"]) for name in stations.names]


def skforecast(stations: Stations) -> Outcome:
    """Train one recursive model of all stations, with residuals of a backtest for its intervals."""
    series = pd.DataFrame(stations.logs, pd.DatetimeIndex(stations.times, freq="h"), list(stations.names))
    at = pd.DatetimeIndex(series.index)
    calendar = pd.DataFrame(
        {
            "hour": at.hour,
            "dayofweek": at.dayofweek,
            "annual_cosine": annual_cosine(at),
            "annual_sine": annual_sine(at),
        },
        at,
    )
    made = ForecasterRecursiveMultiSeries(
        tree(),
        lags=list(LAGS),
        window_features=RollingFeatures(["mean"] * len(WINDOWS), list(WINDOWS)),
        encoding="ordinal",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, wall, cpu = timed(lambda: _fit(made, series[: stations.learn], calendar, stations))

        def says(at: int) -> Floats:
            window = series.iloc[at + 1 - made.window_size : at + 1]
            ahead = calendar.iloc[at + 1 : at + 1 + stations.leads]
            ends: dict[int, pd.DataFrame] = {
                n: made.predict_interval(
                    stations.leads,
                    last_window=window,
                    exog=ahead,
                    interval=[50 - n / 2, 50 + n / 2],
                    use_in_sample_residuals=False,
                    suppress_warnings=True,
                )
                for n in CENTRAL
            }
            assert list(ends[CENTRAL[0]]["level"][: len(stations.names)]) == list(stations.names)
            low = [ends[n]["lower_bound"] for n in reversed(CENTRAL)]
            table = np.array([*low, ends[CENTRAL[0]]["pred"], *(ends[n]["upper_bound"] for n in CENTRAL)])
            return np.asarray(table.reshape(len(LEVELS), stations.leads, -1).transpose(1, 2, 0))

        latency, quantiles = asked(stations, says)
    return Outcome("skforecast, recursive", wall, cpu, latency, quantiles, f"{HELD_OUT_WINDOWS} windows")


def _fit(
    made: ForecasterRecursiveMultiSeries, series: pd.DataFrame, calendar: pd.DataFrame, stations: Stations
) -> None:
    """Train, and keep the errors of windows that a model trained without them forecast."""
    begin = stations.learn - HELD_OUT_WINDOWS * stations.leads
    fold = TimeSeriesFold(stations.leads, initial_train_size=begin, refit=False, verbose=False)
    _, said = backtesting_forecaster_multiseries(
        made,
        series,
        fold,
        metric="mean_absolute_error",
        exog=calendar[: stations.learn],
        n_jobs=1,
        show_progress=False,
        suppress_warnings=True,
    )
    made.fit(series, exog=calendar[: stations.learn], suppress_warnings=True)
    by_name = {name: rows["pred"] for name, rows in said.groupby("level")}
    truth = {name: series.loc[rows.index, name] for name, rows in by_name.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.set_out_sample_residuals(truth, by_name)
