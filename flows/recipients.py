"""Who receives warnings at an instant: what every step that addresses somebody asks.

Recipients stand in the ledger once any was imported. Until then the list in SAMEAIR_RECIPIENTS_FILE counts,
or the packaged drill list: good for exercises, for no address in a file is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.recipients import LEVELS, Recipient, load_recipients
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.recipients import Contact, RecipientRow, are_kept, known_as, read_recipients
from pipeline.times import iso

Kept = tuple[RecipientRow, Contact]


def recipients_of(ws: Workspace, at: datetime) -> tuple[Recipient, ...]:
    """Return who is to receive warnings at an instant: of our parties, and nobody who is on leave.

    A deputy takes over the cities of whom it stands for, from the lower level of both.

    Raises
    ------
    PolicyError
        the list of recipients cannot be read
    """
    with ws.ledger.read() as conn:
        kept = read_recipients(conn) if are_kept(conn) else None
    found = load_recipients(ws.settings.recipients_file) if kept is None else on_duty(kept, at)
    return of_parties(found, ws.settings.delivered_parties)


def of_parties(recipients: tuple[Recipient, ...], parties: tuple[str, ...]) -> tuple[Recipient, ...]:
    """Return the recipients of some parties; of all if none is named.

    >>> {r.party for r in of_parties(load_recipients(), ("seoul",))}
    {'seoul'}
    """
    return tuple(r for r in recipients if not parties or r.party in parties)


def recipient_of(row: RecipientRow, contact: Contact) -> Recipient:
    """Return a recipient as the rules of addressing see it."""
    return Recipient(
        id=row.id,
        agency=contact.names,
        party=row.party,
        email=contact.email,
        languages=tuple(row.languages),
        cities=tuple(row.cities),
        minimum_level=row.minimum_level,
        channel=row.channel,
        webhook=contact.webhook,
        verified=row.verified_at is not None,
    )


def is_away(row: RecipientRow, at: datetime) -> bool:
    """Tell whether a recipient is on leave."""
    return (
        row.leave_from is not None and row.leave_until is not None and row.leave_from <= at < row.leave_until
    )


def on_duty(kept: list[Kept], at: datetime) -> tuple[Recipient, ...]:
    """Return those who are not on leave, deputies with the duties of whom they stand for."""
    deputies = {row.id: row.deputy for row, _ in kept if is_away(row, at)}
    known = {row.id: recipient_of(row, contact) for row, contact in kept}
    ready = {name: recipient for name, recipient in known.items() if name not in deputies}
    for absent in deputies:
        deputy = _present(absent, deputies)
        if deputy in ready:
            ready[deputy] = _standing_in(ready[deputy], known[absent])
    return tuple(ready.values())


def find_recipient(conn: Connection, who: str) -> Kept:
    """Return the recipient with an id or a name in the list; raises UsageError if there is none."""
    for row, contact in read_recipients(conn):
        if who in (row.id, contact.handle):
            return row, contact
    raise UsageError(f"no recipient {who} was imported; see `sameair recipients list`")


def listed_recipients(ws: Workspace, at: datetime, *, addresses: bool = False) -> list[dict[str, Any]]:
    """Return all recipients as rows of a table; with their addresses only if asked."""
    with ws.ledger.read() as conn:
        kept = read_recipients(conn) if are_kept(conn) else None
    if kept is None:
        return [
            _told(r, r.id, "from a file, not verified", "", addresses=addresses)
            for r in load_recipients(ws.settings.recipients_file)
        ]
    handles = {row.id: contact.handle for row, contact in kept}
    rows = []
    for row, contact in kept:
        state = f"verified {iso(row.verified_at)[:10]}" if row.verified_at else "not verified"
        leave = ""
        if row.leave_from and row.leave_until and at < row.leave_until:
            stand_in = f", deputy {handles[row.deputy]}" if row.deputy in handles else ", no deputy"
            leave = f"{iso(row.leave_from)} to {iso(row.leave_until)}{stand_in}"
        rows.append(_told(recipient_of(row, contact), contact.handle, state, leave, addresses=addresses))
    return rows


def ids_of(ws: Workspace, names: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of recipients that are named by id or by their name in the list, each once.

    A name that nobody has is returned as it is.
    """
    with ws.ledger.read() as conn:
        ids = {contact.handle: row.id for row, contact in read_recipients(conn)}
    return tuple(dict.fromkeys(ids.get(name, name) for name in names))


def with_names(ws: Workspace, document: Any) -> Any:
    """Return a document (dictionaries, lists, values) with the names of recipients instead of their ids."""
    with ws.ledger.read() as conn:
        names = known_as(conn)
    return _named(document, names)


def uncovered(ws: Workspace, at: datetime) -> list[str]:
    """Return for which city a party would have nobody to warn at an instant, a line each.

    Only of parties that have recipients in the ledger at all.
    """
    with ws.ledger.read() as conn:
        kept = read_recipients(conn)
    duty = on_duty(kept, at)
    parties = {row.party for row, _ in kept}
    return [
        f"from {iso(at)} on nobody of {city.party} would be told of {city.id}"
        for city in all_cities().values()
        if city.party in parties and not any(r.party == city.party and city.id in r.cities for r in duty)
    ]


def _present(absent: str, deputies: dict[str, str | None]) -> str | None:
    """Return who stands for somebody: the deputy, or the deputy's own where that is on leave too."""
    seen = {absent}
    name = deputies[absent]
    while name in deputies and name not in seen:
        seen.add(name)
        name = deputies[name]
    return name


def _standing_in(deputy: Recipient, absent: Recipient) -> Recipient:
    """Return a deputy with the duties of another beside its own."""
    return replace(
        deputy,
        cities=tuple(dict.fromkeys([*deputy.cities, *absent.cities])),
        minimum_level=min(deputy.minimum_level, absent.minimum_level, key=LEVELS.index),
        stands_for=(*deputy.stands_for, absent.id),
    )


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named(v, names) for key, v in value.items()}
    if isinstance(value, list):
        return [_named(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value


def _told(r: Recipient, name: str, state: str, leave: str, *, addresses: bool) -> dict[str, Any]:
    told = {
        "id": r.id,
        "name": name,
        "party": r.party,
        "languages": " ".join(r.languages),
        "cities": " ".join(r.cities),
        "from level": r.minimum_level,
        "channels": " ".join(way.channel for way in r.ways),
        "address": state,
        "leave": leave,
    }
    return {**told, "e-mail": r.email, "webhook": r.webhook, **r.agency} if addresses else told
