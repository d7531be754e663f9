"""Links between the cities' episodes: their measurement on a world's history, and those of a run."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np
import xarray as xr

from alerts.policy import Policy
from flows.runview import RunView
from flows.winds import winds_for
from flows.workspace import Workspace
from forecasting.transport.link_evidence import LinkMeasurement, measure_link, season_of
from forecasting.transport.link_history import Terms
from forecasting.transport.link_paths import LAG_HOURS, PathEvidence, WindsOf, path_evidence, paths_back
from forecasting.transport.links import TransportLink, transport_link, with_paths
from forecasting.transport.origin_starts import expected_peak
from forecasting.transport.surrogate import surrogate_winds
from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities, upwind_pairs
from pipeline.errors import BadPayload, ContractError, UsageError
from pipeline.files import write_atomic
from pipeline.names import is_simulated
from pipeline.paths import cities_in
from pipeline.series import load_panel
from pipeline.storage.products import brought, keep_files
from pipeline.times import from_ns, iso, local_date, parse_instant
from pipeline.trajectory_files import read_trajectories

log = logging.getLogger(__name__)

UPWIND: Final = upwind_pairs()
"""Pairs of cities whose link a cycle examines, upwind first: the direction of the westerlies, in which one
may be named also where no paths are known."""

BOTH_WAYS: Final = (*UPWIND, *((down, up) for up, down in UPWIND))
"""Pairs that are measured; a cycle names the others of them only where paths of forecast winds agree."""

AGREES: Final = 0.1
"""Share of paths from which they agree, in a direction that is not the prevailing one [1]."""

LINKS_FILE: Final = "links.json"
"""Name of the evidence in a run's folder."""

Winds = Literal["stored", "surrogate"]
SEED: Final = 20_150_101
"""Of the bootstrap: the same history gives the same intervals."""


def link_terms(policy: Policy, upwind: str, downwind: str) -> Terms:
    """Return what counts as exceeding, as the policy says: each city's lowest level, and the lag."""
    return Terms(policy.thresholds(upwind)[0], policy.thresholds(downwind)[0], policy.link.maximum_lag_days)


def measure_links(
    ws: Workspace, world: str, policy: Policy, as_of: datetime, winds: Winds | None = None
) -> list[LinkMeasurement]:
    """Measure the links of a world on its own history as known at an instant, and keep the result.

    Parameters
    ----------
    winds : of which the paths are made; by default the stored ones in a simulated world, else those
        estimated from sea-level pressure

    Raises
    ------
    UsageError
        nothing is stored of this world, or less than two years of both cities
    """
    if world not in ws.store.worlds():
        raise UsageError(f"nothing is stored of the world {world}; see `sameair status`")
    cities = all_cities()
    panel = load_panel(ws.store, list(cities.values()), world, end=as_of, as_of=as_of)
    source = _winds_of(ws, panel, as_of, winds or ("stored" if is_simulated(world) else "surrogate"))
    found = []
    for upwind, downwind in BOTH_WAYS:
        terms, rng = link_terms(policy, upwind, downwind), np.random.default_rng(SEED)
        measured = measure_link(panel, source, (cities[upwind], cities[downwind]), terms, as_of, rng)
        if measured is None:
            raise UsageError(f"{world} holds less than two years of both cities{_more(world)}")
        found.append(measured)
    document = {"world": world, "known_until": iso(as_of), "links": [m.to_dict() for m in found]}
    content = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False).encode()
    write_atomic(_folder(ws, world) / f"{as_of:%Y%m%dT%H%M%SZ}.json", content)
    return found


def _more(world: str) -> str:
    """Tell how more history is had; a simulated world has no more."""
    return ", which no links can be measured on" if is_simulated(world) else "; import more history first"


def measured_links(ws: Workspace, world: str, as_of: datetime) -> list[LinkMeasurement]:
    """Return the newest measurement of a world that was made of what an instant knew; empty if there is none.

    One of later knowledge is not read, so that a replay says no more than could be said then.
    """
    for path in sorted(_folder(ws, world).glob("*.json"), reverse=True):
        try:
            document = json.loads(path.read_text("utf-8"))
            if parse_instant(document["known_until"]) <= as_of:
                return [LinkMeasurement.from_dict(row) for row in document["links"]]
        except (OSError, ValueError, KeyError, TypeError, ContractError):
            log.exception("the measured links %s cannot be read; run `sameair links --measure`", path.name)
    return []


