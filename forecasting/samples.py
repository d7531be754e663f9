"""Joint samples of one issue: calibrated margins, tied together as past forecast errors hung together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting import baselines
from forecasting.model import Model
from forecasting.outputs import OUTLOOK_DAYS
from forecasting.saying import Said, say
from forecasting.situation.columns import CALENDAR
from forecasting.situation.derived import sources_of
from forecasting.targets import HOUR_NS, Floats, History, Target, read_history, targets_of, to_level
from forecasting.ties import MEMBERS, agree_with_days
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City
from pipeline.errors import ContractError
from pipeline.schema import SAMPLE_DIMS, check_samples
from pipeline.times import FORECAST_DAYS, horizon_end, to_ns, to_utc

FIRST_PERIOD = -24
RECENT_DAYS = 367
"""A forecast reads nothing older than this many days before its snapshot, its model apart."""

USUAL = 0.5
"""Inputs known at fewer training issues than this are not missed."""

BASELINES: tuple[baselines.Baseline, ...] = ("persistence", "climatology")

Periods = list[npt.NDArray[np.int64]]


@dataclass(frozen=True)
class _Issue:
    """One issue to forecast: when, what was known, and which intervals are wanted."""

    panel: AsOfPanel
    targets: tuple[Target, ...]
    periods: Periods
    issue_time: datetime
    as_of: datetime
    members: int


def forecast_samples(
    panel: AsOfPanel,
    model: Model | None,
    cities: Sequence[City],
    quantity: str,
    issue_time: datetime,
    as_of: datetime,
    manner: Manner = AS_USUAL,
) -> xr.Dataset:
    """Forecast one issue: at least 200 joint futures of all cities to the end of local day D+3.

    Always gives a forecast: per city the model where it may be used and something was observed within 72 h,
    else persistence, else climatology, else an uninformed spread; ``degraded`` tells which and why. Random
    numbers depend on the issue time and the quantity alone, so a cycle can be repeated number for number.

    Parameters
    ----------
    panel : series with all versions; only those received by ``as_of`` are read
    model : a model of the same quantity and world, or None
    issue_time : instant from which periods count [UTC]
    as_of : instant of the snapshot [UTC]
    manner : see ``forecasting.weather_ahead``

    Returns
    -------
    samples (realization, city, forecast_period) [ug m-3], see ``pipeline.schema.check_samples``. Intervals
    of the last 24 h that were known hold the observed value in all members.

    Raises
    ------
    ContractError
        when the model is of another world or quantity
    """
    usable = _matching(model, panel, quantity, cities, to_utc(issue_time).hour)
    targets = usable.targets if usable else targets_of(panel.known_by(as_of), cities, quantity)
    issue = _issue(panel, cities, targets, issue_time, as_of, MEMBERS)
    drawn: list[Floats | None] = [None] * len(targets)
    notes, outlook = ["no usable model"], None
    if usable:
        drawn, whole, said = _by_model(issue, usable, manner)
        notes, outlook = _without(said, 0), _outlook(said, whole, cities)
    full = [d for d in drawn if d is not None]
    if len(full) < len(targets):
        history = usable.history if usable else read_history(panel, targets, as_of, days=RECENT_DAYS - 1)
        full, fallen = _with_fallbacks(issue, history, drawn, _rng(issue_time, quantity))
        notes += fallen
    data = _dataset(issue, cities, full)
    if outlook is not None:
        data[f"outlook_{quantity}"] = outlook
    used, missing = _inputs(issue, usable)
    data.attrs = {
        "world": panel.world,
        "model_id": usable.model_id if usable else "none",
        "inputs_used": ",".join(used),
        "inputs_missing": ",".join(missing),
        "degraded": "; ".join(dict.fromkeys(notes)),
        "units": "ug m-3",
    }
    return check_samples(data)


def _without(said: Said, row: int) -> list[str]:
    """Say which groups of inputs a forecast did without."""
    return [f"forecast without {group}" for group in said.missing[row]]


def _outlook(said: Said, whole: Floats, cities: Sequence[City]) -> xr.DataArray:
    """Return the day means after D+3 of every city, NaN where the model may not speak."""
    days = np.arange(FORECAST_DAYS + 1, OUTLOOK_DAYS + 1)
    values = np.full((len(whole), len(cities), len(days)), np.nan)
    ids = [c.id for c in cities]
    for i, target in enumerate(said.outputs.targets):
        if target.role != "reference":
            continue
        for column in said.outputs.of(i, days=True):
            day = said.outputs.day[column]
            if day > FORECAST_DAYS and said.usable[column]:
                values[:, ids.index(target.city), day - days[0]] = whole[:, column]
    dims = ("realization", "city", "outlook_day")
    return xr.DataArray(values, {"city": ids, "outlook_day": days}, dims, attrs={"units": "ug m-3"})


def baseline_samples(
    kind: baselines.Baseline,
    panel: AsOfPanel,
    history: History,
    cities: Sequence[City],
    issue_time: datetime,
    as_of: datetime,
    members: int = MEMBERS,
) -> xr.Dataset:
    """Forecast one issue by a baseline; ``history`` (see ``read_history``) is all it has learned from.

    Persistence falls back to climatology for a city that was silent for 72 h.
    """
    issue = _issue(panel, cities, history.targets, issue_time, as_of, members)
    rng = _rng(issue_time, history.targets[0].quantity)
    blank: list[Floats | None] = [None] * len(history.targets)
    drawn, notes = _with_fallbacks(issue, history, blank, rng, persist=kind == "persistence")
    data = _dataset(issue, cities, drawn)
    data.attrs = {
        "world": panel.world,
        "model_id": kind,
        "inputs_used": ",".join(t.key for t in history.targets if t.key in panel),
        "inputs_missing": ",".join(t.key for t in history.targets if t.key not in panel),
        "degraded": "; ".join(n for n in notes if not n.endswith(kind)),
        "units": "ug m-3",
    }
    return check_samples(data)


def _matching(
    model: Model | None, panel: AsOfPanel, quantity: str, cities: Sequence[City], hour: int
) -> Model | None:
    """Return the model if it knows these cities at this hour; refuse one of another world or quantity."""
    if model is None:
        return None
    if (model.world, model.quantity) != (panel.world, quantity):
        raise ContractError(
            f"model {model.model_id} is of {model.world}/{model.quantity}, not {panel.world}/{quantity}"
        )
    known = {t.city for t in model.targets} == {c.id for c in cities} and hour in model.hours
    return model if known else None


def _rng(issue_time: datetime, quantity: str) -> np.random.Generator:
    return np.random.default_rng([int(to_utc(issue_time).timestamp()), *quantity.encode()])


def _issue(
    panel: AsOfPanel,
    cities: Sequence[City],
    targets: tuple[Target, ...],
    issue_time: datetime,
    as_of: datetime,
    members: int,
) -> _Issue:
    ends = {c.id: horizon_end(issue_time, c.timezone) for c in cities}
    issue = to_utc(issue_time)
    periods = []
    for target in targets:
        last = int((ends[target.city] - issue).total_seconds() // 3600)
        hours = np.arange(FIRST_PERIOD, last + 1)
        periods.append(hours[(issue.hour + hours) % target.interval_hours == 0])
    return _Issue(panel, targets, periods, issue, to_utc(as_of), members)


def draw(said: Said, row: int, model: Model, issue_time: datetime) -> Floats:
    """Draw the joint futures of one issue, (member, output) [ug m-3].

    Every output follows its calibrated margin; the members hang together as past errors of the season did,
    and the hours of a day average to the day's own margin.
    """
    levels = (np.arange(MEMBERS) + 0.5) / MEMBERS
    margins = to_level(said.one(row).quantiles(levels)[0])
    ties = model.hours[issue_time.hour].ties
    return agree_with_days(ties.tie(margins, issue_time.month), margins, said.outputs)


def _by_model(issue: _Issue, model: Model, manner: Manner) -> tuple[list[Floats | None], Floats, Said]:
    """Draw (member, period) for every target of which the model knows enough; None for the others."""
    snapshot = None if issue.as_of == issue.issue_time else issue.as_of
    when = np.array([to_ns(issue.issue_time)])
    said = say(model, issue.panel, when, snapshot, manner)
    whole = draw(said, 0, model, issue.issue_time)
    drawn: list[Floats | None] = []
    for i, periods in enumerate(issue.periods):
        columns = said.outputs.of(i, days=False)
        columns = columns[np.isin(said.outputs.end[columns], periods)]
        drawn.append(whole[:, columns] if said.usable[columns].all() else None)
    return drawn, whole, said


def _with_fallbacks(
    issue: _Issue,
    history: History,
    drawn: Sequence[Floats | None],
    rng: np.random.Generator,
    persist: bool = True,
) -> tuple[list[Floats], list[str]]:
    """Fill targets without a drawn forecast by persistence, else climatology; say which."""
    at = baselines.anchors(history, issue.issue_time, issue.members, rng)
    clock = (issue.issue_time, issue.as_of)
    usual = baselines.climatology(history, at, issue.periods, issue.members, rng)
    latest = baselines.persistence(issue.panel, history, at, issue.periods, clock, issue.members, rng)
    out: list[Floats] = []
    notes: list[str] = []
    for i, target in enumerate(issue.targets):
        given, recent = drawn[i], latest[i] if persist else None
        if given is None:
            blind = not np.isfinite(history.values[i]).any()
            name = "persistence" if recent is not None else "no past at all" if blind else "climatology"
            notes.append(f"{target.key}: {name}")
            given = recent if recent is not None else usual[i]
        out.append(given)
    return out, notes


def _dataset(issue: _Issue, cities: Sequence[City], drawn: Sequence[Floats]) -> xr.Dataset:
    """Put the targets' members on one grid of cities and periods; known values replace samples."""
    last = max(int(p[-1]) for p in issue.periods)
    hours = np.arange(FIRST_PERIOD, last + 1)
    ids = [c.id for c in cities]
    shape = (issue.members, len(ids), len(hours))
    variables: dict[str, Floats] = {}
    for target, periods, values in zip(issue.targets, issue.periods, drawn, strict=True):
        valid = to_ns(issue.issue_time) + periods * HOUR_NS
        known = issue.panel.on_grid(target.key, valid, issue.as_of)
        out = variables.setdefault(target.variable, np.full(shape, np.nan))
        out[:, ids.index(target.city), periods - FIRST_PERIOD] = np.where(np.isfinite(known), known, values)
    _share_hourly(variables, issue.targets, ids)
    return xr.Dataset(
        {name: (SAMPLE_DIMS, values, {"units": "ug m-3"}) for name, values in variables.items()},
        coords={
            "realization": np.arange(issue.members),
            "city": ids,
            "forecast_period": ("forecast_period", hours, {"units": "hours"}),
            "issue_time": to_ns(issue.issue_time),
            "as_of": to_ns(issue.as_of),
        },
    )


