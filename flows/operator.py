"""Telling the operator of sources and warnings: when something breaks, again when worse, when it is over."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sqlalchemy import Connection

from alerts.channels import Channel, Envelope
from alerts.plain_text import one_line
from flows.health import Coverage, FeedHealth, worst_first
from flows.workspace import Workspace
from pipeline.ledger.audit import append_audit, rows_about
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.notices import Condition, Notice, changes, mark_sent, note_changes, unsent_notices
from pipeline.ledger.recipients import known_as
from pipeline.ledger.verdicts import Verdict
from pipeline.names import is_simulated
from pipeline.times import iso

_RECIPIENT = re.compile(r"\br-[0-9a-f]{12}\b")
TELL_FROM = 2
"""Severity from which an operator is told."""

MOST_TRIES = 4
"""How often a mail leaves of which nobody knows whether it arrived."""

UNKNOWN = "operator.unknown"
"""Under which action that is written down."""

LONGEST_MAIL_S = 60.0
"""How long to wait for another process that is telling the operator [s]."""

ADVICE = "`sameair sources` shows them all, `sameair quarantine list` what could not be read."
ADVICE_WARNINGS = "`sameair deliveries --open` shows who has what, `sameair outbox list` what did not leave."
ADVICE_EXCHANGE = "`sameair exchange status` shows how it stands, `sameair doctor` keys and records."
EXCHANGE = "exchange "
"""How the subjects begin that are about other parties' nodes."""
WARNINGS = ("delivery ", "mailbox", "decision ", "bulletin ")
"""How the subjects begin that are about warnings and not about sources."""


def conditions_of(health: Sequence[FeedHealth], coverage: Sequence[Coverage]) -> list[Condition]:
    """Return how each feed stands, in one line each; what is not worth a mail counts as well.

    Losses are told when their number has doubled, so that a long outage gives few mails.
    """
    found = []
    for feed in health:
        severity = feed.severity if feed.severity >= TELL_FROM else 0
        found.append(Condition(f"feed {feed.feed}", feed.state, severity, _line(feed)))
        if feed.gone:
            text = f"{feed.feed}: {feed.gone} values of the last 30 days are gone for good"
            worse = TELL_FROM + int(math.log2(feed.gone))
            found.append(Condition(f"gone {feed.feed}", "gone", worse, text))
        else:
            found.append(Condition(f"gone {feed.feed}", "none", 0, f"{feed.feed}: no value is gone"))
    return [*found, *_thin(coverage)]


def doubts_of(verdicts: Iterable[Verdict]) -> list[Condition]:
    """Return how each station stands whose clock or place is, or was, in doubt; give those of our cities."""
    found = []
    for v in verdicts:
        doubted = v.state == "suspect"
        text = f"{v.station}: {v.kind.replace('_', ' ')} {v.state}; {v.detail}"
        found.append(Condition(f"station {v.station} {v.kind}", v.state, TELL_FROM * doubted, text))
    return found


def _thin(coverage: Sequence[Coverage]) -> list[Condition]:
    found = []
    for part in coverage:
        thin = bool(part.stations) and part.share < 0.5
        text = f"{part.city}: {part.held} of {part.stations * 24} PM2.5 values of {part.network} in 24 h"
        found.append(
            Condition(f"coverage {part.city} {part.network}", "thin" if thin else "ok", 2 * thin, text)
        )
    return found


def tell_operator(
    ws: Workspace,
    world: str,
    conditions: Sequence[Condition],
    channel: Channel,
    report: str,
    at: datetime,
) -> int:
    """Send one mail about everything that is news; return how many lines of news it held.

    News is in the ledger before the mail leaves and stays unsent until it has left, so a mail server that is
    down delays a mail and loses none; where it hangs up without saying whether it took the mail, that leaves
    again, MOST_TRIES times in all. One process at a time sends it, so that two tell nothing twice. Without
    an operator's address nothing is written down.
    """
    if not ws.settings.operator_address:
        return 0
    with ws.ledger.read() as conn:
        if not (changes(conn, world, conditions) or unsent_notices(conn, world)):
            return 0
    with ws.ledger.write() as conn:
        note_changes(conn, world, conditions, at=at)
    try:
        with ledger_lock(ws.ledger, f"operator {world}", wait_s=LONGEST_MAIL_S):
            return _send_waiting(ws, world, channel, report, at)
    except LockHeld:
        return 0


