"""How much less certain a model is that learned from measured weather and is told forecast weather."""

from __future__ import annotations

import numpy as np

from forecasting.model import Model
from forecasting.situation.rows import situations
from forecasting.targets import Floats
from forecasting.weather_ahead import Source, Times
from forecasting.weather_table import WeatherTable, doubted
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities

ENOUGH = 0.5
"""Share of the weather ahead that must be known for a forecast to count as one that knew it."""


def with_doubt(model: Model, panel: AsOfPanel, issues: Times, scale: Floats, ahead: Source | None) -> Floats:
    """Return the scale of errors at issues of one hour, wider by what forecast weather costs.

    That is the spread of what the model says with the forecast weather of earlier issues less what it says
    with the weather that came, as far as it was known at each issue. Measured weather ahead costs nothing.

    Parameters
    ----------
    scale : (issue, output) of errors with measured weather ahead
    ahead : what tells the weather ahead
    """
    if not isinstance(ahead, WeatherTable) or not len(issues):
        return scale
    hour = int(issues[0].astype("M8[h]").astype(np.int64) % 24)
    past = ahead.issues[ahead.learned(hour)]
    days = model.hours[hour].outputs.lead_day
    return doubted(scale, _difference(model, panel, hour, past, ahead), past, days, issues)


def _difference(model: Model, panel: AsOfPanel, hour: int, past: Times, ahead: WeatherTable) -> Floats:
    """Return (past issue, output) the centre from forecast less that from measured weather."""
    fitted, outputs = model.hours[hour].best.fitted, model.hours[hour].outputs
    found = np.full((len(past), len(outputs.end)), np.nan)
    columns = model.recipe.columns
    positions = np.array([i for i in fitted.kept if columns[i].day is not None], np.int64)
    told = situations(panel, model.recipe, past)
    came = told.copy()
    for name in ahead.columns:
        own = np.array([i for i, c in enumerate(columns) if c.day is not None and c.city == name], np.int64)
        asked = [columns[i] for i in own]
        told[:, own] = ahead(panel, asked, all_cities()[name], past)
        came[:, own] = ahead.came(asked, name, past)
    both = np.isfinite(told[:, positions]) & np.isfinite(came[:, positions])
    whole = both.mean(axis=1) >= ENOUGH if len(positions) else np.zeros(len(past), bool)
    if whole.any():
        one, other = told[whole], came[whole]
        gaps = ~(np.isfinite(one) & np.isfinite(other))
        one[gaps] = other[gaps] = np.nan
        found[whole] = fitted.predict(one) - fitted.predict(other)
    return found
