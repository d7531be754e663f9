"""Whether the data that a cycle needs are there: it begins with them, or at its deadline without."""

from __future__ import annotations

import time
from collections import Counter
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
SILENT = timedelta(hours=6)
"""A network that gave nothing for so long is not waited for: the other city's people are warned in time."""

FAILED_OFTEN = 3
"""A network whose source gave no answer so often in a row is not waited for, though heard of lately."""


def lacking_data(ws: Workspace, until: datetime) -> list[str]:
    """Return the cities and networks whose PM2.5 of the hour that ends at ``until`` is not there yet.

    It is there when as many of the network's stations report as the city's series asks for. A network of
    which no station is known lacks nothing.
    """
    return _lacking(ws, until - timedelta(hours=1), until, everything=True)


def silent_data(ws: Workspace, until: datetime) -> list[str]:
    """Return the cities and networks of which no station reported PM2.5 of the last six hours."""
    return _lacking(ws, until - SILENT, until, everything=False)


def _lacking(ws: Workspace, start: datetime, until: datetime, *, everything: bool) -> list[str]:
    """Return the cities and networks of which too few stations reported, or none at all."""
    listed = ws.store.stations(MEASURED)
    rows = ws.store.read(world=MEASURED, as_of=ws.clock(), quantities=["pm2p5"], start=start, end=until)
    there = set(rows.loc[rows["qc"] != QC_FAIL, "station"])
    found = []
    for city in all_cities().values():
        for spec in city.series:
            if (spec.quantity, spec.world) != ("pm2p5", MEASURED) or not spec.network:
                continue
            wanted = set(stations_of(listed, city, spec))
            enough = spec.minimum_coverage * len(wanted) if everything else min(1, len(wanted))
            if len(wanted & there) < enough:
                found.append(f"{city.id} {spec.network}")
    return sorted(set(found))


def wait_for_data(ws: Workspace, entry: Entry, nominal: datetime, pause: Pause = time.sleep) -> list[str]:
    """Ask the sources until the data of a nominal time are there or its deadline comes; returns what lacks.

    Without live sources nothing will come, and nothing is waited for; nor is what has long been silent, or a
    network whose source time after time gives no answer.
    """
    if not ws.settings.live_sources or not entry.waits:
        return []
    until, failures = nominal - entry.data_before, Counter[str]()
    while lacking := lacking_data(ws, until):
        if ws.clock() + timedelta(seconds=BETWEEN) > nominal + entry.waits:
            break
        for report in take_hour(ws):
            if report.answers:
                failures[report.source] = 0
            elif report.errors:
                failures[report.source] += 1
        failing = {name for name in lacking if failures[name.split()[-1]] >= FAILED_OFTEN}
        if set(lacking) <= failing | set(silent_data(ws, until)):
            break
        pause(BETWEEN)
    return lacking
