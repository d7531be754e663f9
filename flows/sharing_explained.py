"""Why values of a station leave or stay: each decision of the sharing rules in words, with what is newest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from flows.node import parties
from flows.workspace import Workspace
from pipeline.names import MEASURED
from pipeline.sharing import RECEIVED, Sharing, sharing_of
from pipeline.times import from_ns, iso

LOOKED_AT: Final = timedelta(hours=72)
USUAL: Final = ("pm10", "pm2p5")
"""Quantities that are explained of a station of which nothing is stored."""

Row = dict[str, str]


def decisions(ws: Workspace, station: str, world: str = MEASURED) -> list[Row]:
    """Return for each quantity of a station, and each party of this node, what becomes of its values and why.

    Returns
    -------
    rows: party, quantity, newest (interval end stored), source, decision, leaves (instant, for the newest
    value; empty where it stays)
    """
    at = ws.clock()
    rows = ws.store.versions(world=world, stations=[station], start=at - LOOKED_AT, end=at, as_of=at)
    quantities = sorted(rows["quantity"].astype(str).unique()) or list(USUAL)
    speakers = [ws.settings.party] if ws.settings.party else parties()
    held = [sharing_of(party, ws.settings.sharing_file) for party in speakers]
    return [
        row
        for sharing in held
        for quantity in quantities
        for row in _of(sharing, station, quantity, rows[rows["quantity"] == quantity], world, at)
    ]


def _of(
    sharing: Sharing, station: str, quantity: str, rows: pd.DataFrame, world: str, at: datetime
) -> list[Row]:
    """Return the decisions of one party about one quantity."""
    newest = rows.sort_values(["time", "received_at"]).tail(1)
    end = iso(from_ns(newest["time"].to_numpy("datetime64[ns]")[0])) if len(newest) else ""
    source = str(newest["source"].iloc[0]) if len(newest) else ""
    base = {"party": sharing.party, "quantity": quantity, "newest": end, "source": source}
    if source.startswith(RECEIVED):
        return [base | {"decision": "stays: another party sent it", "leaves": ""}]
    leaves = [
        iso(from_ns(when))
        for rule in sharing.rules
        if rule.is_of(world)
        for when in sharing.may_leave(rule, newest)["leaves_at"].to_numpy("datetime64[ns]")
    ]
    told = bool(len(newest)) and bool(sharing.may_be_told(newest, world, at).all())
    ending = "; joint texts may repeat it" if told else ""
    said = sharing.why(station, quantity, world)
    return [
        base | {"decision": f"{line}{ending}", "leaves": leaves[n] if n < len(leaves) else ""}
        for n, line in enumerate(said)
    ]
