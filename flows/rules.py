"""The rules in force, and what any of them says of a city and day: on measurements, or on a run's paths."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import xarray as xr

from alerts.content import RuleFinding
from alerts.rule_engine import evaluate, findings
from alerts.rules import Rule, all_rules, rule
from flows.dust import dust_paths_of_run, judged_days
from flows.runview import find_run, read_run
from flows.workspace import Workspace
from forecasting.pairing import couple
from forecasting.transport.dust_ahead import coarse_chance
from pipeline.cities import City
from pipeline.dust_outlook import check_dust_paths
from pipeline.errors import UsageError
from pipeline.names import is_simulated
from pipeline.paths import observed_paths
from pipeline.series import load_panel
from pipeline.times import iso, local_day_bounds

BEFORE, AFTER = 10, 4
"""Local days around a day that its rules may read: what is in force since before, the days ahead."""

OF_YEAR: Final = "standard_year"
"""Kind of the rules that read the measurements of a whole calendar year."""

RECENT: Final = np.timedelta64(24, "h")
"""PM10 that was not measured for so long before the issue is left out: its forecast starts from nothing."""


@dataclass(frozen=True)
class Checked:
    """What rules say of one city and day, and on what: the paths in words, and which stations they are of."""

    judged_on: str
    series: dict[str, str]
    findings: tuple[RuleFinding, ...]


def check_rules(
    ws: Workspace,
    world: str,
    city: City,
    day: date,
    *,
    cycle: datetime | None = None,
    rule_id: str | None = None,
) -> Checked:
    """Judge every rule in force on a city's local day, or one of them.

    Parameters
    ----------
    cycle : judge on the paths of this cycle's run, which continue what was measured at its snapshot with the
        forecast; None: on what is measured by now

    Raises
    ------
    UsageError
        nothing is stored of this world, the cycle has no run, or no such rule holds on the day for the city
    """
    dust: xr.Dataset | None
    if cycle is None:
        paths, dust = _measured(ws, world, city, day)
        judged_on = f"measurements received by {iso(ws.clock())}"
    else:
        view = read_run(ws, find_run(ws, world, cycle).id)
        dust = dust_paths_of_run(ws, view.run)
        paths = view.paths if dust is None else with_pm10(view.paths, dust)
        judged_on = f"run {view.run.id} of cycle {iso(cycle)}: {paths.sizes['realization']} joint paths"
    found = findings(paths, [city], [day], everything=True, dust=dust)
    chosen = [f for f in found if rule_id in (None, f.rule)]
    if cycle is None:
        chosen = _with_year(ws, world, city, day, chosen)
    if not chosen:
        raise UsageError(f"no rule {rule_id or ''} holds in {city.id} on {day}; see `sameair rules list`")
    return Checked(judged_on, _series(city, world), tuple(chosen))


def _series(city: City, world: str) -> dict[str, str]:
    """Return of which stations the series are that rules read, as the city's table says."""
    kind = "simulated" if is_simulated(world) else world
    read = [s for s in city.series if s.world == kind and s.role in ("reference", "hourly")]
    return {f"{s.quantity} {s.role}, {s.interval_hours} h": s.note for s in read}


def versions_of(rule_id: str) -> tuple[Rule, ...]:
    """Return every version of a rule by date; raises UsageError where there is none of that name."""
    found = tuple(r for r in all_rules() if r.id == rule_id)
    if not found:
        raise UsageError(f"there is no rule {rule_id}; see `sameair rules list --all`")
    return found


