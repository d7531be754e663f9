"""The most similar past situations, in the metric of the forecast itself, and what followed them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.kernel.gram import CONSTANT, Gram
from forecasting.kernel.hour import HourModel
from forecasting.outputs import Ints
from forecasting.targets import Floats, to_level
from pipeline.times import from_ns, iso

Matrix = npt.NDArray[np.float32]

SHOWN = 5
COUNTED = 20
"""So many of the most similar situations are counted: how many were followed by an exceedance."""

SAME_EPISODE = np.timedelta64(5, "D").astype("timedelta64[ns]")
"""Situations closer than this are one episode: none is told of the present one, and one of any other."""

COMPARABLE = 0.7
"""Share of what is known now, by weight, that must have been known in the past situation too."""

PROBES = 200
RARE = 0.95
"""A situation further from all others than this share of past ones are from theirs is like none."""


@dataclass(frozen=True)
class Analog:
    """A past situation and the day means that followed.

    Parameters
    ----------
    issue_time : its issue [UTC, ISO 8601]
    likeness : correlation of the two situations in the kernel, 1 for the same
    followed : day means [ug m-3] by lead day, None where not known
    """

    issue_time: str
    likeness: float
    followed: dict[str, float | None]


@dataclass(frozen=True)
class Analogs:
    """Similar situations of one city.

    Parameters
    ----------
    shown : the most similar ones, each of another episode
    counted : how many of the most similar have a known day after, by lead day
    exceeded : how many of them exceeded each threshold, by lead day and threshold
    like_none : nothing that was learned from resembles the present situation
    """

    shown: tuple[Analog, ...]
    counted: dict[str, int]
    exceeded: dict[str, dict[str, int]]
    like_none: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def analogs_of(
    fitted: HourModel, now: Matrix, issue: np.datetime64, days: dict[int, int], thresholds: tuple[int, ...]
) -> Analogs:
    """Find what is most like a situation among those learned from.

    Distances are those of the kernel of the first day: d² = k(a,a) − 2 k(a,b) + k(b,b).

    Parameters
    ----------
    now : (1, column) standardised situation
    issue : its instant; nothing of its own episode counts
    days : output of the day mean of each lead day
    thresholds : concentrations [ug m-3] whose exceedances are counted
    """
    gram = fitted.grams[fitted.keys[next(iter(days.values()))]].without_own()
    trained = fitted.z.astype(np.float32)
    likeness, distance = _metric(gram, now, trained)
    truth = fitted.truth[:, list(days.values())]
    usable = np.isfinite(truth).any(axis=1) & (np.abs(fitted.issues - issue) > SAME_EPISODE)
    usable &= _known_share(gram, now, trained) >= COMPARABLE
    order = np.flatnonzero(usable)[np.argsort(distance[0, usable], kind="stable")]
    chosen = _apart(fitted.issues, order, COUNTED)
    followed = np.asarray(to_level(truth[chosen].astype(np.float64)))
    followed[~np.isfinite(truth[chosen])] = np.nan
    shown = tuple(
        Analog(
            iso(from_ns(fitted.issues[row])),
            round(float(likeness[0, row]), 3),
            {str(day): _rounded(v) for day, v in zip(days, values, strict=True)},
        )
        for row, values in zip(chosen[:SHOWN], followed, strict=False)
    )
    counted = {str(day): int(np.isfinite(followed[:, i]).sum()) for i, day in enumerate(days)}
    exceeded = {
        str(day): {str(t): int((followed[:, i] > t).sum()) for t in thresholds} for i, day in enumerate(days)
    }
    nearest = float(distance[0, chosen[0]]) if len(chosen) else np.inf
    return Analogs(shown, counted, exceeded, nearest > _rarely_exceeded(gram, trained, fitted.issues))


def _metric(gram: Gram, some: Matrix, trained: Matrix) -> tuple[Floats, Floats]:
    """Return likeness and squared distance (row, trained row) of situations in the kernel."""
    own = np.array([gram.between(row[None], row[None])[0, 0] for row in some])[:, None]
    theirs = _diagonal(gram, trained)[None, :]
    between = gram.between(some, trained)
    spread = np.sqrt(np.maximum((own - CONSTANT) * (theirs - CONSTANT), 1e-12))
    return (between - CONSTANT) / spread, own + theirs - 2 * between


def _known_share(gram: Gram, now: Matrix, trained: Matrix) -> Floats:
    """Return the share (trained row,) of what is known now, by weight, that was known too; 0 is unknown."""
    weight = gram.weights.astype(np.float64) ** 2 * (now[0] != 0)
    return np.asarray((trained != 0) @ weight / max(float(weight.sum()), 1e-9))


def _diagonal(gram: Gram, rows: Matrix) -> Floats:
    """Return k(a, a) of every row, computed in blocks."""
    blocks = [rows[i : i + 64] for i in range(0, len(rows), 64)]
    return np.concatenate([np.diag(gram.between(block, block)) for block in blocks])


def _apart(issues: npt.NDArray[np.datetime64], order: Ints, most: int) -> Ints:
    """Return the first rows of an order, one of each episode."""
    chosen: list[int] = []
    for row in order:
        if all(np.abs(issues[row] - issues[other]) > SAME_EPISODE for other in chosen):
            chosen.append(int(row))
        if len(chosen) == most:
            break
    return np.array(chosen, np.int64)


def _rarely_exceeded(gram: Gram, trained: Matrix, issues: npt.NDArray[np.datetime64]) -> float:
    """Return the squared distance to the nearest other episode that few past situations exceed."""
    probes = np.unique(np.linspace(0, len(trained) - 1, PROBES).astype(np.int64))
    distance = _metric(gram, trained[probes], trained)[1]
    same = np.abs(issues[probes][:, None] - issues[None, :]) <= SAME_EPISODE
    nearest = np.where(same, np.inf, distance).min(axis=1)
    nearest = nearest[np.isfinite(nearest)]
    return float(np.quantile(nearest, RARE)) if len(nearest) else np.inf


def _rounded(value: float) -> float | None:
    return round(float(value), 1) if np.isfinite(value) else None
