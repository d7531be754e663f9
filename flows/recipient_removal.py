"""Removing a recipient: names and addresses are erased wherever they are kept, what was sent stays on record.

Erased are the row of contacts, the files of its mails, the copies of the folder channel with their lines in
the index, and what the database would keep of deleted rows. The audit trail holds none of it and stays whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from alerts.outbox import payload_path
from flows.recipients import uncovered
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.files import write_atomic
from pipeline.ledger.audit import append_audit
from pipeline.ledger.recipients import erase, known_as, was_erased
from pipeline.ledger.warnings import read_in_state

HEADERS: Final = 8192
"""Bytes at the beginning of a mail that hold its headers."""


def remove_recipient(ws: Workspace, who: str, person: str) -> dict[str, Any]:
    """Erase a recipient; an interrupted removal is completed by repeating it.

    Raises
    ------
    UsageError
        nobody of that id or name is known
    StorageError
        the ledger cannot be written
    """
    now = ws.clock()
    with ws.ledger.write() as conn:
        names = _ids(conn, who)
        known = known_as(conn)
        called = {handle for name in names for handle in (name, known.get(name, ""))} - {""}
        messages = [message for name in names for message in erase(conn, name, now)]
        files = sum(_erase_files(ws, name, messages) for name in names) + _erase_told(ws, called)
        for name in names:
            append_audit(conn, at=now, actor=person, action="recipient.remove", subject=name, payload={})
        open_ids = {r.warning_id for r in read_in_state(conn, ("issued", "updated"))}
    is_clean = ws.ledger.forget_deleted()
    held = sorted(w for w in open_ids if any(name.startswith(f"{w}.") for name, _ in messages))
    notes = [f"it will not hear how warning {warning} ends" for warning in held]
    if not is_clean:
        notes.append(
            "another process reads the ledger: repeat the command so that nothing is left in its log"
        )
    return {"removed": names, "files erased": files, "look at": [*notes, *uncovered(ws, now)]}


def _ids(conn: Connection, who: str) -> list[str]:
    """Return the ids that an id or a name stands for: in the ledger, and of the time before it was there."""
    found = [name for name, handle in known_as(conn).items() if who in (name, handle)]
    if not found and was_erased(conn, who):
        found = [who]
    if not found:
        raise UsageError(f"nobody is known as {who}; see `sameair recipients list`")
    return sorted(found)


def _erase_files(ws: Workspace, name: str, messages: Collection[tuple[str, str]]) -> int:
    """Remove the files of mails to a recipient and return how many there were."""
    outbox = ws.settings.outbox_dir
    asked = [path.stem for path in outbox.glob(f"verify.{name}.*.eml")]
    copies = [*(message for message, _ in messages), *asked]
    folder = ws.settings.data_dir / "messages"
    paths = {payload_path(folder, digest) for _, digest in messages}
    paths |= {outbox / f"{copy}.eml" for copy in copies}
    paths |= {path for path in folder.glob("*/*.eml") if _is_mail_to(path, name)}
    there = [path for path in paths if path.exists()]
    for path in there:
        path.unlink(missing_ok=True)
    _erase_lines(ws, {f"{copy}.eml" for copy in copies})
    return len(there)


def _erase_told(ws: Workspace, called: Collection[str]) -> int:
    """Remove folder copies of mails to the operator that name a recipient; returns how many there were."""
    named = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, called))})(?![\w-])")
    gone = 0
    for path in ws.settings.outbox_dir.glob("operator.*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if named.search(mail.get_content()):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _is_mail_to(path: Path, name: str) -> bool:
    """Tell whether a stored mail is to a recipient; a crash leaves some that no message refers to."""
    with path.open("rb") as file:
        head = file.read(HEADERS)
    return re.search(rb"^X-Sameair-Recipient: " + re.escape(name.encode()) + rb"\r?$", head, re.M) is not None


def _erase_lines(ws: Workspace, names: set[str]) -> None:
    """Take the address out of the index of the folder channel, in which earlier versions noted it."""
    index = ws.settings.outbox_dir / "index.jsonl"
    if not index.exists():
        return
    entries = [json.loads(line) for line in index.read_text("utf-8").splitlines() if line]
    told = [{**e, "to": ""} if e.get("to") and e.get("file") in names else e for e in entries]
    if told != entries:
        lines = [json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n" for entry in told]
        write_atomic(index, "".join(lines).encode())
