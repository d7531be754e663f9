"""Sign-off by the parties: a person's decision is a signature over one content digest.

What is signed is the whole statement (warning, version, digest, party, person, decision, reason, drill,
instant), so an approval cannot be turned into an objection or moved to another text. Every version needs the
signatures of all its parties anew; raising a level therefore needs what issuing needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from alerts.content import WarningContent
from alerts.fallback import fallback_content
from alerts.versions import OPEN, required_parties
from alerts.warnings import advance, open_review
from pipeline.errors import ReviewError
from pipeline.exchange.canonical import canonical_json, digest
from pipeline.exchange.keyring import Keyring
from pipeline.exchange.keys import public_key_text, sign, verify
from pipeline.ledger.audit import append_audit
from pipeline.ledger.warnings import (
    SignatureRow,
    VersionRow,
    insert_signature,
    read_signatures,
    read_version,
)
from pipeline.times import iso

DRILL_PERSON = "drill"
"""Who approves in a drill; a name that no person may sign with."""


@dataclass(frozen=True)
class Signer:
    """A person of a party with the party's key; in a ``drill`` nobody decides in earnest.

    ``evidence`` is the digest of what was on the screen; it stands in the audit row of the decision.
    """

    party: str
    person: str
    key: Ed25519PrivateKey
    drill: bool = False
    evidence: str = ""


@dataclass(frozen=True)
class SignatureReport:
    """Whose valid approvals a version has, whose are missing, and what is wrong with the rest."""

    approved: tuple[str, ...]
    missing: tuple[str, ...]
    objected: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether the version may be issued."""
        return not self.missing and not self.problems and not self.objected


def approve(
    conn: Connection, warning_id: str, version: int, signer: Signer, at: datetime, *, seen: str | None = None
) -> str:
    """Record a party's approval of a version and return the digest that was signed.

    Approving twice adds what is missing of it, else nothing. For a joint warning the party also signs the
    single-city warning that its policy issues for its own city if the other party stays silent or objects
    (``alerts.fallback``).

    Parameters
    ----------
    seen : digest of what the person was shown; refused if the version says something else by now

    Raises
    ------
    ReviewError
        the version cannot be decided any more, or this person may not approve it
    """
    row = _decidable(conn, warning_id, version, signer, at)
    if seen is not None and seen != row.content_digest:
        raise ReviewError(
            f"version {version} of warning {warning_id} has changed since it was shown; look again"
        )
    mine = [s for s in _decisions(conn, row) if s.party == signer.party]
    if mine:
        _repeated(mine[0], "approve")
    else:
        row = open_review(conn, warning_id, version, signer.person, at)
        _record(conn, row, signer, "approve", "", at)
    _sign_alone(conn, row, signer, at)
    return row.content_digest


def _sign_alone(conn: Connection, row: VersionRow, signer: Signer, at: datetime) -> None:
    """Sign the warning that stands in for a joint one, unless the party has signed it as it is now."""
    single = fallback_content(conn, WarningContent.from_dict(row.content), signer.party)
    if single is None:
        return
    covered = digest(single.to_dict())
    stands_for = replace(row, warning_id=single.warning_id, version=single.version, content_digest=covered)
    if not _has_signed(conn, stands_for, signer.party):
        _record(conn, stands_for, signer, "approve", "", at)


def object_(
    conn: Connection,
    warning_id: str,
    version: int,
    signer: Signer,
    reason: str,
    at: datetime,
    *,
    about: str = "",
) -> str:
    """Record a party's objection with its reason; a version that nobody else can still approve is rejected.

    ``about`` is the digest of another text that was offered for the version; left out: what it bears.
    Raises ReviewError where the version cannot be decided any more or the reason is missing.
    """
    if not reason.strip():
        raise ReviewError("an objection needs a reason; say it with --reason")
    row = _about(_decidable(conn, warning_id, version, signer, at), about)
    mine = [s for s in _decisions(conn, row) if s.party == signer.party]
    if mine:
        return _repeated(mine[0], "object")
    row = _about(open_review(conn, warning_id, version, signer.person, at), about)
    _record(conn, row, signer, "object", reason, at)
    parties = required_parties(WarningContent.from_dict(row.content))
    objected = {s.party for s in _decisions(conn, row) if s.decision == "object"}
    if objected == set(parties):
        advance(conn, row, "rejected", actor=signer.person, reason=reason, at=at)
    return row.content_digest


def verify_signatures(conn: Connection, warning_id: str, version: int, trusted: Keyring) -> SignatureReport:
    """Check content and signatures of a version against the parties' public keys.

    A content that no longer has the digest it was stored with, a statement that was altered, a key that is
    not the party's and a drill approval of an ``Actual`` warning are all problems.
    """
    row = read_version(conn, warning_id, version)
    content = WarningContent.from_dict(row.content)
    parties = required_parties(content)
    problems = _content_problems(row)
    valid: dict[str, list[str]] = {"approve": [], "object": []}
    for signature in _decisions(conn, row):
        fault = _signature_fault(signature, content, trusted)
        if fault:
            problems.append(f"{signature.decision} of {signature.party}: {fault}")
        else:
            valid[signature.decision].append(signature.party)
    approved = tuple(p for p in parties if p in valid["approve"])
    missing = tuple(p for p in parties if p not in approved)
    return SignatureReport(approved, missing, tuple(sorted(valid["object"])), tuple(problems))


