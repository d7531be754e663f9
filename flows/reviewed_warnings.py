"""Which reviewed warnings were in force when, read from the ledger, for scoring them beside the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from flows.workspace import Workspace
from forecasting.verification.pairs import Group
from forecasting.verification.reviewed import Warned, reviewed_rows
from forecasting.verification.score_tables import Options
from pipeline.cities import all_cities
from pipeline.ledger.warnings import VersionRow, issued_versions, read_events, read_version
from pipeline.times import local_date, parse_instant, to_ns

Ints = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

DECIDED: Final = np.timedelta64(6, "h") - np.timedelta64(1, "s")
"""From an issue to when its review is over, just before the next cycle."""

OVER: Final = ("updated", "ended", "cancelled")
SAYS_NO: Final = ("all_clear", "cancel")


@dataclass(frozen=True)
class InForce:
    """A stretch in which an issued version warned a city of some local days, [since, until)."""

    status: str
    city: str
    days: tuple[int, int]
    since: np.datetime64
    until: np.datetime64


def stretches_in_force(ws: Workspace, world: str) -> list[InForce]:
    """Return when which issued version of a world warned which city of which days."""
    found: list[InForce] = []
    with ws.ledger.read() as conn:
        for warning_id, version in issued_versions(conn, world):
            row = read_version(conn, warning_id, version)
            if row.content.get("kind") in SAYS_NO:
                continue
            steps = [e for e in read_events(conn, warning_id) if e.version == version]
            since = next(e.at for e in steps if e.state == "issued")
            until = min([row.expires, *(e.at for e in steps if e.state in OVER)])
            found += _of_version(row, to_ns(since), to_ns(until))
    return found


def warned_by_status(ws: Workspace, world: str) -> dict[str, Warned]:
    """Return by CAP status who was warned of what, as :func:`reviewed.reviewed_rows` asks it."""
    found = stretches_in_force(ws, world)
    return {
        status: _asked([one for one in found if one.status == status])
        for status in sorted({one.status for one in found})
    }


def reviewed_of_runs(
    ws: Workspace, world: str, groups: list[Group], thresholds: dict[str, int], options: Options
) -> list[dict[str, Any]]:
    """Return the scores of reviewed warnings beside the models of stored runs; none where none was issued."""
    warned = warned_by_status(ws, world)
    return reviewed_rows(groups, warned, thresholds, options) if warned else []


def _asked(stretches: list[InForce]) -> Warned:
    def warned(city: str, issue: Times, day: Ints) -> npt.NDArray[np.bool_]:
        at = issue.astype("datetime64[ns]") + DECIDED
        said = np.zeros(len(day), bool)
        for one in stretches:
            if one.city == city:
                first, last = one.days
                said |= (one.since <= at) & (at < one.until) & (first <= day) & (day <= last)
        return said

    return warned


def _of_version(row: VersionRow, since: np.datetime64, until: np.datetime64) -> list[InForce]:
    found = []
    for outlook in row.content["cities"]:
        zone = all_cities()[outlook["city"]].timezone
        last = parse_instant(outlook["end"]) - timedelta(seconds=1)
        days = [local_date(at, zone) for at in (parse_instant(outlook["onset"]), last)]
        first, end = (int(np.datetime64(day, "D").astype(np.int64)) for day in days)
        found.append(InForce(row.content["cap_status"], outlook["city"], (first, end), since, until))
    return found
