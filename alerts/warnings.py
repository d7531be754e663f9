"""The life of a warning: which state may follow which, and how a run's proposal becomes a version.

Every version has its own state. ``draft → in_review → issued``; a later version makes an issued one
``updated``; an issued all-clear or the end of validity makes all of them ``ended``, an issued cancellation
``cancelled``. ``rejected`` and ``expired`` (nobody reviewed) end a version that was never issued. An issued
version never changes: what is said next is a new version that references every one still in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.versions import (
    CLOSED,
    IN_FORCE,
    OPEN,
    check_content,
    is_closed,
    number_version,
    required_parties,
    substance,
)
from pipeline.errors import ReviewError
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import (
    VersionRow,
    insert_event,
    insert_revision,
    insert_warning,
    read_events,
    read_in_state,
    read_signatures,
    read_version,
    read_versions,
)
from pipeline.times import parse_instant

State = Literal["draft", "in_review", "issued", "updated", "ended", "rejected", "expired", "cancelled"]
Outcome = Literal["drafted", "redrafted", "unchanged", "under_review", "older"]

RUN: Final = "run"
"""Who proposes, expires and ends when no person does."""

TRANSITIONS: Final[Mapping[State, tuple[State, ...]]] = {
    "draft": ("in_review", "rejected", "expired"),
    "in_review": ("issued", "rejected", "expired"),
    "issued": ("updated", "ended", "cancelled"),
    "updated": ("ended", "cancelled"),
    "ended": (),
    "rejected": (),
    "expired": (),
    "cancelled": (),
}
"""Every legal step of a version; anything else is refused."""


@dataclass(frozen=True)
class Proposed:
    """What became of a proposal; ``digest`` is that of the version as it now stands."""

    warning_id: str
    version: int
    outcome: Outcome
    digest: str


def propose_version(
    conn: Connection,
    content: WarningContent,
    at: datetime,
    actor: str = RUN,
    *,
    told: Mapping[str, Any] | None = None,
) -> Proposed:
    """Draft what a run proposes, or leave things as they are; idempotent for its cycle.

    A run rewrites its own untouched draft, or that which another node offered (it is still offered), but
    never one under review or written by a person; the same statement makes no new version. What a person
    proposes, to end or to cancel, replaces any draft and may speak of an earlier cycle than the newest
    version does. The number, the references and alert or update are set here, from what is in force.
    ``told`` goes into the audit row beside what every draft says there.

    Raises
    ------
    ReviewError
        the content contradicts itself, the warning has come to its end, or a person proposes something
        while another version is under review
    """
    versions = read_versions(conn, content.warning_id)
    check_content(content)
    outcome = _outcome(content, versions) if actor == RUN else _outcome_of_person(content, versions)
    if outcome not in ("drafted", "redrafted"):
        newest = versions[-1]
        return Proposed(content.warning_id, newest.version, outcome, newest.content_digest)
    numbered = number_version(content, versions, issue_times(conn, content.warning_id))
    digest = write_draft(conn, numbered, at, actor, is_new=outcome == "drafted", told=told)
    return Proposed(content.warning_id, numbered.version, outcome, digest)


def write_draft(
    conn: Connection,
    content: WarningContent,
    at: datetime,
    actor: str,
    *,
    is_new: bool,
    told: Mapping[str, Any] | None = None,
) -> str:
    """Write a numbered content as a draft, with its audit row that says ``told`` too; returns its digest."""
    insert_warning(
        conn,
        content.warning_id,
        world=content.world,
        product=content.product,
        episode_ids=[city.episode_id for city in content.cities],
        at=at,
    )
    digest = insert_revision(
        conn,
        content.to_dict(),
        review_deadline=parse_instant(content.review_deadline),
        expires=parse_instant(content.expires),
        written_by=actor,
        at=at,
    )
    payload = {"version": content.version, "digest": digest, "run": content.run_id, "level": content.level}
    payload |= told or {}
    action = "warning.draft" if is_new else "warning.redraft"
    append_audit(conn, at=at, actor=actor, action=action, subject=content.warning_id, payload=payload)
    if is_new:
        insert_event(
            conn, content.warning_id, content.version, state="draft", actor=actor, reason="proposed", at=at
        )
    return digest


def advance(
    conn: Connection, row: VersionRow, to: State, *, actor: str, reason: str, at: datetime
) -> VersionRow:
    """Take one step in the life of a version, with its audit row; raises ReviewError if it is not legal."""
    state = read_version(conn, row.warning_id, row.version).state
    allowed = TRANSITIONS[state]  # type: ignore[index]
    if to not in allowed:
        steps = ", ".join(allowed) or "none, its life is over"
        raise ReviewError(f"{_name(row)} is {state} and cannot become {to}; allowed steps: {steps}")
    insert_event(conn, row.warning_id, row.version, state=to, actor=actor, reason=reason, at=at)
    payload = {"version": row.version, "from": state, "digest": row.content_digest, "reason": reason}
    append_audit(conn, at=at, actor=actor, action=f"warning.{to}", subject=row.warning_id, payload=payload)
    return replace(row, state=to)


def open_review(conn: Connection, warning_id: str, version: int, actor: str, at: datetime) -> VersionRow:
    """Take a draft into review, so that no run rewrites it any more; one under review stays so."""
    row = read_version(conn, warning_id, version)
    if row.state == "in_review":
        return row
    return advance(conn, row, "in_review", actor=actor, reason="review opened", at=at)


def reopen(conn: Connection, row: VersionRow, *, actor: str, reason: str, at: datetime) -> VersionRow:
    """Take a version that expired or was rejected here back into review; only what both parties agreed on.

    It is the one step back in the life of a version, for a node that learns late of what was signed in time.
    """
    if row.state not in ("expired", "rejected"):
        raise ReviewError(f"{_name(row)} is {row.state}; there is nothing to reopen")
    insert_event(conn, row.warning_id, row.version, state="in_review", actor=actor, reason=reason, at=at)
    payload = {"version": row.version, "from": row.state, "digest": row.content_digest, "reason": reason}
    append_audit(conn, at=at, actor=actor, action="warning.reopened", subject=row.warning_id, payload=payload)
    return replace(row, state="in_review")


def current_state(conn: Connection, warning_id: str) -> str:
    """Return the state of a warning as a whole: its end, else issued if it is in force, else its newest."""
    versions = read_versions(conn, warning_id)
    if not versions:
        raise ReviewError(f"there is no warning {warning_id}; see `sameair warnings list`")
    states = [row.state for row in versions]
    return next((s for s in (*CLOSED, "issued") if s in states), states[-1])


def close(conn: Connection, warning_id: str, to: State, *, actor: str, reason: str, at: datetime) -> int:
    """End or cancel every version in force and return how many; recipients are told by an issued version."""
    rows = [row for row in read_versions(conn, warning_id) if row.state in IN_FORCE]
    for row in rows:
        advance(conn, row, to, actor=actor, reason=reason, at=at)
    return len(rows)


def expire_overdue(
    conn: Connection, now: datetime, actor: str = "run", world: str | None = None
) -> list[VersionRow]:
    """Expire versions whose review deadline has passed and end warnings whose validity is over.

    ``now`` is the present of ``world``; without a world it holds for all of them.

    What all its parties have approved stays, to be issued while it is valid. Run
    ``alerts.fallback.settle_overdue`` rather than this alone: it first turns what one party approved into
    that party's own warning.
    """
    changed = []
    for row in read_in_state(conn, OPEN, world):
        late = "not approved by all its parties in time" if row.review_deadline < now else ""
        if fully_approved(conn, row):
            late = "its validity was over before it was issued" if row.expires < now else ""
        if late:
            changed.append(advance(conn, row, "expired", actor=actor, reason=late, at=now))
    for row in read_in_state(conn, ("issued",), world):
        if row.expires < now:
            close(conn, row.warning_id, "ended", actor=actor, reason="validity over", at=now)
            changed.append(replace(row, state="ended"))
    return changed


def fully_approved(conn: Connection, row: VersionRow) -> bool:
    """Tell whether every required party has approved the text as it stands (verified at issue)."""
    approved = {
        s.party
        for s in read_signatures(conn, row.warning_id, row.version)
        if s.content_digest == row.content_digest and s.decision == "approve"
    }
    return approved >= set(required_parties(WarningContent.from_dict(row.content)))


def _outcome(content: WarningContent, versions: Sequence[VersionRow]) -> Outcome:
    """Return what is to be done with what a run proposes, given the versions that exist."""
    _refuse_closed(content, versions)
    if not versions:
        return "drafted"
    newest = versions[-1]
    before = WarningContent.from_dict(newest.content)
    if newest.state == "in_review" or (
        newest.state == "draft" and newest.written_by not in (RUN, *content.parties)
    ):
        return "under_review"
    if parse_instant(content.issue_time) < parse_instant(before.issue_time):
        return "older"
    repeats_refused = newest.state in ("rejected", "expired") and content.issue_time == before.issue_time
    same = substance(content) == substance(before) and newest.state not in ("rejected", "expired")
    if same or repeats_refused:
        return "unchanged"
    return "redrafted" if newest.state == "draft" else "drafted"


def _outcome_of_person(content: WarningContent, versions: Sequence[VersionRow]) -> Outcome:
    """Return what is to be done with what a person proposes, given the versions that exist."""
    _refuse_closed(content, versions)
    if not versions:
        return "drafted"
    newest = versions[-1]
    if newest.state == "in_review":
        raise ReviewError(f"{_name(newest)} is under review; object to it, or wait until that is decided")
    return "redrafted" if newest.state == "draft" else "drafted"


def _refuse_closed(content: WarningContent, versions: Sequence[VersionRow]) -> None:
    if is_closed(versions):
        raise ReviewError(f"warning {content.warning_id} has come to its end; propose a new one")


def issue_times(conn: Connection, warning_id: str) -> dict[int, datetime]:
    """Return when each version was issued."""
    return {event.version: event.at for event in read_events(conn, warning_id) if event.state == "issued"}


def _name(row: VersionRow) -> str:
    """Return how a version is called in messages."""
    return f"version {row.version} of warning {row.warning_id}"
