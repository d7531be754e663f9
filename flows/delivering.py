"""Delivering what stands in the outbox: through which channels, to whom, and what follows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from alerts.channels import Channel, ChannelPool, FolderChannel
from alerts.delivery import DeliveryReport, Sender, deliver_pending
from alerts.recipients import Way
from alerts.reminders import ReminderPolicy, queue_reminders
from alerts.retries import DeliveryPolicy
from alerts.smtp import SmtpChannel, SmtpServer
from alerts.takeover import Ways
from alerts.webhook import WebhookChannel, WebhookSettings
from flows.assess import policy_of
from flows.digests import queue_digests, terms_of
from flows.recipients import recipients_of
from flows.workspace import Workspace
from pipeline.errors import PolicyError, StorageError
from pipeline.exchange.keys import load_or_create_secret
from pipeline.settings import Settings

log = logging.getLogger(__name__)


def messages_dir(ws: Workspace) -> Path:
    """Return the folder of rendered e-mails, named by their digest."""
    return ws.settings.data_dir / "messages"


def channel_of(settings: Settings) -> Channel:
    """Return the channel that the settings name: the outbox folder, or a mail server."""
    if settings.channel == "folder":
        return FolderChannel(settings.outbox_dir)
    server = mail_server_of(settings)
    return ChannelPool(lambda: SmtpChannel(server))


def mail_server_of(settings: Settings) -> SmtpServer:
    """Return the mail server that the settings name."""
    return SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.mail_from,
        user=settings.smtp_user,
        password=settings.smtp_password,
        starttls=settings.smtp_starttls,
        ca_file=settings.smtp_ca_file,
        timeout=settings.smtp_timeout,
    )


def deliver(ws: Workspace, world: str, clock: Callable[[], datetime]) -> DeliveryReport:
    """Send what stands in the outbox for a world, and remind of what nobody acknowledged."""
    sender = Sender(
        ws.ledger,
        channel_of(ws.settings),
        messages_dir(ws),
        clock,
        DeliveryPolicy(at_once=at_once_of(ws.settings), resend_levels=resend_levels_of(ws)),
        world=world,
        others={"webhook": ChannelPool(lambda: webhook_of(ws))},
        ways=Ways(ways_of(ws, clock())),
    )
    _queue_digests(ws, world, clock())
    queue_reminders(ws.ledger, sender.payloads, sender.ways, reminders_of(ws.settings), clock(), world)
    return deliver_pending(sender)


def _queue_digests(ws: Workspace, world: str, now: datetime) -> None:
    """Enter the digests that are due; a policy, list or file that cannot be used holds up no warning."""
    try:
        terms = terms_of(ws.settings, policy_of(ws))
        queue_digests(ws.ledger, world, recipients_of(ws, now), terms, now)
    except (PolicyError, StorageError) as error:
        log.error("no digest: %s", error)


def at_once_of(settings: Settings) -> int:
    """Return how many messages may be under way at once; the disk takes one after another."""
    return settings.smtp_connections if settings.channel == "smtp" else 1


def resend_levels_of(ws: Workspace) -> frozenset[str]:
    """Return the levels at which a mail twice is better than none; a policy that cannot be read says none."""
    try:
        return policy_of(ws).resend_levels()
    except PolicyError as error:
        log.error("messages of unknown fate are held: %s", error)
        return frozenset()


def reminders_of(settings: Settings) -> ReminderPolicy:
    """Return when reminders are due, as the settings say."""
    ages = tuple(timedelta(minutes=m) for m in sorted(settings.remind_minutes))
    return ReminderPolicy(ages, timedelta(minutes=settings.escalate_minutes))


def webhook_of(ws: Workspace) -> WebhookChannel:
    """Return the channel to webhooks; its signatures bear the true time also in an exercise."""
    secret = load_or_create_secret(ws.settings.keys_dir, "webhooks")
    return WebhookChannel(WebhookSettings(secret, ws.settings.smtp_timeout), ws.clock)


def ways_of(ws: Workspace, at: datetime) -> dict[str, tuple[Way, ...]]:
    """Return how each recipient is reached; a list that cannot be read holds up no message."""
    try:
        return {r.id: r.ways for r in recipients_of(ws, at)}
    except PolicyError as error:
        log.error("no second channel takes over: %s", error)
        return {}
