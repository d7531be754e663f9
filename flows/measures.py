"""Emergency measures: what the own party declares, what others told, and the days on which they ran.

They are kept as bulletins of the kind ``measures``: what was known at an instant can be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from alerts.measure_days import measure_days
from flows.exchange_statements import measure_bulletin
from flows.workspace import Workspace
from pipeline.bulletins import Bulletin, StoredBulletin, append_bulletins, read_bulletins
from pipeline.cities import City, city
from pipeline.errors import ContractError, EnvelopeRefused, ReviewError, UsageError
from pipeline.exchange.bodies import check_body
from pipeline.ledger.audit import append_audit
from pipeline.times import local_date, local_day_bounds


@dataclass(frozen=True)
class Measures:
    """Emergency measures of a city as its party declares them; instants are ISO in UTC, an open stop None."""

    id: str
    city: str
    level: str
    area: str
    start: str
    stop: str | None
    legal_basis: str
    state: str = "in_force"
    note: str = ""


def declare(ws: Workspace, world: str, measures: Measures, person: str) -> bool:
    """Keep measures of an own city, from where the exchange takes them; False if just this is known.

    Raises
    ------
    ReviewError
        the city is another party's than that of this node
    UsageError
        a field that cannot be sent
    """
    party = city(measures.city).party
    if ws.settings.party not in ("", party):
        raise ReviewError(f"this node speaks for {ws.settings.party}; {party} declares its own measures")
    said, now = asdict(measures), ws.clock()
    try:
        check_body("measures", {"measures": [said]})
        bulletin = measure_bulletin(party, said, now)
    except (ContractError, EnvelopeRefused) as error:
        raise UsageError(f"these measures cannot be declared: {error}") from None
    with ws.ledger.write() as conn:
        before = read_bulletins(conn, world, as_of=now, kind="measures", source=bulletin.source)
        if any(_same(known.bulletin, bulletin) for known in before):
            return False
        written = append_bulletins(conn, [bulletin], world=world, now=now)
        if written:
            append_audit(
                conn, at=now, actor=person, action="measures.declare", subject=measures.id, payload=said
            )
    return bool(written)


def _same(one: Bulletin, other: Bulletin) -> bool:
    """Tell whether two say the same of the same measures, whenever each was declared."""
    said = [(m.key, m.valid_from, m.valid_until, dict(m.content)) for m in (one, other)]
    return said[0] == said[1]


def known_measures(ws: Workspace, world: str, as_of: datetime) -> list[StoredBulletin]:
    """Return all measures known at an instant, own ones and those of others, newest first."""
    with ws.ledger.read() as conn:
        return read_bulletins(conn, world, as_of=as_of, kind="measures")


def days_with_measures(ws: Workspace, world: str, of: City, as_of: datetime) -> frozenset[date]:
    """Return the local days of a city on which measures ran, by the packaged table and by what was told."""
    told = [stored.bulletin for stored in known_measures(ws, world, as_of)]
    return measure_days(of.id) | told_days(told, of, as_of)


def told_days(told: Sequence[Bulletin], of: City, until: datetime) -> frozenset[date]:
    """Return the local days on which measures of a city ran; cancelled ones never did.

    Open ones run until an instant; a day counts from its first hour with measures on.

    >>> from datetime import UTC
    >>> when = [datetime(2026, 1, 14, h, tzinfo=UTC) for h in (0, 15)]
    >>> content = {"city": "beijing", "state": "lifted"}
    >>> said = Bulletin("party.beijing", "measures", "1", when[0], when[0], when[1], content)
    >>> [str(day) for day in told_days([said], city("beijing"), when[1])]
    ['2026-01-14']
    """
    days = set[date]()
    for row in told:
        if row.content["city"] == of.id and row.content["state"] != "cancelled":
            day, last = local_date(row.valid_from, of.timezone), row.valid_until or until
            while local_day_bounds(day, of.timezone)[0] < last:
                days.add(day)
                day += timedelta(days=1)
    return frozenset(days)
