"""Why a forecast says what it says: what it would say if one group of inputs had been ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from forecasting.model import Model
from forecasting.saying import predict
from forecasting.situation.columns import CALENDAR
from forecasting.situation.rows import situations
from forecasting.targets import to_level
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.times import FORECAST_DAYS, to_ns, to_utc


def explain(
    panel: AsOfPanel,
    model: Model,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    lead_day: int = 1,
) -> pd.DataFrame:
    """Tell by how much each group of inputs moved the centre of a local day.

    The effect of a group is the day's centre with all inputs less that with the group's columns at their
    means of training; effects need not add up, for groups act together. It describes the model, not the
    atmosphere.

    Returns
    -------
    table with ``city``, ``group``, ``median`` and ``effect`` [ug m-3], largest effect first within a city
    """
    if not 0 <= lead_day <= FORECAST_DAYS:
        raise ValueError(f"lead_day {lead_day} is not in 0 … {FORECAST_DAYS}")
    issue, hour = np.array([to_ns(issue_time)]), to_utc(issue_time).hour
    if hour not in model.hours:
        return pd.DataFrame(columns=["city", "group", "median", "effect"])
    values = situations(panel, model.recipe, issue, None if as_of == issue_time else as_of)
    outputs = model.hours[hour].outputs
    said = predict(model, hour, values)[0][0]
    rows = []
    for group in (g for g in model.recipe.groups if g != CALENDAR):
        columns = list(model.recipe.members(group))
        if not np.isfinite(values[0, columns]).any():
            continue
        changed = values.copy()
        changed[:, columns] = model.ordinary[columns]
        other = predict(model, hour, changed)[0][0]
        for city in cities:
            mine = [i for i, t in enumerate(model.targets) if (t.city, t.role) == (city.id, "reference")]
            column = np.flatnonzero(np.isin(outputs.target, mine[:1]) & (outputs.day == lead_day))
            if len(column):
                with_all, without = to_level(said[column[0]]), to_level(other[column[0]])
                rows.append((city.id, group, float(with_all), float(with_all - without)))
    found = pd.DataFrame(rows, columns=["city", "group", "median", "effect"])
    order = found.assign(size=-found["effect"].abs()).sort_values(["city", "size"], kind="stable").index
    return found.loc[order].reset_index(drop=True)
