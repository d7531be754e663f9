"""Tables of scores with intervals: continuous, exceedances, onsets alone, and paired differences."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.verification.intervals import DRAWS, interval
from forecasting.verification.losses import event_losses, onset_rows, row_losses
from forecasting.verification.measures import (
    CONTINUOUS,
    EVENT,
    continuous_measures,
    event_measures,
    pod_at_far,
    ratio,
    resampled_roc_areas,
    roc_areas,
    skill,
)
from forecasting.verification.pairs import DAYS, Group
from forecasting.verification.slices import DaySums, Part, day_sums, parts, pooled_parts
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Rows = list[dict[str, Any]]

OPERATIONAL = "sameair"
BASELINES = ("climatology", "persistence")

ROC_DRAWS = 200
"""Of so many of the resamples the interval of a ROC area is made: each is a pass over all rows."""


@dataclass(frozen=True)
class Options:
    """How to score.

    Parameters
    ----------
    subject : the model that differences are taken of, and first in every report
    seed, draws : of the bootstrap
    whole_only : leave out parts of the period, onsets and differences
    """

    subject: str = OPERATIONAL
    seed: int = 0
    draws: int = DRAWS
    whole_only: bool = False

    def rng(self, *key: str) -> np.random.Generator:
        """Return the randomness of one entry, which does not depend on the others."""
        return np.random.default_rng([self.seed, zlib.crc32("|".join(key).encode())])


@dataclass
class Collected:
    """Rows of the tables while they are made."""

    continuous: Rows = field(default_factory=list)
    exceedance: Rows = field(default_factory=list)
    onset: Rows = field(default_factory=list)
    difference: Rows = field(default_factory=list)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name."""
        return {name: pd.DataFrame(rows) for name, rows in vars(self).items()}


def score_group(group: Group, options: Options, into: Collected) -> None:
    """Add the scores of every part of a group to the tables; all models share the resamples.

    A skill says by which share the model's loss is below the reference's on the same rows. ``season`` and
    ``trend`` are the climatologies of ``references``; onsets are the days after one that was not above.
    ``pod_at_persistence_far`` is the POD at the FAR of persistence.
    """
    everything = day_sums(group, row_losses(group), event_losses(group))
    whole = options.whole_only or group.target not in DAYS
    onsets = None if whole else day_sums(group, {}, event_losses(group, onset_rows(group)))
    for part in pooled_parts(group)[:1] if options.whole_only else parts(group):
        rng = options.rng(*group.key.values(), part.kind, part.value)
        state = rng.bit_generator.state
        key = {**group.key, **part.key}
        by_row, by_threshold = everything.resampled(part.rows, rng, options.draws)
        found = {**continuous_measures(by_row), **_row_skills(group, by_row)}
        into.continuous += entries(key, group.models, found, {"n": by_row["n"]})
        events = {**event_measures(by_threshold), **event_skills(group, by_threshold)}
        ranked = _ranked(group, part, events["far"][0])
        if not whole:
            rng.bit_generator.state = state
            events["roc_area"] = _drawn_areas(group, part, everything, ranked.pop("roc_area"), rng)
        counts = {name: by_threshold[name] for name in ("n", "events", "said")}
        into.exceedance += entries(key, group.models, events, counts, ranked)
        if not options.whole_only:
            into.difference += _differences(key, group, options.subject, found, events)
        if onsets is not None:
            rng.bit_generator.state = state
            into.onset += _onsets(key, group, onsets, part, rng, options)


def _ranked(group: Group, part: Part, far: Floats) -> dict[str, Floats]:
    """Return measures that depend on the order of the probabilities, (model, threshold)."""
    p, event = group.probability[:, part.rows], group.event[part.rows]
    found = {"roc_area": roc_areas(p, event)}
    if "persistence" in group.models and group.target in DAYS:
        allowed = far[group.of("persistence")]
        pods = [
            [pod_at_far(p[m, :, i], event[:, i], allowed[i]) for i in range(p.shape[2])]
            for m in range(len(p))
        ]
        found["pod_at_persistence_far"] = np.array(pods)
    return found


def _drawn_areas(group: Group, part: Part, sums: DaySums, whole: Floats, rng: np.random.Generator) -> Floats:
    """Return the areas under the ROC curve (model, threshold), and after them their resamples."""
    p, event = group.probability[:, part.rows], group.event[part.rows]
    weight = sums.row_counts(part.rows, rng, ROC_DRAWS)
    drawn = np.full((len(weight), *whole.shape), np.nan)
    for m, i in zip(*np.nonzero(np.isfinite(whole)), strict=True):
        drawn[:, m, i] = resampled_roc_areas(p[m, :, i], event[:, i], weight)
    return np.concatenate([whole[None], drawn])