def with_pm10(paths: xr.Dataset, dust: xr.Dataset) -> xr.Dataset:
    """Return paths with the PM10 that a run forecast, coupled with PM2.5 by ``forecasting.pairing``.

    Parameters
    ----------
    paths : joint paths of PM2.5 (``pipeline.schema.check_paths``)
    dust : paths of PM10 (``pipeline.dust_outlook.DUST_CONTRACT``); a city without measured PM10 in the day
        before the issue is left out

    Examples
    --------
    >>> grid = np.array(["2026-01-01T00", "2026-01-01T01"], "M8[ns]")
    >>> paths = xr.Dataset({"pm2p5": (("realization", "city", "time"), [[[20.0, 30.0]]])},
    ...     {"realization": [0], "city": ["seoul"], "time": grid, "issue_time": grid[0]})
    >>> dust = xr.Dataset({"pm10": (("realization", "city", "time"), [[[50.0, 60.0]]]),
    ...     "is_observed": (("city", "time"), [[True, False]])},
    ...     {"realization": [0], "city": ["seoul"], "time": grid})
    >>> with_pm10(paths, dust)["pm10"].values.tolist()
    [[[50.0, 60.0]]]
    >>> "pm10" in with_pm10(paths, dust.assign(is_observed=dust["is_observed"] & False))
    False
    """
    told = [str(c) for c in paths["city"].values if _is_told(paths, dust, str(c))]
    if not told or paths.sizes["realization"] != dust.sizes["realization"]:
        return paths
    values = np.full([paths.sizes[d] for d in ("realization", "city", "time")], np.nan)
    ahead = paths["time"].to_numpy() > paths["issue_time"].to_numpy()
    for name in told:
        own = (
            dust["pm10"]
            .sel(city=name)
            .reindex(time=paths["time"])
            .transpose("realization", "time")
            .to_numpy()
        )
        fine = paths["pm2p5"].sel(city=name).transpose("realization", "time").to_numpy()
        both = ahead & np.isfinite(own).all(axis=0) & np.isfinite(fine).all(axis=0)
        order = couple(own[:, both], fine[:, both]) if both.any() else np.arange(len(own))
        values[:, list(paths["city"].values).index(name)] = own[order]
    return paths.assign(pm10=(("realization", "city", "time"), values))


def _is_told(paths: xr.Dataset, dust: xr.Dataset, city: str) -> bool:
    if city not in dust["city"].values:
        return False
    times, until = dust["time"].to_numpy(), paths["issue_time"].to_numpy()
    inside = (times > until - RECENT) & (times <= until)
    return bool(dust["is_observed"].sel(city=city).to_numpy()[inside].any())


def _with_year(
    ws: Workspace, world: str, city: City, day: date, found: list[RuleFinding]
) -> list[RuleFinding]:
    """Return the findings, those on a calendar year judged on its measurements once it has ended."""
    first, last = date(day.year, 1, 1), date(day.year, 12, 31)
    start, end = local_day_bounds(first, city.timezone)[0], local_day_bounds(last, city.timezone)[1]
    held = {f.rule: rule(f.rule, day) for f in found}
    if end > ws.clock() or all(h.kind != OF_YEAR for h in held.values()):
        return found
    year = _joined(*_both(ws, world, city, start, end))
    return [evaluate(held[f.rule], year, city, day) if held[f.rule].kind == OF_YEAR else f for f in found]


def _both(
    ws: Workspace, world: str, city: City, start: datetime, end: datetime
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return one path of the PM2.5 and one of the PM10 that is measured by now, over (start, end]."""
    now = ws.clock()
    panel = load_panel(ws.store, [city], world, start=start, end=end, as_of=now, around=False)
    fine, coarse = (
        observed_paths(panel, [city], start=start, end=end, as_of=now, quantity=q) for q in ("pm2p5", "pm10")
    )
    return fine, coarse


def _joined(fine: xr.Dataset, coarse: xr.Dataset) -> xr.Dataset:
    return fine.assign({str(name): coarse[name] for name in coarse.data_vars if name != "is_observed"})


def _measured(ws: Workspace, world: str, city: City, day: date) -> tuple[xr.Dataset, xr.Dataset]:
    """Return one path of what is measured around a day, and the dust path of the same hours."""
    now = ws.clock()
    if world not in ws.store.worlds():
        raise UsageError(f"nothing is stored of the world {world}; see `sameair status`")
    first, last = day - timedelta(days=BEFORE), day + timedelta(days=AFTER)
    start, end = local_day_bounds(first, city.timezone)[0], local_day_bounds(last, city.timezone)[1]
    fine, coarse = _both(ws, world, city, start, end)
    days = judged_days(ws, world, city, first, last, now)
    dusty = np.array([[[d.verdict in ("dust", "pm10_event") for d in days]]], dtype=np.int8)
    dust = coarse.drop_vars("pm10_hourly").assign(
        coarse=(("city", "time"), coarse_chance(coarse, fine, city)[None]),
        dusty=(("realization", "city", "day"), dusty),
        verdict=(("city", "day"), np.array([[d.verdict for d in days]], dtype=object)),
    )
    stamps = np.array([d.day for d in days], dtype="M8[D]").astype("M8[ns]")
    return _joined(fine, coarse), check_dust_paths(dust.assign_coords(day=stamps))
