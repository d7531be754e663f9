"""The forecasters' decisions at a workspace: list, show, approve, object, end, cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from alerts.content import WarningContent
from alerts.joint_adopt import adopt_text
from alerts.outbox import Issued
from alerts.signoff import Signer, approve, object_, verify_signatures
from alerts.standing import check_standing
from alerts.versions import IN_FORCE, required_parties
from alerts.warnings import propose_version
from flows.delivering import deliver
from flows.exchange_notes import remember_chain
from flows.issue import issue_approved, issue_version
from flows.joint import decide_jointly
from flows.joint_lines import text_named, text_objected
from flows.node import Node, node_of, parties
from flows.signing import is_live, signer, trusted, world_time
from flows.workspace import Workspace
from flows.worlds import present_of, rewrite_bulletins
from pipeline.errors import ReviewError, UsageError
from pipeline.ledger.warnings import VersionRow, list_versions, read_version, read_versions
from pipeline.times import HOUR, iso, parse_instant

Plain = dict[str, Any]
ENDING_DEADLINE = timedelta(hours=4)
ENDING_VALIDITY = timedelta(hours=24)


@dataclass(frozen=True)
class Decision:
    """Who decides for which party; ``at`` None is now, or in an exercise an hour after the snapshot.

    What the decision makes complete is sent at once if ``deliver``, else by the next delivery. ``shown`` is
    the digest of how the warning stood when the person looked at it (``alerts.standing``): the decision is
    refused if it stands otherwise. ``evidence`` is the digest of what was on the screen, for the audit trail.
    Without ``act`` the decision is only signed; :func:`carry_out` then issues and sends.
    """

    party: str
    person: str
    at: str | None = None
    deliver: bool = True
    shown: str = ""
    evidence: str = ""
    act: bool = True

    @property
    def told(self) -> Plain:
        """Return what the audit row of a text that this person writes says beside the text."""
        return {"party": self.party} | ({"evidence": self.evidence} if self.evidence else {})


def find_version(ws: Workspace, warning_id: str, version: int | None) -> VersionRow:
    """Return a version by id, or by the end of its id; the newest unless another is named."""
    with ws.ledger.read() as conn:
        known = sorted({v.warning_id for v in list_versions(conn)})
        matching = [k for k in known if warning_id and k.endswith(warning_id)]
        if len(matching) != 1:
            what = "is not unique" if matching else "is unknown"
            raise UsageError(f"warning {warning_id or 'without an id'} {what}; see `sameair warnings list`")
        versions = read_versions(conn, matching[0])
    chosen = [v for v in versions if version in (None, v.version)]
    if not chosen:
        newest = versions[-1].version
        raise UsageError(f"warning {matching[0]} has no version {version}; its newest is {newest}")
    return chosen[-1]


def approve_version(
    ws: Workspace, warning_id: str, version: int | None, decision: Decision, text: str = ""
) -> Plain:
    """Record a party's approval; what is then complete is issued, and sent unless told otherwise.

    ``text`` is the beginning of the digest of a text that the other node offered instead.

    Raises
    ------
    ReviewError
        this party may not decide about the version, or not any more
    """
    row = find_version(ws, warning_id, version)
    content = WarningContent.from_dict(row.content)
    when = decision_time(ws, content, decision.at)
    keys, who, node = trusted(ws), person_of(ws, decision), node_of(ws)
    with ws.ledger.write() as conn:
        check_standing(conn, row.warning_id, decision.shown)
        if text:
            adopt_text(conn, row, text_named(conn, row, text), when)
        digest = approve(conn, row.warning_id, row.version, who, when)
        said = ""
        if node is not None:
            newest = read_version(conn, row.warning_id, row.version)
            said = decide_jointly(conn, node, newest, "approve", when)
        report = verify_signatures(conn, row.warning_id, row.version, keys)
    _remember(ws, node)
    found: Plain = {
        "warning": row.warning_id,
        "version": row.version,
        "approved": _said(digest, decision, when),
        "missing": ", ".join(report.missing),
        "objected": ", ".join(report.objected),
    } | ({"joint": said} if said else {})
    if not decision.act:
        return found
    present = max(when, present_of(ws, content.world))
    done = [issue_version(ws, row.warning_id, row.version, present)] if report.ok else []
    return found | _consequences(ws, content, done, present, deliver=decision.deliver)


def object_to_version(
    ws: Workspace, warning_id: str, version: int | None, decision: Decision, reason: str, text: str = ""
) -> Plain:
    """Record a party's objection with its reason; the other party's own warning, if signed, goes out.

    ``text`` is the beginning of the digest of a text that the other node offered, where the version bears
    an own one by now.
    """
    row = find_version(ws, warning_id, version)
    content = WarningContent.from_dict(row.content)
    when = decision_time(ws, content, decision.at)
    who, node = person_of(ws, decision), node_of(ws)
    with ws.ledger.write() as conn:
        check_standing(conn, row.warning_id, decision.shown)
        about = text_objected(conn, row, text)
        digest = object_(conn, row.warning_id, row.version, who, reason, when, about=about)
        if node is not None:
            newest = replace(read_version(conn, row.warning_id, row.version), content_digest=digest)
            decide_jointly(conn, node, newest, "object", when)
    _remember(ws, node)
    found: Plain = {
        "warning": row.warning_id,
        "version": row.version,
        "objected": _said(digest, decision, when),
        "reason": reason,
    }
    if not decision.act:
        return found
    present = max(when, present_of(ws, content.world))
    return found | _consequences(ws, content, [], present, deliver=decision.deliver)


def carry_out(ws: Workspace, warning_id: str, version: int) -> Plain:
    """Issue and send what the decisions about a version have made ready; repeating it changes nothing."""
    row = find_version(ws, warning_id, version)
    content = WarningContent.from_dict(row.content)
    present = max(decision_time(ws, content, None), present_of(ws, content.world))
    return _consequences(ws, content, [], present, deliver=True)


def draft_ending(
    ws: Workspace,
    warning_id: str,
    kind: Literal["all_clear", "cancel"],
    decision: Decision,
    reason: str,
) -> Plain:
    """Draft the version that ends or cancels a warning in force; it needs the same signatures as issuing."""
    row = find_version(ws, warning_id, None)
    with ws.ledger.read() as conn:
        forced = [v for v in read_versions(conn, row.warning_id) if v.state in IN_FORCE]
    if not forced:
        raise ReviewError(f"warning {row.warning_id} is not in force; there is nothing to end or cancel")
    if not reason.strip():
        raise ReviewError("say why with --reason; recipients will read it")
    before = WarningContent.from_dict(forced[-1].content)
    who = person_of(ws, decision)
    if who.party not in required_parties(before):
        raise ReviewError(f"{who.party} is not a party of warning {row.warning_id}")
    when = max(decision_time(ws, before, decision.at), present_of(ws, before.world))
    content = replace(
        before,
        kind=kind,
        reason=reason,
        onset=iso(when),
        expires=iso(when + ENDING_VALIDITY),
        review_deadline=iso(when + ENDING_DEADLINE),
    )
    with ws.ledger.write() as conn:
        check_standing(conn, row.warning_id, decision.shown)
        filed = propose_version(conn, content, when, actor=who.person, told=decision.told)
    return {
        "warning": filed.warning_id,
        "version": filed.version,
        "draft": kind,
        "outcome": filed.outcome,
        "next": f"sameair warnings approve {filed.warning_id} --party {who.party} --person NAME",
    }


def person_of(ws: Workspace, decision: Decision) -> Signer:
    """Return the signer of a known party; raises UsageError for any other."""
    if decision.party not in parties():
        raise UsageError(f"--party {decision.party}: there are {', '.join(parties())}")
    return replace(signer(ws, decision.party, decision.person), evidence=decision.evidence)


def decision_time(ws: Workspace, content: WarningContent, at: str | None) -> datetime:
    """Return when a decision counts as made: now for Actual warnings, in the exercise's time otherwise."""
    now = ws.clock()
    if is_live(content):
        if at is not None:
            raise UsageError("--at is for exercises; a real warning is decided now")
        return now
    drafted = world_time(content, now)
    if at is None:
        return drafted + HOUR
    try:
        when = parse_instant(at)
    except ValueError as error:
        raise UsageError(f"--at {at}: {error}; write it like 2019-03-03T09:00Z") from None
    if when < drafted:
        raise UsageError(f"--at {at} lies before the snapshot of this warning, {iso(drafted)}")
    return when


