"""A month of the way between two nodes: what passed, how long it took, silences, what was refused."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from pipeline.exchange.arrivals import gaps
from pipeline.exchange.heard import KINDS as STATEMENTS
from pipeline.exchange.heard import body_of, parse_name
from pipeline.ledger.exchange_month import (
    Passed,
    began_at,
    came_between,
    packed_between,
    refused_between,
    sent_between,
)
from pipeline.programme import Programme
from pipeline.times import HOUR, iso, parse_instant

Plain = dict[str, Any]
SILENT: Final = timedelta(hours=2)
"""Statements leave at least hourly: after so long without any envelope the way was cut, or the other node."""
CONFIRMED_WITHIN: Final = timedelta(days=7)
GROUPS: Final = {"observations": "air", "correction": "air", "bulletin": "bulletin"}
"""Kinds whose time under way is told apart; all others together."""


@dataclass(frozen=True)
class Stretch:
    """The part of a month that can be told of: from the first envelope ever, up to now; empty before it."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """Return its length in hours, the last one perhaps not over."""
        return max(0, math.ceil((self.end - self.start) / HOUR))


def stretch_of(conn: Connection, peer: str, start: datetime, end: datetime) -> Stretch:
    """Return the stretch of a month in which there was an exchange with a peer."""
    began = began_at(conn, peer)
    first = end if began is None else max(start, began)
    return Stretch(min(first, end), end)


def way_of(conn: Connection, own: str, peer: str, world: str, part: Stretch) -> Plain:
    """Return how the way to and from a peer was over a stretch."""
    came = came_between(conn, peer, part.start, part.end)
    sent = sent_between(conn, peer, part.start, part.end)
    told = _confirmations(conn, peer, part)
    return {
        "hours": part.hours,
        "since": iso(part.start),
        "hours_heard": _hours_heard(came, part),
        "silences": _silences(came, part),
        "under_way": _under_way(came),
        "clock_ahead": round(max([0.0, *(-_minutes(p) for p in came)]), 1),
        "confirmed": _confirmed(sent, told),
        "kinds": _kinds(came, sent, world),
        "exercises": {"theirs": _others(came, world), "ours": _others(sent, world)},
        "values": {
            "theirs": _values(conn, peer, world, part, sent=False),
            "ours": _values(conn, peer, world, part, sent=True),
        },
        "not_acted_upon": dict(
            sorted(Counter(p.outcome for p in came if p.outcome not in ("", "done")).items())
        ),
        "refused": _refused(conn, own, peer, part),
        "missing_now": [list(span) for span in gaps(conn, peer)],
    }


def _hours_heard(came: Sequence[Passed], part: Stretch) -> int:
    """Return in how many hours of a stretch anything came."""
    numbers = {int((p.here_at - part.start) / HOUR) for p in came}
    return len([n for n in numbers if n < part.hours])


def _silences(came: Sequence[Passed], part: Stretch) -> list[Plain]:
    """Return the times longer than SILENT in which nothing came, the longest first."""
    instants = [part.start, *sorted(p.here_at for p in came), part.end]
    found = [(b - a, a, b) for a, b in pairwise(instants) if b - a > SILENT]
    ordered = sorted(found, key=lambda one: (-one[0], one[1]))
    return [{"from": iso(a), "to": iso(b), "hours": round(span / HOUR, 1)} for span, a, b in ordered]


def _under_way(came: Sequence[Passed]) -> list[Plain]:
    """Return how long envelopes were under way, from written by their clock to received by ours [min]."""
    groups: dict[str, list[timedelta]] = {}
    for one in came:
        if one.kind not in STATEMENTS:
            groups.setdefault(GROUPS.get(one.kind, "other"), []).append(one.here_at - one.written_at)
    return [
        {"what": name, **_spread(groups[name])} for name in ("air", "bulletin", "other") if name in groups
    ]


def _minutes(one: Passed) -> float:
    """Return how long an envelope was under way by both clocks [min]; below 0: theirs is ahead of ours."""
    return (one.here_at - one.written_at).total_seconds() / 60


def _spread(spans: Sequence[timedelta]) -> Plain:
    """Return count, how many took at most an hour, median, 90th percentile and longest [min]."""
    minutes = np.array([span.total_seconds() / 60 for span in spans])
    figures = (float(np.median(minutes)), float(np.percentile(minutes, 90)), float(minutes.max()))
    names = ("median", "ninetieth", "longest")
    rounded = {name: round(value, 1) for name, value in zip(names, figures, strict=True)}
    return {"n": len(spans), "within_hour": int((minutes <= 60).sum()), **rounded}


def _confirmations(conn: Connection, peer: str, part: Stretch) -> tuple[list[int], list[datetime]]:
    """Return up to which number the peer held our chain, rising, and when we knew of each."""
    rows = packed_between(conn, peer, STATEMENTS, part.start, part.end + CONFIRMED_WITHIN, sent=False)
    ordered = sorted((at, int(body_of(packed).get("handled", 0))) for at, _, packed in rows)
    return list(accumulate((n for _, n in ordered), max)), [at for at, _ in ordered]


def _confirmed(sent: Sequence[Passed], told: tuple[list[int], list[datetime]]) -> Plain:
    """Return how long it took until the peer confirmed what we wrote, receipts and heartbeats aside."""
    numbers, instants = told
    mine = [p for p in sent if p.kind not in STATEMENTS]
    places = [bisect_left(numbers, p.sequence) for p in mine]
    spans = [instants[at] - p.written_at for p, at in zip(mine, places, strict=True) if at < len(numbers)]
    found = _spread(spans) if spans else {"n": 0, "within_hour": 0}
    return found | {"sent": len(mine), "open": len(mine) - len(spans)}


def _kinds(came: Sequence[Passed], sent: Sequence[Passed], world: str) -> list[Plain]:
    """Return how many envelopes of each kind passed, those of other worlds aside."""
    theirs, ours = (
        Counter(p.kind for p in some if p.world in (world, "node") or p.kind in STATEMENTS)
        for some in (came, sent)
    )
    return [{"kind": k, "theirs": theirs[k], "ours": ours[k]} for k in sorted(theirs.keys() | ours.keys())]


def _others(some: Sequence[Passed], world: str) -> int:
    return sum(p.world not in (world, "node") and p.kind not in STATEMENTS for p in some)


def _values(conn: Connection, peer: str, world: str, part: Stretch, *, sent: bool) -> Plain:
    """Return how many values passed, how many were corrected or withdrawn later, and how many measures."""
    counts = {"values": 0, "corrected": 0, "withdrawn": 0, "measures": 0}
    kinds = ("observations", "correction", "measures")
    for _, of_world, packed in packed_between(conn, peer, kinds, part.start, part.end, sent=sent):
        body = body_of(packed)
        if of_world != world:
            continue
        if "measures" in body:
            counts["measures"] += len(body["measures"])
            continue
        values = [v for series in body.get("series", ()) for v in series["value"]]
        if "reason" in body:
            counts["withdrawn"] += sum(v is None for v in values)
            counts["corrected"] += sum(v is not None for v in values)
        else:
            counts["values"] += len(values)
    return counts


def _refused(conn: Connection, own: str, peer: str, part: Stretch) -> Plain:
    """Return how often what was refused, by reason; files whose names tell no sender stand apart."""
    rows = refused_between(conn, part.start, part.end)
    theirs = Counter(reason for name, reason in rows if parse_name(name, peer, own) is not None)
    nobody = Counter(reason for name, reason in rows if parse_name(name, peer, own) is None)
    return {"theirs": dict(sorted(theirs.items())), "unnamed": dict(sorted(nobody.items()))}


def bulletin_days(conn: Connection, peer: str, world: str, part: Stretch, programme: Programme) -> Plain:
    """Return of each hour at which bulletins are due whether those of both sides were there.

    A bulletin serves an hour if it was issued at most so long before as the programme says.
    """
    dues, at = [], programme.next_due(part.start - timedelta(seconds=1))
    while at < part.end:
        dues.append(at)
        at = programme.next_due(at)
    found: Plain = {"due": len(dues), "hour": f"{programme.due:%H:%M} {programme.timezone}"}
    for side, sent in (("theirs", False), ("ours", True)):
        rows = packed_between(conn, peer, ("bulletin",), part.start - timedelta(days=1), part.end, sent=sent)
        pairs = [(_issued(packed), at) for at, of_world, packed in rows if of_world == world]
        words = [_served(pairs, due, programme) for due in dues]
        days = [f"{due:%Y-%m-%d}" for due, word in zip(dues, words, strict=True) if word == "none"]
        found[side] = {word: words.count(word) for word in ("in_time", "late", "none")} | {"days": days}
    return found


def _issued(packed: bytes) -> datetime:
    """Return the newest issue time that an envelope of bulletins tells."""
    return max(parse_instant(said["issued_at"]) for said in body_of(packed)["bulletins"])


def _served(pairs: Sequence[tuple[datetime, datetime]], due: datetime, programme: Programme) -> str:
    """Return whether an hour was served by one of (issued, here): in_time, late or none."""
    after = programme.next_due(due) - programme.oldest
    here = [at for issued, at in pairs if due - programme.oldest <= issued < after and at <= after]
    if any(at <= due + programme.grace for at in here):
        return "in_time"
    return "late" if here else "none"
