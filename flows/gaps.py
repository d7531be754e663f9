"""What the sources can no longer give, as rows of a table."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from flows.workspace import Workspace
from pipeline.ledger.asked import Gap, list_gaps
from pipeline.times import iso


def gap_rows(ws: Workspace, world: str, noticed_after: datetime) -> list[dict[str, Any]]:
    """Return what was noticed to be gone for good since an instant: one row a feed, unit and round."""
    with ws.ledger.read() as conn:
        found = list_gaps(conn, world, noticed_after)
    rounds: dict[tuple[str, str, datetime], list[Gap]] = defaultdict(list)
    for gap in found:
        rounds[gap.feed, gap.unit, gap.noticed_at].append(gap)
    return [
        {
            "feed": feed,
            "station": unit,
            "gone": len(gaps),
            "first": iso(gaps[0].hour),
            "last": iso(gaps[-1].hour),
            "noticed": iso(at),
        }
        for (feed, unit, at), gaps in sorted(rounds.items())
    ]
