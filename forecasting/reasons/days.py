"""What moved each local day of a city: effects that add up in ug m-3, the greatest of them in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.kernel.hour import HourModel
from forecasting.kernel.narrow import narrowed
from forecasting.outputs import Ints
from forecasting.reasons.attribution import Moved, alone_in, attribute, only
from forecasting.reasons.inputs import FIELD, Input, inputs_of
from forecasting.reasons.readings import Reading, chosen, gradient_of, reading_of
from forecasting.reasons.words import LANGUAGES, said_input
from forecasting.situation.columns import Column
from forecasting.targets import LOG_OFFSET
from pipeline.cities import City
from pipeline.times import from_ns, local_date

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Row = dict[str, Any]

SHOWN = 12
"""Inputs told one by one, greatest first; the others are added up."""

CANDIDATES = 30
"""So many columns of an input, the most unusual ones, are looked at for the reading to quote."""

PRESSURE_FIELD = f"{FIELD}.pressure"

NAMED = 4
LEAST = 0.02
"""So many inputs are put into words, if each moves at least this part of the median, and 1 ug m-3."""


@dataclass(frozen=True)
class Case:
    """One issue as a fit sees it.

    Parameters
    ----------
    fitted : the fit that forecast it
    columns : of the recipe
    now, usual : (1, recipe column) raw situations
    issue : its instant
    """

    fitted: HourModel
    columns: tuple[Column, ...]
    now: Matrix
    usual: Matrix
    issue: np.datetime64

    @cached_property
    def z(self) -> Matrix:
        """Return the standardised situation, (1, column of the fit)."""
        return self.fitted.scaling.apply(self.now[:, self.fitted.kept])

    def of(self, outputs: Sequence[int]) -> Case:
        """Return the issue as the kernels of some outputs see it: of many cities, those that they read."""
        keys = list(dict.fromkeys(self.fitted.keys[i] for i in outputs))
        fitted, read = narrowed(self.fitted, keys, len(self.columns))
        if fitted is self.fitted:
            return self
        columns = tuple(self.columns[i] for i in read)
        return Case(fitted, columns, self.now[:, read], self.usual[:, read], self.issue)


def days_of(case: Case, city: City, days: Mapping[int, int], medians: Mapping[int, float]) -> list[Row]:
    """Tell what moved some local days of a city.

    Parameters
    ----------
    days : output of the day mean of each lead day
    medians : published median of each lead day [ug m-3]

    Returns
    -------
    for every day the ``usual`` of the season, what every input ``moved``, ``rest``, ``recent_errors`` and the
    ``median`` to which they add up [ug m-3]
    """
    narrow = only(case.fitted, np.array(list(days.values()), np.int64))
    asked = inputs_of(case.columns, case.fitted.kept, city)
    moved = attribute(narrow, case.now, case.usual, [np.array(i.columns) for i in asked])
    tables = [_effects(asked, moved, i, medians[day]) for i, day in enumerate(days)]
    columns = _candidates(case, [asked[k] for _, named in tables for k in named])
    alone = alone_in(narrow, case.now, case.usual, columns)
    today = local_date(from_ns(case.issue), city.timezone)
    for i, (table, named) in enumerate(tables):
        rows = {row["input"]: row for row in table["moved"]}
        for k in named:
            rows[asked[k].id] |= _said(case, city, asked[k], (columns, alone[:, i]), moved.effect[k, i])
    return [
        {"lead_day": day, "date": (today + timedelta(days=day)).isoformat(), **table}
        for day, (table, _) in zip(days, tables, strict=True)
    ]


def _effects(asked: Sequence[Input], moved: Moved, i: int, median: float) -> tuple[Row, list[int]]:
    """Return one day's effects in ug m-3, and which inputs are to be put into words.

    Shares on the logarithmic scale become differences by the logarithmic mean of both ends (the LMDI of
    Ang 2005, Energy Policy 33, 867-871), which leaves no remainder. An input is put into words only if the
    forecast moves in the same sense when that input alone is as usual.
    """
    usual, centre = float(moved.usual[i]), float(moved.centre[i])
    published = float(np.log(median + LOG_OFFSET))
    factor = log_mean(np.exp(usual), np.exp(published))
    rows: list[Row] = []
    named: list[int] = []
    for k in np.argsort(-np.abs(moved.effect[:, i]), kind="stable")[:SHOWN]:
        without = float(np.exp(moved.alone[k, i] + published - centre) - LOG_OFFSET)
        effect = round(factor * float(moved.effect[k, i]), 3)
        speaks = abs(effect) >= max(1.0, LEAST * median) and (median - without) * effect > 0
        named += [int(k)] * bool(speaks and len(named) < NAMED)
        rows.append(
            {"input": asked[k].id, "effect": effect, "median_without": round(without, 1),
             "named": int(k) in named}
        )  # fmt: skip
    recent = round(factor * (published - centre), 3)
    level, middle = round(float(np.exp(usual) - LOG_OFFSET), 3), round(median, 3)
    return {
        "usual": level,
        "median": middle,
        "moved": rows,
        "rest": round(middle - level - sum(row["effect"] for row in rows) - recent, 3),
        "rest_inputs": max(0, len(asked) - SHOWN),
        "recent_errors": recent,
    }, named


def _candidates(case: Case, inputs: Sequence[Input]) -> Ints:
    """Return the columns of some inputs that may be quoted, each once, ascending: those most unusual now."""
    spread = np.full(len(case.columns), np.inf)
    spread[case.fitted.kept] = case.fitted.scaling.spread
    gap = np.nan_to_num(np.abs(case.now[0] - case.usual[0]) / spread, nan=-1.0)
    found: set[int] = set()
    for one in inputs:
        if one.id != PRESSURE_FIELD:
            known = [i for i in one.columns if gap[i] >= 0]
            found |= set(sorted(known, key=lambda i: -gap[i])[:CANDIDATES])
    return np.array(sorted(found), np.int64)


def _said(case: Case, city: City, asked: Input, alone: tuple[Ints, Floats], sense: float) -> Row:
    """Return the reading that stands for an input, and its text in every language.

    Parameters
    ----------
    alone : columns, ascending, and by how much each alone moves the day
    sense : effect of the input, whose sign counts
    """
    columns, effect = alone
    mine = np.flatnonzero(np.isin(columns, asked.columns))
    reading: Reading | None = None
    if asked.id == PRESSURE_FIELD:
        reading = gradient_of(case.columns, city, case.now[0], case.usual[0])
    elif len(mine):
        best = chosen([case.columns[i] for i in columns[mine]], np.sign(sense) * effect[mine])
        reading = reading_of(int(columns[mine[best]]), case.columns, case.now[0], case.usual[0])
    if reading is None:
        return {"named": False}
    text = {language: said_input(asked, reading, language) for language in LANGUAGES}
    return {"reading": reading.to_dict(), "text": text}


def log_mean(one: float, other: float) -> float:
    """Return the logarithmic mean of two positive numbers.

    >>> round(log_mean(2.0, 2.0), 6), round(log_mean(1.0, np.e), 6)
    (2.0, 1.718282)
    """
    gap = float(np.log(other) - np.log(one))
    return one if abs(gap) < 1e-9 else float((other - one) / gap)
