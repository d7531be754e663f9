"""How the sources are: what each feed gave last, how old that is, and what is lacking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from flows.workspace import Workspace
from ingest.feeds import Feed
from pipeline.cities import all_cities
from pipeline.ledger.calls import quota_left, stopped
from pipeline.ledger.source_records import FeedRecord, feed_records, hours_gone, open_quarantine
from pipeline.names import QC_FAIL, is_simulated
from pipeline.series import stations_of
from pipeline.times import iso

State = Literal["ok", "waiting", "never", "partial", "late", "stopped", "down"]

SEVERITY: Final[dict[State, int]] = {
    "ok": 0, "waiting": 0, "never": 0, "partial": 1, "late": 2, "stopped": 2, "down": 3,
}  # fmt: skip
"""How bad a state is; an operator is told of those from 2."""

GRACE: Final = timedelta(minutes=45)
"""A value may be this much later than its feed's delay before the feed counts as late."""

DOWN_AFTER: Final = timedelta(hours=3)
"""Without anything readable for this long, and for three steps, a feed is down; before it is waiting."""

DAY: Final = timedelta(hours=24)
MONTH: Final = timedelta(days=30)


@dataclass(frozen=True)
class FeedHealth:
    """One feed as it is now.

    Parameters
    ----------
    newest : newest interval end or issue that it ever gave
    quota_left : requests left by minute, hour and day, as far as its service limits them
    quarantined : answers of its source that could not be read and wait for somebody
    gone : interval ends found in the last 30 days to be gone for good
    """

    feed: str
    source: str
    state: State
    last_success: datetime | None
    newest: datetime | None
    quota_left: dict[str, int]
    quarantined: int
    gone: int
    trouble: str

    @property
    def severity(self) -> int:
        """Return how bad it is, 0 to 3."""
        return SEVERITY[self.state]

    def row(self, now: datetime) -> dict[str, str | int]:
        """Return what a table shows of it at an instant."""
        age = "" if self.newest is None else f"{(now - self.newest).total_seconds() / 3600:.1f} h"
        return {
            "feed": self.feed,
            "state": self.state,
            "last success": "" if self.last_success is None else iso(self.last_success),
            "newest": "" if self.newest is None else iso(self.newest),
            "age": age,
            "requests left": ", ".join(f"{n} this {period}" for period, n in self.quota_left.items()),
            "quarantine": self.quarantined,
            "gone": self.gone,
            "trouble": self.trouble,
        }


@dataclass(frozen=True)
class Coverage:
    """How much of a city's last 24 h is there: values held, values that its stations would give."""

    city: str
    network: str
    stations: int
    held: int

    @property
    def share(self) -> float:
        """Return the share that is there; NaN where no station is known."""
        return self.held / (self.stations * 24) if self.stations else float("nan")

    def row(self) -> dict[str, str | int]:
        """Return what a table shows of it."""
        share = f"{self.share:.0%}" if self.stations else ""
        return {
            "city": self.city,
            "network": self.network,
            "stations": self.stations,
            "values": self.held,
            "share": share,
        }


def health_of(ws: Workspace, feeds: Sequence[Feed], world: str, now: datetime) -> list[FeedHealth]:
    """Return the health of feeds at an instant, from what the ledger has seen of them."""
    with ws.ledger.read() as conn:
        records = feed_records(conn, world)
        waiting = open_quarantine(conn, world)
        gone = hours_gone(conn, world, now - MONTH)
        left = {f.name: quota_left(conn, f.service.source, f.service.limits, now) for f in feeds}
        stops = {f.name: stopped(conn, f.service.source, now) for f in feeds}
    found = []
    for feed in feeds:
        record = records.get(feed.name)
        stop = stops[feed.name]
        state: State = "stopped" if stop is not None else state_of(feed, record, now)
        trouble = "" if record is None or state == "ok" else "; ".join(record.last.errors[:2])
        found.append(
            FeedHealth(
                feed.name,
                feed.source,
                state,
                None if record is None else record.succeeded_at,
                None if record is None else record.newest,
                left[feed.name],
                waiting.get(feed.source, 0),
                gone.get(feed.name, 0),
                f"no requests until {iso(stop.until)}: {stop.reason}" if stop is not None else trouble,
            )
        )
    return found


def now_of(ws: Workspace, world: str) -> datetime:
    """Return the clock's instant; of a simulated world, which stands still, that of its newest attempt."""
    if not is_simulated(world):
        return ws.clock()
    with ws.ledger.read() as conn:
        records = feed_records(conn, world)
    return max((r.last.at for r in records.values()), default=ws.clock()) + timedelta(minutes=1)


def state_of(feed: Feed, record: FeedRecord | None, now: datetime) -> State:
    """Return how a feed is, from its last attempts and the age of its newest value or last answer."""
    if record is None:
        return "never"
    failing = record.last.outcome in ("failed", "stopped")
    since = record.succeeded_at
    if failing and (since is None or now - since > max(DOWN_AFTER, 3 * feed.timing.step)):
        return "down" if record.failures > 1 else "waiting"
    expected = feed.timing.step + feed.timing.delay + GRACE
    newest = record.succeeded_at if feed.sporadic else record.newest or record.succeeded_at
    if newest is None or now - newest > expected:
        return "late"
    if failing:
        return "waiting"
    return "partial" if record.last.outcome == "partial" else "ok"


def coverage_of(ws: Workspace, world: str, now: datetime) -> list[Coverage]:
    """Return for each city and live network how many PM2.5 values of the last 24 h are in the store."""
    listed = ws.store.stations(world, now)
    kind = "simulated" if is_simulated(world) else world
    wanted = {
        (c.id, s.network): stations_of(listed, c, s)
        for c in all_cities().values()
        for s in c.series
        if s.world == kind and s.network
    }
    names = sorted({s for group in wanted.values() for s in group})
    rows = ws.store.read(
        world=world, as_of=now, stations=names, quantities=["pm2p5"], start=now - DAY, end=now
    )
    held = rows[rows["qc"] != QC_FAIL].groupby("station", observed=True).size()
    return [
        Coverage(city, network, len(group), int(held.reindex(group).fillna(0).sum()))
        for (city, network), group in sorted(wanted.items())
    ]


def worst_first(found: Iterable[FeedHealth]) -> list[FeedHealth]:
    """Sort feeds so that what needs somebody stands on top."""
    return sorted(found, key=lambda h: (-h.severity, h.feed))
