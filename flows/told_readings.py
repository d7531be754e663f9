"""Which readings a joint text may repeat: not those that sharing rules keep on this node.

A joint text goes to the other party's node and, signed, to the recipients of both. So a node of a party
leaves out what was measured at stations whose values may not be told by then. Its own pages show all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from flows.workspace import Workspace
from pipeline.cities import SeriesSpec, all_cities
from pipeline.names import is_simulated
from pipeline.origin_panel import CityOrigin, OriginPanel, UpwindReading
from pipeline.series import stations_of
from pipeline.sharing import Sharing, sharing_of
from pipeline.surroundings import all_places
from pipeline.times import parse_instant, to_ns

log = logging.getLogger(__name__)

BEFORE: Final = timedelta(hours=24)
"""How far back of a reading values are looked at: no interval of a series is longer."""


def told_to_others(ws: Workspace, panel: OriginPanel | None) -> OriginPanel | None:
    """Return a panel as a joint text may repeat it; on a node for all parties, unchanged."""
    party = ws.settings.party
    if panel is None or not party:
        return panel
    sharing, as_of = sharing_of(party, ws.settings.sharing_file), parse_instant(panel.as_of)
    cities = tuple(_told(ws, sharing, city, panel.world, as_of) for city in panel.cities)
    kept = sum(len(a.upwind) - len(b.upwind) for a, b in zip(panel.cities, cities, strict=True))
    if kept:
        log.info("%d readings upwind may not leave and are not told in joint texts", kept)
    return replace(panel, cities=cities)


def _told(ws: Workspace, sharing: Sharing, city: CityOrigin, world: str, as_of: datetime) -> CityOrigin:
    upwind = tuple(u for u in city.upwind if _may_be_told(ws, sharing, u, world, as_of))
    return replace(city, upwind=upwind)


def _may_be_told(
    ws: Workspace, sharing: Sharing, reading: UpwindReading, world: str, as_of: datetime
) -> bool:
    """Tell whether every value that a reading may rest on may be told."""
    instants = [parse_instant(t) for t in (reading.passed_at, reading.latest_at) if t]
    rows = ws.store.versions(
        world=world,
        stations=_stations(ws, reading.place, reading.quantity, world, as_of),
        quantities=[reading.quantity],
        start=min(instants) - BEFORE,
        end=min(max(instants) + BEFORE, as_of),
        as_of=as_of,
    )
    newest = rows.drop_duplicates(["station", "quantity", "time"], keep="last")
    ends = newest["time"].to_numpy("datetime64[ns]")
    longest = max((s.interval_hours for s in _specs(reading.place, reading.quantity, world)), default=1)
    step = np.timedelta64(longest, "h")
    near = np.zeros(len(newest), bool)
    for instant in (to_ns(t) for t in instants):
        near |= (ends > instant - step) & (ends < instant + step)
    resting = newest[near & newest["value"].notna().to_numpy()]
    return len(resting) > 0 and bool(sharing.may_be_told(resting, world, as_of).all())


def _specs(place: str, quantity: str, world: str) -> Sequence[SeriesSpec]:
    """Return the series of a place or of another city that a reading may come from."""
    kind = "simulated" if is_simulated(world) else world
    city = all_cities().get(place)
    series = city.series if city is not None else all_places()[place].series
    return [s for s in series if s.quantity == quantity and s.world == kind]


def _stations(ws: Workspace, place: str, quantity: str, world: str, as_of: datetime) -> list[str]:
    specs, city = _specs(place, quantity, world), all_cities().get(place)
    named = {station for spec in specs for station in spec.stations}
    if city is not None:
        listed = ws.store.stations(world, as_of)
        named |= {station for spec in specs for station in stations_of(listed, city, spec)}
    return sorted(named)
