"""Joint samples of one issue: calibrated margins, tied together as past forecast errors hung together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import xarray as xr

from forecasting.baselines import Courses
from forecasting.futures import Scene, by_baseline, by_model, draw, outlook_of
from forecasting.model import Model
from forecasting.outputs import FIRST_PERIOD, OUTLOOK_DAYS
from forecasting.saying import Said, say
from forecasting.situation.columns import CALENDAR
from forecasting.situation.derived import sources_of
from forecasting.situation_memory import Read
from forecasting.targets import HOUR_NS, Floats, Target, read_history, targets_of
from forecasting.ties import MEMBERS
from forecasting.weather_ahead import AS_USUAL, Manner, situations_of
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import ContractError
from pipeline.schema import SAMPLE_DIMS, check_samples
from pipeline.times import FORECAST_DAYS, to_ns, to_utc

NO_MODEL = "none"
"""What stands in place of a model's name where persistence and climatology speak."""

RECENT_DAYS = 425
"""A forecast reads nothing older than this many days before its snapshot, its model apart."""

USUAL = 0.5
"""Inputs known at fewer training issues than this are not missed."""


def forecast_samples(  # noqa: PLR0913 - one argument per thing a forecast depends on
    panel: AsOfPanel,
    model: Model | None,
    cities: Sequence[City],
    quantity: str,
    issue_time: datetime,
    as_of: datetime,
    manner: Manner = AS_USUAL,
    read: Read = situations_of,
) -> xr.Dataset:
    """Forecast one issue: at least 200 joint futures of all cities to the end of local day D+3.

    Always gives a forecast: per city the model where it may be used, else persistence where something was
    observed within 72 h, else climatology, else an uninformed spread; ``degraded`` tells which and why.
    Random numbers depend on the issue time and the quantity alone, so a cycle can be repeated number for
    number.

    Parameters
    ----------
    panel : series with all versions; only those received by ``as_of`` are read
    model : a model of the same quantity and world, or None; it may know more cities
    issue_time : instant from which periods count [UTC]
    as_of : instant of the snapshot [UTC]
    manner : see ``forecasting.weather_ahead``
    read : tells situations

    Returns
    -------
    samples (realization, city, forecast_period) [ug m-3], see ``pipeline.schema.check_samples``. Intervals
    of the last 24 h that were known hold the observed value in all members.

    Raises
    ------
    ContractError
        when the model is of another world or quantity
    """
    usable = matching(model, panel, quantity, cities, to_utc(issue_time).hour)
    targets = usable.targets if usable else targets_of(panel.known_by(as_of), cities, quantity)
    scene = scene_of(panel, targets, issue_time, as_of)
    drawn: list[Floats | None] = [None] * len(targets)
    notes, outlook = ["no usable model"], None
    if usable:
        said = say(usable, panel, scene.issues, scene.as_of, manner, read)
        whole = draw(said, slice(None), usable, scene.issues)
        drawn, notes = by_model(said, whole), without(said.missing[0])
        outlook = _outlook(said, whole, cities)
    ids = {city.id for city in cities}
    asked = [i for i, target in enumerate(targets) if target.city in ids]
    if any(drawn[i] is None for i in asked):
        history = usable.history if usable else read_history(panel, targets, as_of, days=RECENT_DAYS - 1)
        filled = by_baseline(scene, Courses(history), drawn, asked)
        drawn = filled.values
        notes = notes + [note for note in filled.notes[0] if note.split(".")[0] in ids]
    members = {i: d[0] for i, d in enumerate(drawn) if d is not None and i in asked}
    data = _dataset(scene, cities, members, to_utc(as_of))
    if outlook is not None:
        data[f"outlook_{quantity}"] = outlook
    used, missing = _inputs(scene, usable, to_utc(as_of))
    data.attrs = {
        "world": panel.world,
        "model_id": usable.model_id if usable else NO_MODEL,
        "inputs_used": ",".join(used),
        "inputs_missing": ",".join(missing),
        "degraded": "; ".join(dict.fromkeys(notes)),
        "units": "ug m-3",
    }
    return check_samples(data)


def scene_of(panel: AsOfPanel, targets: tuple[Target, ...], issue_time: datetime, as_of: datetime) -> Scene:
    """Return one issue, with what had been received by its snapshot."""
    snapshot = None if to_utc(as_of) == to_utc(issue_time) else to_utc(as_of)
    return Scene(panel, targets, np.array([to_ns(issue_time)]), snapshot)


