"""Forecasts as a range of an index, judged as the Chinese agencies judge theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.verification.intervals import interval
from forecasting.verification.measures import ratio
from forecasting.verification.pairs import DAYS, Floats, Group, Ints
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import day_sums, pooled_parts
from pipeline.names import QUANTILE_LEVELS

Rows = list[dict[str, Any]]
IndexOf = Callable[[Floats, Ints], Floats]
"""The index of means [ug m-3] on days since 1970, both (row,)."""
LevelOf = Callable[[Floats, Ints], npt.NDArray[np.int64]]
"""The level of an index on days, 0 the cleanest."""

BOUNDS: Final = (QUANTILE_LEVELS.index(0.25), QUANTILE_LEVELS.index(0.75))
"""What we state: the central half, as in ``flows.own_statement``."""


def range_rows(groups: Iterable[Group], index: IndexOf, level: LevelOf, options: Options) -> Rows:
    """Return how often the index of a day lay in the range stated, and its level among those of the range.

    The measured index is that of the same pollutant's day mean alone. Days without an index are left out.

    Returns
    -------
    by city, lead, part of the period and model: ``n``; ``inside``, ``level_right`` (the level of the day is
    one of at most two that the range touches), ``below`` and ``above`` the range, as shares; mean ``width``
    """
    rows: Rows = []
    for group in groups:
        if group.target not in DAYS:
            continue
        seen = index(group.observed, group.day)
        ends = [_indices(group, bound, index) for bound in BOUNDS]
        levels = [np.stack([level(one, group.day) for one in end]) for end in ends]
        true = level(seen, group.day)
        told = (levels[0] <= true) & (true <= levels[1]) & (levels[1] - levels[0] <= 1)
        counted = {
            "n": np.ones(ends[0].shape),
            "inside": ((ends[0] <= seen) & (seen <= ends[1])).astype(np.float64),
            "level_right": told.astype(np.float64),
            "below": (seen < ends[0]).astype(np.float64),
            "above": (seen > ends[1]).astype(np.float64),
            "width": ends[1] - ends[0],
        }
        sums = day_sums(group, counted, {})
        known = np.isfinite(seen)
        for part in pooled_parts(group) if known.any() else ():
            rng = options.rng("ranges", *group.key.values(), part.kind, part.value)
            found, _ = sums.resampled(part.rows & known, rng, options.draws)
            rows += [
                {**group.key, **part.key, "model": model, **_shares(found, at)}
                for at, model in enumerate(group.models)
            ]
    return rows


def _indices(group: Group, bound: int, index: IndexOf) -> Floats:
    """Return the index of one end of the range (model, row)."""
    return np.stack([index(one[:, bound], group.day) for one in group.quantiles])


def _shares(found: dict[str, Floats], at: int) -> dict[str, Any]:
    n = found["n"][:, at]
    row: dict[str, Any] = {"n": int(n[0])}
    for name in ("inside", "level_right", "below", "above", "width"):
        share = ratio(found[name][:, at], n)
        row[name] = float(share[0])
        if name in ("inside", "level_right"):
            low, high = interval(share[1:])
            row |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return row
