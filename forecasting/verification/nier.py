"""Grades as agencies judge them: share of days with the right grade, of all days and of the bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.verification.intervals import interval
from forecasting.verification.measures import ratio
from forecasting.verification.pairs import DAYS, Group
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import day_sums, parts
from pipeline.names import PM_THRESHOLDS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Grades:
    """The grades of a country for day means.

    Parameters
    ----------
    edges : highest integer concentration of every grade but the last [ug m-3]
    high : the first grade that counts as high; Korean "bad" is 2, Chinese "lightly polluted" is 2
    half_even : whether a mean is rounded half to even (China) or half up (Korea)
    source : rule and version
    """

    edges: tuple[float, ...]
    high: int = 2
    half_even: bool = False
    source: str = ""

    def of(self, mean: Floats) -> Ints:
        """Return the grade of each mean, 0 the cleanest.

        >>> Grades((15, 35, 75)).of(np.array([15.49, 15.5, 75.4, 75.5])).tolist()
        [0, 1, 2, 3]
        """
        settled = np.round(mean, 6)
        rounded = np.rint(settled) if self.half_even else np.floor(settled + 0.5)
        return np.searchsorted(np.array(self.edges), rounded, side="left").astype(np.int64)

    def likeliest(self, probability: Floats) -> Ints:
        """Return the grade of highest probability from exceedance probabilities at PM_THRESHOLDS.

        Parameters
        ----------
        probability : (…, threshold); needs the edges to be among PM_THRESHOLDS

        Examples
        --------
        >>> p = np.zeros(9); p[:2] = [0.9, 0.55]
        >>> Grades((15, 35, 75)).likeliest(p).item()
        2
        """
        columns = [PM_THRESHOLDS.index(int(edge)) for edge in self.edges]
        above = np.concatenate(
            [
                np.ones((*probability.shape[:-1], 1)),
                probability[..., columns],
                np.zeros((*probability.shape[:-1], 1)),
            ],
            axis=-1,
        )
        return np.asarray((above[..., :-1] - above[..., 1:]).argmax(axis=-1), np.int64)


def grade_rows(group: Group, grades: Grades, options: Options) -> Rows:
    """Return how well each model met the grades of day means, by its mean and by its likeliest grade.

    ``accuracy``: share of days with the right grade. ``high_accuracy``: the same among days of a high grade.
    ``high_pod``, ``high_far``: detection and false alarms of a high grade. ``over``, ``under``: share of days
    forecast too high, too low. These are the figures that the Korean forecast centre reports.

    References
    ----------
    Chang et al. (2016), https://doi.org/10.1080/10962247.2016.1206995 (four grades, POD and FAR of high ones)
    """
    if group.target not in DAYS:
        return []
    rows: Rows = []
    observed = grades.of(group.observed)
    forecasts = {"mean": grades.of(group.mean)}
    if all(edge in PM_THRESHOLDS for edge in grades.edges):
        forecasts["likeliest"] = grades.likeliest(group.probability)
    for name, forecast in forecasts.items():
        sums = day_sums(group, _counts(forecast, observed, grades.high), {})
        for part in parts(group):
            rng = options.rng("grades", *group.key.values(), part.kind, part.value)
            found, _ = sums.resampled(part.rows, rng, options.draws)
            key = {**group.key, **part.key, "by": name, "scale": grades.source}
            rows += _rows(key, group.models, found)
    return rows


def grade_measures(sums: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the measures from counts of days (``n``, ``right``, ``high`` …).

    >>> one = dict(n=10, right=7, over=2, under=1, high=4, right_high=2, said_high=5, hits=3)
    >>> found = grade_measures({k: np.array([float(v)]) for k, v in one.items()})
    >>> [found[k][0].item() for k in ("accuracy", "high_accuracy", "high_pod", "high_far")]
    [0.7, 0.5, 0.75, 0.4]
    """
    return {
        "accuracy": ratio(sums["right"], sums["n"]),
        "high_accuracy": ratio(sums["right_high"], sums["high"]),
        "high_pod": ratio(sums["hits"], sums["high"]),
        "high_far": ratio(sums["said_high"] - sums["hits"], sums["said_high"]),
        "over": ratio(sums["over"], sums["n"]),
        "under": ratio(sums["under"], sums["n"]),
    }


def _counts(forecast: Ints, observed: Ints, high: int) -> dict[str, Floats]:
    seen = np.broadcast_to(observed, forecast.shape)
    found = {
        "n": np.ones(forecast.shape, bool),
        "right": forecast == seen,
        "over": forecast > seen,
        "under": forecast < seen,
        "high": seen >= high,
        "right_high": (seen >= high) & (forecast == seen),
        "said_high": forecast >= high,
        "hits": (forecast >= high) & (seen >= high),
    }
    return {name: v.astype(np.float64) for name, v in found.items()}


def _rows(key: Mapping[str, str], models: Sequence[str], sums: Mapping[str, Floats]) -> Rows:
    rows: Rows = [
        {**key, "model": model, "n": int(sums["n"][0, i]), "high_days": int(sums["high"][0, i])}
        for i, model in enumerate(models)
    ]
    for name, values in grade_measures(sums).items():
        low, high = interval(values[1:])
        for i, row in enumerate(rows):
            row |= {name: values[0, i].item(), f"{name}_low": low[i].item(), f"{name}_high": high[i].item()}
    return rows
