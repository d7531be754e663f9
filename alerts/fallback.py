"""What silence means: a joint warning that only one party approved goes out as that party's own.

When a person approves a joint warning, the party signs two texts: the joint one, and the single-city warning
made from it for the party's own city. If the other party has not approved by the deadline, or has
objected, the second text becomes a warning of its own with the signature it already has; the joint version
expires or is rejected. So nothing is said in a party's name without a signature over exactly that text.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from alerts.content import Reference, WarningContent
from alerts.identifiers import alert_identifier
from alerts.joint import own_party, stand_in_text
from alerts.versions import IN_FORCE, OPEN, is_closed, number_version, required_parties
from alerts.warnings import (
    State,
    advance,
    close,
    expire_overdue,
    fully_approved,
    issue_times,
    open_review,
    write_draft,
)
from pipeline.exchange.canonical import digest
from pipeline.ledger.agreement import read_aliases
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import VersionRow, read_in_state, read_signatures, read_versions
from pipeline.times import iso

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settled:
    """What the clock and the decisions led to; every pair is (warning id, version)."""

    ready: tuple[tuple[str, int], ...]
    expired: tuple[tuple[str, int], ...]
    rejected: tuple[tuple[str, int], ...]
    ended: tuple[tuple[str, int], ...]


def settle_overdue(conn: Connection, now: datetime, actor: str = "run", world: str | None = None) -> Settled:
    """Draw the consequences of decisions and deadlines; what is ``ready`` is then to be issued.

    Ready is every version in review that all its parties approved. A joint version past its deadline, or
    decided by all but not unanimously, falls apart into the single-city warnings that were signed with it.
    What was written after ``now`` is left alone: a replay of the past, in the same world, does not issue it.
    Where two nodes decide (``alerts.joint``), a text stays open to its deadline, since another may be
    offered, and only this node's own party says anything alone.
    """
    rejected = []
    for row in _written_by(conn, OPEN, world, now):
        decided = _decisions(conn, row)
        overdue = row.review_deadline < now
        own = own_party(conn, row)
        divided = not own and set(decided) == set(required_parties(WarningContent.from_dict(row.content)))
        if fully_approved(conn, row) or not (overdue or divided):
            continue
        for party, content in _approved_alone(conn, row, own, decided):
            _promote(conn, row, content, party, now)
        if "object" in decided.values():
            to: State = "rejected"
            advance(conn, row, to, actor=actor, reason="a party objected", at=now)
            rejected.append(_key(row))
    changed = expire_overdue(conn, now, actor, world)
    ready = [row for row in _written_by(conn, ("in_review",), world, now) if fully_approved(conn, row)]
    return Settled(
        ready=tuple(_key(row) for row in ready),
        expired=tuple(_key(row) for row in changed if row.state == "expired"),
        rejected=tuple(rejected),
        ended=tuple(_key(row) for row in changed if row.state == "ended"),
    )


def fallback_content(conn: Connection, content: WarningContent, party: str) -> WarningContent | None:
    """Return the single-city warning that stands in for a joint one, numbered; None where there is none.

    It keeps the numbers but says only what concerns the party's own cities: no link, no origin, no level,
    and nothing of what the other party decided, which stays in the audit. It continues the party's earlier
    single-city warning of the same joint one if that is in force. An all-clear or cancellation of a joint
    warning needs both parties and has no stand-in.
    """
    if content.product != "joint_warning" or content.kind not in ("alert", "update"):
        return None
    cities = tuple(c for c in content.cities if c.party == party)
    own = {c.city for c in cities}
    warning_id = _fallback_id(conn, content, party)
    single = replace(
        content,
        warning_id=warning_id,
        product="single_city_warning",
        kind="alert",
        level="",
        parties=(party,),
        cities=cities,
        rules=tuple(r for r in content.rules if r.city in own),
        links=(),
        origins=(),
        onset=min(c.onset for c in cities),
        references=(),
        reason="",
    )
    return number_version(single, read_versions(conn, warning_id), issue_times(conn, warning_id))


def taken_over(conn: Connection, content: WarningContent) -> list[VersionRow]:
    """Return the versions in force of single-city warnings that a joint one ends when it is issued.

    They are those about the same episodes, of the same world and CAP status, from no later a cycle; a later
    one speaks of what came after. An all-clear or cancellation leaves alone what is being continued.
    """
    if content.product != "joint_warning":
        return []
    aliases = read_aliases(conn)
    named = {c.episode_id for c in content.cities}
    episodes = named | {aliases[i] for i in named if i in aliases}
    stand_ins = {_fallback_id(conn, content, party) for party in required_parties(content)}
    pending = {r.warning_id for r in read_in_state(conn, OPEN, content.world)}
    is_last = content.kind in ("all_clear", "cancel")
    found = []
    for row in read_in_state(conn, IN_FORCE, content.world):
        said = row.content
        covered = {c["episode_id"] for c in said["cities"]} <= episodes or row.warning_id in stand_ins
        alike = (said["product"], said["cap_status"]) == ("single_city_warning", content.cap_status)
        goes_on = is_last and (row.warning_id in pending or said["issue_time"] == content.issue_time)
        if covered and alike and said["issue_time"] <= content.issue_time and not goes_on:
            found.append(row)
    return found


def replaced_messages(conn: Connection, content: WarningContent) -> tuple[Reference, ...]:
    """Return the messages of other warnings that end with a joint one, as CAP names them."""
    rows = taken_over(conn, content)
    return tuple(
        Reference(
            row.version,
            alert_identifier(row.warning_id, row.version),
            iso(issue_times(conn, row.warning_id)[row.version]),
        )
        for row in rows
    )


def take_over(conn: Connection, content: WarningContent, actor: str, at: datetime) -> None:
    """End the single-city warnings whose place a joint warning takes that is now issued."""
    reason = f"taken over by joint warning {content.warning_id} version {content.version}"
    for warning_id in sorted({row.warning_id for row in taken_over(conn, content)}):
        close(conn, warning_id, "ended", actor=actor, reason=reason, at=at)


def _fallback_id(conn: Connection, content: WarningContent, party: str) -> str:
    """Return the id of a party's stand-in: one per joint warning, a further one if the first has ended."""
    first = f"{content.warning_id}-{party}"
    return f"{first}-{content.version}" if is_closed(read_versions(conn, first)) else first


