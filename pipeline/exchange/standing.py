"""How the exchange with a peer stands, from the ledger alone: heard, under way, missing, held there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from sqlalchemy import Connection

from pipeline.exchange.arrivals import gaps
from pipeline.exchange.heard import KINDS, Heard, chain_fault, heard
from pipeline.exchange.statements import NODE_WORLD, spans
from pipeline.ledger.envelopes import last_sent, received_instants
from pipeline.ledger.exchange_reads import (
    Arrival,
    arrivals_since,
    first_sent_at,
    newest_of_each_kind,
    unsent_since,
)
from pipeline.names import MEASURED

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True)
class Standing:
    """How a peer and the way to it stand at an instant.

    Parameters
    ----------
    heard : what came last, of any kind; None: nothing ever did
    kinds : the newest of each kind
    lags : from written to received at least, of what came over the last day [s]: ``lead`` is added; not of
        simulated worlds, which are written in their own time
    lead : by how much the peer's clock is ahead of ours at least
    missing : numbers of the peer's chain that are not here
    unfit : how many of the last seven days could not be acted upon, by outcome
    told : what the peer last said of our chain, and ``own``, how many it has
    waiting : how many the peer has not handled yet, receipts and heartbeats aside, and since when the oldest
    began : when we first wrote to it
    fault : why nothing more may be said to it
    """

    peer: str
    heard: Arrival | None
    kinds: tuple[Arrival, ...]
    lags: tuple[float, ...]
    lead: timedelta
    missing: tuple[tuple[int, int], ...]
    unfit: tuple[tuple[str, int], ...]
    told: Heard
    own: int
    waiting: tuple[int, datetime | None]
    began: datetime | None
    fault: str

    @property
    def last_at(self) -> datetime | None:
        """Return when something came last, by our clock."""
        return self.heard.received_at if self.heard else None

    def silence(self, at: datetime) -> timedelta:
        """Return for how long nothing was heard, from our first envelope on; none before that."""
        since = self.last_at or self.began
        return at - since if since else timedelta()

    @property
    def lag(self) -> tuple[float, float] | None:
        """Return the median and the longest time from written to received over the last day [s]."""
        return (median(self.lags), max(self.lags)) if self.lags else None

    def line(self, at: datetime) -> str:
        """Return it in one line.

        >>> at = datetime.fromisoformat("2026-01-14T02:00:00+00:00")
        >>> told = Heard(handled=3, newest=3)
        >>> nothing = Standing("beijing", None, (), (), timedelta(), (), (), told, 5, (2, at - DAY), at, "")
        >>> nothing.line(at)
        'beijing: nothing heard yet; 2 of ours wait to be confirmed, the oldest for 1 d'
        """
        came = self.last_at
        parts = ["nothing heard yet" if came is None else f"last heard {duration(at - came)} ago"]
        count, since = self.waiting
        if since is not None:
            parts.append(f"{count} of ours wait to be confirmed, the oldest for {duration(at - since)}")
        else:
            parts.append("nothing of ours waits")
        parts += [f"{spans(self.missing)} of theirs missing"] * bool(self.missing)
        parts += [f"stopped: {self.fault}"] * bool(self.fault)
        return f"{self.peer}: {'; '.join(parts)}"


def standing_of(conn: Connection, peer: str, at: datetime) -> Standing:
    """Return how a peer and the way to it stand."""
    kinds = newest_of_each_kind(conn, peer)
    recent = arrivals_since(conn, peer, at - WEEK)
    told, last = heard(conn, peer), last_sent(conn, peer)
    lead = max(timedelta(), clock_lead(received_instants(conn, peer)))
    return Standing(
        peer=peer,
        heard=max(kinds, key=lambda a: (a.received_at, a.sequence), default=None),
        kinds=tuple(kinds),
        lags=tuple(
            (a.received_at - a.created_at + lead).total_seconds()
            for a in recent
            if a.received_at > at - DAY and a.world in (MEASURED, NODE_WORLD)
        ),
        lead=lead,
        missing=gaps(conn, peer),
        unfit=tuple(sorted(Counter(a.outcome for a in recent if a.outcome not in ("", "done")).items())),
        told=told,
        own=last.sequence if last else 0,
        waiting=unsent_since(conn, peer, told.handled, KINDS),
        began=first_sent_at(conn, peer),
        fault=chain_fault(conn, peer),
    )


def clock_lead(rows: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """Return by how much a party's clock is ahead of ours at least, from (created, received) instants.

    >>> from pipeline.times import parse_instant
    >>> ours = parse_instant("2026-01-14T02:00:00Z")
    >>> clock_lead([(ours + timedelta(seconds=40), ours), (ours - timedelta(hours=2), ours)])
    datetime.timedelta(seconds=40)
    """
    return max((created - received for created, received in rows), default=timedelta())


def duration(span: timedelta) -> str:
    """Return a length of time in words.

    >>> [duration(timedelta(seconds=s)) for s in (-20, 20, 200, 9000, 400000)]
    ['-20 s', '20 s', '3 min', '2.5 h', '4.6 d']
    """
    seconds = span.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600)):
        if abs(seconds) >= length:
            return f"{round(seconds / length, 1):g} {unit}"
    return f"{seconds / 60:.0f} min" if abs(seconds) >= 60 else f"{seconds:.0f} s"
