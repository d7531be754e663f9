"""Issuing: in one transaction a version becomes issued and its messages stand in the outbox.

The messages are rendered before and lie as files named by their digest; only then does the transaction check
everything again (state, signatures, what is in force) and write state, outbox rows and audit row. A crash
before it leaves some unused files, a crash after it loses nothing: ``alerts.delivery`` sends from the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.fallback import take_over
from alerts.identifiers import delivery_id, message_id
from alerts.joint_adopt import why_not_following
from alerts.mail_headers import WHOLE_WORDS
from alerts.recipients import Recipient, select_recipients
from alerts.signoff import verify_signatures
from alerts.versions import IN_FORCE
from alerts.warnings import State, advance
from pipeline.errors import ReviewError, StorageError
from pipeline.exchange.keyring import Keyring
from pipeline.files import write_atomic
from pipeline.ledger import Ledger
from pipeline.ledger.audit import append_audit
from pipeline.ledger.deliveries import OutboxRow, earlier_messages, insert_outbox, read_outbox
from pipeline.ledger.recipients import stow_addresses
from pipeline.ledger.warnings import VersionRow, read_version, read_versions
from pipeline.times import parse_instant

BATCH, WRITERS = 64, 8
"""Letters that are held in memory at once, and how many of them are written at the same time."""

MAIL_POLICY = WHOLE_WORDS.clone(cte_type="7bit")
"""How messages become bytes: CRLF, short lines and ASCII only, which any mail server takes."""


@dataclass(frozen=True)
class Letter:
    """What is needed to write one message: ``earlier`` are this recipient's Message-IDs, oldest first.

    ``acknowledge_url`` is the recipient's own link for this version; empty where links are not offered.
    """

    content: WarningContent
    recipient: Recipient
    sent_at: datetime
    message_id: str
    earlier: tuple[str, ...]
    acknowledge_url: str = ""


Render = Callable[[Letter], EmailMessage]
"""Writes the message; must set Message-ID, To and Date from the letter and nothing from elsewhere."""


def no_link(_content: WarningContent, _recipient: str) -> str:
    """Offer no link to acknowledge with."""
    return ""


@dataclass(frozen=True)
class Dispatch:
    """How versions leave: to whom, rendered how, payload files where, and whose keys are trusted.

    ``link`` makes the acknowledgement link of a version for a recipient's id.
    """

    recipients: Sequence[Recipient]
    render: Render
    payloads: Path
    trusted: Keyring
    link: Callable[[WarningContent, str], str] = no_link


@dataclass(frozen=True)
class Issued:
    """A version that is issued; ``is_new`` is False where that had happened before."""

    warning_id: str
    version: int
    outbox_ids: tuple[str, ...]
    is_new: bool


def issue(
    ledger: Ledger, warning_id: str, version: int, dispatch: Dispatch, at: datetime, actor: str = "run"
) -> Issued:
    """Issue a version that all its parties have signed; issuing it again changes nothing.

    An all-clear ends the warning, a cancellation cancels it, anything else makes earlier versions
    ``updated``; stand-ins of single parties end when their joint warning is issued.

    Raises
    ------
    ReviewError
        signatures are missing or wrong, the version cannot be issued, or what is in force has changed
    StorageError
        the messages cannot be stored
    """
    with ledger.read() as conn:
        row = read_version(conn, warning_id, version)
        if row.state not in ("draft", "in_review"):
            return _already(conn, row)
        _check(conn, row, dispatch)
        letters = _letters(conn, row, dispatch, at)
    rows = _store_all(letters, dispatch, at)
    with ledger.write() as conn:
        now = read_version(conn, warning_id, version)
        if now.state not in ("draft", "in_review"):
            return _already(conn, now)
        if now.content_digest != row.content_digest:
            raise ReviewError(f"version {version} of warning {warning_id} changed while it was being issued")
        _check(conn, now, dispatch)
        _commit(conn, now, rows, actor, at)
    return Issued(warning_id, version, tuple(r.id for r in rows), is_new=True)


def read_payload(folder: Path, digest: str) -> bytes:
    """Return a stored message; raises StorageError if it is gone or not what its name says."""
    path = payload_path(folder, digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"message {path} cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StorageError(f"message {path} was altered; restore it from a backup")
    return content


def keep_payload(folder: Path, payload: bytes) -> str:
    """Put a message where it is kept, named by its digest, and return that; StorageError if it cannot."""
    digest = hashlib.sha256(payload).hexdigest()
    path = payload_path(folder, digest)
    if not path.exists():
        write_atomic(path, payload)
    return digest


def message_bytes(message: EmailMessage) -> bytes:
    r"""Return a message as bytes, as ``message.as_bytes(policy=MAIL_POLICY)`` would, but at once.

    The library writes base64 line by line, which for thousands of mails is most of the work. What holds
    anything else is left to it.

    >>> from email.message import EmailMessage
    >>> mail = EmailMessage(policy=MAIL_POLICY)
    >>> mail.set_content("서울 北京", cte="base64")
    >>> message_bytes(mail) == mail.as_bytes(policy=MAIL_POLICY)
    True
    """
    leaves = [part for part in message.walk() if not part.is_multipart()]
    if any(part["Content-Transfer-Encoding"] != "base64" for part in leaves):
        return message.as_bytes(policy=MAIL_POLICY)
    return b"".join(_pieces(message))


def _pieces(part: Any) -> Iterator[bytes]:
    """Yield headers and body of a part whose leaves are all base64."""
    for name, value in part.raw_items():
        yield MAIL_POLICY.fold_binary(name, value)
    yield b"\r\n"
    if not part.is_multipart():
        yield str(part.get_payload()).encode("ascii").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return
    edge = f"--{part.get_boundary()}".encode("ascii")
    for inner in part.iter_parts():
        yield edge + b"\r\n"
        yield from _pieces(inner)
        yield b"\r\n"
    yield edge + b"--\r\n"


def payload_path(folder: Path, digest: str) -> Path:
    """Return where a message with a digest lies.

    >>> payload_path(Path("payloads"), "ab12").as_posix()
    'payloads/ab/ab12.eml'
    """
    return folder / digest[:2] / f"{digest}.eml"


def _already(conn: Connection, row: VersionRow) -> Issued:
    """Return what was issued before; raises ReviewError if the version never was."""
    sent = read_outbox(conn, row.warning_id, row.version)
    if row.state in ("rejected", "expired"):
        raise ReviewError(
            f"version {row.version} of warning {row.warning_id} is {row.state}; it cannot be issued"
        )
    return Issued(row.warning_id, row.version, tuple(r.id for r in sent), is_new=False)


def _check(conn: Connection, row: VersionRow, dispatch: Dispatch) -> None:
    """Refuse a version that its parties have not signed, or that speaks of what is no longer in force."""
    name = f"version {row.version} of warning {row.warning_id}"
    report = verify_signatures(conn, row.warning_id, row.version, dispatch.trusted)
    if not report.ok:
        faults = [f"approval of {party} is missing" for party in report.missing]
        faults += [f"{party} objected" for party in report.objected]
        raise ReviewError(f"{name} cannot be issued: {'; '.join([*report.problems, *faults])}")
    if why_not_following(conn, WarningContent.from_dict(row.content)):
        in_force = [r.version for r in read_versions(conn, row.warning_id) if r.state in IN_FORCE]
        referenced = [reference["version"] for reference in row.content["references"]]
        raise ReviewError(
            f"{name} references versions {referenced}, but in force are {in_force}; propose it anew"
        )


def _letters(conn: Connection, row: VersionRow, dispatch: Dispatch, at: datetime) -> list[Letter]:
    """Return the letters that a version calls for, in the order of the list of recipients."""
    content = WarningContent.from_dict(row.content)
    earlier = earlier_messages(conn, row.warning_id, row.version)
    return [
        Letter(
            content=content,
            recipient=recipient,
            sent_at=at,
            message_id=message_id(row.warning_id, row.version, recipient.id),
            earlier=tuple(earlier.get(recipient.id, ())),
            acknowledge_url=dispatch.link(content, recipient.id),
        )
        for recipient in select_recipients(content, dispatch.recipients, earlier)
    ]


def _store_all(letters: Sequence[Letter], dispatch: Dispatch, at: datetime) -> list[OutboxRow]:
    """Render letters and put their files into place; some at a time, while the disk is slow."""
    rows: list[OutboxRow] = []
    with ThreadPoolExecutor(WRITERS) as pool:
        for start in range(0, len(letters), BATCH):
            written = [_written(letter, dispatch, at) for letter in letters[start : start + BATCH]]
            list(pool.map(lambda pair: keep_payload(dispatch.payloads, pair[1]), written))
            rows += [row for row, _ in written]
    return rows


def _written(letter: Letter, dispatch: Dispatch, at: datetime) -> tuple[OutboxRow, bytes]:
    """Render a letter; returns the row that will send it, and its bytes."""
    message = dispatch.render(letter)
    if message["Message-ID"] != letter.message_id:
        raise ReviewError(
            f"the message to {letter.recipient.id} does not bear its Message-ID; mend the renderer"
        )
    payload = message_bytes(message)
    content = letter.content
    row = OutboxRow(
        id=delivery_id(content.warning_id, content.version, letter.recipient.id),
        warning_id=content.warning_id,
        version=content.version,
        recipient=letter.recipient.id,
        address=letter.recipient.ways[0].address,
        channel=letter.recipient.ways[0].channel,
        message_id=letter.message_id,
        payload_digest=hashlib.sha256(payload).hexdigest(),
        expires=parse_instant(content.expires),
        created_at=at,
        next_attempt_at=at,
    )
    return row, payload


def _commit(conn: Connection, row: VersionRow, rows: Sequence[OutboxRow], actor: str, at: datetime) -> None:
    """Write state, outbox rows and audit row, and what follows for the versions before."""
    content = WarningContent.from_dict(row.content)
    advance(conn, row, "issued", actor=actor, reason="signed by all its parties", at=at)
    insert_outbox(conn, stow_addresses(conn, rows))
    payload = {
        "version": row.version,
        "digest": row.content_digest,
        "messages": {r.id: r.payload_digest for r in rows},
    }
    append_audit(conn, at=at, actor=actor, action="outbox.fill", subject=row.warning_id, payload=payload)
    take_over(conn, content, actor, at)
    _follow(conn, row, content, actor, at)


def _follow(conn: Connection, row: VersionRow, content: WarningContent, actor: str, at: datetime) -> None:
    """End, cancel or update what was in force before this version."""
    reason = f"version {row.version} was issued"
    before = [r for r in read_versions(conn, row.warning_id) if r.version < row.version]
    if content.kind in ("all_clear", "cancel"):
        to: State = "ended" if content.kind == "all_clear" else "cancelled"
        for version in (*before, row):
            if version is row or version.state in IN_FORCE:
                advance(conn, version, to, actor=actor, reason=reason, at=at)
        return
    for version in before:
        if version.state == "issued":
            advance(conn, version, "updated", actor=actor, reason=reason, at=at)