def _approved_alone(
    conn: Connection, row: VersionRow, own: str, decided: Mapping[str, str]
) -> list[tuple[str, WarningContent]]:
    """Return who approved a joint text that is not to be, and which: of two nodes only the own party."""
    if own:
        text = stand_in_text(conn, row, own)
        return [] if text is None else [(own, text)]
    content = WarningContent.from_dict(row.content)
    return [(p, content) for p in sorted(decided) if decided[p] == "approve"]


def _promote(conn: Connection, row: VersionRow, content: WarningContent, party: str, at: datetime) -> None:
    """Enter the stand-in that a party signed as a version in review; one that it did not sign so is noted."""
    single = fallback_content(conn, content, party)
    if single is None:
        return
    signed = digest(single.to_dict())
    found = read_signatures(conn, single.warning_id, single.version)
    if not any(s.content_digest == signed and s.party == party for s in found):
        lost = {"version": row.version, "party": party, "stand_in": single.warning_id}
        append_audit(
            conn, at=at, actor="policy", action="warning.stand_in_lost", subject=row.warning_id, payload=lost
        )
        log.error("what %s signed for its own city alone no longer fits what is in force: decide anew", party)
        return
    is_new = not any(v.version == single.version for v in read_versions(conn, single.warning_id))
    write_draft(conn, single, at, "policy", is_new=is_new)
    open_review(conn, single.warning_id, single.version, "policy", at)
    told = {"version": single.version, "party": party, "joint": row.warning_id, "joint_version": row.version}
    append_audit(
        conn, at=at, actor="policy", action="warning.stand_in", subject=single.warning_id, payload=told
    )


def _written_by(
    conn: Connection, states: tuple[str, ...], world: str | None, now: datetime
) -> list[VersionRow]:
    """Return the versions in some states that were there at an instant."""
    return [row for row in read_in_state(conn, states, world) if row.at <= now]


def _decisions(conn: Connection, row: VersionRow) -> dict[str, str]:
    """Return what each party decided about the text as it stands."""
    found = read_signatures(conn, row.warning_id, row.version)
    return {s.party: s.decision for s in found if s.content_digest == row.content_digest}


def _key(row: VersionRow) -> tuple[str, int]:
    """Return what names a version."""
    return row.warning_id, row.version
