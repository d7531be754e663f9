"""The feed of a world's CAP messages, written when one is issued, made good after a crash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from alerts.feed import PAGE, FeedHead, build_feed, cap_name, feed_entry, feed_name, newest_identifier
from alerts.identifiers import alert_identifier
from flows.workspace import Workspace
from pipeline.errors import ContractError
from pipeline.files import write_atomic
from pipeline.ledger.warnings import issued_versions

log = logging.getLogger(__name__)

Names = Sequence[tuple[str, int]]


def refresh_feed(ws: Workspace, world: str) -> bool:
    """Write the feed of a world if it lacks the newest message; tells whether it did.

    The newest messages stand in the current document, every full page of older ones in an archive that
    never changes. A feed that cannot be written holds up no warning: it is logged and made good next time.
    """
    with ws.ledger.read() as conn:
        issued = issued_versions(conn, world)
    if not issued:
        return False
    current = ws.warnings_dir / feed_name(world)
    try:
        if current.exists() and newest_identifier(current.read_bytes()) == alert_identifier(*issued[-1]):
            return False
        _write(ws, world, issued)
    except (OSError, ContractError) as error:
        log.error("the feed of %s is not up to date: %s", world, error)
        return False
    return True


def _write(ws: Workspace, world: str, issued: Names) -> None:
    """Write the archives that are missing, then the current document that leads to them."""
    full, author = len(issued) // PAGE, ws.settings.mail_from
    for number in range(1, full + 1):
        path = ws.warnings_dir / feed_name(world, number)
        if not path.exists():
            part = issued[(number - 1) * PAGE : number * PAGE]
            _put(path, ws.warnings_dir, part, FeedHead(world, author, number, number - 1))
    _put(
        ws.warnings_dir / feed_name(world), ws.warnings_dir, issued[-PAGE:], FeedHead(world, author, 0, full)
    )


def _put(path: Path, folder: Path, issued: Names, head: FeedHead) -> None:
    """Write one document of these versions, oldest first; a message whose file is lost is left out."""
    entries = []
    for warning_id, version in reversed(issued):
        file = folder / cap_name(warning_id, version)
        try:
            entries.append(feed_entry(file.read_bytes(), file.name))
        except (OSError, ContractError) as error:
            log.error("the feed lacks %s: %s", file.name, error)
    write_atomic(path, build_feed(entries, head))
