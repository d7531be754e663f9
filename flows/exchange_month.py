"""The monthly report of the exchange: gathered from the ledger alone; the same clock gives the same files."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alerts.vocabulary import LANGUAGES
from flows.exchange_month_page import page_of, text_of
from flows.exchange_month_people import consultation_of, decisions_of, told_by_others, warnings_of
from flows.exchange_month_way import bulletin_days, stretch_of, way_of
from flows.exchange_skill import paired_skill
from flows.node import parties
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.files import write_atomic
from pipeline.names import MEASURED, is_simulated
from pipeline.programme import programme_of
from pipeline.times import iso

Plain = dict[str, Any]
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def month_bounds(text: str) -> tuple[datetime, datetime]:
    """Return beginning and end of a month [UTC]; UsageError where it is none.

    >>> [at.isoformat() for at in month_bounds("2026-12")]
    ['2026-12-01T00:00:00+00:00', '2027-01-01T00:00:00+00:00']
    """
    found = _MONTH.fullmatch(text)
    if not found or int(found[1]) < 1970:
        raise UsageError(f"--month {text} is no month; write it like 2026-01")
    year, month = int(found[1]), int(found[2])
    after = (year + month // 12, month % 12 + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*after, 1, tzinfo=UTC)


def month_report(ws: Workspace, month: str, world: str = MEASURED) -> Plain:
    """Return the report of a month as plain data.

    Parameters
    ----------
    month : like ``2026-01`` [UTC]
    world : of which warnings, values and forecasts are told; the way is that of all worlds

    Raises
    ------
    UsageError
        it is no month, it has not begun, or this is no party's node
    """
    start, end = month_bounds(month)
    own, now = ws.settings.party, ws.clock()
    if own not in parties():
        raise UsageError(
            "one node serves all parties here; name its own as SAMEAIR_PARTY to exchange envelopes"
        )
    if now <= start:
        raise UsageError(f"the month {month} has not begun")
    until = min(end, now)
    return {
        "month": month,
        "party": own,
        "world": world,
        "simulated": is_simulated(world),
        "until": iso(until),
        "over": until == end,
        "programme": programme_of(ws.settings.programme_file).version,
        "peers": [_peer(ws, peer, world, start, until) for peer in parties() if peer != own],
        **_people(ws, world, start, until),
        "forecasts": paired_skill(ws, world, start, until, now).to_dict(),
    }


def _peer(ws: Workspace, peer: str, world: str, start: datetime, until: datetime) -> Plain:
    programme = programme_of(ws.settings.programme_file)
    with ws.ledger.read() as conn:
        part = stretch_of(conn, peer, start, until)
        way = way_of(conn, ws.settings.party, peer, world, part)
        return {"peer": peer, **way, "bulletins": bulletin_days(conn, peer, world, part, programme)}


def _people(ws: Workspace, world: str, start: datetime, until: datetime) -> Plain:
    with ws.ledger.read() as conn:
        return {
            "warnings": warnings_of(conn, world, start, until),
            "told": told_by_others(conn, world, start, until),
            "decisions": decisions_of(conn, world, start, until),
            "consultation": consultation_of(conn, start, until),
        }


def write_month(report: Plain, out: Path) -> dict[str, Path]:
    """Write a report as text and page in every language, and as JSON; each file whole or not at all."""
    stem = f"exchange-{report['party']}-{report['month']}"
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    files = {f"{stem}.json": f"{text}\n"}
    for language in LANGUAGES:
        files[f"{stem}.{language}.txt"] = text_of(report, language)
        files[f"{stem}.{language}.html"] = page_of(report, language)
    return {name: write_atomic(out / name, content.encode()) for name, content in files.items()}