def without(missing: Sequence[str]) -> list[str]:
    """Say which groups of inputs a forecast did without.

    >>> without(("weather at sea",))
    ['forecast without weather at sea']
    """
    return [f"forecast without {group}" for group in missing]


def _outlook(said: Said, whole: Floats, cities: Sequence[City]) -> xr.DataArray:
    """Return the day means after D+3 of every city, NaN where the model may not speak."""
    days = np.arange(FORECAST_DAYS + 1, OUTLOOK_DAYS + 1)
    values = np.full((MEMBERS, len(cities), len(days)), np.nan)
    ids = [c.id for c in cities]
    for i, target in enumerate(said.outputs.targets):
        if target.role == "reference" and target.city in ids:
            values[:, ids.index(target.city)] = outlook_of(said, whole, i)[0]
    dims = ("realization", "city", "outlook_day")
    return xr.DataArray(values, {"city": ids, "outlook_day": days}, dims, attrs={"units": "ug m-3"})


def matching(
    model: Model | None, panel: AsOfPanel, quantity: str, cities: Sequence[City], hour: int
) -> Model | None:
    """Return the model if it knows these cities, or more, at this hour; refuse one of another world."""
    if model is None:
        return None
    if (model.world, model.quantity) != (panel.world, quantity):
        raise ContractError(
            f"model {model.model_id} is of {model.world}/{model.quantity}, not {panel.world}/{quantity}"
        )
    known = {t.city for t in model.targets} >= {c.id for c in cities} and hour in model.hours
    return model if known else None


def _dataset(
    scene: Scene, cities: Sequence[City], drawn: Mapping[int, Floats], as_of: datetime
) -> xr.Dataset:
    """Put the members of targets, by position, on one grid of cities and periods; known values stay."""
    spans = {i: scene.periods(i) for i in drawn}
    hours = np.arange(FIRST_PERIOD, max(int(p[-1]) for p in spans.values()) + 1)
    ids = [c.id for c in cities]
    shape = (MEMBERS, len(ids), len(hours))
    variables: dict[str, Floats] = {}
    for i, values in drawn.items():
        target, periods = scene.targets[i], spans[i]
        known = scene.known(i, periods)[0]
        out = variables.setdefault(target.variable, np.full(shape, np.nan))
        out[:, ids.index(target.city), periods - FIRST_PERIOD] = np.where(np.isfinite(known), known, values)
    _share_hourly(variables, [scene.targets[i] for i in drawn], ids)
    return xr.Dataset(
        {name: (SAMPLE_DIMS, values, {"units": "ug m-3"}) for name, values in variables.items()},
        coords={
            "realization": np.arange(MEMBERS),
            "city": ids,
            "forecast_period": ("forecast_period", hours, {"units": "hours"}),
            "issue_time": scene.issues[0],
            "as_of": to_ns(as_of),
        },
    )


def _share_hourly(variables: dict[str, Floats], targets: Sequence[Target], ids: Sequence[str]) -> None:
    """Let the hourly variable of a city with an hourly reference hold its reference."""
    for target in targets:
        hourly = variables.get(f"{target.quantity}_hourly")
        if hourly is not None and target.interval_hours == 1 and target.role == "reference":
            i = ids.index(target.city)
            hourly[:, i] = variables[target.quantity][:, i]


def _inputs(scene: Scene, model: Model | None, as_of: datetime) -> tuple[list[str], list[str]]:
    """Return the series that had a value in the last 24 h, and those expected that had none."""
    grid = to_ns(as_of).astype("M8[h]").astype("M8[ns]") + np.arange(-23, 1) * HOUR_NS
    expected = dict.fromkeys([t.key for t in scene.targets])
    expected |= dict.fromkeys(_stored_keys(model, scene.panel) if model else ())
    used = [k for k in expected if np.isfinite(scene.panel.on_grid(k, grid, as_of)).any()]
    return used, [k for k in expected if k not in used]


def _stored_keys(model: Model, panel: AsOfPanel) -> list[str]:
    """Return the series that a model reads often, winds and dew points by what they are made of."""
    usual = [c.key for c, seen in zip(model.recipe.columns, model.seen, strict=True) if seen >= USUAL]
    found: list[str] = []
    for key in dict.fromkeys(usual):
        if key.split(".")[0] != CALENDAR:
            found += sources_of(key, panel)
    return found
