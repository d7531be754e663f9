"""Which air brought much dust: PSCF and CWT of many arrivals, per cell, with what chance would show.

Receptor methods see where air had been, not where dust came from: sources on the way to a source light up as
well, dilution, growth and loss on the way are ignored, and a single episode says nothing. They are therefore
used for whole seasons only, never for an episode and never in a warning.

References
----------
Ashbaugh, Malm and Sadeh (1985), https://doi.org/10.1016/0004-6981(85)90256-2: the ratio now called PSCF.
Hsu, Holsen and Hopke (2003), https://doi.org/10.1016/S1352-2310(02)00886-5: CWT and PSCF compared.
Lupu and Maenhaut (2002), https://doi.org/10.1016/S1352-2310(02)00697-0: bootstrap significance of both.
Carslaw and Ropkins (2012), https://doi.org/10.1016/j.envsoft.2011.09.008: the steps of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.transport.residence import Grid, Residence
from forecasting.transport.significance import (
    RESAMPLES,
    Times,
    days_of,
    discoveries,
    p_values,
    require_enough,
    shuffled,
)
from forecasting.verification.intervals import block_counts, interval

Floats = npt.NDArray[np.float64]

STEPS: Final = ((2.0, 1.0), (1.0, 0.75), (0.5, 0.5), (0.0, 0.15))
"""Hours of a cell over the mean of visited cells, above which it gets the weight beside."""

TESTED: Final = 0.5
"""Least weight of a cell whose significance is looked at."""

HIGH: Final = 75.0
"""Percentile of the season's concentrations above which an arrival counts as high [%]."""


