"""Who said what about a warning, in order, and who waits for whom: of one node and of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from alerts.agreement import OBJECTION
from alerts.content import WarningContent
from alerts.joint import state_of
from alerts.versions import required_parties
from pipeline.ledger.agreement import StatementRow, offer_of, statements_about, statements_of
from pipeline.ledger.consultation import AnswerRow, QuestionRow, read_answers, read_questions
from pipeline.ledger.warnings import (
    SignatureRow,
    VersionRow,
    read_events,
    read_revisions,
    read_signatures,
)
from pipeline.times import parse_instant

Said = Literal["approve", "object", "offer", "text", "question", "answer", "state"]


@dataclass(frozen=True)
class Word:
    """One thing that was said or happened; ``of_other_text`` if it was about a text that is not borne now.

    ``party`` is empty where the program acted; ``text`` is a reason or question, or the name of a state.
    """

    at: datetime
    version: int
    said: Said
    party: str
    person: str
    text: str
    of_other_text: bool = False


@dataclass(frozen=True)
class Standpoint:
    """Where a party stands with the text that is shown: approved, objected, or still to decide.

    ``other``: it has approved another text in the round of two nodes that is going on.
    """

    party: str
    said: Literal["approve", "object", "other", ""]
    person: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """A question about a warning with its answer, if there is one by now."""

    question: QuestionRow
    answer: AnswerRow | None

    def is_late(self, now: datetime) -> bool:
        """Tell whether the answer is overdue."""
        return self.answer is None and now > self.question.due


def standpoints(conn: Connection, row: VersionRow, digest: str) -> tuple[Standpoint, ...]:
    """Return where each party stands with a text of a version, as far as this node knows.

    Where two nodes decide, what counts is what a party said in the round that is going on: who objected in
    an earlier one decides about the new texts anew.
    """
    signed = [s for s in read_signatures(conn, row.warning_id, row.version) if s.content_digest == digest]
    votes, voters = _votes(conn, row, digest)
    found = []
    for party in required_parties(WarningContent.from_dict(row.content)):
        mine = next((s for s in reversed(signed) if s.party == party and party not in voters), None)
        if party in votes:
            found.append(_of_vote(votes[party], digest))
        else:
            found.append(_of_signature(mine) if mine else Standpoint(party, ""))
    return tuple(found)


def _votes(conn: Connection, row: VersionRow, digest: str) -> tuple[dict[str, StatementRow], set[str]]:
    """Return the votes of the round that a text is in, by party, and who has voted in any round."""
    offers = [s for s in statements_about(conn, row.warning_id, row.version) if s.kind == "offer"]
    offer = offer_of(conn, digest) or (offers[-1] if offers else None)
    if offer is None:
        return {}, set()
    state = state_of(conn, offer.slot)
    votes = [s for s in statements_of(conn, offer.slot) if s.kind == "vote"]
    current = {v.party: v for v in votes if (v.round, v.digest) == (state.round, state.vote_of(v.party))}
    return current, {v.party for v in votes}


def course(conn: Connection, versions: Sequence[VersionRow]) -> tuple[Word, ...]:
    """Return everything that was said about the versions of a warning, oldest first."""
    if not versions:
        return ()
    name = versions[0].warning_id
    words = [
        Word(e.at, e.version, "state", "", e.actor, e.state)
        for e in read_events(conn, name)
        if e.state != "in_review"
    ]
    for row in versions:
        signed = read_signatures(conn, name, row.version)
        words += [_signature_word(s, row.content_digest) for s in signed]
        words += [
            Word(r.at, r.version, "text", "", r.written_by, str(r.content.get("reason", "")))
            for r in read_revisions(conn, name, row.version)[1:]
        ]
        known = {(s.party, s.content_digest) for s in signed}
        told = statements_about(conn, name, row.version)
        words += [_statement_word(s, row.content_digest) for s in told if _is_news(s, known)]
    for asked in questions_about(conn, name):
        q = asked.question
        words.append(Word(q.at, 0, "question", q.asker, q.person, q.text))
        if asked.answer is not None:
            a = asked.answer
            words.append(Word(a.at, 0, "answer", a.party, a.person, a.text))
    return tuple(sorted(words, key=lambda word: word.at))


def questions_about(conn: Connection, warning_id: str) -> tuple[Asked, ...]:
    """Return the questions that were put about a warning, oldest first."""
    answers = read_answers(conn)
    found = [q for q in read_questions(conn) if q.subject == warning_id]
    return tuple(Asked(q, answers.get(q.id)) for q in sorted(found, key=lambda q: q.at))


def offered(conn: Connection, row: VersionRow) -> dict[str, tuple[str, WarningContent]]:
    """Return the texts that were offered for a version beside the one it bears, by digest, with the party."""
    return {
        s.digest: (s.party, WarningContent.from_dict(json.loads(s.body)["content"]))
        for s in statements_about(conn, row.warning_id, row.version)
        if s.kind == "offer" and s.digest != row.content_digest
    }


def _is_news(row: StatementRow, known: set[tuple[str, str]]) -> bool:
    """Tell whether a statement says more than a signature that stands in the list already."""
    return not row.own and row.kind in ("offer", "vote") and (row.party, row.digest) not in known


def _of_signature(row: SignatureRow) -> Standpoint:
    said: Literal["approve", "object"] = "approve" if row.decision == "approve" else "object"
    return Standpoint(row.party, said, row.person, row.reason, row.at)


def _of_vote(row: StatementRow, digest: str) -> Standpoint:
    """Return where a vote puts a party about a text."""
    signed = json.loads(row.body)["signature"]
    said: Literal["approve", "object", "other"] = "approve" if row.digest == digest else "other"
    if row.digest == OBJECTION:
        said = "object"
    return Standpoint(row.party, said, signed["person"], signed["reason"], row.at)


def _signature_word(row: SignatureRow, borne: str) -> Word:
    said: Said = "approve" if row.decision == "approve" else "object"
    other = row.content_digest != borne
    return Word(row.at, row.version, said, row.party, row.person, row.reason, other)


def _statement_word(row: StatementRow, borne: str) -> Word:
    other = row.digest not in (borne, OBJECTION)
    if row.kind == "offer":
        return Word(row.at, row.version, "offer", row.party, "", row.digest[:12], other)
    point = _of_vote(row, row.digest)
    said: Said = "object" if point.said == "object" else "approve"
    return Word(row.at, row.version, said, row.party, point.person, point.reason, other)


def deadline_over(row: VersionRow, present: datetime) -> bool:
    """Tell whether nobody can decide about a version any more."""
    return present > min(row.review_deadline, parse_instant(str(row.content["expires"])))
