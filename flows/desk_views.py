"""What forecasters look at before they decide: the list of warnings, and one with all that stands there."""

from __future__ import annotations

from typing import Any, get_args

from alerts.content import WarningContent
from alerts.policy import Policy
from alerts.rechecked import decision_left, rechecked
from alerts.signoff import SignatureReport, verify_signatures
from alerts.versions import OPEN
from alerts.vocabulary import Language
from alerts.wording import wording
from flows.assess import policy_of
from flows.desk import find_version
from flows.joint_evidence import evidence_lines
from flows.joint_issued import other_shown, others_listed
from flows.joint_lines import joint_lines, lacking_votes, text_of
from flows.letters import background_of
from flows.recheck import lineages
from flows.signing import trusted
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.warnings import VersionRow, list_versions, read_signatures
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]


def listed(ws: Workspace, world: str | None = None) -> list[Plain]:
    """Return warnings as table rows, newest first, with whose approval is still missing, and who signs.

    What waits says which task its cycle has, how long it is to the decision that it serves, and from when on
    it is looked at again; ``other side`` says how the other side's bulletin compared.
    """
    keys, policy, now = trusted(ws), policy_of(ws), ws.clock()
    with ws.ledger.read() as conn:
        rows = list_versions(conn, world)
        reports = {
            (r.warning_id, r.version): verify_signatures(conn, r.warning_id, r.version, keys) for r in rows
        }
        beside = {(r.warning_id, r.version): rechecked(conn, r) for r in rows}
        votes = {(r.warning_id, r.version): lacking_votes(conn, r) for r in rows}
        texts = {(r.warning_id, r.version): text_of(conn, r) for r in rows}
        others = others_listed(conn, world)
    own = [
        {
            "warning": r.warning_id,
            "v": r.version,
            "state": r.state,
            "product": r.content["product"],
            "level": r.content["level"],
            "status": r.content["cap_status"],
            "cities": ", ".join(c["city"] for c in r.content["cities"]),
            "onset": r.content["onset"],
            "decide by": iso(r.review_deadline),
            "still to sign": _to_sign(votes[(r.warning_id, r.version)], reports[(r.warning_id, r.version)]),
            **_timetable(policy, r),
            "decision": decision_left(policy, r, now),
            "other side": (beside[(r.warning_id, r.version)] or {"outcome": ""})["outcome"],
            "text of": texts[(r.warning_id, r.version)],
        }
        for r in rows
    ]
    blank = dict.fromkeys(own[0] if own else (), "")
    return own + [blank | row for row in others]


def _to_sign(votes: list[str] | None, report: SignatureReport) -> str:
    """Return whose word a version lacks: of two nodes in its round, else whose signature."""
    return ", ".join(report.missing if votes is None else votes)


def _timetable(policy: Policy, row: VersionRow) -> Plain:
    """Return the task of a version's cycle, who signs at its deadline, and when to look at it again."""
    issue, zone = parse_instant(row.content["issue_time"]), policy.review.timezone
    again = policy.duty.recheck_after(issue, zone)
    return {
        "task": policy.task(issue).task,
        "signed by": policy.duty.signer(row.review_deadline, zone),
        "re-check": iso(again) if row.state in OPEN else "",
    }


def shown(ws: Workspace, warning_id: str, version: int | None, language: str) -> Plain:
    """Return a version as its recipients would read it, with signatures and messages.

    Of what the other node's party issued alone: its headline, for whom, and until when.
    """
    if language not in get_args(Language):
        raise UsageError(f"--language {language}: choose one of {', '.join(get_args(Language))}")
    try:
        row = find_version(ws, warning_id, version)
    except UsageError:
        with ws.ledger.read() as conn:
            theirs = other_shown(conn, warning_id, version, language)
        if theirs is None:
            raise
        return theirs
    content = WarningContent.from_dict(row.content)
    text = wording(content, language, background_of(ws, content, policy_of(ws)))  # type: ignore[arg-type]
    with ws.ledger.read() as conn:
        signatures = read_signatures(conn, row.warning_id, row.version)
        messages = read_outbox(conn, row.warning_id, row.version)
        names = known_as(conn)
        lineage = lineages(conn, content.world, [c.episode_id for c in content.cities])
        joint = joint_lines(conn, row)
    return {
        "warning": row.warning_id,
        "version": row.version,
        "state": row.state,
        "digest": row.content_digest,
        "text": f"{text.subject}\n\n{text.description}\n\n{text.instruction}",
        "content": row.content,
        "episodes": [f"{i}: {words}" for i, words in lineage.items()],
        "signatures": [
            f"{s.decision} by {s.person} for {s.party} at {iso(s.at)}"
            + ("" if s.content_digest == row.content_digest else " (of an earlier text)")
            for s in signatures
        ],
        "joint": joint,
        "evidence": evidence_lines(ws, row),
        "messages": [f"{name_shown(names, m)}: {m.state} {m.last_error}".strip() for m in messages],
    }
