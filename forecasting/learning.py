"""Learning, in errands of one kernel at one hour of the day: a city's, whose fit depends on no other's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting.calibration.adaptive import Past
from forecasting.calibration.groups import Groups, groups_of
from forecasting.kernel.hour import Beside, HourModel, Rows, fewer, fitted_with, reads, unfitted
from forecasting.kernel.penalties import PENALTIES, PENALTIES_AHEAD
from forecasting.kernel.reach import WHOLE
from forecasting.kernel.solution import Solution, solution_of
from forecasting.model import FEWEST_TRUTHS, WILDEST, Hour, calibrate, covariates, recalibrated
from forecasting.outputs import Ints, Outputs
from forecasting.situation.columns import CALENDAR, MEAN, Recipe
from forecasting.situation.recipe import LEVEL_HOURS
from forecasting.targets import Floats
from forecasting.ties import ties_of
from forecasting.weather_ahead import AHEAD, Weather, kernel_keys, kernel_weights, own_weights
from pipeline.cities import City
from pipeline.heavy import Errand, Heavy

Progress = Callable[[str, int, int], None]
Missing = tuple[str, ...]

FEWEST_ROWS = 200
"""Past issues of one hour of the day below which nothing is learned."""

KNOWN_SHARE = 0.05
"""Columns known at fewer training issues than this are left out."""

LEAD_EDGES = (0, 1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72)
"""Upper ends [h] of the bins of lead that share the size and shape of their errors, which double in the first
three hours; what ends before the issue and was not received is a bin of its own."""


@dataclass(frozen=True)
class Lesson:
    """What is to be learned for one hour of the day.

    Parameters
    ----------
    base : its situations and truths, without kernels
    known : (row, covariate) of the training issues
    received : (row, output) when the truths were known
    groups : (column,) group of every column used
    weights : by kernel the factor of each of these columns
    own : by kernel that of the columns with coefficients of their own
    told_by : (output, covariate) which covariates tell the size of its errors; None for all
    """

    base: HourModel
    known: Floats
    received: npt.NDArray[np.datetime64]
    groups: tuple[str, ...]
    weights: Mapping[str, npt.NDArray[np.float32]]
    own: Mapping[str, npt.NDArray[np.float32]]
    told_by: Ints | None = None

    def left(self, missing: Missing) -> npt.NDArray[np.bool_]:
        """Tell which columns stay without some groups of inputs, (column,)."""
        return np.array([group not in missing for group in self.groups])


def lesson_of(
    rows: Rows,
    received: npt.NDArray[np.datetime64],
    recipe: Recipe,
    cities: Sequence[City],
    weather: Weather,
) -> Lesson:
    """Return what is to be learned from the issues of one hour of the day."""
    share = np.isfinite(rows.values).mean(axis=0)
    kept = [(i, c.name) for i, c in enumerate(recipe.columns) if share[i] >= KNOWN_SHARE]
    used = [recipe.columns[i] for i, _ in kept]
    keys = kernel_keys(rows.outputs, weather)
    penalties = PENALTIES_AHEAD if weather == AHEAD else PENALTIES
    beside = Beside(_covariates(recipe, share), _levels(recipe, rows.outputs), penalties)
    return Lesson(
        unfitted(rows, keys, kept, beside),
        covariates(beside.covariates, rows.values),
        received,
        tuple(c.group for c in used),
        kernel_weights(keys, used, cities),
        own_weights(keys, used, rows.outputs.targets[0].quantity),
        _told_by(recipe, beside.covariates, rows.outputs) if len(cities) > WHOLE else None,
    )


def learn(
    lessons: Sequence[Lesson], often: Sequence[Missing], place: Heavy, tell: Progress
) -> dict[int, Hour]:
    """Return what was learned for every hour of the day.

    Parameters
    ----------
    often : groups of inputs without which variants are solved beforehand
    place : where; errands are the same everywhere
    """
    asked = [(n, key) for n, lesson in enumerate(lessons) for key in dict.fromkeys(lesson.base.keys)]
    shared = (tuple(lessons), tuple(often))
    errands = [Errand(_label(lessons[n], key), (n, key)) for n, key in asked]
    found: list[dict[str, dict[Missing, Solution]]] = [{} for _ in lessons]
    for done, solved in enumerate(place.ordered(_solve, errands, shared)):
        tell("learning", done, len(asked))
        n, key = asked[done]
        found[n][key] = solved
    gathered = [Errand(_label(lessons[n], "all"), (n, solutions)) for n, solutions in enumerate(found)]
    hours = place.ordered(_gather, gathered, shared)
    return {hour.best.fitted.hour: hour.shared() for hour in hours}


def _label(lesson: Lesson, key: str) -> str:
    return f"learning {lesson.base.outputs.targets[0].quantity} {lesson.base.hour:02d} UTC {key}"


def _solve(
    lessons: Sequence[Lesson], often: Sequence[Missing], number: int, key: str
) -> dict[Missing, Solution]:
    """Fit the outputs of one kernel on all inputs, and without each of the groups often missing."""
    lesson = lessons[number]
    gram = lesson.base.gram(lesson.weights[key], lesson.own.get(key))
    whole = solution_of(lesson.base, key, gram)
    found: dict[Missing, Solution] = {(): whole}
    for missing in often:
        left = lesson.left(missing)
        base = fewer(lesson.base, left)
        again = gram.of(base.z, left)
        other = reads(gram, ~left)
        found[missing] = solution_of(base, key, again) if other else replace(whole, gram=again)
    return found


def _gather(
    lessons: Sequence[Lesson],
    often: Sequence[Missing],
    number: int,
    solutions: Mapping[str, Mapping[Missing, Solution]],
) -> Hour:
    """Calibrate what was fitted for one hour of the day, its ties, and the variants."""
    lesson = lessons[number]
    base = lesson.base
    fitted = fitted_with(base, {key: one[()] for key, one in solutions.items()})
    best = calibrate(fitted, lesson.known, lesson.received, groups_for(base.outputs), lesson.told_by)
    z = np.clip(fitted.errors / best.spread.scale(fitted.held_out(), lesson.known), -WILDEST, WILDEST)
    hour = Hour(
        best=best,
        known=lesson.known,
        past=Past(base.issues, z.astype(np.float32), lesson.received),
        ties=ties_of(z, base.issues, base.outputs),
        usable=np.isfinite(base.truth).sum(axis=0) >= min(FEWEST_TRUTHS, FEWEST_ROWS),
    )
    variants = {}
    for missing in often:
        parts = {key: one[missing] for key, one in solutions.items()}
        variants[missing] = recalibrated(hour, fitted_with(fewer(base, lesson.left(missing)), parts))
    return Hour(hour.best, hour.known, hour.past, hour.ties, hour.usable, variants)


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


def _told_by(recipe: Recipe, covariates: Ints, outputs: Outputs) -> Ints:
    """Return for each output the covariates of no city and of its own, (output, covariate), −1 for none."""
    owners = [recipe.columns[i].city for i in covariates]
    cities = [target.city for target in outputs.targets]
    mine = [[n for n, owner in enumerate(owners) if owner in (None, city)] for city in cities]
    found = np.full((len(cities), max(len(one) for one in mine)), -1)
    for row, one in zip(found, mine, strict=True):
        row[: len(one)] = one
    return np.asarray(found[outputs.target], np.int64)


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
