"""Readings at places upwind that would change a forecast: what past errors did after such readings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from forecasting.kernel.hour import HourModel
from forecasting.model import Model
from forecasting.reasons.readings import place_of
from forecasting.reasons.what_if import Possible
from forecasting.situation.columns import MEAN, Column
from forecasting.situation.recipe import UPWIND_AIR
from forecasting.targets import day_of_year, to_level
from pipeline.times import from_ns, iso

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

STEP_HOURS = 6
"""From one cycle to the next [h]; the reading is the mean over these hours, as the next cycle knew it."""

SEASON_DAYS = 45
"""Past issues this close in the year are asked, as for the ties of the joint futures."""

EPISODE_DAYS = 3
"""Past issues within so many days say the same thing and count once."""

FEWEST_ROWS = 150


def possible_upwind(
    model: Model, fitted: HourModel, now: Floats, issue: np.datetime64, asked: tuple[int, float]
) -> Iterator[Possible]:
    """Yield what may be read at every place upwind until the next cycle, with what the error then was.

    The reading is expected from the present readings of the same place; past departures from what was
    expected go with the held-out error of the day's forecast from the same past issue, whose highest share
    ``probability`` stands for the event.

    Parameters
    ----------
    fitted : that forecast
    now : (column,) standardised present situation, in the columns of ``fitted``
    issue : its instant
    asked : output of the day mean, and the probability of its event
    """
    hour = model.hours[fitted.hour]
    after = model.hours.get((fitted.hour + STEP_HOURS) % 24)
    if after is None:
        return
    step = np.timedelta64(STEP_HOURS, "h").astype("m8[ns]")
    output, probability = asked
    _, first, second = np.intersect1d(fitted.issues + step, after.best.fitted.issues, return_indices=True)
    days = day_of_year(np.append(fitted.issues[first], issue).astype("M8[ns]"))
    gap = np.abs(days[:-1] - days[-1])
    error = hour.past.z[first, output]
    season = (np.minimum(gap, 366 - gap) <= SEASON_DAYS) & np.isfinite(error)
    first, second, error = first[season], second[season], error[season].astype(np.float64)
    columns = [model.recipe.columns[i] for i in fitted.kept]
    until = iso(from_ns(issue + step))
    before, later = fitted.z, after.best.fitted.z
    same = (fitted.issues[first] - fitted.issues[0]) // np.timedelta64(EPISODE_DAYS, "D")
    for position, column in _read_next(model, after.best.fitted):
        own = [i for i, c in enumerate(columns) if c.key == column.key and now[i] != 0]
        past = before[np.ix_(first, np.array(own, np.int64))].astype(np.float64)
        read = later[second, position].astype(np.float64)
        scaling = after.best.fitted.scaling
        found = _departures(read, past, now[own], (scaling.mean[position], scaling.spread[position]))
        if found is not None:
            values, rows = found
            event = error[rows] > np.quantile(error[rows], 1 - probability)
            yield Possible(
                place_of(column), column.quantity, until, STEP_HOURS, values, event,
                same[rows].astype(np.int64),
            )  # fmt: skip


def _read_next(model: Model, after: HourModel) -> Iterator[tuple[int, Column]]:
    """Yield the columns of the next cycle that hold the air upwind since this one."""
    for position, index in enumerate(after.kept):
        column = model.recipe.columns[index]
        if column.group == UPWIND_AIR and (column.what, column.start, column.end) == (MEAN, 0, STEP_HOURS):
            yield position, column


def _departures(
    read: Floats, past: Floats, now: Floats, scale: tuple[float, float]
) -> tuple[Floats, Ints] | None:
    """Return what a place may read next, (case,) [ug m-3], and the rows of the cases; None where too few.

    Parameters
    ----------
    read : (row,) what it read after past issues, standardised, 0 for unknown
    past, now : (row, column), (column,) what it had read by then, and has by now
    scale : mean and spread by which ``read`` was standardised
    """
    rows = np.flatnonzero((read != 0) & (past != 0).all(axis=1))
    if not len(now) or len(rows) < FEWEST_ROWS:
        return None
    design = np.column_stack([np.ones(len(rows)), past[rows]])
    ridge = design.T @ design + np.eye(design.shape[1])
    slope = np.linalg.solve(ridge, design.T @ read[rows])
    departure = read[rows] - design @ slope
    logs = float(scale[0]) + float(scale[1]) * (float(np.append(1.0, now) @ slope) + departure)
    return np.asarray(to_level(logs), np.float64), rows
