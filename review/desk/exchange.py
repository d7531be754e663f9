"""How the other parties' nodes stand, on a node that exchanges."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from pipeline.cities import all_parties
from pipeline.exchange.standing import standing_of
from pipeline.programme import programme_of
from pipeline.settings import Settings


def exchange_lines(conn: Connection, settings: Settings, now: datetime) -> list[tuple[str, bool]]:
    """Return how every other party's node stands, and whether it is silent; none on a node of all parties."""
    if not settings.party:
        return []
    silent = programme_of(settings.programme_file).silent
    others = set(all_parties()) - {settings.party}
    found = [standing_of(conn, peer, now) for peer in sorted(others)]
    return [(one.line(now), one.silence(now) > silent or bool(one.fault)) for one in found]
