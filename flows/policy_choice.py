"""Choosing from which probability a level opens, by cost and loss, from verified forecasts, year by year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from alerts.policy import Policy
from flows.assess import policy_of
from flows.policy_source import Asked, Means, measured_means, predictions_of
from flows.verification import caveats_of
from flows.workspace import Workspace
from forecasting.verification.cost_loss import expense, recalibrate, value
from pipeline.cities import all_cities, of_city
from pipeline.errors import UsageError
from pipeline.times import FORECAST_DAYS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

INDEPENDENT: Final = 0.5
"""Independent cases that a day is worth, all its cycles together: neighbouring days are alike."""

STEP: Final = 0.05
"""Chosen probabilities are multiples of this; finer ones would feign knowledge."""

SEED: Final = 7


@dataclass(frozen=True)
class Cell:
    """One city, level and lead, for which one probability is chosen."""

    city: str
    level: int
    lead: int


@dataclass(frozen=True)
class Cases:
    """Forecasts of days that were measured: one entry per issue, day, and level, in the order of days."""

    cells: tuple[Cell, ...]
    ratio: Floats
    cell: Ints
    day: Ints
    year: Ints
    p: Floats
    event: Bools
    weight: Floats

    def part(self, kept: Bools) -> Cases:
        """Return the cases that are kept."""
        arrays = (self.cell, self.day, self.year, self.p, self.event, self.weight)
        return Cases(self.cells, self.ratio, *(a[kept] for a in arrays))  # type: ignore[arg-type]


def choose_policy(ws: Workspace, asked: Asked) -> dict[str, Any]:
    """Return which probabilities verified forecasts and cost-loss ratios ask for, and what they are worth.

    Every year is scored with probabilities chosen on the other years.

    Raises
    ------
    UsageError
        dates reversed, no prediction between them, or fewer than two years of measured days
    """
    policy, source, rows = policy_of(ws), *predictions_of(ws, asked)
    means = measured_means(ws, asked.world, rows["valid_end"].max())
    cases = cases_of(rows, means, policy)
    years = sorted({int(y) for y in cases.year})
    if len(years) < 2:
        raise UsageError("choosing needs forecasts of at least two years: one to choose on, one to score")
    chosen = acting_probabilities(cases, policy)
    nested = _nested(cases, policy, years)
    return {
        "policy": policy.version,
        "world": asked.world,
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "years": years,
        "source": source.facts,
        "caveats": caveats_of(asked.world, source.caveats),
        "chosen": _table(chosen, policy),
        "cells": [_row(i, cases, policy, chosen, nested) for i in range(len(cases.cells))],
    }


def cases_of(rows: pd.DataFrame, means: Means, policy: Policy) -> Cases:
    """Return every forecast of a measured day above each of its city's thresholds."""
    parts: list[dict[str, Any]] = []
    cells: list[Cell] = []
    ratios: list[float] = []
    costs = {row.level: row.ratio for row in policy.expense}
    for city in all_cities().values():
        mine = rows[(rows["city"] == city.id) & rows["lead_day"].between(0, FORECAST_DAYS)]
        local = mine["valid_start"].dt.tz_convert(city.timezone).dt.date
        observed = local.map(dict(means[city.id])).to_numpy(np.float64, na_value=np.nan)
        number = pd.to_datetime(local).to_numpy("datetime64[D]").astype(np.int64)
        for level, threshold in enumerate(policy.thresholds(city.id), start=1):
            for lead in range(FORECAST_DAYS + 1):
                there = (mine["lead_day"] == lead).to_numpy() & np.isfinite(observed)
                parts.append(
                    {
                        "cell": np.full(int(there.sum()), len(cells)),
                        "day": number[there],
                        "p": mine[f"p_gt_{threshold}"].to_numpy(np.float64)[there],
                        "event": observed[there] > threshold,
                    }
                )
                cells.append(Cell(city.id, level, lead))
                ratios.append(of_city(city.id, costs[policy.level_id(level)]))
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    key = joined["cell"] * 10**6 + joined["day"]
    _, place, count = np.unique(key, return_inverse=True, return_counts=True)
    weight = INDEPENDENT / count[place]
    year = joined["day"].astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return Cases(tuple(cells), np.array(ratios), year=year, weight=weight, **joined)


def acting_probabilities(cases: Cases, policy: Policy) -> Floats:
    """Return from which forecast probability each cell is worth acting on [1], as the policy may hold it."""
    fit = recalibrate(cases.p, cases.event, cases.weight, cases.cell, _groups(cases.cells))
    least, most = policy.products.notice_probability, policy.persistence.immediate_probability
    found = np.clip(np.round(fit.acting(cases.ratio) / STEP) * STEP, least, most)
    by_cell = dict(zip(cases.cells, found.tolist(), strict=True))
    for cell in sorted(cases.cells, key=lambda c: c.level):
        lower = by_cell.get(Cell(cell.city, cell.level - 1, cell.lead), 0.0)
        by_cell[cell] = max(by_cell[cell], lower)
    return np.array([round(by_cell[cell], 2) for cell in cases.cells])


