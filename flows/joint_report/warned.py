"""Who was warned of what: versions that people issued, or what the policy makes of a hindcast."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from alerts.episode_scores import Measured, verdicts
from alerts.policy import Policy
from alerts.policy_play import play
from flows.joint_report.episodes import Warned
from flows.joint_report.evidence import Evidence, Means
from flows.policy_source import cycles_of
from flows.reviewed_warnings import SAYS_NO, InForce, stretches_in_force
from flows.workspace import Workspace
from pipeline.ledger.acknowledgements import read_acknowledgements
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.warnings import issued_versions, read_events, read_signatures, read_version
from pipeline.times import from_ns, iso, parse_instant, to_ns

Plain = dict[str, Any]
PLAYED: Final = "played"
"""Stands for the status of a warning that the policy would have proposed of a hindcast."""


def warned_by_people(ws: Workspace, world: str, as_of: datetime) -> Warned:
    """Return when the first issued version warned of days, by an instant."""
    stretches = [one for one in stretches_in_force(ws, world) if one.since <= to_ns(as_of)]

    def warned(city: str, first: date, last: date) -> tuple[str, str] | None:
        found = [one for one in stretches if one.city == city and _overlaps(one, first, last)]
        if not found:
            return None
        earliest = min(found, key=lambda one: one.since)
        return iso(from_ns(earliest.since)), earliest.status

    return warned


def _overlaps(one: InForce, first: date, last: date) -> bool:
    days = [int(np.datetime64(day, "D").astype(np.int64)) for day in (first, last)]
    begins = np.datetime64(last, "D") + np.timedelta64(1, "D")
    return bool(one.days[0] <= days[1] and one.days[1] >= days[0] and one.since < begins)


def warned_by_policy(
    evidence: Evidence, policy: Policy, means: Means, sides: Mapping[str, Measured], world: str
) -> Warned:
    """Return when the policy, played over a hindcast, would first have spoken of days."""
    rows = evidence.rows
    rows = rows[(rows["model"] == "sameair") & (rows["target"] == "daily")].dropna(subset=["mean"])
    alarms = play(list(cycles_of(rows, means, world)), policy)
    told = {
        (side.city, v.onset): v.first_issue
        for side in sides.values()
        for v in verdicts(alarms, side)
        if v.first_issue
    }

    def warned(city: str, first: date, last: date) -> tuple[str, str] | None:
        at = told.get((city, iso(sides[city].bounds(first)[0])))
        return None if at is None or at >= iso(sides[city].bounds(last)[1]) else (at, PLAYED)

    return warned


def issued_in(
    ws: Workspace, world: str, start: datetime, end: datetime, means: Means, policy: Policy
) -> list[Plain]:
    """Return every version issued in [start, end): of what, signed by whom, delivered and acknowledged."""
    found = []
    with ws.ledger.read() as conn:
        for warning_id, version in dict.fromkeys(issued_versions(conn, world)):
            steps = [e for e in read_events(conn, warning_id) if e.version == version and e.state == "issued"]
            if steps and start <= steps[0].at < end:
                row = read_version(conn, warning_id, version)
                signed = read_signatures(conn, warning_id, version)
                approved = sorted({s.party for s in signed if s.decision == "approve"})
                sent = [r for r in read_outbox(conn, warning_id, version) if r.purpose == "warning"]
                acknowledged = read_acknowledgements(conn, warning_id, version)
                found.append(
                    {
                        "warning": warning_id,
                        "version": version,
                        "product": row.content["product"],
                        "kind": row.content["kind"],
                        "status": row.content["cap_status"],
                        "issued": iso(steps[0].at),
                        "signed_by": approved,
                        "cities": _cities(row.content, means, policy),
                        "messages": len(sent),
                        "sent": sum(r.sent_at is not None for r in sent),
                        "acknowledged": len({a.recipient for a in acknowledged}),
                    }
                )
    return sorted(found, key=lambda one: (one["issued"], one["warning"], one["version"]))


def _cities(content: Mapping[str, Any], means: Means, policy: Policy) -> list[Plain]:
    """Return of each city warned how many days were, were measured, and were above the lowest threshold."""
    if content["kind"] in SAYS_NO:
        return [{"city": c["city"], "days": 0, "measured": 0, "above": 0} for c in content["cities"]]
    found = []
    for outlook in content["cities"]:
        name = outlook["city"]
        side = Measured(name, _zone(name), policy.thresholds(name)[0], 0, means.get(name, {}))
        onset, end = parse_instant(outlook["onset"]), parse_instant(outlook["end"])
        days = [day for day in side.means if side.bounds(day)[0] < end and side.bounds(day)[1] > onset]
        length = round((end - onset).total_seconds() / 86400 + 0.499)
        above = sum(side.means[day] > side.threshold for day in days)
        found.append({"city": name, "days": length, "measured": len(days), "above": above})
    return found


def _zone(city: str) -> str:
    from pipeline.cities import all_cities

    return all_cities()[city].timezone


def delivery_of(ws: Workspace, world: str, start: datetime, end: datetime) -> Plain:
    """Return how warnings of [start, end) were delivered and acknowledged, times in minutes."""
    with ws.ledger.read() as conn:
        rows = [r for r in read_outbox(conn, world=world) if start <= r.created_at < end]
        rows = [r for r in rows if r.purpose == "warning"]
        wanted = {(r.warning_id, r.version, r.recipient): r for r in rows}
        said = {(a.warning_id, a.version, a.recipient): a.at for a in read_acknowledgements(conn)}
    sent = [(r.sent_at - r.created_at).total_seconds() / 60 for r in rows if r.sent_at is not None]
    heard = [
        (said[key] - row.sent_at).total_seconds() / 60
        for key, row in wanted.items()
        if key in said and row.sent_at is not None
    ]
    return {
        "messages": len(rows),
        "states": dict(sorted(Counter(r.state for r in rows).items())),
        "to_sent": spread(sent),
        "acknowledged": sum(key in said for key in wanted),
        "to_acknowledged": spread(heard),
    }


def spread(minutes: list[float]) -> Plain:
    """Return count, median, 90th percentile and longest; None where there is nothing.

    >>> spread([1.0, 3.0, 2.0])
    {'n': 3, 'median': 2.0, 'ninetieth': 2.8, 'longest': 3.0}
    """
    if not minutes:
        return {"n": 0, "median": None, "ninetieth": None, "longest": None}
    values = np.array(minutes)
    told = (float(np.median(values)), float(np.percentile(values, 90)), float(values.max()))
    return {"n": len(minutes)} | {
        name: round(value, 1) for name, value in zip(("median", "ninetieth", "longest"), told, strict=True)
    }
