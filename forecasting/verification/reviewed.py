"""Reviewed warnings scored as a forecast: of the same days, at the same leads, beside the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.verification.losses import event_losses
from forecasting.verification.measures import event_measures
from forecasting.verification.pairs import DAYS, Group
from forecasting.verification.score_tables import Options, entries, event_skills
from forecasting.verification.slices import day_sums, parts
from pipeline.names import PM_THRESHOLDS

Ints = npt.NDArray[np.int64]
Events = npt.NDArray[np.bool_]
Rows = list[dict[str, Any]]
Warned = Callable[[str, npt.NDArray[np.datetime64], Ints], Events]
"""Tells for a city, instants of issue and local day numbers whether a warning was in force for the day."""

REVIEWED: Final = "reviewed warning"


def reviewed_rows(
    groups: Sequence[Group], warned: Mapping[str, Warned], thresholds: Mapping[str, int], options: Options
) -> Rows:
    """Return rows as those of exceedances, with what people issued as one more model.

    A warning is a yes or a no, scored as probability 1 or 0, so its Brier skill is that of somebody who is
    always sure. All models stand on the same rows and share the resamples.

    Parameters
    ----------
    groups : of ``pairs.groups``; those of day means are read
    warned : by status (``Actual``, ``Exercise`` …) what was in force once a cycle had been decided
    thresholds : for every city the threshold that a warning is about [ug m-3]
    """
    rows: Rows = []
    for group in (g for g in groups if g.target in DAYS and g.city in thresholds):
        for status, said in sorted(warned.items()):
            rows += _rows(group, said(group.city, group.issue, group.day), status, thresholds, options)
    return rows


def with_warning(group: Group, warned: Events) -> Group:
    """Return a group with the reviewed warning as its last model: 1 where one was in force, else 0."""
    said = np.broadcast_to(warned[:, None], group.event.shape).astype(np.float64)
    nothing = np.full((1, *group.mean.shape[1:]), np.nan)
    return replace(
        group,
        models=(*group.models, REVIEWED),
        mean=np.concatenate([group.mean, nothing]),
        quantiles=np.concatenate([group.quantiles, np.full((1, *group.quantiles.shape[1:]), np.nan)]),
        probability=np.concatenate([group.probability, said[None]]),
    )


def _rows(group: Group, warned: Events, status: str, thresholds: Mapping[str, int], options: Options) -> Rows:
    both = with_warning(group, warned)
    sums = day_sums(both, {}, event_losses(both))
    rows: Rows = []
    for part in parts(both):
        rng = options.rng(*group.key.values(), part.kind, part.value)
        _, found = sums.resampled(part.rows, rng, options.draws)
        counts = {name: found[name] for name in ("n", "events", "said", "hits")}
        key = {"status": status, **group.key, **part.key}
        rows += entries(key, both.models, {**event_measures(found), **event_skills(both, found)}, counts)
    wanted = PM_THRESHOLDS.index(thresholds[group.city])
    return [row for row in rows if row["threshold"] == PM_THRESHOLDS[wanted]]
