"""Step 7: what is fully approved is issued, written as e-mail and CAP, and delivered; each exactly once."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from alerts.areas import Area, city_area
from alerts.cap import CapHeader, build_cap
from alerts.cap_check import sender_of
from alerts.content import Reference, WarningContent
from alerts.fallback import replaced_messages, settle_overdue, taken_over
from alerts.feed import cap_name
from alerts.identifiers import alert_identifier
from alerts.joint import instant_of
from alerts.joint_episodes import own_names
from alerts.message_view import Background
from alerts.outbox import Dispatch, Issued, issue
from alerts.warnings import close, issue_times
from flows.anchoring import issue_head
from flows.assess import policy_of
from flows.delivering import messages_dir
from flows.drill_record import audience
from flows.feed import refresh_feed
from flows.letters import background_of, letter_writer
from flows.links_sent import links_of
from flows.recipients import recipients_of
from flows.signing import trusted
from flows.steps import Steps
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import ContractError, PolicyError, ReviewError
from pipeline.files import write_atomic
from pipeline.ledger.warnings import read_in_state, read_version
from pipeline.times import iso

log = logging.getLogger(__name__)


def issue_approved(ws: Workspace, world: str, at: datetime) -> tuple[Issued, ...]:
    """Issue every version of a world whose parties have all approved it; overdue ones are settled first.

    One that may not be issued is logged and left as it is; it never holds up another. Any other failure of
    one is raised once the others are issued.
    """
    with ws.ledger.write() as conn:
        ready = settle_overdue(conn, at, world=world).ready
    done, steps = [], Steps()
    for warning_id, version in ready:
        with steps.tried(f"issuing {warning_id} v{version}"):
            try:
                done.append(issue_version(ws, warning_id, version, at))
            except (ReviewError, ContractError, PolicyError) as error:
                log.error("not issued: %s", error)
    with ws.ledger.write() as conn:
        end_superseded(conn, world, at)
    refresh_feed(ws, world)
    steps.settle()
    return tuple(done)


def end_superseded(conn: Connection, world: str, at: datetime) -> list[str]:
    """End single-city warnings whose episodes a joint warning in force now speaks of; returns their ids.

    A joint exercise ends no warning in earnest, nor does a joint one of an earlier cycle end a later word.
    """
    rows = read_in_state(conn, ["issued"], world)[::-1]
    mine = own_names(conn, rows)
    episodes = {r.warning_id: {c["episode_id"] for c in r.content["cities"]} for r in (*rows, *mine)}
    joint = [r for r in rows if r.content["product"] == "joint_warning"]
    ended = []
    for row in rows:
        alike = [j for j in joint if j.content["cap_status"] == row.content["cap_status"]]
        newer = [j for j in alike if j.content["issue_time"] >= row.content["issue_time"]]
        holder = next((j for j in newer if episodes[row.warning_id] <= episodes[j.warning_id]), None)
        if holder is not None and row.content["product"] != "joint_warning":
            reason = f"continued in joint warning {holder.warning_id}"
            close(conn, row.warning_id, "ended", actor="run", reason=reason, at=at)
            ended.append(row.warning_id)
    return ended


def issue_version(ws: Workspace, warning_id: str, version: int, at: datetime) -> Issued:
    """Issue one version: its CAP file, then state, outbox and audit in one transaction.

    The file lies there first, as the mails do, so that a version in force is never without it.

    Raises
    ------
    ReviewError
        a signature is missing or wrong, or the version cannot be issued any more
    """
    with ws.ledger.read() as conn:
        row = read_version(conn, warning_id, version)
        content = WarningContent.from_dict(row.content)
        at = issue_times(conn, warning_id).get(version, instant_of(conn, row, at))
    recipients = audience(ws, content.world, recipients_of(ws, at))
    xml, background = message_of(ws, content, at)
    dispatch = Dispatch(
        recipients=recipients,
        render=letter_writer(ws.settings, xml, background, lambda: issue_head(ws, warning_id, version, at)),
        payloads=messages_dir(ws),
        trusted=trusted(ws),
        link=links_of(ws),
    )
    path = cap_path(ws, warning_id, version)
    is_first = not path.exists()
    if is_first:
        write_atomic(path, xml)
    try:
        done = issue(ws.ledger, warning_id, version, dispatch, at)
    except ReviewError:
        if is_first:
            path.unlink()
        raise
    if done.is_new:
        issue_head(ws, warning_id, version, at)
    if done.is_new and not is_first:
        write_atomic(path, xml)
    refresh_feed(ws, content.world)
    return done


def message_of(ws: Workspace, content: WarningContent, at: datetime) -> tuple[bytes, Background]:
    """Return the CAP message of a content sent at an instant, and what letters add to the content."""
    with ws.ledger.read() as conn:
        times = issue_times(conn, content.warning_id)
        replaces = replaced_messages(conn, content)
        earlier = [(r.warning_id, r.version) for r in taken_over(conn, content)]
    background = background_of(ws, content, policy_of(ws))
    earlier += [(content.warning_id, reference.version) for reference in content.references]
    senders = senders_of(ws, earlier)
    header = CapHeader(ws.settings.mail_from, at, ws.settings.contact, replaces=replaces, senders=senders)
    said = replace(content, references=own_references(content.references, times))
    return build_cap(said, header, areas_of(ws, content.world), background), background


def own_references(references: Sequence[Reference], times: Mapping[int, datetime]) -> tuple[Reference, ...]:
    """Return the earlier messages as this node's recipients have them: when they were issued here.

    A text of another node names when its own were; one that was not issued here is left out.
    """
    return tuple(replace(r, sent=iso(times[r.version])) for r in references if r.version in times)


def senders_of(ws: Workspace, versions: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Return by identifier who sent the stored messages of versions: the address may have changed since."""
    found = {}
    for warning_id, version in versions:
        path = cap_path(ws, warning_id, version)
        sender = sender_of(path.read_bytes()) if path.exists() else ""
        if sender:
            found[alert_identifier(warning_id, version)] = sender
    return found


def cap_path(ws: Workspace, warning_id: str, version: int) -> Path:
    """Return where the CAP message of an issued version lies."""
    return ws.warnings_dir / cap_name(warning_id, version)


def areas_of(ws: Workspace, world: str) -> dict[str, Area]:
    """Return the area of every city: the buffered hull of its stations, so marked."""
    stations = ws.store.stations(world)
    return {c.id: city_area(c, stations) for c in all_cities().values()}