def _remember(ws: Workspace, node: Node | None) -> None:
    """Note beside the ledger that the chain goes on: the vote may be handed out before the next round."""
    if node is not None:
        remember_chain(ws, node.sender, node.peers)


def _said(digest: str, decision: Decision, when: datetime) -> str:
    return f"{digest[:16]} for {decision.party} by {decision.person} at {iso(when)}"


def _consequences(
    ws: Workspace, content: WarningContent, done: list[Issued], present: datetime, *, deliver: bool
) -> Plain:
    """Issue what a decision made ready, beside what is ``done``, and send it; says in words what happened.

    The messages leave first; then the bulletins that they name are written anew, to say what is signed.
    """
    done += [one for one in issue_approved(ws, content.world, present) if one.is_new]
    if not done:
        return {}
    found = {"issued": ", ".join(f"{d.warning_id} v{d.version}, {len(d.outbox_ids)} messages" for d in done)}
    if deliver:
        found["sent"] = _deliver(ws, content, present)
    rewrite_bulletins(ws, done)
    return found


def _deliver(ws: Workspace, content: WarningContent, present: datetime) -> str:
    report = deliver(ws, content.world, lambda: ws.clock() if is_live(content) else present)
    counts = {"deferred": report.deferred, "failed": report.failed, "of unknown fate": report.unknown}
    trouble = [f"{len(ids)} {name}" for name, ids in counts.items() if ids]
    return ", ".join([f"{len(report.sent)} messages", *trouble, *([report.down] if report.down else [])])
