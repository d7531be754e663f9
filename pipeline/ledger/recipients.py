"""Recipients in the ledger, and the one place that knows their addresses.

Everything else (outbox, attempts, acknowledgements, audit trail) knows a recipient by its id. Whoever sends
asks :func:`address_of` at the moment of sending, so an address that is corrected counts at once and one that
is erased is used no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pipeline.ledger.deliveries import OutboxRow
from pipeline.ledger.recipient_tables import recipient_contacts, recipients
from pipeline.ledger.warning_tables import outbox
from pipeline.redaction import without_addresses


@dataclass(frozen=True)
class RecipientRow:
    """What a recipient is to be sent, and whether it may be; nothing that names it."""

    id: str
    party: str
    languages: list[str]
    cities: list[str]
    minimum_level: str
    channel: str
    created_at: datetime
    verified_at: datetime | None = None
    leave_from: datetime | None = None
    leave_until: datetime | None = None
    deputy: str | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True)
class Contact:
    """Who a recipient is: the name in the list, the names by language, the addresses (empty: none)."""

    recipient_id: str
    handle: str
    names: dict[str, str]
    email: str
    webhook: str = ""


def are_kept(conn: Connection) -> bool:
    """Tell whether recipients were ever entered; erased ones count, so that no other list comes back."""
    return conn.execute(select(recipients.c.id).limit(1)).first() is not None


def read_recipients(conn: Connection, recipient_id: str | None = None) -> list[tuple[RecipientRow, Contact]]:
    """Return the recipients that are not erased, or one of them, by their handles."""
    c = recipients.c
    mine = recipient_contacts.c
    query = (
        select(recipients, mine.handle, mine.names, mine.email, mine.webhook)
        .join(recipient_contacts, mine.recipient_id == c.id)
        .where(c.erased_at.is_(None), *([] if recipient_id is None else [c.id == recipient_id]))
        .order_by(mine.handle)
    )
    found = []
    for row in conn.execute(query):
        values = row._mapping
        fields = {name: values[name] for name in RecipientRow.__dataclass_fields__}
        told = {name: values[name] for name in ("handle", "names", "email", "webhook")}
        found.append((RecipientRow(**fields), Contact(values["id"], **told)))
    return found


def party_of_recipient(conn: Connection, recipient_id: str) -> str | None:
    """Return whose recipient an id is, erased ones too; None for one that the ledger does not know."""
    found: str | None = conn.execute(
        select(recipients.c.party).where(recipients.c.id == recipient_id)
    ).scalar()
    return found


def write_recipient(conn: Connection, row: RecipientRow, contact: Contact) -> None:
    """Enter a recipient, or put what is known of it right."""
    known = conn.execute(select(recipients.c.id).where(recipients.c.id == row.id)).first()
    statement: Any = (
        insert(recipients) if known is None else update(recipients).where(recipients.c.id == row.id)
    )
    conn.execute(statement.values(**asdict(row)))
    _put_contact(conn, contact)


def stow_addresses(conn: Connection, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Return messages without their addresses, and note these for recipients that were never entered.

    Those stand in a recipients file only, which may change before the message leaves.
    """
    entered = set(conn.execute(select(recipients.c.id)).scalars())
    before = {contact.recipient_id: contact for contact in _contacts(conn)}
    told: dict[str, Contact] = {}
    for row in rows:
        if row.address and row.recipient not in entered:
            new = Contact(row.recipient, row.recipient, {}, "")
            known = told.get(row.recipient) or before.get(row.recipient, new)
            told[row.recipient] = _reached(known, row)
    fresh = [asdict(contact) for name, contact in told.items() if name not in before]
    if fresh:
        conn.execute(insert(recipient_contacts), fresh)
    for name in told.keys() & before.keys():
        _put_contact(conn, told[name])
    return [replace(row, address="") for row in rows]


def read_contact(conn: Connection, recipient_id: str) -> Contact | None:
    """Return how a recipient is reached; None if it was erased or never known."""
    query = select(recipient_contacts).where(recipient_contacts.c.recipient_id == recipient_id)
    row = conn.execute(query).first()
    return None if row is None else Contact(**dict(row._mapping))


def address_of(conn: Connection, row: OutboxRow) -> str:
    """Return the address to which a message goes now; empty where its recipient was erased.

    Rows that were written before addresses had a table of their own still hold theirs.
    """
    contact = read_contact(conn, row.recipient)
    if contact is None:
        return row.address
    return contact.webhook if row.channel == "webhook" else contact.email


def email_of(conn: Connection, row: OutboxRow) -> str:
    """Return the e-mail address of the recipient of a message, whatever channel the message takes."""
    return address_of(conn, replace(row, channel="email"))


def known_as(conn: Connection) -> dict[str, str]:
    """Return the handles of all recipients by id, for people to read; erased ones have none."""
    return {contact.recipient_id: contact.handle for contact in _contacts(conn)}


def name_shown(names: Mapping[str, str], row: OutboxRow) -> str:
    """Return what to call the recipient of a message: as ``known_as`` does, or that it was erased."""
    known = names.get(row.recipient)
    return known or (row.recipient if row.address else f"erased ({row.recipient})")


def was_erased(conn: Connection, recipient_id: str) -> bool:
    """Tell whether a recipient of this id was entered and erased."""
    c = recipients.c
    query = select(c.id).where(c.id == recipient_id, c.erased_at.is_not(None))
    return conn.execute(query).first() is not None


def erase(conn: Connection, recipient_id: str, at: datetime) -> list[tuple[str, str]]:
    """Forget who a recipient is; return (id, digest) of its messages, whose files hold its address.

    What it was sent and when it acknowledged stays, under an id that then says nothing of anybody.
    """
    contact = read_contact(conn, recipient_id)
    conn.execute(delete(recipient_contacts).where(recipient_contacts.c.recipient_id == recipient_id))
    conn.execute(
        update(recipients)
        .where(recipients.c.id == recipient_id)
        .values(erased_at=at, verified_at=None, leave_from=None, leave_until=None, deputy=None)
    )
    conn.execute(update(recipients).where(recipients.c.deputy == recipient_id).values(deputy=None))
    c = outbox.c
    query = select(c.id, c.payload_digest, c.address, c.last_error).where(c.recipient == recipient_id)
    messages = conn.execute(query).all()
    for message in messages:
        known = (message.address, *((contact.email, contact.webhook) if contact else ()))
        said = without_addresses(message.last_error, *known)
        conn.execute(update(outbox).where(c.id == message.id).values(address="", last_error=said))
    return [(message.id, message.payload_digest) for message in messages]


def _contacts(conn: Connection) -> list[Contact]:
    return [Contact(**dict(row._mapping)) for row in conn.execute(select(recipient_contacts))]


def _reached(contact: Contact, row: OutboxRow) -> Contact:
    """Return a contact with the address of a message."""
    if row.channel == "webhook":
        return replace(contact, webhook=row.address)
    return replace(contact, email=row.address)


def _put_contact(conn: Connection, contact: Contact) -> None:
    known = read_contact(conn, contact.recipient_id)
    if known == contact:
        return
    statement: Any = insert(recipient_contacts)
    if known is not None:
        mine = recipient_contacts.c.recipient_id == contact.recipient_id
        statement = update(recipient_contacts).where(mine)
    conn.execute(statement.values(**asdict(contact)))