@dataclass(frozen=True)
class Estimate:
    """A statistic per cell: value, central 90 % of its resamples, chance of reaching it without any relation.

    ``significant`` allows for the number of cells; NaN and False where a cell was not visited enough.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    significant: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fields:
    """Hours of an arrival in each cell with their interval [h], the weight of each cell, PSCF [1] and CWT."""

    hours: Floats
    hours_low: Floats
    hours_high: Floats
    weight: Floats
    pscf: Estimate
    cwt: Estimate
    threshold: float


def weights(hours: Floats) -> Floats:
    """Return the weights of cells by their hours; a cell that was never visited has none.

    >>> weights(np.array([0.0, 1.0, 4.0, 7.0])).tolist()
    [0.0, 0.15, 0.5, 0.75]
    """
    visited = hours > 0
    mean = hours[visited].mean() if visited.any() else 1.0
    found = np.select([hours > least * mean for least, _ in STEPS], [w for _, w in STEPS], 0.0)
    return np.asarray(found, np.float64)


def pscf(hours: Floats, high: npt.NDArray[np.bool_]) -> Floats:
    """Return the share of a cell's hours that belong to high arrivals, (cell,); NaN without hours.

    >>> pscf(np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([False, True])).tolist()
    [0.75, nan]
    """
    found: Floats = _ratio(high[None, :].astype(np.float64), np.ones((1, len(high))), hours)[0]
    return found


def cwt(hours: Floats, concentration: Floats) -> Floats:
    """Return the mean concentration of arrivals by their hours in a cell, (cell,); NaN without hours.

    >>> cwt(np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([20.0, 40.0])).tolist()
    [35.0, nan]
    """
    found: Floats = _ratio(concentration[None, :], np.ones((1, len(concentration))), hours)[0]
    return found


def fields(
    hours: Floats,
    concentration: Floats,
    times: Times,
    rng: np.random.Generator,
    *,
    what: str,
    threshold: float | None = None,
    resamples: int = RESAMPLES,
) -> Fields:
    """Return PSCF and CWT of a season's arrivals with their significance.

    Parameters
    ----------
    hours : (arrival, cell) as of ``residence`` [h]
    concentration : (arrival,) at the receptor; all known
    times : (arrival,) of one season, of any number of years, ascending
    rng : source of the resamples
    what : named when it is refused
    threshold : above which an arrival is high; None: the 75th percentile
    resamples : of blocks of days, for the intervals and again for chance

    Raises
    ------
    UsageError
        fewer than 200 independent arrivals

    Notes
    -----
    Intervals: blocks of five days of arrivals are drawn again, paths and concentrations together. Chance:
    blocks of five days of concentrations are dealt to other days' paths. Significant are cells of TESTED
    weight at a false discovery rate of 10 %.
    """
    require_enough(times, what)
    limit = float(np.percentile(concentration, HIGH)) if threshold is None else threshold
    high = (concentration > limit).astype(np.float64)
    day = days_of(times)
    drawn = block_counts(int(day[-1]) + 1, rng, draws=resamples)[1:, day]
    dealt = shuffled(concentration, times, rng, resamples)
    known = np.isfinite(dealt).astype(np.float64)
    weight = weights(hours.sum(axis=0))
    tested = weight >= TESTED
    low, upper = interval(drawn @ hours / drawn.sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore"):
        dealt_high = (dealt > limit).astype(np.float64)
    return Fields(
        hours.mean(axis=0),
        low,
        upper,
        weight,
        _estimate(
            pscf(hours, concentration > limit),
            _ratio(drawn * high, drawn, hours),
            _ratio(dealt_high, known, hours),
            tested,
        ),
        _estimate(
            cwt(hours, concentration),
            _ratio(drawn * concentration, drawn, hours),
            _ratio(np.nan_to_num(dealt), known, hours),
            tested,
        ),
        limit,
    )


def maps(found: Fields, grid: Grid, residence: Residence, attributes: Mapping[str, str]) -> xr.Dataset:
    """Return fields of a grid's cells as a CF dataset over latitude and longitude."""
    plain = {
        "residence": (found.hours, "h", "time of an arrival's paths over the cell"),
        "residence_low": (found.hours_low, "h", "lower end of the central 90 % of resamples"),
        "residence_high": (found.hours_high, "h", "upper end of the central 90 % of resamples"),
        "weight": (found.weight, "1", "weight by hours of the cell"),
        "pscf_weighted": (found.pscf.value * found.weight, "1", "PSCF times weight"),
        "cwt_weighted": (found.cwt.value * found.weight, "ug m-3", "CWT times weight"),
    }
    if residence.mixed is not None:
        below = residence.mixed.mean(axis=0)
        plain["residence_below_mixing_height"] = (below, "h", "of it below the mixing height")
    for name, unit, estimate in (("pscf", "1", found.pscf), ("cwt", "ug m-3", found.cwt)):
        plain[name] = (estimate.value, unit, name.upper())
        plain[f"{name}_low"] = (estimate.low, unit, "lower end of the central 90 % of resamples")
        plain[f"{name}_high"] = (estimate.high, unit, "upper end of the central 90 % of resamples")
        plain[f"{name}_p"] = (estimate.p, "1", "chance of reaching it without any relation")
        plain[f"{name}_significant"] = (estimate.significant.astype(np.float64), "1", "1: significant")
    dims = ("latitude", "longitude")
    return xr.Dataset(
        {
            name: (dims, grid.on_map(values), {"units": unit, "long_name": said})
            for name, (values, unit, said) in plain.items()
        },
        {
            "latitude": ("latitude", grid.latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "longitude": (
                "longitude",
                grid.longitude,
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
        },
        {"Conventions": "CF-1.11", **attributes},
    )


def _ratio(counted: Floats, of: Floats, hours: Floats) -> Floats:
    """Return counted hours over all hours, (resample, cell)."""
    below = of @ hours
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, (counted @ hours) / below, np.nan), np.float64)


def _estimate(value: Floats, drawn: Floats, dealt: Floats, tested: npt.NDArray[np.bool_]) -> Estimate:
    low, high = interval(drawn)
    p = np.where(tested, p_values(value, dealt), np.nan)
    return Estimate(value, low, high, p, discoveries(p))
