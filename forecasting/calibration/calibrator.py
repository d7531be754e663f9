"""The fit of a calibration: spread and shape of held-out errors once their level is followed."""

from __future__ import annotations

import numpy as np

from forecasting.calibration.adaptive import Past, recent_level
from forecasting.calibration.groups import Floats, Groups, Ints
from forecasting.calibration.quantiles import Shape, fit_shape
from forecasting.calibration.spread import Spread, fit_spread


def fit_calibration(
    past: Past, centre: Floats, covariates: Floats, groups: Groups, told_by: Ints | None = None
) -> tuple[Spread, Shape]:
    """Fit the spread and the shape of a model's errors.

    The level of errors moves from year to year, and a forecast follows it (``adapt``). So what is fitted is
    what the level known at each issue leaves.

    Parameters
    ----------
    past : held-out errors on the scale of the forecast, not standardised, and when they were known
    centre : (issue, output) held-out forecast
    covariates : (issue, covariate) or (issue, output, covariate) known at the issue
    groups : whose errors are pooled
    told_by : see ``spread.fit_spread``

    Examples
    --------
    >>> from forecasting.calibration.groups import groups_of
    >>> issues = np.arange("2001-01-01", "2015-01-01", dtype="M8[D]").astype("M8[ns]")
    >>> errors = np.random.default_rng(0).normal(0, 0.3, (len(issues), 1))
    >>> past = Past(issues, errors, (issues + np.timedelta64(2, "D"))[:, None])
    >>> none, zero = np.zeros((len(issues), 0)), np.zeros(errors.shape)
    >>> spread, shape = fit_calibration(past, zero, none, groups_of(["seoul"], [1]))
    >>> round(float(spread.scale(zero[:1], none[:1])[0, 0]), 1), np.round(shape.half_width[0], 1).tolist()
    (0.3, [1.3, 1.3])
    """
    known = np.isfinite(past.z).sum(axis=0)
    usual = np.sqrt(np.nansum(np.square(past.z), axis=0) / np.maximum(known, 1))
    usual[usual <= 0] = 1.0
    level = recent_level(Past(past.issues, past.z / usual, past.known), groups, past.issues)
    left = past.z - level[:, groups.group] * usual
    spread = fit_spread(left, centre, covariates, groups, told_by)
    return spread, fit_shape(left / spread.scale(centre, covariates), groups)
