"""Where a proposed warning is decided: what it says, who has decided, what one may do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import HTTPException, Request
from sqlalchemy import Connection

from alerts.asked_for import Addressee
from alerts.content import WarningContent
from alerts.standing import standing_digest
from alerts.versions import IN_FORCE, OPEN, required_parties
from alerts.vocabulary import LANGUAGES, Vocabulary, vocabulary
from alerts.wording import Text, wording
from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.warnings import VersionRow, read_versions
from pipeline.times import HOUR, parse_instant
from review.access import visitor
from review.accounts.roles import Action, may
from review.decide.changed import TextChange, compared
from review.decide.course import (
    Asked,
    Standpoint,
    Word,
    course,
    deadline_over,
    offered,
    questions_about,
    standpoints,
)
from review.decide.evidence import evidence_document, keep_evidence
from review.desk.pending import Silence, silence_of
from review.doing import Doing, doing_of
from review.page import words_of

BACK = re.compile(r"/episodes/[A-Za-z0-9_.:-]{1,80}")
"""Pages of ours that a form may lead back to, beside the warning's own."""


@dataclass(frozen=True)
class Panel:
    """All that the panel shows of one version, for one person.

    ``content`` is the text that is shown: the one that the version bears, or another that was offered and is
    named by ``text``. ``refusal`` is the key of why the person cannot decide here, empty if they can;
    ``evidence`` is the digest of what is on the screen, empty where nobody can decide.
    """

    row: VersionRow
    content: WarningContent
    text: str
    texts: Mapping[str, Text]
    standpoints: tuple[Standpoint, ...]
    course: tuple[Word, ...]
    asked: tuple[Asked, ...]
    offers: Mapping[str, tuple[str, WarningContent]]
    difference: TextChange
    addressees: tuple[Addressee, ...]
    silence: Silence
    minutes_left: int
    own_time: bool
    present: datetime
    party: str
    refusal: str
    may_ask: bool
    may_close: bool
    in_force: bool
    can_write: bool
    digest: str
    shown: str
    evidence: str
    back: str
    done: str
    words: Vocabulary

    @property
    def is_open(self) -> bool:
        """Tell whether the version waits for a decision."""
        return self.row.state in OPEN

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Return the parties that have not decided yet."""
        return tuple(point.party for point in self.standpoints if not point.said)

    @property
    def may_edit(self) -> bool:
        """Tell whether the person may write another text, be it after the own objection."""
        mine = next((point for point in self.standpoints if point.party == self.party), None)
        has_objected = self.refusal == "decide.decided" and mine is not None and mine.said == "object"
        return not self.text and (not self.refusal or has_objected)

    @property
    def address(self) -> str:
        """Return the path under which the version's forms lie."""
        return f"/warnings/{self.row.warning_id}/{self.row.version}"


