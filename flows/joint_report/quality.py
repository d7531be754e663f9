"""The data of a period: coverage, gaps, delays, flags, changes of stations, as known at an instant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import select

from flows.joint_report.period import Period
from flows.workspace import Workspace
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.ledger.asked import list_gaps
from pipeline.ledger.batches import listed_batches
from pipeline.ledger.tables import station_rows
from pipeline.ledger.verdicts import all_verdicts
from pipeline.names import QC_FAIL, QC_SUSPECT
from pipeline.times import iso, local_day_bounds, to_ns

Plain = dict[str, Any]
LATE: Final = np.timedelta64(6, "h")
"""A value received later than this after its hour came too late for the next cycle."""

AIR: Final = ("pm2p5", "pm10")


def quality_of(ws: Workspace, world: str, panel: AsOfPanel, period: Period, as_of: datetime) -> Plain:
    """Return what is to be known of the data of a period."""
    end = min(period.end, as_of)
    sources = _sources(ws, world, period.start, end, as_of)
    assumed = any(one["late"] is None for one in sources)
    return {
        "series": [_series(panel, key, period, end, known=not assumed) for key in sorted(panel)],
        "sources": sources,
        "gone": _gone(ws, world, period.start, end),
        "stations": _stations(ws, world, period.start, end),
        "verdicts": _verdicts(ws, world, period.start, end),
    }


def _series(panel: AsOfPanel, key: str, period: Period, end: datetime, *, known: bool) -> Plain:
    """Return coverage [1], the longest gap [h] and late values of a city's series over its local days.

    ``late`` is None unless it is ``known`` when values were received.
    """
    city, quantity, _ = key.split(".")
    series, zone = panel[key], all_cities()[city].timezone
    start = local_day_bounds(period.first, zone)[0]
    end = min(end, local_day_bounds(period.last, zone)[1])
    there = series.window(to_ns(start), to_ns(end), panel_instant(panel))[0]
    hours = (end - start) / timedelta(hours=1)
    expected = int(hours // series.interval_hours)
    inside = (series.times > to_ns(start)) & (series.times <= to_ns(end))
    firsts = pd.DataFrame({"t": series.times[inside], "r": series.received[inside]}).groupby("t")["r"].min()
    late = int(((firsts - firsts.index) > LATE).sum())
    changed = int(pd.Series(series.times[inside]).duplicated().sum())
    edges = np.concatenate([[to_ns(start)], there, [to_ns(end)]])
    gap = float((np.diff(edges) / np.timedelta64(1, "h")).max()) - series.interval_hours if expected else 0.0
    return {
        "city": city,
        "quantity": quantity,
        "expected": expected,
        "there": len(there),
        "coverage": round(len(there) / expected, 4) if expected else None,
        "longest_gap_hours": round(max(gap, 0.0), 1),
        "late": late if known else None,
        "corrected": changed,
    }


def panel_instant(panel: AsOfPanel) -> np.datetime64:
    """Return an instant by which everything of a panel had been received."""
    newest = [series.received.max() for series in panel.values() if len(series.received)]
    return max(newest, default=np.datetime64(0, "ns"))


def _sources(ws: Workspace, world: str, start: datetime, end: datetime, as_of: datetime) -> list[Plain]:
    """Return values, stations, flags and lateness of PM2.5 and PM10 by source."""
    with ws.ledger.read() as conn:
        listed = listed_batches(conn, world, times=(start, end), as_of=as_of)
    assumed = {b.source for b in listed if b.receipt == "assumed"}
    if not listed:
        return []
    rows = ws.store.versions(world=world, quantities=list(AIR), start=start, end=end, as_of=as_of)
    found = []
    for source, part in rows.groupby("source", observed=True):
        valid = part[part["value"].notna()]
        newest = valid.drop_duplicates(["station", "quantity", "time"], keep="last")
        first = valid.drop_duplicates(["station", "quantity", "time"], keep="first")
        late = (first["received_at"].to_numpy() - first["time"].to_numpy()) > LATE
        found.append(
            {
                "source": str(source),
                "stations": int(newest["station"].nunique()),
                "values": len(newest),
                "suspect": int((newest["qc"] == QC_SUSPECT).sum()),
                "failed": int((newest["qc"] == QC_FAIL).sum()),
                "corrected": len(valid) - len(first),
                "late": None if source in assumed else int(late.sum()),
            }
        )
    return found


def _gone(ws: Workspace, world: str, start: datetime, end: datetime) -> list[Plain]:
    """Return hours of the period that sources no longer have, by feed."""
    with ws.ledger.read() as conn:
        gaps = [g for g in list_gaps(conn, world, start) if start < g.hour <= end]
    feeds = sorted({g.feed for g in gaps})
    return [
        {"feed": feed, "hours": len(mine), "units": len({g.unit for g in mine})}
        for feed in feeds
        for mine in [[g for g in gaps if g.feed == feed]]
    ]


def _stations(ws: Workspace, world: str, start: datetime, end: datetime) -> Plain:
    """Return how many stations were listed first, and how many changed, in a period."""
    c = station_rows.c
    with ws.ledger.read() as conn:
        rows = conn.execute(
            select(c.station, c.received_at).where(c.world == world, c.received_at < end).order_by(c.seq)
        ).all()
    before = {name for name, at in rows if at < start}
    within = [name for name, at in rows if at >= start]
    new = set(within) - before
    return {"known": len(before | new), "new": len(new), "changed": len(within) - len(new)}


def _verdicts(ws: Workspace, world: str, start: datetime, end: datetime) -> list[Plain]:
    """Return the doubts about clocks and places of stations that came up or were settled in a period."""
    with ws.ledger.read() as conn:
        held = [v for v in all_verdicts(conn, world) if start <= v.noticed_at < end]
    names = ("station", "quantity", "kind", "state")
    return [{**{n: getattr(v, n) for n in names}, "noticed": iso(v.noticed_at)} for v in held]
