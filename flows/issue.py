"""Step 7: what is fully approved is issued, written as e-mail and CAP, and delivered; each exactly once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from alerts.areas import Area, city_area
from alerts.cap import CapHeader, build_cap
from alerts.channels import Channel, FolderChannel
from alerts.content import WarningContent
from alerts.delivery import DeliveryReport, Sender, deliver_pending
from alerts.fallback import replaced_messages, settle_overdue
from alerts.outbox import Dispatch, Issued, issue
from alerts.recipients import Way, load_recipients, select_recipients
from alerts.reminders import ReminderPolicy, queue_reminders
from alerts.smtp import SmtpChannel, SmtpServer
from alerts.takeover import Ways
from alerts.warnings import close, issue_times
from alerts.webhook import WebhookChannel, WebhookSettings
from flows.assess import policy_of
from flows.letters import background_of, letter_writer
from flows.links_sent import links_of
from flows.signing import trusted
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import ContractError, PolicyError, ReviewError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.files import write_atomic
from pipeline.ledger.warnings import list_versions, read_version
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def channel_of(settings: Settings) -> Channel:
    """Return the channel that the settings name: the outbox folder, or a mail server."""
    if settings.channel == "folder":
        return FolderChannel(settings.outbox_dir)
    return SmtpChannel(
        SmtpServer(
            settings.smtp_host,
            settings.smtp_port,
            settings.mail_from,
            user=settings.smtp_user,
            password=settings.smtp_password,
            starttls=settings.smtp_starttls,
            ca_file=settings.smtp_ca_file,
            timeout=settings.smtp_timeout,
        )
    )


def issue_approved(ws: Workspace, world: str, at: datetime) -> tuple[Issued, ...]:
    """Issue every version of a world whose parties have all approved it; overdue ones are settled first.

    One that may not be issued is logged and left as it is; it never holds up another.
    """
    with ws.ledger.write() as conn:
        ready = settle_overdue(conn, at, world=world).ready
    done = []
    for warning_id, version in ready:
        try:
            done.append(issue_version(ws, warning_id, version, at))
        except (ReviewError, ContractError) as error:
            log.error("not issued: %s", error)
    with ws.ledger.write() as conn:
        end_superseded(conn, world, at)
    return tuple(done)


def end_superseded(conn: Connection, world: str, at: datetime) -> list[str]:
    """End single-city warnings whose episodes a joint warning in force now speaks of; returns their ids.

    A joint exercise ends no warning in earnest, nor does a joint one of an earlier cycle end a later word.
    """
    rows = [r for r in list_versions(conn, world) if r.state == "issued"]
    episodes = {r.warning_id: {c["episode_id"] for c in r.content["cities"]} for r in rows}
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
        at = issue_times(conn, warning_id).get(version, at)
        background = background_of(ws, content, policy_of(ws))
        replaces = replaced_messages(conn, content)
    recipients = load_recipients(ws.settings.recipients_file)
    agencies = tuple(r.agency["en"] for r in select_recipients(content, recipients))
    header = CapHeader(ws.settings.mail_from, at, ws.settings.contact, agencies, replaces=replaces)
    xml = build_cap(content, header, areas_of(ws, content.world), background)
    dispatch = Dispatch(
        recipients=recipients,
        render=letter_writer(ws.settings, xml, background),
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
    if done.is_new and not is_first:
        write_atomic(path, xml)
    return done


def messages_dir(ws: Workspace) -> Path:
    """Return the folder of rendered e-mails, named by their digest."""
    return ws.settings.data_dir / "messages"


def cap_path(ws: Workspace, warning_id: str, version: int) -> Path:
    """Return where the CAP message of an issued version lies."""
    return ws.warnings_dir / f"{warning_id}-v{version}.cap.xml"


def areas_of(ws: Workspace, world: str) -> dict[str, Area]:
    """Return the area of every city: the buffered hull of its stations, so marked."""
    stations = ws.store.stations(world)
    return {c.id: city_area(c, stations) for c in all_cities().values()}


def deliver(ws: Workspace, world: str, clock: Callable[[], datetime]) -> DeliveryReport:
    """Send what stands in the outbox for a world, and remind of what nobody acknowledged."""
    sender = Sender(
        ws.ledger,
        channel_of(ws.settings),
        messages_dir(ws),
        clock,
        world=world,
        others={"webhook": webhook_of(ws)},
        ways=Ways(ways_of(ws)),
    )
    queue_reminders(ws.ledger, sender.payloads, sender.ways, reminders_of(ws.settings), clock(), world)
    return deliver_pending(sender)


def reminders_of(settings: Settings) -> ReminderPolicy:
    """Return when reminders are due, as the settings say."""
    ages = tuple(timedelta(minutes=m) for m in sorted(settings.remind_minutes))
    return ReminderPolicy(ages, timedelta(minutes=settings.escalate_minutes))


def webhook_of(ws: Workspace) -> WebhookChannel:
    """Return the channel to webhooks; its signatures bear the true time also in an exercise."""
    secret = load_or_create_secret(ws.settings.keys_dir, "webhooks")
    return WebhookChannel(WebhookSettings(secret, ws.settings.smtp_timeout), ws.clock)


def ways_of(ws: Workspace) -> dict[str, tuple[Way, ...]]:
    """Return how each recipient is reached; a list that cannot be read holds up no message."""
    try:
        return {r.id: r.ways for r in load_recipients(ws.settings.recipients_file)}
    except PolicyError as error:
        log.error("no second channel takes over: %s", error)
        return {}
