"""All reasons of one issue as plain data: what moved each day, what was alike, what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import xarray as xr

from forecasting.model import Model
from forecasting.reasons.analogs import analogs_of
from forecasting.reasons.attribution import usual_of
from forecasting.reasons.days import Case, days_of
from forecasting.reasons.stored import VERSION, Document
from forecasting.reasons.upwind import possible_upwind
from forecasting.reasons.what_if import Beside, Possible, what_if
from forecasting.saying import missing_groups, variant
from forecasting.weather_ahead import Source, situations_of
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.paths import day_means, instant_of
from pipeline.times import FORECAST_DAYS, iso, local_date, to_ns, to_utc

CAVEAT = (
    "which inputs moved the forecast of this model away from the usual of the season; not where the air came "
    "from. Effects add up: usual + moved + rest + recent_errors = median"
)


def reasons_of(
    panel: AsOfPanel,
    model: Model | None,
    cities: Sequence[City],
    paths: xr.Dataset,
    times: tuple[datetime, datetime],
    thresholds: Mapping[str, Sequence[int]],
    ahead: Source | None = None,
) -> Document:
    """Tell why an issue was forecast as it was.

    Parameters
    ----------
    panel : series with all versions; only those received by the snapshot are read
    model : that forecast, or None
    paths : the joint paths it gave, see ``pipeline.schema.check_paths`` [ug m-3]
    times : issue time and instant of the snapshot [UTC]
    thresholds : of each city, those that matter there [ug m-3]
    ahead : tells the weather ahead, for a model that reads it

    Returns
    -------
    plain data, see docs/reasons.md; a city for which no model spoke has no days
    """
    issue_time, as_of = times
    quantity = model.quantity if model else "pm2p5"
    case = _case(panel, model, times, ahead) if model else None
    beside = _upwind(case, model, cities) if case and model else None
    changes = {w.city: w.to_dict() for w in what_if(paths, cities, thresholds, beside, quantity)}
    found = [
        _city(case, model, city, paths, tuple(thresholds.get(city.id, ())))
        | {"what_if": changes.get(city.id)}
        for city in cities
    ]
    return {
        "version": VERSION,
        "quantity": quantity,
        "model_id": model.model_id if model else "none",
        "issue_time": iso(issue_time),
        "as_of": iso(as_of),
        "about": CAVEAT,
        "cities": found,
    }


def moved_days(
    panel: AsOfPanel,
    model: Model,
    cities: Sequence[City],
    issue_time: datetime,
    medians: Mapping[str, Mapping[int, float]],
) -> dict[str, list[dict[str, Any]]]:
    """Tell what moved the local days of cities at a past cycle, without anything else of the reasons.

    Parameters
    ----------
    medians : of each city the median that was said of each lead day [ug m-3]; other days are not told

    Returns
    -------
    of every city rows of ``forecasting.reasons.days.days_of``, none for an hour that the model does not know
    """
    case = _case(panel, model, (issue_time, issue_time), None)
    found: dict[str, list[dict[str, Any]]] = {}
    for city in cities:
        if case is None:
            break
        days = {d: o for d, o in _outputs(case, model, city).items() if d in medians.get(city.id, {})}
        if days:
            mine = case.of(list(days.values()))
            found[city.id] = days_of(mine, city, days, {d: medians[city.id][d] for d in days})
    return found


def _case(
    panel: AsOfPanel, model: Model, times: tuple[datetime, datetime], ahead: Source | None
) -> Case | None:
    issue_time, as_of = times
    hour, issue = to_utc(issue_time).hour, to_ns(issue_time)
    if hour not in model.hours:
        return None
    snapshot = None if as_of == issue_time else as_of
    values = situations_of(panel, model.recipe, np.array([issue]), snapshot, ahead)
    fitted = variant(model, hour, missing_groups(model, hour, values)[0]).fitted
    usual = usual_of(fitted, model.recipe, values, issue)
    return Case(fitted, model.recipe.columns, values, usual, issue)


def _upwind(case: Case, model: Model, cities: Sequence[City]) -> Beside:
    """Return what tells the readings upwind that may come."""
    days = {city.id: _outputs(case, model, city) for city in cities}

    def told(city: str, lead_day: int, probability: float) -> list[Possible]:
        output = days[city].get(lead_day)
        if output is None:
            return []
        now = case.z[0].astype(np.float64)
        return list(possible_upwind(model, case.fitted, now, case.issue, (output, probability)))

    return told


def _city(
    case: Case | None, model: Model | None, city: City, paths: xr.Dataset, thresholds: tuple[int, ...]
) -> dict[str, Any]:
    days = _outputs(case, model, city) if case and model else {}
    medians = _medians(paths, city, model.quantity) if model else {}
    days = {day: column for day, column in days.items() if day in medians}
    if case is None or not days:
        return {"city": city.id, "days": [], "analogs": None}
    mine = case.of(list(days.values()))
    told = days_of(mine, city, days, medians)
    alike = analogs_of(mine.fitted, mine.z, mine.issue, days, thresholds)
    return {"city": city.id, "days": told, "analogs": alike.to_dict()}


def _outputs(case: Case, model: Model, city: City) -> dict[int, int]:
    """Return the output of each local day D+1 … D+3 of a city of which the model may speak."""
    outputs = case.fitted.outputs
    mine = [i for i, t in enumerate(outputs.targets) if (t.city, t.role) == (city.id, "reference")]
    usable = model.hours[case.fitted.hour].usable
    found = np.flatnonzero(np.isin(outputs.target, mine[:1]) & usable & (outputs.day >= 1))
    return {int(outputs.day[i]): int(i) for i in found if outputs.day[i] <= FORECAST_DAYS}


def _medians(paths: xr.Dataset, city: City, quantity: str) -> dict[int, float]:
    """Return the published median of every local day by lead day [ug m-3]."""
    today = np.datetime64(local_date(instant_of(paths, "issue_time"), city.timezone), "D")
    days = day_means(paths, city, quantity)
    middle = np.median(days["day_mean"].transpose("realization", "day").values, axis=0)
    leads = ((days["day"].values.astype("M8[D]") - today) / np.timedelta64(1, "D")).astype(int)
    return {int(k): float(v) for k, v in zip(leads, middle, strict=True) if np.isfinite(v)}