def decision_panel(
    request: Request,
    conn: Connection,
    warning_id: str,
    version: int | None = None,
    *,
    back: str = "",
    shown: Mapping[str, Any] | None = None,
    text: str | None = None,
) -> Panel | None:
    """Return the panel of a version of a warning, None where there is none.

    Parameters
    ----------
    version : None: the newest that waits for a decision, else the newest
    back : path of the page that shows the panel; its forms lead back there
    shown : what else stands on the page, as JSON values: it becomes part of the evidence of a decision
    text : digest of the offered text to show, if it is still offered; None: what the address asks for
    """
    versions = read_versions(conn, warning_id)
    row = chosen_version(versions, version)
    if row is None:
        return None
    text, content, offers = _shown_text(request, conn, row, text)
    person, doing = visitor(request), doing_of(request)
    present, own_time = present_for(WarningContent.from_dict(row.content), request.app.state.clock())
    digest = hashlib.sha256(canonical_json(content.to_dict())).hexdigest()
    points = standpoints(conn, row, digest)
    forced = any(v.state in IN_FORCE for v in versions)
    return Panel(
        row=row,
        content=content,
        text=text,
        texts={language: wording(content, language) for language in LANGUAGES},
        standpoints=points,
        course=course(conn, versions),
        asked=questions_about(conn, warning_id),
        offers=offers,
        difference=compared(row.content, content.to_dict(), words_of(request).language),
        addressees=doing.addressees(content) if doing is not None else (),
        silence=_silence(content, points, is_forced=forced),
        minutes_left=int((row.review_deadline - present).total_seconds() // 60),
        own_time=own_time,
        present=present,
        party=person.party,
        refusal=_refusal(row, person, doing, points, over=deadline_over(row, present)),
        may_ask=_may_speak(row, person, doing),
        may_close=_may_speak(row, person, doing) and may(person.role, Action.close),
        in_force=forced,
        can_write=doing is not None,
        digest=digest,
        shown=standing_digest(conn, warning_id),
        evidence=_evidence(request, conn, row, content, shown),
        back=back if BACK.fullmatch(back) else f"/warnings/{warning_id}",
        done=_done(request),
        words=vocabulary(words_of(request).language),
    )


def _shown_text(
    request: Request, conn: Connection, row: VersionRow, named: str | None
) -> tuple[str, WarningContent, Mapping[str, tuple[str, WarningContent]]]:
    """Return which text is asked for (empty: that of the version), what it says, and all that are offered."""
    offers = offered(conn, row)
    text = request.query_params.get("text", "") if named is None else named
    if named is None and text and text not in (*offers, row.content_digest):
        raise HTTPException(404, "There is no such text.")
    if text in offers:
        return text, offers[text][1], offers
    return "", WarningContent.from_dict(row.content), offers


def _evidence(
    request: Request,
    conn: Connection,
    row: VersionRow,
    content: WarningContent,
    shown: Mapping[str, Any] | None,
) -> str:
    """Keep what is on the screen of somebody who decides and return its digest; nothing for who looks on."""
    if not may(visitor(request).role, Action.decide):
        return ""
    settings = request.app.state.settings
    return keep_evidence(settings, evidence_document(conn, settings, row, content, shown))


def _silence(content: WarningContent, points: tuple[Standpoint, ...], *, is_forced: bool) -> Silence:
    approved, objected = (tuple(p.party for p in points if p.said == s) for s in ("approve", "object"))
    return silence_of(content, approved, objected, is_forced=is_forced)


def chosen_version(versions: list[VersionRow], version: int | None) -> VersionRow | None:
    """Return a version by its number, else the newest that waits, else the newest."""
    if version is not None:
        return next((v for v in versions if v.version == version), None)
    waiting = [v for v in versions if v.state in OPEN]
    return next(iter([*waiting[::-1], *versions[::-1]]), None)


def present_for(content: WarningContent, now: datetime) -> tuple[datetime, bool]:
    """Return the present of a warning, and whether it plays in its own time: an hour after its snapshot."""
    if not content.simulated and content.cap_status in ("Actual", "Test"):
        return now, False
    return parse_instant(content.as_of) + HOUR, True


def _done(request: Request) -> str:
    """Return the key of what was just done, as the form led back with it; nothing for what is no such key."""
    key = f"decide.done_{request.query_params.get('done', '')}"
    return key if words_of(request).has(key) else ""


def _may_speak(row: VersionRow, person: Any, doing: Doing | None) -> bool:
    """Tell whether a person may speak here for a party of the warning."""
    parties = required_parties(WarningContent.from_dict(row.content))
    here = doing is not None and doing.signs_for(person.party) and person.party in parties
    return here and may(person.role, Action.decide)


def _refusal(
    row: VersionRow, person: Any, doing: Doing | None, points: tuple[Standpoint, ...], *, over: bool
) -> str:
    """Return the key of why a person cannot decide about a version; empty if they can."""
    mine = next((p for p in points if p.party == person.party), None)
    reasons = {
        "decide.closed": row.state not in OPEN,
        "decide.not_your_role": not may(person.role, Action.decide),
        "decide.not_your_party": mine is None,
        "decide.not_here": doing is None,
        "decide.other_node": doing is not None and not doing.signs_for(person.party),
        "decide.over": over,
        "decide.voted": mine is not None and mine.said == "other",
        "decide.decided": mine is not None and bool(mine.said),
    }
    return next((key for key, holds in reasons.items() if holds), "")
