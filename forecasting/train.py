"""Training: from an as-of panel to a Model, with nothing received after ``data_until``."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from forecasting.calibration.adaptive import Past
from forecasting.calibration.groups import Groups, groups_of
from forecasting.kernel.hour import Beside, Rows, fit_hour
from forecasting.kernel.penalties import PENALTIES, PENALTIES_AHEAD
from forecasting.model import (
    FEWEST_TRUTHS,
    MISSING_BELOW,
    WILDEST,
    Hour,
    Model,
    calibrate,
    calibrated_without,
    covariates,
    missing_of,
)
from forecasting.outputs import Ints, Outputs, Record, outputs_of, read_record, truth_of
from forecasting.registry import FORMAT
from forecasting.situation.columns import CALENDAR, MEAN, Recipe
from forecasting.situation.recipe import LEVEL_HOURS
from forecasting.situation_memory import Read
from forecasting.targets import History, hour_of_day, read_history, targets_of
from forecasting.ties import ties_of
from forecasting.weather_ahead import (
    AHEAD,
    Weather,
    kernel_keys,
    kernel_weights,
    own_weights,
    perfect_prognosis,
    recipe_for,
    situations_of,
)
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import NoUsableModel
from pipeline.heavy import HERE, Errand, Heavy
from pipeline.times import CYCLE_HOURS_UTC, cycles_between, from_ns, to_ns, to_utc

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

WARM_UP = timedelta(days=31)
FEWEST_ROWS = 200
"""Past issues of one hour of the day below which nothing is learned."""

KNOWN_SHARE = 0.05
"""Columns known at fewer training issues than this are left out."""

EFFORTS = {"quick": 400, "full": 100_000}
"""Most past issues learned from at each hour of the day."""

VARIANTS, LATELY = 4, 730
"""So many variants are solved beforehand, of what was missing at so many last issues of each hour of the
day; others are solved when they are needed."""

LEAD_EDGES = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72)
"""Upper ends [h] of the bins of lead that share the size and shape of their errors, which double in the first
three hours; what ends before the issue and was not received is a bin of its own."""


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
    tasks = []
    for hour in CYCLE_HOURS_UTC:
        mine = issues[hour_of_day(issues) == hour]
        rows, known = _rows(panel, recipe, record, mine, EFFORTS[effort], read)
        if len(rows.issues) >= FEWEST_ROWS:
            tasks.append((rows, known, recipe, cities, weather))
    place = heavy if effort == "full" else HERE
    beforehand = effort == "full" and weather != AHEAD
    often = _often_missing([task[0].values for task in tasks], recipe) if beforehand else []
    errands = [Errand(f"learning {quantity} {t[0].hour:02d} UTC", (*t, often)) for t in tasks]
    hours: dict[int, Hour] = {}
    for n, learned in enumerate(place.ordered(_learn, errands)):
        tell("learning", n, len(tasks))
        hours[learned.best.fitted.hour] = learned.shared()
    if not hours:
        raise NoUsableModel(
            f"fewer than {FEWEST_ROWS} past issues of {quantity} until {data_until:%Y-%m-%d} to learn from"
        )
    seen, ordinary = _seen([task[0].values for task in tasks])
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


def _learn(
    rows: Rows,
    known: npt.NDArray[np.datetime64],
    recipe: Recipe,
    cities: Sequence[City],
    weather: Weather,
    often: Sequence[tuple[str, ...]],
) -> Hour:
    """Fit one hour of the day, its calibration and its ties, and variants without what is often missing."""
    share = np.isfinite(rows.values).mean(axis=0)
    kept = [(i, c.name) for i, c in enumerate(recipe.columns) if share[i] >= KNOWN_SHARE]
    used = [recipe.columns[i] for i, _ in kept]
    keys = kernel_keys(rows.outputs, weather)
    weights = kernel_weights(keys, used, cities)
    own = own_weights(keys, used, rows.outputs.targets[0].quantity)
    penalties = PENALTIES_AHEAD if weather == AHEAD else PENALTIES
    places = Beside(_covariates(recipe, share), _levels(recipe, rows.outputs), penalties, own)
    fitted = fit_hour(rows, keys, kept, weights, places)
    beside = covariates(fitted.covariates, rows.values)
    best = calibrate(fitted, beside, known, groups_for(rows.outputs))
    z = np.clip(fitted.errors / best.spread.scale(fitted.held_out(), beside), -WILDEST, WILDEST)
    hour = Hour(
        best=best,
        known=beside,
        past=Past(rows.issues, z.astype(np.float32), known),
        ties=ties_of(z, rows.issues, rows.outputs),
        usable=np.isfinite(rows.truth).sum(axis=0) >= min(FEWEST_TRUTHS, FEWEST_ROWS),
    )
    groups = [c.group for c in used]
    return replace(hour, variants={missing: calibrated_without(hour, groups, missing) for missing in often})


def _often_missing(tables: Sequence[npt.NDArray[np.float32]], recipe: Recipe) -> list[tuple[str, ...]]:
    """Return which groups of inputs were lately missing together most often, whatever the hour."""
    lately: Counter[tuple[str, ...]] = Counter()
    groups = [c.group for c in recipe.columns]
    for values in tables:
        known = np.isfinite(values)
        usual = known.mean(axis=0) >= MISSING_BELOW
        lately.update(one for one in missing_of(groups, usual, known[-LATELY:]) if one)
    return [one for one, _ in lately.most_common(VARIANTS)]


def _covariates(recipe: Recipe, share: npt.NDArray[np.floating]) -> Ints:
    """Return the columns on which the size of errors may depend: the season, and the last day's own air."""
    found = [
        i
        for i, c in enumerate(recipe.columns)
        if share[i] >= KNOWN_SHARE
        and (
            (c.group == CALENDAR and "annual" in c.key and "half" not in c.key)
            or (c.key.endswith(".reference") and (c.what, c.start, c.end) == ("mean", 0, 24))
        )
    ]
    return np.array(found, np.int64)


def _levels(recipe: Recipe, outputs: Outputs) -> Ints:
    """Return where the recipe has the present level of each output's series, −1 where it has none."""
    at = {c.key: i for i, c in enumerate(recipe.columns) if c.what == MEAN and c.end == LEVEL_HOURS}
    return np.array([at.get(outputs.targets[t].key, -1) for t in outputs.target], np.int64)


def groups_for(outputs: Outputs) -> Groups:
    """Return whose errors are pooled: a target's intervals by lead, its days one by one."""
    bins = np.searchsorted(LEAD_EDGES, outputs.end, side="left")
    lead = np.where(outputs.day >= 0, 100 + outputs.day, bins)
    series = [f"{outputs.targets[t].key}" for t in outputs.target]
    kind = np.where(outputs.day >= 0, "day", "interval")
    return groups_of(series, kind, lead)


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
