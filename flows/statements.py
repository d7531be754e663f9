"""What other agencies have said, as rows of a table."""

from __future__ import annotations

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