def statement(row: SignatureRow) -> bytes:
    """Return the exact bytes that a decision signs."""
    return canonical_json(
        {
            "kind": "approval" if row.decision == "approve" else "objection",
            "schema_version": 1,
            "warning_id": row.warning_id,
            "version": row.version,
            "content_digest": row.content_digest,
            "party": row.party,
            "person": row.person,
            "reason": row.reason,
            "drill": row.drill,
            "at": iso(row.at),
        }
    )


def _decidable(conn: Connection, warning_id: str, version: int, signer: Signer, at: datetime) -> VersionRow:
    """Return the version if this signer may decide about it now; raises ReviewError."""
    row = read_version(conn, warning_id, version)
    content = WarningContent.from_dict(row.content)
    name = f"version {version} of warning {warning_id}"
    if row.state not in OPEN:
        raise ReviewError(f"{name} is {row.state}; only a draft or one in review can be decided")
    if signer.party not in required_parties(content):
        raise ReviewError(
            f"{name} is not {signer.party}'s to decide, but {', '.join(required_parties(content))}'s"
        )
    if not signer.person.strip():
        raise ReviewError("a decision needs the name of the person who makes it")
    if signer.drill != (signer.person == DRILL_PERSON):
        raise ReviewError(f"a drill is signed by '{DRILL_PERSON}', and nobody else signs by that name")
    if signer.drill and not _may_drill(content):
        raise ReviewError(f"{name} is {content.cap_status}; a drill may approve only Exercise or Test")
    if at > row.review_deadline and not signer.drill:
        raise ReviewError(f"{name} was to be reviewed by {iso(row.review_deadline)}; wait for the next cycle")
    return row


def _about(row: VersionRow, digest_: str) -> VersionRow:
    """Return a version with the digest of the text that is meant."""
    return replace(row, content_digest=digest_) if digest_ else row


def _may_drill(content: WarningContent) -> bool:
    """Tell whether a content may be approved by nobody, in a drill."""
    return content.simulated or content.cap_status in ("Exercise", "Test")


def _decisions(conn: Connection, row: VersionRow) -> list[SignatureRow]:
    """Return the decisions about what the version says now; those about earlier revisions do not count."""
    return [
        s
        for s in read_signatures(conn, row.warning_id, row.version)
        if s.content_digest == row.content_digest
    ]


def _has_signed(conn: Connection, row: VersionRow, party: str) -> bool:
    """Tell whether a party has decided about this content already."""
    return any(s.party == party for s in _decisions(conn, row))


def _repeated(before: SignatureRow, decision: str) -> str:
    """Return the digest of the same decision made before; raises ReviewError if it was the other one."""
    if before.decision != decision:
        raise ReviewError(f"{before.party} has already decided: {before.decision} by {before.person}")
    return before.content_digest


def _record(
    conn: Connection, row: VersionRow, signer: Signer, decision: str, reason: str, at: datetime
) -> None:
    """Sign and store one decision with its audit row."""
    unsigned = SignatureRow(
        warning_id=row.warning_id,
        version=row.version,
        content_digest=row.content_digest,
        party=signer.party,
        person=signer.person,
        decision=decision,
        reason=reason,
        drill=signer.drill,
        at=at,
        public_key=public_key_text(signer.key),
        signature="",
    )
    signed = replace(unsigned, signature=sign(signer.key, statement(unsigned)))
    insert_signature(conn, signed)
    payload: dict[str, Any] = {
        "version": row.version,
        "digest": row.content_digest,
        "party": signer.party,
        "reason": reason,
        "drill": signer.drill,
        "signature": signed.signature,
        **({"evidence": signer.evidence} if signer.evidence else {}),
    }
    append_audit(
        conn,
        at=at,
        actor=signer.person,
        action=f"warning.{decision}",
        subject=row.warning_id,
        payload=payload,
    )


def _content_problems(row: VersionRow) -> list[str]:
    """Return what is wrong with a stored content."""
    if canonical_json(row.content).decode() != row.content_text or digest(row.content) != row.content_digest:
        return ["the content is not what its digest says; the ledger was altered"]
    said = (row.content.get("warning_id"), row.content.get("version"))
    return [] if said == (row.warning_id, row.version) else ["the content belongs to another version"]


def _signature_fault(row: SignatureRow, content: WarningContent, trusted: Keyring) -> str:
    """Return what is wrong with a signature, or nothing; exercises are signed in the time they play in."""
    in_earnest = not content.simulated and content.cap_status in ("Actual", "Test")
    fault = trusted.why_not(row.party, row.public_key, row.at if in_earnest else None)
    if fault:
        return fault
    if not verify(row.public_key, statement(row), row.signature):
        return "the signature does not fit the statement; the ledger was altered"
    if row.drill and not _may_drill(content):
        return "a drill cannot approve this"
    return ""
