"""FAIRMODE's indicators of a forecast of day means: against persistence, and against what can be measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.verification.intervals import interval
from forecasting.verification.measures import ratio
from forecasting.verification.pairs import DAYS, Group
from forecasting.verification.score_tables import Options
from forecasting.verification.slices import day_sums, parts

Floats = npt.NDArray[np.float64]
Rows = list[dict[str, Any]]

PARAMETERS: Final = {"pm2p5": (0.36, 25.0, 0.5), "pm10": (0.28, 50.0, 0.25)}
"""Relative uncertainty at the reference value, reference value [ug m-3], share that is not proportional."""

BETA = 2.0


def measurement_uncertainty(observed: Floats, quantity: str) -> Floats:
    """Return the expanded uncertainty (95 %) of measured day means [ug m-3].

    U(O) = U_r · sqrt((1 − a²) O² + a² RV²)

    References
    ----------
    Janssen and Thunis (2022), FAIRMODE Guidance Document on Modelling Quality Objectives and Benchmarking,
    version 3.3, https://doi.org/10.2760/41988

    Examples
    --------
    At the reference value it is the relative uncertainty itself:

    >>> measurement_uncertainty(np.array([25.0]), "pm2p5").tolist() == [0.36 * 25]
    True
    """
    relative, reference, share = PARAMETERS[quantity]
    found = relative * np.sqrt((1 - share**2) * observed**2 + share**2 * reference**2)
    return np.asarray(found, np.float64)


def fairmode_rows(group: Group, quantity: str, options: Options) -> Rows:
    """Return the indicators of every model and part of a group of day means.

    ``mqi_f``: RMSE over the RMSE of persistence, the mean of the last whole day before the issue; the
    objective is met at 1 or less. ``mqi_f_with_uncertainty``: the same with the uncertainty of the persisted
    measurement added to persistence's absolute error, which is more lenient. ``mqi``: RMSE over twice the
    root mean square uncertainty of the measurements, as for an assessment. NaN where undefined; rows without
    a measured day to persist are left out.

    References
    ----------
    Vitali et al. (2023), https://doi.org/10.5194/gmd-16-6029-2023
    """
    if group.target not in DAYS:
        return []
    there = np.isfinite(group.issued_before)
    persisted = np.where(there, group.issued_before, 0.0)
    gap = np.abs(persisted - group.observed)
    shape = np.ones_like(group.mean)
    weight = shape * there
    losses = {
        "n": weight,
        "model": weight * (group.mean - group.observed) ** 2,
        "persistence": weight * gap**2,
        "lenient": weight * (gap + measurement_uncertainty(persisted, quantity)) ** 2,
        "uncertainty": weight * measurement_uncertainty(group.observed, quantity) ** 2,
    }
    sums = day_sums(group, losses, {})
    rows: Rows = []
    for part in parts(group):
        rng = options.rng("fairmode", *group.key.values(), part.kind, part.value)
        found, _ = sums.resampled(part.rows, rng, options.draws)
        rows += _rows({**group.key, **part.key}, group.models, found)
    return rows


def _rows(key: Mapping[str, str], models: tuple[str, ...], sums: Mapping[str, Floats]) -> Rows:
    indicators = {
        "mqi_f": np.sqrt(ratio(sums["model"], sums["persistence"])),
        "mqi_f_with_uncertainty": np.sqrt(ratio(sums["model"], sums["lenient"])),
        "mqi": np.sqrt(ratio(sums["model"], sums["uncertainty"])) / BETA,
    }
    rows: Rows = [{**key, "model": model, "n": int(n)} for model, n in zip(models, sums["n"][0], strict=True)]
    for name, values in indicators.items():
        low, high = interval(values[1:])
        for i, row in enumerate(rows):
            row |= {name: values[0, i].item(), f"{name}_low": low[i].item(), f"{name}_high": high[i].item()}
    for row in rows:
        row["fulfilled"] = bool(row["mqi_f"] <= 1) if np.isfinite(row["mqi_f"]) else None
    return rows
