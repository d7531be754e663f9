"""The calibration of one model: spread and shape of its held-out errors, and the forecasts made of them."""

from __future__ import annotations

from dataclasses import dataclass

from forecasting.calibration.adaptive import Adjustment, Past, Times, adapt
from forecasting.calibration.groups import Floats, Groups
from forecasting.calibration.quantiles import Distribution, Shape, fit_shape
from forecasting.calibration.spread import Spread, fit_spread


@dataclass(frozen=True)
class Calibration:
    """What turns a forecast's centre into a distribution.

    Parameters
    ----------
    spread : scale of the errors from covariates
    shape : of the standardised errors
    """

    spread: Spread
    shape: Shape

    def past(self, issues: Times, errors: Floats, centre: Floats, covariates: Floats, known: Times) -> Past:
        """Return earlier errors as ``adapt`` needs them.

        Parameters
        ----------
        issues : (issue,) ascending
        errors : (issue, output) truth minus forecast, NaN where unknown
        centre, covariates : as in ``fit_spread``
        known : (issue, output) when the truth was received [UTC]
        """
        return Past(issues, errors / self.spread.scale(centre, covariates), known)

    def adjustment(self, past: Past, at: Times) -> Adjustment:
        """Return what the errors known at each instant teach, (forecast, output)."""
        return adapt(past, self.shape.groups, self.shape.half_width, at)

    def distribution(self, centre: Floats, covariates: Floats, adjustment: Adjustment) -> Distribution:
        """Return the forecast distributions (forecast, output)."""
        return Distribution(self.shape, centre, self.spread.scale(centre, covariates), adjustment)


def fit_calibration(errors: Floats, centre: Floats, covariates: Floats, groups: Groups) -> Calibration:
    """Fit spread and shape on held-out errors.

    Parameters
    ----------
    errors : (issue, output) truth minus held-out forecast, NaN where unknown
    centre : (issue, output) held-out forecast
    covariates : (issue, covariate) or (issue, output, covariate) known at the issue
    groups : whose errors are pooled

    Examples
    --------
    >>> import numpy as np
    >>> from forecasting.calibration.adaptive import unadjusted
    >>> from forecasting.calibration.groups import groups_of
    >>> rng, none, zero = np.random.default_rng(0), np.zeros((5000, 0)), np.zeros((5000, 1))
    >>> fitted = fit_calibration(rng.normal(0, 0.3, (5000, 1)), zero, none, groups_of(["seoul"], [1]))
    >>> forecast = fitted.distribution(zero[:1], none[:1], unadjusted(1, 1))
    >>> np.round(forecast.quantiles(np.array([0.1, 0.9])), 1).tolist()
    [[[-0.4, 0.4]]]
    >>> np.round(forecast.probability(np.array([0.0])), 1).tolist()
    [[[0.5]]]
    """
    spread = fit_spread(errors, centre, covariates, groups)
    return Calibration(spread, fit_shape(errors / spread.scale(centre, covariates), groups))
