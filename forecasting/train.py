"""Training: from an as-of panel to a Model, with nothing received after ``data_until``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forecasting.kernel.hour import Rows
from forecasting.learning import FEWEST_ROWS, Lesson, learn, lesson_of
from forecasting.model import (
    MISSING_BELOW,
    Model,
    missing_of,
)
from forecasting.outputs import Ints, Record, outputs_of, read_record, truth_of
from forecasting.registry import FORMAT
from forecasting.situation.columns import Recipe
from forecasting.situation_memory import Read
from forecasting.targets import History, hour_of_day, read_history, targets_of
from forecasting.weather_ahead import (
    AHEAD,
    Weather,
    perfect_prognosis,
    recipe_for,
    situations_of,
)
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import NoUsableModel
from pipeline.heavy import HERE, Heavy
from pipeline.times import CYCLE_HOURS_UTC, cycles_between, from_ns, to_ns, to_utc

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

WARM_UP = timedelta(days=31)

EFFORTS = {"quick": 400, "full": 100_000}
"""Most past issues learned from at each hour of the day."""

VARIANTS, LATELY = 4, 730
"""So many variants are solved beforehand, of what was missing at so many last issues of each hour of the
day; others are solved when they are needed."""


def train(  # noqa: PLR0913 - one argument per way in which models differ
    panel: AsOfPanel,
    cities: Sequence[City],
    quantity: str,
    *,
    data_until: datetime,
    leave_out_years: Sequence[int] = (),
    effort: str = "full",
    weather: Weather = "observed",
    progress: Progress | None = None,
    read: Read = situations_of,
    heavy: Heavy = HERE,
) -> Model:
    """Train a model for one quantity of some cities.

    Parameters
    ----------
    panel : series with all versions; the situation of a past issue holds what was known at that issue
    data_until : nothing received after this instant is used
    leave_out_years : UTC years whose values are not learned from (nor scored against)
    effort : "full" or "quick"; the same data and effort give the same model
    weather : "ahead" for a model that also reads the weather of the days forecast; it learns from what was
        measured on them, for no archive of forecasts reaches back far enough
    read : tells situations; one that remembers lets the models of several quantities read the panel once
    heavy : where it is done if the effort is full; that changes nothing in the model

    Raises
    ------
    NoUsableModel
        when fewer than FEWEST_ROWS past issues are known of every hour of the day
    """
    tell: Progress = progress or (lambda _what, _done, _all: None)
    panel = panel.known_by(data_until)
    targets = targets_of(panel, cities, quantity)
    history = read_history(panel, targets, data_until, leave_out_years)
    recipe = recipe_for(panel, cities, data_until, weather)
    record = _record(panel, history, data_until, leave_out_years)
    issues = _issues(from_ns(history.start) + WARM_UP, data_until)
    place = heavy if effort == "full" else HERE
    tables: list[npt.NDArray[np.float32]] = []
    lessons: list[Lesson] = []
    for hour in CYCLE_HOURS_UTC:
        mine = issues[hour_of_day(issues) == hour]
        rows, known = _rows(panel, recipe, record, mine, EFFORTS[effort], read)
        if len(rows.issues) >= FEWEST_ROWS:
            tables.append(rows.values)
            lessons.append(lesson_of(rows, known, recipe, cities, weather))
    beforehand = effort == "full" and weather != AHEAD
    often = _often_missing(tables, recipe) if beforehand else []
    hours = learn(lessons, often, place, tell)
    if not hours:
        raise NoUsableModel(
            f"fewer than {FEWEST_ROWS} past issues of {quantity} until {data_until:%Y-%m-%d} to learn from"
        )
    seen, ordinary = _seen(tables)
    model = Model(
        model_id="",
        world=panel.world,
        quantity=quantity,
        data_until=to_utc(data_until),
        leave_out_years=tuple(sorted(leave_out_years)),
        weather=weather,
        recipe=recipe,
        targets=targets,
        hours=hours,
        history=history,
        seen=seen,
        ordinary=ordinary,
    )
    return _named(model)


def _seen(
    values: Sequence[npt.NDArray[np.float32]],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the share of all situations that knew each column, and the column's mean, NaN if none did."""
    there = [np.isfinite(one) for one in values]
    count = np.sum([known.sum(axis=0) for known in there], axis=0)
    parts = [
        np.where(known, one, 0.0).sum(axis=0, dtype=np.float64)
        for known, one in zip(there, values, strict=True)
    ]
    mean = np.where(count > 0, np.sum(parts, axis=0) / np.maximum(count, 1), np.nan)
    return (count / sum(len(one) for one in values)).astype(np.float32), mean.astype(np.float32)


