"""Several worlds in one data folder: which there are, what time it is in each, issuing and sending in all."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.delivery import DeliveryReport
from alerts.outbox import Issued
from flows.bulletin import write_bulletin
from flows.delivering import deliver
from flows.delivery_alarm import alarm_of_mailbox, alarm_operator
from flows.issue import issue_approved
from flows.mailbox import read_mailbox
from flows.signing import is_live, world_time
from flows.workspace import Workspace
from pipeline.errors import SameairError
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.runs import current_run, get_run
from pipeline.ledger.warnings import VersionRow, read_events, read_version
from pipeline.ledger.warnings_newest import newest_versions, worlds_warned
from pipeline.times import parse_instant

log = logging.getLogger(__name__)

ALL = 10_000


def issue_everywhere(ws: Workspace, world: str | None = None) -> list[Issued]:
    """Issue what is fully approved in one world or in all, each in its own time.

    The bulletins of the runs that they rest on are written anew: they say what is signed.
    """
    done: list[Issued] = []
    for name in worlds_with_warnings(ws, world):
        done += issue_approved(ws, name, present_of(ws, name))
    new = [one for one in done if one.is_new]
    rewrite_bulletins(ws, new)
    return new


def rewrite_bulletins(ws: Workspace, issued: list[Issued]) -> None:
    """Write the bulletins of the runs behind new versions; one that cannot be written holds up nothing.

    Of a text that the other party's node wrote, they are those of the own run of the cycle, if there is one.
    """
    with ws.ledger.read() as conn:
        rows = [read_version(conn, one.warning_id, one.version) for one in issued]
        known = {run for row in rows if (run := _own_run(conn, row.content))}
    for run_id in sorted(known):
        try:
            write_bulletin(ws, run_id)
        except (SameairError, OSError) as error:
            log.error("the bulletins of run %s were not written anew: %s", run_id, error)


def _own_run(conn: Connection, content: dict[str, Any]) -> str:
    """Return the run of this node that a text is from, else its run of the same cycle, else nothing."""
    cycle = parse_instant(content["issue_time"])
    found = get_run(conn, str(content["run_id"])) or current_run(conn, content["world"], cycle)
    return found.id if found else ""


def deliver_everywhere(ws: Workspace, world: str | None = None) -> DeliveryReport:
    """Send what stands in the outbox, of one world or of all, each in its own time.

    Replies and bounces are read first, so that a second channel takes over at once what came back. The
    operator is told last, so that no mail to him holds up a warning.
    """
    trouble = read_mailbox(ws).trouble
    total = DeliveryReport()
    names = worlds_with_warnings(ws, world)
    for name in names:
        present = present_of(ws, name)
        report = deliver(ws, name, lambda present=present: present)  # type: ignore[misc]
        total.sent += report.sent
        total.deferred += report.deferred
        total.failed += report.failed
        total.unknown += report.unknown
        total.down = total.down or report.down
    for name in names:
        alarm_operator(ws, name, present_of(ws, name))
    alarm_of_mailbox(ws, trouble)
    return total


def worlds_with_warnings(ws: Workspace, world: str | None) -> list[str]:
    """Return the worlds that have warnings, or the one given."""
    if world is not None:
        return [world]
    with ws.ledger.read() as conn:
        return worlds_warned(conn)


def present_of(ws: Workspace, world: str) -> datetime:
    """Return the present of a world: the clock where anything is Actual, else its newest instant.

    Exercises play in their own time, which stands still between commands. The newest instant is that of the
    newest snapshot, text or decision; a message to be tried again later is due when somebody calls again.
    """
    now = ws.clock()
    with ws.ledger.read() as conn:
        versions, contents = list[VersionRow](), list[WarningContent]()
        for row in newest_versions(conn, world):
            contents.append(WarningContent.from_dict(row.content))
            if is_live(contents[-1]):
                return now
            versions.append(row)
        events = [e.at for i in {v.warning_id for v in versions} for e in read_events(conn, i)]
        waiting = [m for m in read_outbox(conn, state="pending", world=world)]
    due = [m.next_attempt_at for m in waiting if m.next_attempt_at < m.expires]
    written = [v.at for v in versions]
    return max([*(world_time(c, now) for c in contents), *events, *written, *due], default=now)
