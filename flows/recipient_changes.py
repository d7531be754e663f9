"""Entering recipients and changing what is known of them; every change leaves a row in the audit trail.

The trail says who changed which field of which recipient, never to what: names and addresses stay where they
can be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts.recipient_checks import faults_of
from alerts.recipients import Recipient, load_recipients
from flows.recipients import Kept, find_recipient, recipient_of, uncovered
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.recipients import Contact, RecipientRow, read_recipients, write_recipient
from pipeline.times import iso

ID_BYTES = 6
SETTABLE = ("languages", "cities", "minimum_level", "channel", "email", "webhook", "agency")


def import_list(ws: Workspace, path: Path, person: str) -> dict[str, Any]:
    """Enter a list of recipients, TOML or CSV: all of it or, with any fault, nothing.

    A recipient is recognised by its id in the list; one that is there already is put right, and importing the
    same list again changes nothing. Who is not in the list stays. A changed address is to be verified anew.

    Raises
    ------
    PolicyError
        the list has a fault; names its line and field
    UsageError
        an address of the list belongs to somebody who is not in it
    """
    wanted, now = load_recipients(path), ws.clock()
    told: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    with ws.ledger.write() as conn:
        known = {contact.handle: (row, contact) for row, contact in read_recipients(conn)}
        _check_addresses([k for k in known.values() if k[1].handle not in {w.id for w in wanted}], wanted)
        for recipient in wanted:
            before = known.get(recipient.id)
            after = _entry(recipient, before, now)
            told["added" if before is None else "changed" if after != before else "unchanged"].append(
                after[0].id
            )
            if after != before:
                write_recipient(conn, *after)
        if told["added"] or told["changed"]:
            payload = {name: ids for name, ids in told.items() if name != "unchanged"}
            _note(conn, now, person, "import", "recipients", payload)
    return {**{name: len(ids) for name, ids in told.items()}, "look at": uncovered(ws, now)}


def change_recipient(ws: Workspace, who: str, changes: Mapping[str, Any], person: str) -> dict[str, Any]:
    """Change fields of a recipient (``SETTABLE``); a name in ``agency`` leaves those in other languages.

    Raises
    ------
    UsageError
        there is no such recipient, nothing is to be changed, or a value is not good; names the field
    """
    if not changes:
        raise UsageError("say what is to be changed, such as --level J2")
    now = ws.clock()
    with ws.ledger.write() as conn:
        before = find_recipient(conn, who)
        recipient = _listed(recipient_of(*before), before[1].handle)
        values = {name: getattr(recipient, name) for name in ("id", "party", *SETTABLE)}
        values |= {**changes, "agency": {**recipient.agency, **changes.get("agency", {})}}
        faults = faults_of(values)
        if faults:
            raise UsageError("; ".join(f"{field} {complaint}" for field, complaint in faults))
        wanted = replace(recipient, **{name: values[name] for name in SETTABLE})
        _check_addresses([k for k in read_recipients(conn) if k[0].id != before[0].id], (wanted,))
        after = _entry(wanted, before, now)
        if after != before:
            write_recipient(conn, *after)
            _note(conn, now, person, "change", after[0].id, {"fields": sorted(changes)})
    is_open = after[0].verified_at is None
    advice = f"verify the address: `sameair recipients verify {who}`" if is_open else ""
    return {"recipient": who, "changed": sorted(changes) if after != before else [], "next": advice}


def set_leave(
    ws: Workspace, who: str, days: tuple[date, date] | None, deputy: str, person: str
) -> dict[str, Any]:
    """Note that a recipient is away, from the first to the last of some local days, or back (None).

    Raises
    ------
    UsageError
        the days are in the wrong order or over, or the deputy is unknown, of another party or not verified
    """
    now = ws.clock()
    with ws.ledger.write() as conn:
        row, contact = find_recipient(conn, who)
        stand_in = _deputy(conn, deputy, row) if deputy else None
        start, until = _span(row.party, days, now) if days else (None, None)
        write_recipient(conn, replace(row, leave_from=start, leave_until=until, deputy=stand_in), contact)
        payload = {"from": iso(start), "until": iso(until), "deputy": stand_in} if start and until else {}
        _note(conn, now, person, "leave" if days else "back", row.id, payload)
    if start is None or until is None:
        return {"recipient": who, "leave": "none", "look at": uncovered(ws, now)}
    return {
        "recipient": who,
        "leave": f"{iso(start)} to {iso(until)}",
        "deputy": deputy or "none: nothing is sent meanwhile",
        "look at": uncovered(ws, max(start, now)),
    }


def _entry(recipient: Recipient, before: Kept | None, now: datetime) -> Kept:
    """Return the rows of a recipient of a list; what the list does not say stays as it was."""
    name = f"r-{token_hex(ID_BYTES)}" if before is None else before[0].id
    contact = Contact(name, recipient.id, recipient.agency, recipient.email, recipient.webhook)
    row = RecipientRow(
        id=name,
        party=recipient.party,
        languages=list(recipient.languages),
        cities=list(recipient.cities),
        minimum_level=recipient.minimum_level,
        channel=recipient.channel,
        created_at=now,
    )
    if before is None:
        return row, contact
    old, told = before
    is_same = (told.email, told.webhook) == (contact.email, contact.webhook)
    kept = {name: getattr(old, name) for name in ("created_at", "leave_from", "leave_until", "deputy")}
    return replace(row, **kept, verified_at=old.verified_at if is_same else None), contact


def _listed(recipient: Recipient, handle: str) -> Recipient:
    """Return a recipient under the name by which a list calls it."""
    return replace(recipient, id=handle)


def _check_addresses(others: list[Kept], wanted: tuple[Recipient, ...]) -> None:
    """Refuse an e-mail address that somebody else has."""
    taken = {contact.email.lower(): contact.handle for _, contact in others}
    for recipient in wanted:
        holder = taken.get(recipient.email.lower())
        if holder is not None:
            raise UsageError(
                f"{recipient.id}: its email is that of {holder}; change or remove that one first"
            )


def _deputy(conn: Connection, deputy: str, absent: RecipientRow) -> str:
    """Return the id of a deputy that may stand for somebody."""
    row, _ = find_recipient(conn, deputy)
    if row.id == absent.id or row.party != absent.party:
        raise UsageError(f"{deputy} cannot be the deputy: name another recipient of {absent.party}")
    if row.verified_at is None:
        raise UsageError(f"{deputy} would receive nothing; first run `sameair recipients verify {deputy}`")
    return row.id


def _span(party: str, days: tuple[date, date], now: datetime) -> tuple[datetime, datetime]:
    """Return the instants at which the first of some local days begins and the last one ends."""
    zone = ZoneInfo(next(city.timezone for city in all_cities().values() if city.party == party))
    first, last = days
    start, until = (datetime.combine(d, time(), zone) for d in (first, last + timedelta(days=1)))
    if until <= start:
        raise UsageError("--to is before --from; give the first and the last day of the leave")
    if until <= now:
        raise UsageError("this leave is over; give days to come")
    return start, until


def _note(
    conn: Connection, at: datetime, person: str, what: str, subject: str, payload: Mapping[str, Any]
) -> None:
    append_audit(conn, at=at, actor=person, action=f"recipient.{what}", subject=subject, payload=payload)