def links_of_run(ws: Workspace, view: RunView, policy: Policy) -> list[TransportLink]:
    """Return the links of a run: association, what the paths of the air say, and the measured word.

    The evidence is kept beside the run's products (``links.json``).
    """
    cities, plan = all_cities(), view.plan
    measured = {(m.upwind, m.downwind): m for m in measured_links(ws, plan.world, plan.as_of)}
    found, forecast = [], {city.id for city in cities_in(view.paths)}
    for pair in [pair for pair in BOTH_WAYS if forecast.issuperset(pair)]:
        up, down = (cities[name] for name in pair)
        terms = link_terms(policy, *pair)
        by_path = _path_evidence(ws, view, up, down, terms)
        if pair not in UPWIND and (by_path.winds != "forecast" or by_path.share < AGREES):
            continue
        link = transport_link(
            view.panel, view.paths, up, down, terms, issue_time=plan.cycle, as_of=plan.as_of
        )
        season = season_of(local_date(plan.cycle, down.timezone).month)
        found.append(with_paths(link, by_path, _word(measured.get(pair), terms, season)))
    content = json.dumps([link.to_dict() for link in found], indent=1, allow_nan=False).encode()
    place = (ws.settings.data_dir / view.run.products["forecast"]).parent / LINKS_FILE
    keep_files(ws.settings, [write_atomic(place, content)])
    return found


def _word(found: LinkMeasurement | None, terms: Terms, season: str) -> str:
    """Return the measured word; none where other thresholds or lags were measured than the policy has now."""
    if found is None:
        return ""
    if found.terms != terms:
        log.warning(
            "the measured link of %s and %s is of another policy; run `sameair links --measure`",
            found.upwind, found.downwind,
        )  # fmt: skip
        return ""
    return found.word(season)


def _path_evidence(ws: Workspace, view: RunView, up: City, down: City, terms: Terms) -> PathEvidence:
    """Return what paths say; where they fail the link stands on association alone."""
    try:
        back = _stored_paths(ws, view, down)
        back = _surrogate_paths(view, down) if back is None else back
        if back is not None:
            return path_evidence(back, view.paths, up, terms.upwind_threshold)
    except (ContractError, ArithmeticError, ValueError):
        log.exception("no paths for the link of %s and %s", up.id, down.id)
    return PathEvidence()


def _stored_paths(ws: Workspace, view: RunView, down: City) -> xr.Dataset | None:
    """Return the paths that the run stored of a city's expected peak; None where there are none."""
    if "trajectories" not in view.run.products:
        return None
    try:
        paths = read_trajectories(brought(ws.settings, view.run.products["trajectories"]))
    except (OSError, BadPayload):
        log.exception("the trajectories of run %s cannot be read", view.run.id)
        return None
    own = (paths["city"].to_numpy() == down.id) & (paths["purpose"].to_numpy() == "expected")
    return paths.isel(trajectory=np.flatnonzero(own)) if own.any() else None


def _surrogate_paths(view: RunView, down: City) -> xr.Dataset | None:
    """Return paths from the winds that pressure lets one estimate; hours ahead are persistence."""
    peak = expected_peak(view.paths, down)
    if peak is None:
        return None
    start = from_ns(peak.arrivals[0]) - timedelta(hours=LAG_HOURS[1])
    end = from_ns(peak.arrivals[-1])
    winds = surrogate_winds(view.panel, start=start, end=end, as_of=view.plan.as_of)
    return None if winds is None or winds.sizes["time"] < 2 else paths_back(winds, down, peak.arrivals)


def _winds_of(ws: Workspace, panel: AsOfPanel, as_of: datetime, winds: Winds) -> WindsOf:
    def stored(start: datetime, end: datetime) -> xr.Dataset | None:
        return winds_for(ws, panel.world, start=start, end=end, as_of=as_of)

    def surrogate(start: datetime, end: datetime) -> xr.Dataset | None:
        return surrogate_winds(panel, start=start, end=end, as_of=as_of)

    return stored if winds == "stored" else surrogate


def _folder(ws: Workspace, world: str) -> Path:
    return ws.settings.data_dir / "links" / world
