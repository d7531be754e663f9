"""Whether the level of forecasts follows live observations yet, or still the years that were learned from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np

from forecasting.model import Model
from forecasting.targets import HOUR_NS, Target
from pipeline.asof import AsOfPanel
from pipeline.names import is_simulated
from pipeline.times import to_ns

NEEDED_DAYS: Final = 90
WITHIN_DAYS: Final = 120
"""A level is of the present once so many of the last days were measured; its memory is about as long."""

WHOLE: Final = 0.75
"""Share of a day's intervals that makes it a measured day."""


def calibrated_on(model: Model, panel: AsOfPanel, as_of: datetime) -> str:
    """Say on which years a forecast's level rests, or nothing once it follows the last months.

    Parameters
    ----------
    panel : series of the last months
    as_of : instant of the snapshot; only what had been received by then counts

    Returns
    -------
    ``calibrated on 2015-2020, not yet on live observations``, or an empty text where every city's reference
    was measured on NEEDED_DAYS of the last WITHIN_DAYS days, and in simulated worlds
    """
    if is_simulated(panel.world):
        return ""
    references = [t for t in model.targets if t.role == "reference"]
    if all(measured_days(panel, target, as_of) >= NEEDED_DAYS for target in references):
        return ""
    issues = np.concatenate([hour.past.issues for hour in model.hours.values()])
    first, last = (np.datetime_as_string(edge, unit="Y") for edge in (issues.min(), issues.max()))
    return f"calibrated on {first if first == last else f'{first}-{last}'}, not yet on live observations"


def measured_days(panel: AsOfPanel, target: Target, as_of: datetime) -> int:
    """Return on how many of the last days (24 h each) most intervals of a target were known."""
    if target.key not in panel:
        return 0
    step = target.interval_hours
    ages = np.arange(0, WITHIN_DAYS * 24, step)
    end = to_ns(as_of).astype("M8[h]").astype(np.int64) // step * step
    times = end.astype("M8[h]").astype("M8[ns]") - ages * HOUR_NS
    known = np.isfinite(panel.on_grid(target.key, times[::-1], as_of))[::-1]
    return int((known.reshape(WITHIN_DAYS, -1).mean(axis=1) >= WHOLE).sum())