def _issues(first: datetime, data_until: datetime) -> npt.NDArray[np.datetime64]:
    """Return past issues whose first targets ended by ``data_until``."""
    every = [to_ns(i) for i in cycles_between(first, data_until - timedelta(hours=24))]
    return np.array(every, "M8[ns]")


def _record(panel: AsOfPanel, history: History, data_until: datetime, leave_out: Sequence[int]) -> Record:
    """Return what came true by ``data_until``, without the years to leave out."""
    record = read_record(panel, history.targets, from_ns(history.start), data_until, newest_by=data_until)
    times = record.start + np.arange(record.values.shape[1]) * np.timedelta64(1, "h")
    years = times.astype("M8[Y]").astype(np.int64) + 1970
    record.values[:, np.isin(years, list(leave_out))] = np.nan
    return record


def _rows(
    panel: AsOfPanel,
    recipe: Recipe,
    record: Record,
    issues: npt.NDArray[np.datetime64],
    most: int,
    read: Read,
) -> tuple[Rows, npt.NDArray[np.datetime64]]:
    """Return what can be learned from issues at one hour of the day, and when its truths were known."""
    hour = int(hour_of_day(issues[:1]).sum())
    outputs = outputs_of(record.targets, hour)
    truth = truth_of(record, outputs, issues)
    chosen = _thin(np.flatnonzero(np.isfinite(truth.logs).any(axis=1)), most)
    values = read(panel, recipe, issues[chosen], None, perfect_prognosis)
    return Rows(hour, issues[chosen], values, truth.logs[chosen], outputs), truth.known[chosen]


def _thin(rows: Ints, most: int) -> Ints:
    """Return at most ``most`` rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.unique(np.round(np.linspace(0, len(rows) - 1, most)).astype(np.int64))]


def _often_missing(tables: Sequence[npt.NDArray[np.float32]], recipe: Recipe) -> list[tuple[str, ...]]:
    """Return which groups of inputs were lately missing together most often, whatever the hour."""
    lately: Counter[tuple[str, ...]] = Counter()
    groups = [c.group for c in recipe.columns]
    for values in tables:
        known = np.isfinite(values)
        usual = known.mean(axis=0) >= MISSING_BELOW
        lately.update(one for one in missing_of(groups, usual, known[-LATELY:]) if one)
    return [one for one, _ in lately.most_common(VARIANTS)]


def _named(model: Model) -> Model:
    """Give the model an id with a digest of what it learned, what it was not to learn, and its format."""
    parts = [model.history.values]
    for hour in sorted(model.hours):
        fitted = model.hours[hour].best.fitted
        parts += [fitted.alpha, fitted.errors, fitted.scaling.mean]
    content = b"".join(np.ascontiguousarray(p).tobytes() for p in parts)
    left_out = ",".join(str(year) for year in model.leave_out_years)
    digest = hashlib.sha256(content + f"{left_out};{FORMAT}".encode()).hexdigest()[:12]
    name = "kernel" if model.weather == "observed" else f"kernel-{model.weather}"
    return replace(model, model_id=f"{name}-{model.quantity}-{model.data_until:%Y%m%d}-{digest}")
