"""Whether the data that a cycle needs are there: it begins with them, or at its deadline without."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from flows.hour import take_hour
from flows.timetable import Entry
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.names import MEASURED, QC_FAIL
from pipeline.series import stations_of

Pause = Callable[[float], None]

BETWEEN = 60.0
"""Pause between two looks for data [s]; the sources publish once an hour."""


def lacking_data(ws: Workspace, until: datetime) -> list[str]:
    """Return the cities and networks whose PM2.5 of the hour that ends at ``until`` is not there yet.

    It is there when as many of the network's stations report as the city's series asks for. A network of
    which no station is known is not waited for.
    """
    listed = ws.store.stations(MEASURED)
    rows = ws.store.read(
        world=MEASURED,
        as_of=ws.clock(),
        quantities=["pm2p5"],
        start=until - timedelta(hours=1),
        end=until,
    )
    there = set(rows.loc[rows["qc"] != QC_FAIL, "station"])
    found = []
    for city in all_cities().values():
        for spec in city.series:
            if (spec.quantity, spec.world) != ("pm2p5", MEASURED) or not spec.network:
                continue
            wanted = set(stations_of(listed, city, spec))
            if len(wanted & there) < spec.minimum_coverage * len(wanted):
                found.append(f"{city.id} {spec.network}")
    return sorted(set(found))


def wait_for_data(ws: Workspace, entry: Entry, nominal: datetime, pause: Pause = time.sleep) -> list[str]:
    """Ask the sources until the data of a nominal time are there or its deadline comes; returns what lacks.

    Without live sources nothing will come, and nothing is waited for.
    """
    if not ws.settings.live_sources or not entry.waits:
        return []
    until = nominal - entry.data_before
    while lacking := lacking_data(ws, until):
        if ws.clock() + timedelta(seconds=BETWEEN) > nominal + entry.waits:
            break
        take_hour(ws)
        pause(BETWEEN)
    return lacking