def _onsets(
    key: Mapping[str, str],
    group: Group,
    sums: DaySums,
    part: Part,
    rng: np.random.Generator,
    options: Options,
) -> Rows:
    _, found = sums.resampled(part.rows, rng, options.draws)
    counts = {name: found[name] for name in ("n", "events", "said")}
    measures = {**event_measures(found), **event_skills(group, found)}
    return [row for row in entries(key, group.models, measures, counts) if row["n"]]


def _row_skills(group: Group, sums: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return skills of RMSE and CRPS against the stored baselines, (1 + draws, model)."""
    found = {}
    for name in (n for n in BASELINES if n in group.models):
        squared, scored = _beside(sums["sq_error"], group, name), _beside(sums["crps"], group, name)
        found[f"rmse_skill_{name}"] = 1 - np.sqrt(ratio(sums["sq_error"], squared))
        found[f"crps_skill_{name}"] = skill(sums["crps"], scored)
    return found


def event_skills(group: Group, sums: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return Brier skill scores against every reference, (1 + draws, model, threshold)."""
    brier = sums["brier"]
    found = {
        f"bss_{name}": skill(brier, _beside(brier, group, name)) for name in BASELINES if name in group.models
    }
    for name in group.climatology:
        reference = sums[f"brier_of_{name}"] * np.ones_like(brier)
        found[f"bss_{name}"] = skill(sums[f"brier_beside_{name}"], reference)
    return found


def _beside(losses: Floats, group: Group, reference: str) -> Floats:
    """Return the losses of one model beside those of each; NaN beside its own."""
    i = group.of(reference)
    found = losses[:, i : i + 1] * np.ones_like(losses)
    found[:, i] = np.nan
    return np.asarray(found, np.float64)


def entries(
    key: Mapping[str, str],
    models: Sequence[str],
    measures: Mapping[str, Floats],
    counts: Mapping[str, Floats],
    single: Mapping[str, Floats] | None = None,
) -> Rows:
    """Return a row for each model (and threshold): counts, measures and their intervals."""
    columns = {name: v[0] for name, v in counts.items()}
    for name, v in measures.items():
        low, high = interval(v[1:])
        columns |= {name: v[0], f"{name}_low": low, f"{name}_high": high}
    columns |= dict(single or {})
    shape = next(iter(columns.values())).shape
    rows: Rows = []
    for where in np.ndindex(shape):
        row: dict[str, Any] = {**key, "model": models[where[0]]}
        if len(where) > 1:
            row["threshold"] = PM_THRESHOLDS[where[1]]
        values = {name: v[where].item() for name, v in columns.items()}
        rows.append({**row, **values, "undefined": why_undefined(values)})
    return rows


def why_undefined(row: Mapping[str, float]) -> str:
    """Say why measures of a row have no value; empty where all have.

    >>> why_undefined({"n": 31.0, "events": 0.0, "said": 2.0})
    'no event occurred'
    >>> why_undefined({"n": 9.0, "events": 1.0, "said": 0.0, "csi": 0.0, "csi_low": float("nan")})
    'the forecast never said yes; too few days or defined resamples for an interval'
    """
    reasons = []
    if row.get("n") == 0:
        reasons.append("no rows")
    elif row.get("events") == 0:
        reasons.append("no event occurred")
    elif "events" in row and row["events"] == row["n"]:
        reasons.append("the event occurred every time")
    if row.get("said") == 0 and row.get("n"):
        reasons.append("the forecast never said yes")
    bare = [name for name in row if np.isnan(row.get(f"{name}_low", 0)) and np.isfinite(row[name])]
    if row.get("n") and bare:
        reasons.append("too few days or defined resamples for an interval")
    return "; ".join(reasons)


def _differences(
    key: Mapping[str, str],
    group: Group,
    subject: str,
    found: Mapping[str, Floats],
    events: Mapping[str, Floats],
) -> Rows:
    """Return subject − other of every measure, resampled on the same days."""
    if subject not in group.models:
        return []
    mine = group.of(subject)
    rows: Rows = []
    for other in (name for name in group.models if name != subject):
        theirs = group.of(other)
        for names, measures in ((CONTINUOUS, found), (EVENT, events)):
            for name in names:
                gap = measures[name][:, mine] - measures[name][:, theirs]
                low, high = interval(gap[1:])
                label = {**key, "model": subject, "other": other, "measure": name}
                rows += _difference_rows(label, gap[0], low, high)
    return rows


def _difference_rows(label: Mapping[str, str], gap: Floats, low: Floats, high: Floats) -> Rows:
    return [
        {
            **label,
            "threshold": PM_THRESHOLDS[where[0]] if where else None,
            "difference": gap[where].item(),
            "low": low[where].item(),
            "high": high[where].item(),
        }
        for where in np.ndindex(gap.shape)
        if np.isfinite(gap[where])
    ]