def _share_hourly(variables: dict[str, Floats], targets: Sequence[Target], ids: Sequence[str]) -> None:
    """Let the hourly variable of a city with an hourly reference hold its reference."""
    for target in targets:
        hourly = variables.get(f"{target.quantity}_hourly")
        if hourly is not None and target.interval_hours == 1 and target.role == "reference":
            i = ids.index(target.city)
            hourly[:, i] = variables[target.quantity][:, i]


def _inputs(issue: _Issue, model: Model | None) -> tuple[list[str], list[str]]:
    """Return the series that had a value in the last 24 h, and those expected that had none."""
    grid = to_ns(issue.as_of).astype("M8[h]").astype("M8[ns]") + np.arange(-23, 1) * HOUR_NS
    expected = dict.fromkeys([t.key for t in issue.targets])
    expected |= dict.fromkeys(_stored_keys(model, issue.panel) if model else ())
    used = [k for k in expected if np.isfinite(issue.panel.on_grid(k, grid, issue.as_of)).any()]
    return used, [k for k in expected if k not in used]


def _stored_keys(model: Model, panel: AsOfPanel) -> list[str]:
    """Return the series that a model reads often, winds and dew points by what they are made of."""
    usual = [c.key for c, seen in zip(model.recipe.columns, model.seen, strict=True) if seen >= USUAL]
    found: list[str] = []
    for key in dict.fromkeys(usual):
        if key.split(".")[0] != CALENDAR:
            found += sources_of(key, panel)
    return found
