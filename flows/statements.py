"""What other agencies have said, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flows.workspace import Workspace
from pipeline.bulletins import KINDS, StoredBulletin, read_bulletins
from pipeline.errors import UsageError
from pipeline.times import iso


def bulletin_rows(
    ws: Workspace,
    world: str,
    as_of: datetime,
    *,
    kind: str | None = None,
    source: str | None = None,
    in_force: bool = False,
) -> list[dict[str, Any]]:
    """Return the newest version of each bulletin known at an instant, the newest issue first.

    Parameters
    ----------
    in_force : only those that speak of ``as_of``

    Raises
    ------
    UsageError
        there is no such kind
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind}: there are {', '.join(KINDS)}")
    valid_at = as_of if in_force else None
    with ws.ledger.read() as conn:
        found = read_bulletins(conn, world, as_of=as_of, kind=kind, source=source, valid_at=valid_at)
    return [_row(stored) for stored in found]


def _row(stored: StoredBulletin) -> dict[str, Any]:
    said = stored.bulletin
    return {
        "source": said.source,
        "kind": said.kind,
        "key": said.key,
        "issued": iso(said.issued_at),
        "from": iso(said.valid_from),
        "until": "open" if said.valid_until is None else iso(said.valid_until),
        "received": iso(stored.received_at),
        "content": dict(said.content),
    }


def said_in_words(content: Mapping[str, Any]) -> str:
    """Return what a bulletin says in one line, our own cities first.

    >>> seoul = {"city": "seoul", "grade": "나쁨", "low": None, "high": None, "value": None}
    >>> beijing = {"city": "beijing", "grade": "", "low": 70.0, "high": 95.0, "value": 82.0}
    >>> said_in_words({"pollutant": "pm2p5", "regions": {"제주": seoul | {"city": ""}, "서울": seoul}})
    'pm2p5: 서울 나쁨, 제주 나쁨'
    >>> said_in_words({"pollutant": "pm2p5", "regions": {"北京": beijing}, "overall": "转差"})
    'pm2p5: 北京 82 (70 to 95); 转差'
    >>> said_in_words({"pollutant": "pm10", "level": "advisory", "district": "서울", "value": 153.0})
    'pm10: advisory, 서울, 153'
    """
    alarm = [
        content.get("level"),
        content.get("district"),
        content.get("area"),
        _number(content.get("value")),
    ]
    parts = [", ".join(str(part) for part in alarm if part), _regions(content.get("regions"))]
    parts += [f"{day.get('date')} {_regions(day.get('regions'))}" for day in content.get("days") or ()]
    parts += [str(content[name]) for name in ("outlook", "overall", "cause") if content.get(name)]
    said = "; ".join(part for part in parts if part)
    return f"{content['pollutant']}: {said}" if content.get("pollutant") else said


def _regions(regions: Mapping[str, Mapping[str, Any]] | None) -> str:
    """Return regions and what is forecast for them; those without a forecast are left out."""
    ordered = sorted((regions or {}).items(), key=lambda named: not named[1].get("city"))
    said = [(name, _outlook(region)) for name, region in ordered]
    return ", ".join(f"{name} {outlook}" for name, outlook in said if outlook)


def _outlook(region: Mapping[str, Any]) -> str:
    low, high = _number(region.get("low")), _number(region.get("high"))
    bounds = (
        f"{low} to {high}" if low and high else f"above {low}" * bool(low) or f"up to {high}" * bool(high)
    )
    value = _number(region.get("value"))
    figures = f"{value} ({bounds})" if value and bounds else value or bounds
    return ", ".join(part for part in (figures, region.get("grade") or "") if part)


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else ""
