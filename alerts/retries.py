"""What follows from an attempt: sent, tried again later, given up, or held until a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from alerts.channels import Outcome
from pipeline.ledger.deliveries import OutboxRow, count_attempts
from pipeline.ledger.warnings import read_version


@dataclass(frozen=True)
class DeliveryPolicy:
    """How often and how long a message is tried, and how many of a channel ``at_once``.

    ``resend_levels`` are those at which a mail twice is better than none: a message of unknown fate is then
    sent again, once.
    """

    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=1)
    most_refusals: int = 12
    lease: timedelta = timedelta(minutes=15)
    at_once: int = 1
    resend_levels: frozenset[str] = frozenset()


def pause_after(refusals: int, policy: DeliveryPolicy) -> timedelta:
    """Return how long to wait after a number of refusals: doubling, up to the longest pause.

    >>> [str(pause_after(n, DeliveryPolicy())) for n in (1, 2, 3, 20)]
    ['0:01:00', '0:02:00', '0:04:00', '1:00:00']
    """
    doublings: int = min(max(refusals, 1) - 1, 16)
    factor: int = 2**doublings
    return min(policy.first_pause * factor, policy.longest_pause)


def next_state(
    conn: Connection, row: OutboxRow, outcome: Outcome, policy: DeliveryPolicy, now: datetime
) -> dict[str, object]:
    """Return the columns of a message after an attempt that is not in the log yet."""
    if outcome.kind == "sent":
        return {"state": "sent", "sent_at": now, "last_error": ""}
    if outcome.kind == "failed":
        return {"state": "failed", "last_error": outcome.detail}
    if outcome.kind == "unknown" and not is_sent_again(conn, row, policy):
        return {"state": "unknown", "last_error": outcome.detail}
    if outcome.kind == "retry" and row.attempts >= policy.most_refusals:
        return {"state": "failed", "last_error": f"given up after {row.attempts} attempts: {outcome.detail}"}
    later = now + pause_after(row.attempts, policy)
    return {"state": "pending", "next_attempt_at": later, "last_error": outcome.detail}


def is_sent_again(conn: Connection, row: OutboxRow, policy: DeliveryPolicy) -> bool:
    """Tell whether a message of unknown fate is sent again: once, from the policy's level on.

    The last word on a warning (all-clear, cancellation) is sent again whatever its level was.
    """
    if not policy.resend_levels or row.purpose == "digest" or count_attempts(conn, row.id, "unknown"):
        return False
    content = read_version(conn, row.warning_id, row.version).content
    return content["level"] in policy.resend_levels or content["kind"] in ("all_clear", "cancel")