def _send_waiting(ws: Workspace, world: str, channel: Channel, report: str, at: datetime) -> int:
    """Send what has not left yet as one mail; return how many lines of news it held."""
    with ws.ledger.write() as conn:
        waiting = unsent_notices(conn, world)
        names = known_as(conn)
        # Where nothing can be written, that it left could not be either, and it would leave at every look.
        mark_sent(conn, waiting, None)
    if not waiting:
        return 0
    shown = [_with_names(notice, names) for notice in waiting]
    message = operator_mail(ws.settings.mail_from, ws.settings.operator_address, world, shown, report)
    name = f"operator.{world}.{waiting[-1].seq}"
    sent = channel.send(Envelope(name, ws.settings.operator_address, message["Message-ID"], bytes(message)))
    if sent.kind not in ("sent", "unknown"):
        return 0
    with ws.ledger.write() as conn:
        if sent.kind == "unknown" and not _tried_enough(conn, name, at):
            return 0
        mark_sent(conn, waiting, at)
    return len(waiting)


def _tried_enough(conn: Connection, name: str, at: datetime) -> bool:
    """Write down that nobody knows whether a mail arrived; tell whether it was sent often enough.

    A line too many costs a glance, one too few a night: until then it is sent again at each look, under the
    same Message-ID where no news has come.
    """
    tried = 1 + len(rows_about(conn, name, UNKNOWN))
    append_audit(conn, at=at, actor="operator mail", action=UNKNOWN, subject=name, payload={"try": tried})
    return tried >= MOST_TRIES


def _with_names(notice: Notice, names: Mapping[str, str]) -> Notice:
    """Return a notice that calls recipients by their names; the ledger keeps their ids, which say nothing."""
    text = _RECIPIENT.sub(lambda found: names.get(found[0], found[0]), notice.condition.text)
    return replace(notice, condition=replace(notice.condition, text=text))


def operator_mail(sender: str, to: str, world: str, notices: Sequence[Notice], report: str) -> EmailMessage:
    """Return the mail; the subject says how many subjects are ill and how many are well again."""
    ill = [n for n in notices if n.condition.severity]
    well = [n for n in notices if not n.condition.severity]
    label = "SIMULATED " if is_simulated(world) else ""
    parts = [f"{len(ill)} in trouble"] * bool(ill) + [f"{len(well)} well again"] * bool(well)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, to
    is_warning = any(n.condition.subject.startswith(WARNINGS) for n in notices)
    is_exchange = all(n.condition.subject.startswith(EXCHANGE) for n in notices)
    about = "warnings" if is_warning else "exchange" if is_exchange else "sources"
    message["Subject"] = one_line(f"[sameair {label}{about}] {', '.join(parts)}")
    message["Date"] = format_datetime(notices[-1].at)
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<sources.{world}.{notices[-1].seq}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"{iso(n.at)}  {one_line(n.condition.text)}" for n in ill]
    lines += [f"{iso(n.at)}  over: {one_line(n.condition.text)}" for n in well]
    advice = ADVICE_WARNINGS if is_warning else ADVICE_EXCHANGE if is_exchange else ADVICE
    message.set_content("\n".join([*lines, "", advice, "", report, ""]))
    return message


def report_text(health: Sequence[FeedHealth], coverage: Sequence[Coverage], now: datetime) -> str:
    """Return the table of sources as plain text, the worst first."""
    lines = [f"Sources at {iso(now)}"]
    lines += [f"  {_line(feed)}" for feed in worst_first(health)]
    lines.append("PM2.5 values of the last 24 h")
    lines += [f"  {c.city} ({c.network}): {c.held} of {c.stations * 24}" for c in coverage]
    return "\n".join(lines)


def _line(feed: FeedHealth) -> str:
    """Return a feed in one line: state, newest value, what is wrong."""
    newest = "nothing yet" if feed.newest is None else f"newest {iso(feed.newest)}"
    extra = [f"{feed.quarantined} answers in quarantine"] * bool(feed.quarantined)
    extra += [f"{left} requests left this {period}" for period, left in feed.quota_left.items() if left < 50]
    extra += [feed.trouble] * bool(feed.trouble)
    return "; ".join([f"{feed.feed} {feed.state}, {newest}", *extra])
