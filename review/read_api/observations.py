"""Observations as far as sharing rules let them be told; what no rule names stays inside.

Every value keeps its mark: licence, attribution, to whom it may be passed on, and the embargo that is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from fastapi import HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from pipeline import cities as known
from pipeline.errors import UsageError
from pipeline.names import QUANTITIES, is_simulated
from pipeline.observations import ObservationStore
from pipeline.settings import Settings
from pipeline.sharing import Rule, Sharing, sharing_of
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import iso, parse_instant, to_ns
from review.access import visitor
from review.accounts.roles import Role
from review.read_api.answers import WORLD, answer
from review.read_api.models import Observation, Observations
from review.worlds import world_of

LONGEST: Final = timedelta(days=7)
USUAL: Final = timedelta(hours=24)
EARLIEST, LATEST = 1980, 2200
"""Years that are asked for at all."""
MOST: Final = 5000
ANYBODY: Final = ("public",)
PARTIES: Final = ("parties", "public")


class Asked(BaseModel):
    """Which values are asked for."""

    model_config = {"extra": "forbid"}

    world: str | None = Field(None, pattern=WORLD, description="default: the world that is worked in")
    station: str | None = Field(None, max_length=80, description="only this, such as airkorea:jung")
    quantity: str | None = Field(None, max_length=64, description="only this, such as pm2p5")
    start: str | None = Field(
        None, alias="from", max_length=40, description="intervals that end after this instant"
    )
    end: str | None = Field(None, alias="to", max_length=40, description="and at it or before; default: now")
    limit: int = Field(MOST, ge=1, le=MOST, description="at most so many values, oldest first")
    after: int = Field(0, ge=0, le=10_000_000, description="`next` of the page before")

    def page(self, found: Observations) -> Observations:
        """Return the page that is asked for of what may be told."""
        rows = [
            o
            for o in found.observations
            if self.station in (None, o.station) and self.quantity in (None, o.quantity)
        ]
        last = self.after + self.limit
        following = str(last) if last < len(rows) else None
        return found.model_copy(update={"observations": rows[self.after : last], "next": following})


def observations(request: Request, asked: Annotated[Asked, Query()]) -> Response:
    """Return measured values of at most 7 days that sharing rules let be told to the one who asks."""
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn) if asked.world is None else asked.world
    readers = ANYBODY if visitor(request).role is Role.observer else PARTIES
    span = span_of(request, asked.start, asked.end)
    return answer(request, asked.page(told(request, world, span, readers, all_parties(request))))


def told(
    request: Request,
    world: str,
    span: tuple[datetime, datetime],
    readers: tuple[str, ...],
    parties: Iterable[str],
) -> Observations:
    """Return the values of some parties that may be told by now to those for whom a mark allows it."""
    state, now = request.app.state, request.app.state.clock()
    store = ObservationStore(stored_in(state.settings, OBSERVATIONS), state.ledger, state.clock)
    found: list[Observation] = []
    names: list[str] = []
    for party in parties:
        sharing = _sharing(state.settings, party)
        for rule in sharing.rules:
            if rule.is_of(world) and rule.mark.redistribution in readers:
                names.append(f"{party}: {rule.name}")
                found += _values(store, sharing, rule, world, span, now)
    return Observations(
        world=world,
        simulated=is_simulated(world),
        start=iso(span[0]),
        end=iso(span[1]),
        rules=names,
        observations=sorted(found, key=lambda o: (o.time, o.station, o.quantity)),
        next=None,
    )


def span_of(request: Request, start: str | None, end: str | None) -> tuple[datetime, datetime]:
    """Return the stretch that is asked for, the last day where none is; 422 where it is not one."""
    try:
        until = (
            parse_instant(end)
            if end
            else request.app.state.clock().replace(minute=0, second=0, microsecond=0)
        )
        since = parse_instant(start) if start else until - USUAL
    except (ValueError, OverflowError, UsageError) as error:
        raise HTTPException(422, f"from and to are instants such as 2024-12-16T08:00Z: {error}") from None
    if not timedelta() < until - since <= LONGEST or not EARLIEST <= since.year < LATEST:
        raise HTTPException(422, "to is after from, by at most 7 days; ask for longer stretches in parts")
    return since, until


def all_parties(request: Request) -> tuple[str, ...]:
    """Return for whose stations this node speaks: its own party's, or on a node for all, everybody's."""
    own = request.app.state.settings.party
    return (own,) if own else tuple(known.all_parties())


def _sharing(settings: Settings, party: str) -> Sharing:
    return sharing_of(party, settings.sharing_file)


def _values(
    store: ObservationStore,
    sharing: Sharing,
    rule: Rule,
    world: str,
    span: tuple[datetime, datetime],
    now: datetime,
) -> list[Observation]:
    """Return what one rule lets out by now, of each interval the newest value that has left."""
    start, end = span
    versions = store.versions(world=world, quantities=rule.quantities, start=start, end=end, as_of=now)
    rows = sharing.may_leave(rule, versions)
    held = np.timedelta64(round(rule.mark.embargo_hours * 3600), "s")
    over = (rows["leaves_at"].to_numpy("datetime64[ns]") <= to_ns(now)) & (
        rows["time"].to_numpy("datetime64[ns]") + held <= to_ns(now)
    )
    rows = rows[over].sort_values("received_at", kind="stable")
    rows = rows.drop_duplicates(["station", "quantity", "time"], keep="last").dropna(subset="value")
    known = store.stations(world)
    lengths = dict(zip(known["station"].astype(str), known["interval_hours"].astype(float), strict=True))
    return [_value(row, rule, lengths) for row in rows.to_dict("records")]


def _value(row: Mapping[Any, Any], rule: Rule, lengths: dict[str, float]) -> Observation:
    """Return one value with its mark."""
    mark, time, received = rule.mark, pd.Timestamp(str(row["time"])), pd.Timestamp(str(row["received_at"]))
    return Observation(
        station=str(row["station"]),
        quantity=str(row["quantity"]),
        value=float(str(row["value"])),
        unit=QUANTITIES[str(row["quantity"])].unit,
        time=iso(time.tz_localize("UTC").to_pydatetime()),
        averaging_hours=float(lengths.get(str(row["station"]), 1.0)),
        qc_flag=int(str(row["qc"])),
        received_at=iso(received.floor("us").tz_localize("UTC").to_pydatetime()),
        licence=mark.licence,
        attribution=mark.attribution,
        redistribution=mark.redistribution,
        embargo_hours=mark.embargo_hours,
    )