def _groups(cells: Sequence[Cell]) -> list[Ints]:
    """Return the ways in which cells lean on each other: by city, level, lead, and city and level."""
    keys: list[list[Any]] = [
        [c.city for c in cells],
        [c.level for c in cells],
        [c.lead for c in cells],
        [f"{c.city} {c.level}" for c in cells],
    ]
    return [np.unique(np.array(k), return_inverse=True)[1].astype(np.int64) for k in keys]


@dataclass(frozen=True)
class _Nested:
    """What rules chosen on other years would have done, case by case."""

    chosen: Bools
    climate: Bools


def _nested(cases: Cases, policy: Policy, years: Sequence[int]) -> _Nested:
    chosen, climate = np.zeros(len(cases.p), np.bool_), np.zeros(len(cases.p), np.bool_)
    for year in years:
        mine, others = cases.year == year, cases.part(cases.year != year)
        needed = acting_probabilities(others, policy)
        events = np.bincount(others.cell, others.weight * others.event, len(cases.cells))
        rate = events / np.maximum(np.bincount(others.cell, others.weight, len(cases.cells)), 1e-9)
        at = cases.cell[mine]
        chosen[mine] = cases.p[mine] >= needed[at] - 1e-9
        climate[mine] = (rate > cases.ratio)[at]
    return _Nested(chosen, climate)


def _row(number: int, cases: Cases, policy: Policy, chosen: Floats, nested: _Nested) -> dict[str, Any]:
    """Return what is known of one cell: counts, reliability, expense of each rule and the value of two."""
    cell, ratio = cases.cells[number], float(cases.ratio[number])
    mine = cases.cell == number
    one = cases.part(mine)
    now = one.p >= policy.opening(cell.city, cell.level, cell.lead)
    rules = {
        "always": np.ones(len(one.p), np.bool_),
        "never": np.zeros(len(one.p), np.bool_),
        "climate": nested.climate[mine],
        "perfect": one.event,
        "now": now,
        "chosen": nested.chosen[mine],
    }
    days, place = np.unique(one.day, return_inverse=True)
    spent = {name: _by_day(acts, one, ratio, place) for name, acts in rules.items()}
    rng = np.random.default_rng([SEED, number])
    worth = {n: value(spent[n], spent["climate"], spent["perfect"], rng) for n in ("now", "chosen")}
    near = np.abs(one.p - chosen[number]) <= 0.15
    return {
        "city": cell.city,
        "level": policy.level_id(cell.level),
        "lead": cell.lead,
        "ratio": ratio,
        "chosen": float(chosen[number]),
        "days": len(days),
        "events": int(np.unique(one.day[one.event]).size),
        "near": {"cases": int(near.sum()), "mean": _mean(one.p[near]), "frequency": _mean(one.event[near])},
        "expense": {name: round(float(by_day.mean()), 4) for name, by_day in spent.items()},
        "value": {name: [_plain(v) for v in found] for name, found in worth.items()},
    }


def _by_day(acts: Bools, one: Cases, ratio: float, place: Ints) -> Floats:
    """Return the mean expense of the cycles of each day."""
    cost = expense(acts, one.event, np.full(len(one.p), ratio))
    found: Floats = np.bincount(place, cost) / np.bincount(place)
    return found


def _table(chosen: Floats, policy: Policy) -> list[dict[str, Any]]:
    """Return the chosen probabilities as rows of the policy."""
    leads = FORECAST_DAYS + 1
    rows = chosen.reshape(-1, leads)
    names = [(city, level.id) for city in all_cities() for level in policy.level]
    share = policy.choice.keep_share
    return [
        {
            "city": city,
            "level": level,
            "open": [float(v) for v in row],
            "keep": [round(float(v) * share, 2) for v in row],
        }
        for (city, level), row in zip(names, rows, strict=True)
    ]


def _mean(values: npt.NDArray[Any]) -> float | None:
    return round(float(values.mean()), 3) if len(values) else None


def _plain(number: float) -> float | None:
    return round(number, 3) if np.isfinite(number) else None


def values_told(row: Mapping[str, Any], name: str) -> str:
    """Return the value of a rule with its interval in words.

    >>> values_told({"value": {"now": [0.5, 0.41, 0.6]}}, "now")
    '0.50 [0.41, 0.60]'
    """
    middle, low, high = row["value"][name]
    if middle is None:
        return ""
    return f"{middle:.2f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None else "")
